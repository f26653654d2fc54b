"""Plots about honesty: a promise is kept, a lie is taken back."""
from __future__ import annotations

from slm.data.starter.beats import bedtime, comfort, lesson, opening, when
from slm.data.starter.grammar import plural, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import BAKED

_PROMISES = (
    ("water your tomato plants", "The leaves had been drooping, and now they stood up again."),
    ("bring you a bowl of soup", "The bowl was warm, and not a drop had been spilled."),
    ("bring you a new storybook", "It was just the book for a long, dull day in bed."),
    ("carry in your firewood", "Soon a cheerful fire was crackling."),
    ("pick your ripe plums", "One more day, and the wasps would have eaten them all."),
    ("read you a story", "The story was a funny one, and soon both of them were giggling."),
    ("teach you a new game", "The game was played with beans, and they laughed at every turn."),
    ("sweep your doorstep", "Not a leaf was left on it."),
    ("bring you a bunch of flowers", "The flowers filled the whole room with their sweet smell."),
)
_TEMPTATIONS = (
    ("The circus had come to town", "I want to see that"),
    ("A band was playing by the bridge", "I want to hear that"),
    ("Everyone was going swimming", "I want to swim, too"),
    ("There was a puppet play in the square", "I want to see that"),
    ("There was a pie feast by the mill", "I want some pie"),
    ("A big boat with red sails had come in", "I want to see that"),
)


def promise_kept(s: Scene) -> list[str]:
    """A promise is hard to keep because something more tempting comes; the hero keeps it."""
    hero = s.hero()
    friend, elder = s.friend(hero), s.elder()
    task, gratitude = s.pick(_PROMISES)
    treat, wish = s.pick(_TEMPTATIONS)
    return [
        text(opening(s, hero, 0.3),
            s.one(f"{hero.His} friend {friend}{', the ' + friend.kind + ',' if friend.animal else ''} was "
                "ill in bed.",
                f"{hero.His} friend {friend} had hurt {friend.his} foot and could not get up."),
            f'"Tomorrow at three o\'clock I will come over and {task}," said {hero}.',
            s.one('"Promise?" asked ' + f"{friend}.", f'"Do you promise?" asked {friend}.'),
            s.one(f'"I promise," said {hero}.', f'"I give you my word," said {hero}.',
                f'"Cross my heart," said {hero}.')),
        text(s.one(f"The next day something unexpected happened. {treat}!",
                f"But the next day there was exciting news. {treat}!"),
            s.one(f'"Come along, {hero}!" the others called.',
                f'"Hurry up, {hero}, or you will miss it!" somebody shouted.'),
            s.one(f"{hero} longed to go.", f"{hero}'s feet were already running.",
                f'"Oh, {wish}!" said {hero}.'),
            s.one("Then the clock struck three.", "Then, far away, a bell rang three times.",
                f"Then {hero.he} remembered {friend}, waiting.")),
        text(s.one(f'"Maybe {friend} would not mind," thought {hero}. But a promise is a promise.',
                f'"What should I do?" {hero} asked {elder}. "What did you say you would do?" asked {elder}. '
                f"{hero} nodded slowly.",
                f"{hero} stood at the corner. One way led to the fun, the other to {friend}'s door."),
            s.one(f"{hero.He} turned around and went to {friend}.",
                f"With a sigh, {hero.he} set off to {friend}'s home."),
            s.one(f'"You came!" said {friend}.', f'"I knew you would come!" said {friend}.',
                f'"You are really here!" cried {friend}.'),
            s.one(f'"Of course," said {hero}. "I promised to {task}."',
                f'"I said I would {task}, and here I am," said {hero}.'),
            f"So {hero} did. {gratitude}"),
        text(s.one("Afterward, somebody knocked. The others had come to tell them all about the fun.",
                f"Afterward, {friend} gave {hero} the last of the {plural(s.pick(BAKED))}, and they laughed "
                "together.",
                f'When {hero} came home, {elder} was waiting. "I am proud of you," said {elder}. "When '
                f'{friend} is well, I will take you both out."',
                f'"You are the best friend in the world," said {friend}. That felt better than any treat.'),
            lesson(s, hero, "a promise is worth keeping", "good friends keep their word",
                "keeping your word makes you feel tall"), s.maybe(bedtime(s, hero), 0.4)),
    ]


