"""Plots about the moon and about flying."""
from __future__ import annotations

from slm.data.starter.beats import bedtime, comfort, lesson, opening, sad, when
from slm.data.starter.grammar import an, capital, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import bank, rows

# What the hero takes, and where; how the catching goes; what comes of it.
_MOON_TRAPS = rows("""
    a bucket | the pond | scooped up the water where the moon shone | But there was only water in the bucket
    a net | the top of the hill | swung the net with both arms | But there was only a moth in the net
    a ladder | the garden | climbed up to the last rung | But the sky was just as far away as before
    a long rope | the vegetable garden | threw a loop at the sky | But the loop fell down into the cabbages
    a glass jar | the end of the pier | held up the jar and clapped on the lid | But the jar was as empty as before
    a kite | the windy field | sent the kite up with a hook on its tail | But the string was much too short
    a fishing rod | the bridge | cast the line into the shining river | But there was only an old boot on the hook
    a pillowcase | the garden wall | jumped up and snapped the pillowcase shut | But only a leaf had blown into it
""")


def catching_the_moon(s: Scene) -> list[str]:
    """The hero wants the moon for keeps and finds that it belongs to all."""
    hero, elder = s.hero(), s.elder()
    tool, place, attempt, result = s.pick(_MOON_TRAPS)
    look, wish = s.pick((
        (s.one("It was round and yellow, like a cheese.", "It shone like a new coin."),
         s.one("to have it as a lamp", "to keep it in a box", "to play ball with it")),
        ("It looked like a silver boat.", s.one("to sail away in it", "to keep it in a box", "to have it as a lamp")),
        ("It looked like a slice of melon.",
         s.one("to hang it over the bed", "to keep it in a box", "to wear it as a hat")),
    ))
    wisdom, answer = s.pick((
        (f'"If you kept it for yourself," said {elder}, "who would light the way for the sailors?"',
         f"{hero} had not thought of that."),
        (f'"Think of the owls and the moths," said {elder}. "They need the moon too."',
         s.one(f'{hero} thought about it. "And it would be lonely without the stars," {hero.he} said.',
            f"{hero} had not thought of that.")),
        (f'"Look how far it shines," said {elder}. "It is big enough for everyone."',
         f'{hero} nodded. "Then it must stay up there," {hero.he} said softly.'),
    ))
    end, truth = s.pick((
        (text("They sat side by side and watched the moon sail over the trees.",
            s.one(f'"I can visit it every night," said {hero}.', f"{hero} yawned and leaned against {elder}."),
            "And when they walked back, the moon followed them all the way home."),
         "some things are most beautiful when they are free"),
        (text(f"At home {elder} filled a bowl with water and put it on the windowsill. There was the moon, small and "
            "bright.", f'"Good night, moon," {hero} whispered.'),
         "what belongs to all is enough for everyone"),
        (text(f"At home {elder} cut a moon out of {s.one('yellow', 'silver', 'shiny')} paper and hung it over the bed. "
            f'"Now I have one, and the sky has one," {hero} said.'),
         "some things are most beautiful when they are free"),
    ))
    return [
        text(opening(s, hero, 0.4, never=("moon", "Every day")),
            s.one(f"Every night {hero.he} gazed up at the moon.",
                f"{hero.He} thought the moon was the most beautiful thing of all.",
                f"{hero.He} could not fall asleep without a look at the moon."),
            look, f"{hero} wanted {wish}."),
        text(s.one(f"One clear night {hero} took {tool} and went to {place}.",
                f"So one night {hero} crept out to {place} with {tool}.",
                f"When all were asleep, {hero} carried {tool} to {place}."),
            s.one("The grass was wet with dew.", "Fireflies blinked on and off.", "A nightingale was singing.",
                "Far away a dog barked.", ""), f"{hero.He} {attempt}.",
            s.one(f'"Come down, moon!" {hero.he} called.', f'"I have you!" {hero.he} cried.',
                f'"Just a little closer," {hero.he} begged.'), f"{result}.",
            s.one(f"{hero} tried again and again.", f"{hero} tried until {hero.his} arms ached.")),
        text(sad(s, hero),
            s.one("Footsteps came along the path.", "Somebody came along the path with a lantern.", "A twig snapped."),
            f"It was {hero.his} {elder.kind}, who had seen the empty bed.",
            s.one(f'"The moon will not come to me," said {hero}.', f'"I cannot catch it," said {hero}.'),
            comfort(s, elder, hero), wisdom, answer),
        text(end, s.one(lesson(s, hero, truth), f"From then on, {hero} slept with the curtains open.")),
    ]


