"""Beats that many plots share: how a story opens, how a feeling shows, how a day ends."""
from __future__ import annotations

from collections.abc import Sequence

from slm.data.starter.cast import Character
from slm.data.starter.grammar import an, capital, plural, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import GENTLE, LIVELY, TIMES

CHILD_HOBBIES = (
    "draw dragons with green chalk", "build tall towers out of blocks", "splash in muddy puddles",
    "collect stickers", "play the drums on old pots", "read books about pirates", "dress up as a knight",
    "ride a bicycle very fast", "make paper airplanes", "help in the kitchen", "sing in the bathtub",
    "dig for worms", "paint pictures of whales", "play hide and seek", "climb trees", "feed the ducks",
    "do puzzles on the floor", "look for ladybugs", "make up silly songs", "wear odd socks", "tell jokes",
    "invent secret codes", "pretend to be an astronaut", "bounce on the bed", "hunt for fossils",
    "fold paper boats", "skip all the way to school", "play catch", "swing high", "listen to fairy tales",
    "walk along low walls", "look at maps", "count the trains that went by", "plait wool into bracelets",
)
ANIMAL_HOBBIES = (
    "roll down grassy hills", "count the clouds", "chase falling leaves", "nap in patches of sunshine",
    "play tag among the trees", "collect round stones", "sing to the moon", "slide down muddy banks",
    "listen to the wind", "dig deep holes", "jump over puddles", "tell stories by the fire",
    "watch the boats on the river", "pick wild berries", "make crowns of daisies", "dance in the rain",
    "sniff every flower", "build little dams in the brook", "hide in heaps of leaves", "follow snail trails",
    "hum while working", "balance on logs", "paint with berry juice", "wave at the passing geese",
)

CHILD_FEATURES = ("with freckles", "with a gap between two teeth", "with curly black hair",
    "with scabby knees", "with big round glasses", "who never stopped asking questions",
    "with a laugh like a trumpet", "with untied shoelaces", "who talked to snails",
    "with pockets full of treasures", "with red cheeks", "who could not sit still", "with hair like straw",
    "with a missing front tooth", "with a dimple in one cheek",)
ANIMAL_FEATURES = ("with bright black eyes", "with one white paw", "with a twitchy nose", "who snored",
    "with muddy feet", "who could smell supper a mile away", "with a green hat",
    "with a very round tummy", "with a red scarf", "who talked to the moon", "with very long whiskers",
    "who was never on time",)


# What nobody says of one and the same person: "polite and cheeky".
_CLASHING = (("polite", "cheeky"), ("patient", "eager"), ("patient", "nimble"), ("patient", "could not sit still"),
    ("bright", "sunny"), ("dreamy", "nimble"), ("dreamy", "busy"), ("sweet", "stubborn"),
    ("shy", "never stopped asking"), ("quiet", "never stopped asking"), ("quiet", "trumpet"), ("quiet", "drums"),
    ("shy", "trumpet"), ("careful", "very fast"), ("careful", "untied"), ("careful", "scabby"),
    ("careful", "low walls"), ("nimble", "never on time"), ("bright", "bright black"))


def opening(scene: Scene, hero: Character, habit: float = 0.5, *, never: Sequence[str] = ()) -> str:
    """Return sentences that introduce the hero; `habit` is the chance of hearing what they love to do.

    `never` holds what the sentences must not contain because the plot is going to belie it.
    """
    told = _introduction(scene, hero, habit)
    while any(words in told for words in never) or _clashes(told):
        told = _introduction(scene, hero, habit)
    return told


def _clashes(told: str) -> bool:
    return any(f" {trait} " in told and other in told.replace(f" {trait} ", " ", 1) for trait, other in _CLASHING)


def _introduction(scene: Scene, hero: Character, habit: float) -> str:
    small = scene.one("little ", "young ", "")
    trait, other = scene.pick(GENTLE), scene.pick(LIVELY)
    if scene.chance(0.5):
        trait, other = other, trait
    who = scene.one(f"{an(trait)} {small}{hero.kind}", f"{an(trait)} and {other} {hero.kind}")
    dear = f"{an(scene.pick(GENTLE))} {small}{hero.kind}"
    lived = scene.one("lived", "made a home") if hero.animal else "lived"
    feature = scene.pick(ANIMAL_FEATURES if hero.animal else CHILD_FEATURES)
    first = scene.one(
        f"Once upon a time, there was {who} named {hero}.",
        f"Once upon a time, there lived {who} called {hero}. {hero.His} home was {hero.home}.",
        f"{hero} was {who} who {lived} in {hero.home}.",
        f"In {hero.home} lived {who} called {hero}.",
        f"There once was {who} whose name was {hero}.",
        f"{hero} was {who}.",
        f"Once there was {who}, and everyone called {hero.him} {hero}.",
        f"Far away, in {hero.home}, there lived {who} named {hero}.",
        f"This is the story of {hero}, {who}.",
        f"Have you ever met {an(trait)} {hero.kind}? {hero} was one.",
        f"Everybody liked {hero}, who was {dear}.",
        f"{hero} was {an(trait)} {hero.kind} {feature}.",
        f"Once there was {an(trait)} {hero.kind} {feature}. {hero.His} name was {hero}.",
        f"Let me tell you about {hero}, {who}.",
        f"Once, not so very long ago, there was {who} named {hero}.",
        f"Not far from here, in {hero.home}, lived {who}. {hero.His} name was {hero}.",
        f"Of all the {plural(hero.kind)} in the world, none was as {trait} as {hero}.",
        f"Some {plural(hero.kind)} are {trait}, and some are {other}. {hero} was both.",
        f"If you had met {hero}, you would have liked {hero.him} at once. {hero.He} was {dear}.",
    )
    hobbies = ANIMAL_HOBBIES if hero.animal else CHILD_HOBBIES
    loved, also = scene.some(hobbies, 2)
    return text(first,
        scene.maybe(scene.one(f"{hero} loved to {loved}.", f"Most of all, {hero.he} loved to {loved}.",
                f"{hero.He} liked to {loved} and to {also}.", f"Every day {hero.he} found time to {loved}.",
                f"Nothing made {hero.him} happier than to {loved}.",), habit))


