"""Plots about doing: a new skill, a kite, a stage."""
from __future__ import annotations

from slm.data.starter.beats import afraid, comfort, glad, lesson, opening, sad, when
from slm.data.starter.details import sunny
from slm.data.starter.grammar import text
from slm.data.starter.scene import Scene
from slm.data.starter.words import COLORS, bank

_SKILLS = (
    ("ride a bicycle", "fell into the hedge", "Look ahead, not at your feet", "rode all the way to the gate",
     "scraped an elbow"),
    ("swim", "swallowed half the pool", "Let the water carry you", "swam six strokes without sinking",
     "got water in both ears"),
    ("whistle", "blew nothing but air", "Make your lips as small as a pea", "whistled one clear note",
     "had dry lips"),
    ("tie shoelaces", "made a knot like a bird's nest", "Make two rabbit ears first", "tied a perfect bow",
     "had tired fingers"),
    ("roller-skate", "landed hard on the path", "Bend your knees a little",
     "glided all the way down the lane", "bruised both knees"),
    ("juggle", "dropped every ball on the cat", "Start with just one ball", "kept three balls in the air",
     "had tired arms"),
    ("read the clock", "mixed up the two hands", "The short hand tells you the hour",
     "told the time, right to the minute", "got muddled"),
    ("play the flute", "made a noise like a goose", "Breathe as if you were blowing on hot soup",
     "played a whole song", "ran out of breath"),
    ("do a cartwheel", "tumbled like a sack of potatoes", "Keep your arms strong and straight",
     "turned a cartwheel as round as the moon", "got grass in both ears"),
    ("row a boat", "went around in circles", "Pull with both arms together",
     "rowed straight to the other shore", "had sore arms"),
    ("skip rope", "got tangled up like spaghetti", "Listen to the rope and jump when it taps",
     "skipped twenty times without a stop", "had tired legs"),
    ("catch a ball", "let the ball slip through every time", "Watch it all the way into your hands",
     "caught the ball with both hands", "got a bump on the nose"),
)


def learning_a_skill(s: Scene) -> list[str]:
    """Many failures, one hint, practice, success."""
    hero, elder = s.child(), s.elder()
    skill, fail, hint, success, trouble = s.pick(_SKILLS)
    hours = s.one("before breakfast", "after school", "until suppertime", "after supper")
    cheer, reply = s.pick((
        (f'"Did you see that?" {hero} cried. "I did it!"',
         f'"I saw it," said {elder}, "and I saw all the work before it."'),
        (f'"I can do it! I can do it!" {hero} sang.', f'"I never doubted it," said {elder}.'),
        (f'"Look, {elder}, look!" called {hero}.', f'"I am looking," said {elder}, "and I am very proud."'),
        (f'"Did you see me?" {hero} shouted.', f"{elder} clapped loudly."),
    ))
    return [
        text(opening(s, hero, 0.2, never=("bicycle", "catch", "skip", "Every day")),
            s.one(f"More than anything, {hero} wanted to learn to {skill}.",
                f"All of {hero.his} friends could {skill}, but {hero} could not.",
                f'"This year I will learn to {skill}," said {hero}.')),
        text(s.one(f"{when(s)}, {hero} tried it for the first time and {fail}.",
                f"{when(s)}, {hero} tried it and {fail}."),
            s.one(f"{hero} tried again, and it went no better.", "The second time was no better.",
                "The next try was even worse."),
            s.one(f'"I will never learn it!" {hero} shouted.', f'"It is too hard," said {hero}.',
                f'"I give up," said {hero}.'), sad(s, hero)),
        text(s.one(f"{hero}'s {elder.kind} had been watching.", f"{hero}'s {elder.kind} came over.",
                f"That was how {hero.his} {elder.kind} found {hero.him}."), comfort(s, elder, hero),
            s.one(f'"Do you know how often I failed when I was small?" asked {elder}. "A hundred times!"',
                f'"You cannot do it yet," said {elder}. "Yet is an important word."',
                f'"Did you walk on the day you were born?" asked {elder}. {hero} had to laugh.'),
            s.one(f'Then {elder} whispered a secret. "{hint}."', f'Then {elder} gave {hero} a hint. "{hint}."',
                f'Then {elder} showed how it was done and said, "{hint}."'),
            s.one(f"Every day {hero} practiced {hours}.",
                f"{hero} practiced on Monday. {hero.He} practiced on Tuesday, Wednesday and Thursday, too."),
            s.maybe(s.one("Some days were good, and some days were not.",
                    f"Sometimes {hero} {trouble}, but {hero.he} kept going."))),
        text(s.one(f"Then, on a day like any other, it happened. {hero} {success}!",
                f"And then, all of a sudden, {hero} {success}!",
                f"Then came the day when {hero} took a deep breath, tried once more, and {success}!"),
            glad(s, hero), cheer, reply,
            s.one(f"The next week, {hero} helped a smaller child to learn it too.",
                lesson(s, hero, "practice makes hard things easy", "falling down is a part of learning",
                    "you can do more than you think if you do not give up"))),
    ]


