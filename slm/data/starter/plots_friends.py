"""Plots about friends: meeting, sharing, racing."""
from __future__ import annotations

from slm.data.starter.beats import bedtime, glad, lesson, opening, sad, when
from slm.data.starter.details import PLACES, senses
from slm.data.starter.grammar import an, capital, plural, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import BAKED, COLORS, FINDS, SHARED_TOYS, bank

_MEETING_PLACES = tuple(place for place in PLACES if place.name not in ("the garden", "the playground"))
_NOT_LONELY = bank("Everybody liked, everyone, play, tag, hide and, friendly, chatty, tell, bold, brave, happy")


def new_friend(s: Scene) -> list[str]:
    """Somebody new is lonely; one small kindness begins a friendship."""
    hero = s.hero()
    friend, place, gift = s.friend(hero), s.pick(_MEETING_PLACES), s.pick(FINDS)
    other = f"The other {friend.kind}" if friend.kind == hero.kind else f"The {friend.kind}"
    game = s.one("tag", "hide and seek", "follow the leader", "pirates", "leapfrog", "explorers", "knights",
        "dragons")
    step, smile = s.pick((
        (f"Then {hero} found {an(s.describe(gift))} in {hero.his} {'bag' if hero.animal else 'pocket'} and held "
         "it out.", f"{other} took the {gift.name} and smiled."),
        (f"Just then the stranger sneezed so loudly that both of them giggled. {hero} stepped closer.",
         f"{other} smiled."),
    ))
    return [
        text(opening(s, hero, 1, never=_NOT_LONELY),
            s.one(f"But {hero} had nobody to play with.", f"But {hero} often felt lonely.",
                f"{hero} wished for just one good friend.",
                f"{hero.His} family had only just arrived, and {hero.he} did not know anybody.")),
        text(f"{when(s)}, {hero} went to {s.one('play', 'sit', 'look around')} {place.at}.", senses(s,
                place),
            s.one(f"{capital(an(friend.kind))} was sitting there all alone.",
                f"There {hero.he} saw {an(friend.kind)} {hero.he} did not know.",
                f"Not far off, {an(friend.kind)} was drawing circles on the ground with a stick."),
            s.one(f"{hero} wanted to say hello, but {hero.his} tongue felt stuck.",
                f"{hero} stood first on one foot and then on the other.",
                f'"What if I say something silly?" thought {hero}.',
                f"{hero}'s cheeks grew hot. It is hard to speak first.")),
        text(step,
            s.one(f'"Hello, I am {hero}. Do you want to play {game}?"',
                f'"My name is {hero}. What is yours?"',
                f'"I am {hero}, and I am new at this," {hero.he} said.'), smile,
            s.one(f'"I am {friend}," {friend.he} said.', f'"I am {friend}. I hoped you would come over."',
                f'"I am {friend}," {friend.he} said, "and I was afraid to begin!"')),
        text(s.one(f"They played {game} until it was time to go home.",
                f"Soon they were playing {game} and shouting with laughter.",
                f"First they played {game}, and then they sat down and told each other everything."),
            s.one(f"{friend} showed {hero} how to "
                f"""{s.one('stand on one leg with both eyes closed', 'make a face like a fish',
                    'walk like a crab', 'whistle like a blackbird', 'count to ten backward')}.""",
                f"{friend} knew the best jokes.",
                f"They found out that both of them loved {plural(s.pick(BAKED))}.", ""),
            s.one(f'"Will you come back tomorrow?" asked {friend}. "Of course!" said {hero}.',
                f'"Same time tomorrow?" asked {hero}. {friend} nodded.',
                f'"Now I have a friend," thought {hero}.'),
            s.one(lesson(s, hero, "one small hello can begin a big friendship",
                    "being brave can be as easy as saying hello"), bedtime(s, hero))),
    ]


_PLAYING_PLACES = tuple(place for place in PLACES if place.name in ("the park", "the playground", "the meadow"))
_NOT_SELFISH = bank("kind, friendly, polite, gentle, helpful, thoughtful, sweet, Everybody liked, have liked")