_BIRDS = (("robin", "Red"), ("stork", "Longlegs"), ("swallow", "Swift"), ("goose", "Feather"), ("owl", "Moonface"),
    ("lark", "Melody"), ("crow", "Inky"))
_FLIGHTS = rows("""
    tied two big leaves to HIS back, climbed onto a stump and jumped | the leaves tore
    jumped from a stump with an old umbrella | the umbrella turned inside out
    leaped off a rock and flapped two paper fans | all HE made was wind
    glued feathers on with sap and jumped from a wall | the feathers fell off one by one
    ran down the slope in a cape and leaped into the air | the cape flew up over HIS eyes
    sat on one end of a plank and let a stone fall on the other | the plank broke
""")
_LIGHT = bank("mouse, dormouse, chipmunk, mole, squirrel, hedgehog, kitten, rabbit")


def wish_to_fly(s: Scene) -> list[str]:
    """An animal without wings longs for the sky; it falls, and then finds its own way up."""
    hero = s.animal()
    (bird, bird_name), (attempt, result) = s.pick(_BIRDS), s.pick(_FLIGHTS)
    landing = s.one("a thorn bush", "a puddle", "a heap of hay", "the mud", "a patch of nettles", "the brook")
    envy = s.one("have four quick paws", "sleep in a snug den", "run through the tall grass", "smell every flower")
    high = s.one(f"{bird_name} flew alongside.", "A cloud drifted past, cool and wet.", "Far below, somebody waved.")
    built = "All week the two of them worked in secret."
    ways = [
        (built, "they blew up the biggest balloon in the world and tied a basket to it", "climbed in",
         "Up went the basket", "until the trees looked like broccoli", high),
        (built, "they hung a swing from the tallest tree on the hill", "sat down on it", "Up flew the swing",
         "until there was only blue", f"{bird_name} flew alongside."),
    ]
    if hero.kind in _LIGHT:
        ways += [
            (f"{bird_name} called all the other birds to help.", "twenty of them took hold of a blanket by its edges",
             "sat down in the middle", "Up went the blanket", "until the river looked like a ribbon", high),
            (built, "they flew a kite as big as a door", "held on to its tail", "Up went the kite",
             "until the meadow looked like a green handkerchief", high),
        ]
    work, made, boarded, up, view, aside = s.pick(ways)
    return [
        text(opening(s, hero, 0.2, never=("Most of all", "Nothing made", "careful")),
            s.one(f"More than anything, {hero.he} wanted to fly.", f"{hero.He} had one big dream, and that was to fly.",
                f"Day after day {hero.he} watched the birds and sighed."),
            s.one(f'"{capital(an(hero.kind))} cannot fly," said everybody.',
                '"You have no wings," laughed the magpies.', '"Paws belong on the ground," said the old toad.')),
        text(f"{when(s)}, {hero} {attempt.replace('HIS', hero.his)}.",
            s.one(f'"Here I go!" {hero.he} cried.', f'"I am flying!" {hero.he} cried.'),
            f"But {result.replace('HIS', hero.his).replace('HE', hero.he)}, and {hero} landed in {landing}.",
            sad(s, hero, never=("sat",))),
        text(f"{capital(an(bird))} called {bird_name} came down and sat beside {hero.him}.",
            s.one(f'"Why do you want to fly?" asked {bird_name}.',
                f'"That was a brave jump," said {bird_name}. "But why?"'),
            s.one(f'"I want to see the world from above," said {hero}.',
                f'"I want to feel the wind under me," said {hero}.', f'"I want to touch a cloud," said {hero}.'),
            s.one(f'"And I," said {bird_name}, "would love to {envy}. Let us think of something together."',
                f'"You do not need wings for that," said {bird_name}. "You need friends. Let me think!"')),
        text(work, f"Then the great day came, and {made}. {hero} {boarded}.", f"{up}, higher and higher, {view}.",
            s.one(f'"I am really flying!" shouted {hero}.', f'"Look at me!" called {hero}.',
                f'"Hooray!" cried {hero}.'),
            s.one(f"{hero}'s heart gave a happy skip.", f"{hero} felt as light as a soap bubble.", aside),
            s.one(lesson(s, hero, "there is more than one way to reach a dream",
                    "with friends, even big wishes come true") or "It was better than any dream.",
                bedtime(s, hero, never=("happy",)),
                f"From that day on, nobody said that {an(hero.kind)} could not fly.")),
    ]