_STUCK_THINGS = (
    ("kite", "sailed up, turned over and got caught"),
    ("balloon", "slipped away and got caught"),
    ("boomerang", "flew off and did not come back. It got stuck"),
    ("ball", "bounced too high and got stuck"),
    ("paper airplane", "made a wide loop and got stuck"),
    ("frisbee", "flew too far and got stuck"),
    ("shuttlecock", "went up and did not come down. It stayed"),
)
_HIGH_PLACES = (
    ("the village green", "at the top of an old oak"),
    ("the village green", "on the roof of the bandstand"),
    ("the square", "on the roof of the newspaper stand"),
    ("the square", "in the branches of a big linden tree"),
    ("the park", "in the highest branches of a chestnut tree"),
    ("the park", "in the crown of the tallest willow"),
    ("the schoolyard", "on the roof of the bicycle shed"),
)
_HELPERS = bank("""
    mail carrier, milkman, bus driver, window cleaner, ice cream seller, gardener, music teacher,
    street sweeper, butcher, fire chief
""")


def stuck_kite(s: Scene) -> list[str]:
    """Something is stuck high up; many try alone, together they do it."""
    hero, elder = s.child(), s.elder()
    friend, color = s.friend(hero), s.pick(COLORS)
    thing, up = s.pick(_STUCK_THINGS)
    place, where = s.pick(_HIGH_PLACES)
    attempts = s.some((
        s.one(f"{hero} jumped as high as {hero.he} could.", f"{hero} climbed on a box, but the box was too low.",
            f"{hero} stood on the tips of {hero.his} toes, but that was no use."),
        s.one(f"{friend} threw a stick, and the stick got stuck too.", f"{friend} shouted at the {thing} to come down.",
            f"{friend} threw a shoe, and it landed in a puddle."),
    ), 2)
    first, second = s.some(_HELPERS, 2)
    tool = s.one("rake", "broom")
    came_by = (f"{hero}'s {elder.kind} came by with a rake, but it was too short." if tool == "rake" else
        f"{hero}'s {elder.kind} came by and lifted {hero.him} up, but it was still too high.")
    second_came = f"the {second} came" + ("." if tool == "rake" else ", carrying a broom.")
    both_fell = ", and so did the stick" if any("stick" in attempt for attempt in attempts) else ""
    return [
        text(opening(s, hero, 0.3, never=("airplanes", "climb", "catch")),
            f"{when(s)}, {hero} took {hero.his} new {color} {thing} to {place}, where {hero.his} friend "
            f"{friend} was waiting.", sunny(s, 0.4)),
        text(s.one("They played and played.", "At first all went well.", "They had great fun with it."),
            f"But then the {thing} {up} {where}.",
            s.one('"Oh no!"', '"Come back!"', '"My ' + thing + '!"') + f" cried {hero}.", *attempts,
            sad(s, hero)),
        text(came_by, f"Next the {first} stopped to help. Then {second_came}",
            s.one("Everybody had a different plan, and everybody talked at once. "
                f'"Stop!" said {hero}. "What if we all do it together?"',
                "Each of them tried alone, and each of them failed. "
                f'"Nobody is tall enough," said {friend}. "But all of us together are!"')),
        text(f"So the {first} and the {second} held a bench steady, and {elder} climbed onto it and lifted "
            f"{hero} up.",
            f"{hero} held the {tool}, and {friend} shouted, \"Left! A bit more! Now!\"",
            s.one("One poke, two pokes, three pokes...", "They wobbled and giggled.",
                "Everyone held their breath."), f"Down came the {thing}{both_fell}!",
            s.one("Everybody cheered.", "Everybody clapped.", f"{hero} laughed out loud."),
            s.one(f"{hero} let every helper have a turn with it." if not both_fell else
                f"{hero} let every helper have a turn with the {thing}.",
                f'"Thank you, thank you, thank you!" said {hero}.'),
            lesson(s, hero, "together we can reach higher", "many helpers make a hard job easy")),
    ]