def _without(never: Sequence[str], sentences: Sequence[str]) -> list[str]:
    return [sentence for sentence in sentences if not any(word in sentence for word in never)]


def when(scene: Scene) -> str:
    """Return the words that start the story proper: "One morning"."""
    return scene.pick(TIMES)


def sad(scene: Scene, who: Character, *, never: Sequence[str] = ()) -> str:
    """Return a sentence that shows sadness; `never` holds words that it must not use."""
    return scene.pick(_without(never, (f"{who} felt a lump in {who.his} throat.", f"Tears rolled down {who}'s cheeks.",
        f"{who} was very sad.", f"{who}'s lip began to tremble.", f"{who} sat down and sniffled.",
        f"{who} wanted to cry.", f"{who}'s heart sank like a stone.", f"{who} hung {who.his} head.",
        f"{who} blinked back tears.", f"{who} gave a long sigh.", f"A tear dripped from {who}'s nose.",
        f"{who} felt small and gloomy.",)))


def glad(scene: Scene, who: Character, *, never: Sequence[str] = ()) -> str:
    """Return a sentence that shows joy; `never` holds words that it must not use."""
    return scene.pick(_without(never, (f"{who} jumped for joy.", f"{who} grinned from ear to ear.",
        f"{who} clapped and cheered.", f"{who}'s eyes shone.", f"{who} laughed out loud.",
        f"{who} felt warm all over.", f"{who} was so happy!", f"{who} danced in a circle.",
        f"{who}'s heart gave a happy skip.", f"{who} beamed.", f"{who} felt as light as a balloon.",
        f"{who} could not stop smiling.", f"{who} twirled around with delight.",)))


def afraid(scene: Scene, who: Character, *, never: Sequence[str] = ()) -> str:
    """Return a sentence that shows fear; `never` holds words that it must not use."""
    return scene.pick(_without(never, (f"{who}'s heart went thump, thump, thump.", f"{who} shivered from head to toe.",
        f"{who}'s tummy did a somersault.", f"{who} felt hot and cold at once.", f"{who} swallowed hard.",
        f"{who} gulped.", f"{who} felt a shiver run down {who.his} back.", f"{who}'s mouth went dry.",
        f"{who} hardly dared to breathe.",)))


def comfort(scene: Scene, elder: Character, who: Character) -> str:
    """Return a sentence in which an elder comforts somebody."""
    return scene.one(f"{elder} gave {who.him} a big hug.", f"{elder} pulled {who.him} close.",
        f"{elder} patted {who}'s shoulder.", f"{elder} kissed the top of {who}'s head.",
        f"{elder} knelt down and smiled.", f"{elder} took {who} by the {who.hand}.",
        f"{elder} wiped {who}'s nose and smiled.", f"{elder} sat down beside {who.him}.",
        f"{elder} put an arm around {who.him}.",)


def bedtime(scene: Scene, hero: Character, *, never: Sequence[str] = ()) -> str:
    """Return a last sentence for a story that ends in the evening; `never` holds words that it must not repeat."""
    endings = (f"That night, {hero} fell asleep with a smile.", f"{hero} went to bed tired and happy.",
        f"When the stars came out, {hero} was already dreaming.", f"That night, {hero} hummed all the way to bed.",
        f"At bedtime {hero} was still thinking about it.",
        f"\"What a day!\" yawned {hero} at bedtime, and {hero.he} was asleep at once.",
        f"{hero} slept like a log that night.", f"That night, {hero} went to bed with a happy heart.",
        "What a day it had been!", "What a good day that turned out to be!")
    return scene.pick(_without(never, endings))


def lesson(scene: Scene, hero: Character, *truths: str) -> str:
    """Return what the story teaches, or nothing; each truth is a clause ("a lie grows heavier")."""
    truth = scene.pick(truths)
    return scene.maybe(scene.one(
        f"{hero} had learned that {truth}.", f"And so {hero} found out that {truth}.", f"{capital(truth)}.",
        f"From then on, {hero} always knew that {truth}.", f"{hero} never forgot that {truth}.",
    ), 0.6)