def sharing(s: Scene) -> list[str]:
    """The hero will not share, plays alone, and finds that alone is dull."""
    hero = s.child()
    friend, thing, place = s.friend(hero), s.pick(SHARED_TOYS), s.pick(_PLAYING_PLACES)
    toy, described = thing.name, an(s.describe(thing))
    return [
        text(opening(s, hero, 0.2, never=_NOT_SELFISH),
            s.one(f"{when(s)}, {hero} brought {described} to {place.name}.",
                f"For {hero.his} birthday {hero.he} got {described}. The next day {hero.he} took it to "
                f"{place.name}.",
                f"{hero}'s godmother sent {hero.him} {described}. {hero} took it straight to {place.name}.")),
        text(senses(s, place, 0.4),
            s.one(f'"May I have a turn with the {toy}?" asked {hero.his} friend {friend}.',
                f'{hero}\'s friend {friend} came running. "What a beautiful {toy}! Can I try it?"',
                f'"Please, may I try your {toy}?" asked {hero.his} friend {friend}.'),
            s.one(f'"No! It is mine," said {hero}.', f'"Not now," said {hero}, and turned away.',
                f'{hero} held on tight. "It is all mine."', f'"Get your own," said {hero}.'),
            sad(s, friend),
            s.one(f"In the end {friend.he} went off to play with the others.",
                f"Without a word, {friend.he} walked away.",
                f'"Then I will play something else," {friend.he} said.')),
        text(s.one(f"Now {hero} had the {toy} all to {hero.himself}.",
                f"{hero} played with the {toy} alone."),
            s.one(f"But it was not much fun. On the far side of {place.name}, {friend} and the others were laughing.",
                "After a few minutes it grew boring. Nobody clapped, and nobody laughed.",
                "But it was not much fun. There was nobody to laugh with."),
            s.one(f"{hero} thought of the time when {friend} had shared {friend.his} last {s.pick(BAKED)}.",
                f"{hero} remembered {friend}'s sad face.",
                f"{hero}'s tummy felt heavy, as if {hero.he} had eaten a stone.")),
        text(s.one(f"{hero} carried the {toy} over to {friend}.",
                f"{hero} took a deep breath and walked over to {friend}.", f"{hero} ran to find {friend}."),
            s.one(f'"I am sorry I was mean," {hero.he} said. "You can have the first turn."',
                f'"I was wrong," {hero.he} said. "Let us take turns."',
                f'"Would you still like to try it?" {hero.he} asked. "I am sorry."'),
            s.one(f"{friend}'s face lit up.", f'"Really? Thank you!" said {friend}.',
                f'"That is all right," said {friend}, and smiled.'),
            s.one(f"They took turns until it was time to go home, and {friend} even showed {hero} a new trick.",
                "They laughed until their sides hurt.",
                f"With two of them, the {toy} was twice as much fun.")),
        text(s.one(lesson(s, hero, "sharing makes everything more fun",
                    "a toy is only a toy, but a friend is a friend", "joy grows when you give some away"),
                ""), bedtime(s, hero)),
    ]


def the_race(s: Scene) -> list[str]:
    """The fastest runner stops to help a rival who fell."""
    hero, rival = s.animal(), s.animal()
    third, place, color = s.animal(), s.pick(PLACES[2:8]), s.pick(COLORS)
    prize = s.one(f"{color} ribbon", "big carrot cake", "golden cup", "crown of flowers", "basket of berries",
        "shiny medal", "jar of honey")
    award = (f"The winner shared the {prize} with everybody." if prize.split()[-1] in ("cake", "berries", "honey")
        else f"The winner put the {prize} into {hero}'s paws. \"You earned it,\" said {third}.")
    return [
        text(opening(s, hero, 0.2, never=("shy", "quiet", "never on time")),
            s.one(f"{hero} could run like the wind and liked to say so.",
                f"{hero} had practiced running for weeks.", f"{hero} dreamed of winning the big race."),
            f"{when(s)}, all the animals met {place.at} for the race.", senses(s, place),
            s.one(f"Even {rival} the {rival.kind} had come.",
                f"{rival} the {rival.kind} was there too, warming up.",
                f"Next to {hero} stood {rival} the {rival.kind}."), f"The prize was {an(prize)}."),
        text(s.one(f'"Ready, set, go!" cried {third} the {third.kind}.',
                f"{third} the {third.kind} waved {an(s.pick(COLORS))} flag, and off they went."),
            s.one(f"{hero} took the lead at once.",
                f"At first {rival} was ahead, but soon {hero} passed {rival.him}.",
                f"{hero} and {rival} ran side by side, ahead of all the others."),
            s.one("Dust flew up behind them.", "Everybody cheered.",
                "Their paws hardly touched the ground."),
            s.one("They raced around the big rock and over the log.",
                "They raced past the thorn bush and through the stream.",
                "They raced up the slope and down again.")),
        text(s.one(f"The finish was near when {hero} heard a cry.",
                "Just before the end there was a bump and a yelp."),
            s.one(f"{rival} had tripped over a root.", f"{rival} had slipped on a wet stone.",
                f"{rival} had stepped on a thorn.", f"{rival} had tumbled into a ditch."),
            s.one(f"{hero} looked at the finish. {hero.He} looked back at {rival}. Then {hero.he} turned around.",
                s.one(f'"If I stop, I will lose," thought {hero}.', f"{hero} could already see the prize.") + " " +
                s.one(f"But {hero.he} could not leave {rival} like that.",
                    f"But {hero.he} stopped and went back.")),
            s.one(f'"Does it hurt? I will stay with you," said {hero}.',
                f'"Take my paw," said {hero}. "We will go together."'),
            s.one(f'"You will lose," said {rival}. "Never mind," said {hero}.',
                f'"Thank you," whispered {rival}.', "")),
        text(s.one("Slowly they walked to the finish, the very last of all.",
                "Paw in paw, they crossed the line last of all.",
                f"{rival} limped, and {hero} stayed close beside {rival.him}, and so they came in last."),
            s.one("For a moment it was quiet. Then everyone began to clap.",
                "The crowd cheered louder than ever before."),
            s.one(f"\"A fast runner is good,\" said {third}, \"but a good friend is better.\"",
                text(s.one(award, f"{third} made a special prize for the kindest runner of all."),
                    s.one(lesson(s, hero, "being kind is better than being first",
                            "there are things more important than winning"), glad(s, hero)))),
            s.maybe(f"And {rival} and {hero} were friends ever after.", 0.4)),
    ]