_PARTS = (
    ("the moon", "I shine for all who cannot sleep", "a cloak with silver stars"),
    ("the lion", "I am small, but my roar is mighty", "a mane of orange wool"),
    ("the old tree", "A hundred winters have I stood", "bark made of brown paper"),
    ("the baker's mouse", "One crumb is plenty for a mouse", "round felt ears"),
    ("the wind", "I come from where the rivers start", "a long gray veil"),
    ("the dragon", "My fire keeps the castle warm", "green wings of cloth"),
    ("the frog in the well", "Deep in the well I sing my song", "a pair of huge green socks"),
    ("the lighthouse", "Sail home, little boats, sail home", "a tower of cardboard with a lamp on top"),
)


def stage_fright(s: Scene) -> list[str]:
    """On stage the words are gone; somebody helps, and it turns out well."""
    hero = s.child()
    friend, elder = s.friend(hero), s.elder()
    part, line, costume = s.pick(_PARTS)
    role = part.removeprefix("the ").removesuffix(" in the well")
    return [
        text(opening(s, hero, 0.3, never=("Every day",)),
            f"{hero}'s class was putting on a play, and {hero} was {part}.",
            s.one(f"{hero.He} had only one line. It was, \"{line}.\"",
                f"{hero.His} one and only line was, \"{line}.\"",
                f"All {hero.he} had to say was, \"{line}.\""),
            s.one(f"{hero} practiced it in the bathtub, on the stairs and in front of the neighbor's "
                f"{s.one('cat', 'dog', 'parrot', 'hens', 'rabbit')}.",
                f"{hero} practiced it a hundred times, even in the bathtub.",
                f"Every day {hero} practiced it in the bathtub.")),
        text(s.one("Then came the big evening.", "At last the evening of the play arrived."),
            f"{hero} wore {costume}.",
            s.one("Every seat was taken.", "The curtain was red and heavy.",
                "The lights were hot and bright."),
            f"When it was {hero.his} turn, {hero} stepped forward, opened {hero.his} mouth, and not a word "
            "came out.", afraid(s, hero, never=("mouth",)),
            s.one("It was so quiet that you could hear a pin drop.", "Somebody coughed.",
                "A baby laughed in the back row.")),
        text(s.one(f"Then {hero} saw {hero.his} {elder.kind} in the third row. {elder} was smiling and "
                "nodding.", f"In the front row sat {hero.his} {elder.kind}, holding up two thumbs."),
            s.one(f"Behind the curtain, {hero}'s friend {friend} whispered the first "
                f"{s.one('word', 'two words')}.",
                f"{hero}'s friend {friend}, who was playing a "
                f"{s.one('cloud', 'bush', 'snail', 'donkey', 'rock')}, tiptoed over and squeezed "
                f"{hero.his} hand."),
            s.one(f"{hero} took a deep breath.", f"{hero} thought of the bathtub and almost laughed.",
                f"{hero} wiggled {hero.his} toes, just as {elder} had taught {hero.him}.")),
        text(f'"{line}!" said {hero}, loud and clear.',
            s.one("The people clapped and clapped.", "Everybody cheered, and somebody threw a flower.",
                "The whole hall clapped."),
            s.one(f'"You helped me," {hero} told {friend}. "That is what friends are for," said {friend}.',
                f'"I was so scared," said {hero} later. "And you did it anyway," said {elder}. "That is '
                'what brave means."', f'"Was I bad?" asked {hero} afterward. "You were the best {role} '
                f'there ever was," said {elder}.'),
            s.one(lesson(s, hero, "even brave people shake a little", "one kind face can give you courage"),
                f"{hero} slept like a log that night.", f"That night {hero} dreamed of another play.",
                glad(s, hero, never=("clapped",)))),
    ]