_INDOOR_BREAKABLES = (
    ("blue vase", "Crash!"),
    ("teapot", "Smash!"),
    ("big mirror", "Crack!"),
    ("glass bowl", "Tinkle, crash!"),
    ("milk jug", "Splash!"),
    ("cookie jar", "Bang!"),
    ("clay owl", "Crash!"),
)
_OUTDOOR_BREAKABLES = (
    ("flowerpot", "Crunch!"),
    ("garden lamp", "Clink!"),
    ("garden gnome", "Clunk!"),
    ("birdhouse", "Crack!"),
)


def truth_told(s: Scene) -> list[str]:
    """The hero breaks something, lies, feels bad and tells the truth."""
    hero, elder = s.hero(), s.elder()
    inside = s.chance(0.6)
    thing, noise = s.pick(_INDOOR_BREAKABLES if inside else _OUTDOOR_BREAKABLES)
    where, warning, came = (("in the house", "Not inside!", "came in") if inside else
        ("in the yard", "Not so close to the house!", "came out"))
    culprit = "wind" if hero.animal else s.one("cat", "dog", "wind")
    game = s.one("throwing a ball", "twirling like a dancer", "galloping like a horse", "chasing a balloon",
        "swinging a stick like a sword", "jumping like a frog")
    night, confession, peace = s.pick((
        (s.one(f"That night {hero} lay awake and stared into the dark, feeling small and gloomy.",
            f"That night {hero} tossed and turned, with a lump in {hero.his} throat."),
         s.one(f"At last {hero} got up and tiptoed to {elder}.",
            f"At last {hero.he} could not bear it any longer and called {elder}."),
         f"{hero} slept soundly until morning."),
        (f"When {elder} said good night, {hero} could not look up, and a tear dripped from {hero.his} nose.",
         s.one(f"In the morning {hero} went to {elder}.", f"As soon as the sun was up, {hero} ran to {elder}."),
         f"{hero}'s heart felt light again."),
    ))
    return [
        text(opening(s, hero, 0.3, never=("honest", "careful", "brave", "bold")),
            f"{when(s)}, {hero} was {game} {where}, although {elder} had said, "
            + s.one('"Please be careful."', f'"{warning}"', '"Not so wild!"'),
            f"{noise} The {thing} {s.one('lay in pieces', 'was broken', 'fell and broke')}."),
        text(s.one(f"{elder} {came}. \"What happened here?\"",
                f"\"Who broke the {thing}?\" asked {elder}."),
            s.one(f"{hero}'s ears grew hot.", f"{hero} looked at {hero.his} feet.",
                f"{hero} hid {hero.his} {hero.hand}s behind {hero.his} back."),
            f"\"It was the {culprit},\" {hero} said in a {s.one('tiny', 'shaky', 'thin')} voice.",
            s.one(f"{elder} said nothing and fetched the broom.",
                f"\"I see,\" said {elder}, and swept up the bits.",
                f"{elder} looked at {hero} for a long time.")),
        text(s.one("Hour by hour the lie grew heavier.",
                f"The lie followed {hero} around like a big gray toad.",
                "After that, all the fun was gone."),
            s.one(f"At supper {hero} could not swallow a bite.",
                f"{hero} tried to play, but could only think of the {thing}.",
                f"Even {hero.his} favorite {hero.treat} tasted like dust."), night),
        text(confession,
            s.one(f'"It was not the {culprit}. It was me," {hero.he} sobbed.',
                f'"I told a lie," {hero.he} said. "I broke the {thing}."',
                f'"I broke it, and I was afraid you would be angry," {hero.he} said.'), comfort(s, elder, hero),
            s.one(f'"I can get a new {thing.split()[-1]}," said {elder}, "but not a new you. Thank you for '
                'telling the truth."',
                f'"I was sad about the lie, not about the {thing}," said {elder}. "Now all is well."',
                f'"It takes courage to say that," said {elder}. "I forgive you."'),
            s.one(f"{hero} promised to help with the dishes for a whole week.",
                f"{hero} promised to play wild games only in the meadow.",
                f"{hero} offered to sweep the floor for a whole week."),
            s.one(peace, lesson(s, hero, "the truth is hard to say but easy to keep",
                    "a lie gets heavier every hour"))),
    ]
