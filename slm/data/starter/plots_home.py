"""Plots at home: a birthday, a baby, a broken thing, a rainy day."""
from __future__ import annotations

from slm.data.starter.beats import bedtime, glad, lesson, opening, sad, when
from slm.data.starter.details import RAINY
from slm.data.starter.grammar import listed, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import COLORS, bank

_PRESENTS = (("a scarf", "knitted it row by row"),
    ("a bird house", "sawed and nailed until it stood straight"),
    ("a card with pop-up flowers", "cut and folded and glued"),
    ("a necklace of shells", "threaded every shell"),
    ("a painting of the two of them", "painted until every brush was used up"),
    ("a box of shells", "glued a shell on every side"),
    ("a stuffed mouse", "sewed on two ears and a long tail"),
    ("a book of funny drawings", "filled page after page"),
    ("a cushion stuffed with lavender", "stitched for three evenings"),
    ("a walking stick with a carved handle", "rubbed it until it shone"),
    ("a paper crown", "stuck on forty gold stars"),)


_CAKES = bank("""
    chocolate cake, carrot cake, plum cake, nut cake, lemon cake, cream cake, cherry pie, berry pie
""")


def birthday_surprise(s: Scene) -> list[str]:
    """Everybody seems to have forgotten the birthday, and nobody has."""
    hero = s.hero()
    friend, elder = s.friend(hero), s.elder()
    (present, work), cake, color = s.pick(_PRESENTS), s.pick(_CAKES), s.pick(COLORS)
    return [
        text(opening(s, hero, 0.2),
            s.one(f"Today was {hero}'s birthday, and {hero.he} woke up before the sun.",
                f"{hero} had counted the days, and now it was {hero.his} birthday.")),
        text(s.one("But at breakfast nobody said a word about it.",
                f"But {elder} only said, \"Good morning,\" and buttered the bread."),
            s.one(f'"Do you know what day it is?" asked {hero}. "Washing day," said {elder}.',
                f'"Is today special?" asked {hero}. "Not that I know," said {elder}, and coughed.'),
            f"{hero} went to see {friend}.",
            s.one("Nobody was at home.", f'{friend} said, "I am busy!" and shut the door.',
                "The windows were dark."), sad(s, hero),
            s.one(f'"They have all forgotten," thought {hero}.',
                f"{hero} walked home slowly, kicking a stone.")),
        text(s.one(f"When {hero} opened the door, it was dark inside.",
                f"At home there was not a sound. {hero} pushed open the door."),
            s.one("Then, all at once, the lights went on.", "A match flared, and then another.",
                "Somebody giggled, and the lamps lit up.") + ' "Surprise!"',
            s.one(f"Everyone was there! There were {color} balloons and paper lanterns and a {cake}.",
                f"{color.capitalize()} streamers hung from the ceiling, and on the table stood a "
                f"{cake}."),
            s.one(f"{friend} held out a parcel. Inside was {present}.",
                f"And {friend} gave {hero.him} {present}.", f"In a box from {friend} lay {present}."),
            s.one(f'"I was making this. That is why I was so busy," said {friend}.',
                f'"I {work}," said {friend}. "I was so afraid you would find out!"')),
        text(glad(s, hero),
            s.one(f'"I thought you had forgotten me," said {hero}. "Never!" said {elder}.',
                "They sang so loudly that the cups rattled.",
                f"{hero} blew out all the candles in one puff."),
            s.one("They played and danced until the stars came out.", bedtime(s, hero)),
            lesson(s, hero, "those who love you do not forget you", "a secret can be a kind of gift")),
    ]


def birthday_present(s: Scene) -> list[str]:
    """A present made by hand gets spoiled on the way and is loved all the same."""
    hero = s.hero()
    friend, elder = s.friend(hero), s.elder()
    (present, work), cake = s.pick(_PRESENTS), s.pick(_CAKES)
    excuse = s.one("I made it for you, and then it got spoiled.", "I worked so hard, and now look at it.",
        "It was beautiful this morning.")
    day = s.one("Friday", "Sunday", "Monday", "the first of May", "Saturday")
    mishap = s.one(f"{hero} tripped and sat down on it", "the dog chewed off one corner",
        "a whole pot of paint spilled over it", "the rain got in and soaked it",
        "a gust of wind blew it into the mud")
    return [
        text(opening(s, hero, 0.3),
            f"{friend}'s birthday was on {day}, and {hero} had no money for a present.",
            s.one(f'"Then make something yourself," said {elder}. "Those are the best presents."',
                f'"A present from your own {hero.hand}s is worth more," said {elder}.')),
        text(f"So {hero} decided to make {present}.", f"{hero} {work}.",
            s.one("It took three whole days.", "It was harder than it looked.",
                f"{hero.He} even missed supper."), f"But on the way to the party, {mishap}!", sad(s, hero),
            s.one(f'"Now it is ruined," said {hero}.', f'"I cannot give that to anyone," said {hero}.')),
        text(s.one(f"{hero} almost went home again.",
                f"{hero} stood at the door with the present hidden behind {hero.his} back."),
            s.one(f"But {friend} had already seen {hero.him} and came running.",
                f"But {friend} opened the door."),
            f'"It was meant to be {present}," {hero} mumbled. "{excuse}"',
            s.one(f"{friend} looked at it from all sides.", f"{friend} turned it over carefully."),
            s.one(f'"You made it yourself? For me?" asked {friend}. "Then I love it!"',
                f'"Nobody else in the world has one like this," said {friend}.',
                f'"It looks as if it has had an adventure," said {friend}. "I like it even more."')),
        text(f"It got the best place in the room, right next to the {cake}.", glad(s, hero),
            lesson(s, hero, "a gift made with love is never ruined", "it is the thought that counts"),
            s.maybe(bedtime(s, hero))),
    ]


_BABY_TRICKS = bank("""
    balanced a spoon on one finger, wobbled like jelly, hid behind a towel and popped out,
    put a sock on each ear, danced with the broom, quacked like a very old duck,
    sneezed a pretend sneeze and fell over, blew bubbles with a wet straw
""")
_BABY_TASKS = bank("""
    rock the cradle, fetch clean diapers, sing lullabies, push the stroller, warm the bottle,
    count the tiny toes, find the lost pacifier, fold little shirts
""")


def new_sibling(s: Scene) -> list[str]:
    """A baby takes all the attention, until only the older child can make it laugh."""
    hero, elder = s.child(), s.elder()
    baby_he = s.pick(s.genders)
    baby, his, him, kin = ("he", "his", "him", "brother") if baby_he == "he" else ("she", "her", "her",
        "sister")
    name = s.one("Ozzie", "Bertie", "Archie", "Louie") if baby_he == "he" else s.one("Rosie", "Minnie",
        "Dora", "Lulu")
    trick = s.pick(_BABY_TRICKS)
    tasks = s.some(_BABY_TASKS, 2)
    return [
        text(opening(s, hero, 0.3),
            s.one(f"One day a new baby came home. It was a {kin}, and {his} name was {name}.",
                f"In the spring, {hero} got a baby {kin} called {name}.",
                f"Then {name}, the new baby {kin}, arrived."),
            s.one(f"{baby.capitalize()} was as wrinkled as a raisin.",
                f"{baby.capitalize()} was as small as a loaf of bread.",
                f"{name} had no teeth and hardly any hair.",
                f"{hero} had hoped for somebody to play ball with.")),
        text(s.one(f"All day {name} cried, and everybody ran.",
                f"Visitors came with presents, and every one was for {name}.",
                f"When {hero} wanted a story, {elder} said, \"Hush, the baby is asleep.\""),
            s.one(f'"Look at my drawing!" said {hero}. "Later," said {elder}.',
                f"Nobody looked when {hero} stood on {hero.his} head.",
                f'"Nobody has time for me anymore," thought {hero}.'), sad(s, hero),
            s.one(f"{hero} crawled under the table and would not come out.",
                f'"Can we give {him} back?" {hero} asked.',
                f"{hero} packed a bag with two apples and a blanket.")),
        text(s.one(f"{elder} sat down on the floor next to {hero}.",
                f"{elder} found {hero} and opened both arms."),
            s.one(f'"When you were born, you cried even louder," said {elder}. "And I loved you just as '
                'much."', f'"My heart did not split in two," said {elder}. "It grew."',
                f'"A baby needs many things," said {elder}, "but most of all a big '
                f'{"brother" if hero.he == "he" else "sister"}."'),
            f"Just then {name} began to {s.one('wail', 'howl', 'scream', 'bawl')}.",
            s.one("The bottle did not help. The rattle did not help.",
                f"{elder} rocked and hummed, but nothing helped.",
                "Neither the bear nor the music box could stop it.")),
        text(f"Then {hero} {trick}.",
            s.one(f"{name} stopped crying, stared, and laughed for the very first time!",
                f"{name} hiccuped, looked up, and began to giggle!",
                f"The crying stopped. {name} kicked both feet and laughed!"),
            s.one(f'"You did it!" said {elder}. "Nobody else could."',
                f'"That laugh was for you," said {elder}.'),
            s.one(f"{hero} did it again, and {name} laughed again.",
                f"A tiny hand closed around {hero}'s finger.", glad(s, hero)),
            f"After that, {hero} helped to {tasks[0]} and to {tasks[1]}.",
            s.one(f"And every evening, {elder} and {hero} had a story all to themselves.",
                lesson(s, hero, "love does not get smaller when it is shared"), "")),
    ]


_REPAIRS = (
    ("clock", "stopped ticking", "cleaned its little wheels with a drop of oil",
     "It ticked again, and now it even chimed"),
    ("chair", "lost a leg", "carved a new leg out of ash wood", "It stood as firm as a rock"),
    ("music box", "went silent", "bent the tiny spring back into place",
     "It played its tune, with one new funny note"),
    ("kite", "got a great rip", "sewed on a patch shaped like a star", "It flew higher than before"),
    ("bicycle", "got a crooked wheel", "straightened the spokes one by one", "It rolled without a squeak"),
    ("puppet", "lost both its strings", "tied on new strings and gave it a button nose",
     "It could bow and wave and dance"),
    ("umbrella", "turned inside out", "bent the ribs and sewed on a bright patch", "It opened like a flower"),
    ("rocking horse", "lost its tail", "made a new tail out of wool", "It looked ready to gallop"),
    ("boat", "got a hole in the bottom", "plugged the hole with cork and wax", "It floated like a duck"),
    ("quilt", "tore down the middle", "stitched the halves together with thread like a silver road",
     "It was warmer than ever"),
    ("fiddle", "snapped a string", "stretched a new string and tuned it", "It sang like a bird"),
    ("lantern", "got a cracked pane", "fitted a pane of colored glass", "It threw a rainbow on the wall"),
)


def broken_thing(s: Scene) -> list[str]:
    """An old thing breaks; instead of throwing it away, it is mended and becomes better."""
    hero, elder = s.hero(), s.elder()
    fixer = s.neighbor(bank("carpenter, clockmaker, tailor, blacksmith, shoemaker, toymaker, tinker, "
            "shopkeeper, inventor"))
    thing, broke, mend, after = s.pick(_REPAIRS)
    done = s.one("At last it was done.", "By evening it was ready.", "Then came the last touch.")
    return [
        text(opening(s, hero, 0.3),
            f"{hero} had an old {thing} that had once belonged to {hero.his} {elder.kind}.",
            s.maybe(s.one("It was older than the apple tree.",
                    "It had a hundred little scratches, and each one had a story.",
                    f"{hero} would not have swapped it for a new one."))),
        text(f"{when(s)}, the {thing} {broke}.", sad(s, hero),
            s.one('"Just throw it away," said somebody. "Buy a new one."',
                '"It is too old to mend," people said.',
                f'"Perhaps it is only rubbish now," {hero} thought.'),
            s.one(f'But {hero} shook {hero.his} head. "I will find a way."',
                f"But {hero} did not want a new one. {hero.He} wanted this one.")),
        text(s.one(f"{hero} asked {elder}. \"{fixer}, the {fixer.kind}, has clever fingers,\" said {elder}. "
                "\"Go and ask.\"",
                f"{elder} scratched an ear. \"Take it to {fixer}, the {fixer.kind},\" {elder} said."),
            f"So {hero} wrapped the {thing} in a {s.one('blanket', 'tablecloth', 'shawl', 'sheet')} and "
            "carried it there." if thing not in ("bicycle", "boat", "rocking horse") else
            f"So {hero} put the {thing} on a cart and pulled it there.",
            s.one(f'"Hmm," said {fixer}, looking at it closely. "We can do it, if you help me."',
                f'"I will show you how," said {fixer}, "and then you can do it yourself next time."'),
            f"{hero} held the {s.one('lamp', 'tools', 'ruler', 'scissors')} while {fixer} {mend}.",
            s.maybe(s.one("It smelled of glue and wood.", "It took all afternoon.",
                    "Twice they had to start again."))),
        text(f"{done} {after}!", glad(s, hero),
            s.one(f'"How can I pay you?" asked {hero}. "Sweep up the shavings, and come again," said '
                f'{fixer}.', f'"You have good {hero.hand}s," said {fixer}. "Would you like to learn more?"',
                f"{hero} thanked {fixer} with a bag of {hero.treat}."),
            s.one(f"When {elder} saw it, {elder.he} had tears in {elder.his} eyes.",
                f'"It is even better than before," said {elder}.',
                f'"Now it has one more story to tell," said {elder}.'),
            lesson(s, hero, "broken things can be made whole again", "old things are worth caring for",
                "it is better to mend than to throw away")),
    ]


_CRAFTS = (
    ("ship", "sailed across the carpet", "three whales and a mermaid", "a storm tossed them about",
     "threw the pillows overboard"),
    ("rocket", "zoomed past the lamp", "a polite green alien", "a comet whizzed straight at them",
     "steered hard to the left"),
    ("castle", "ruled over the whole kitchen", "a sleepy dragon", "an army of socks attacked",
     "pulled up the drawbridge"),
    ("submarine", "dived beneath the table", "an octopus with eight gloves", "a giant clam blocked the way",
     "tickled it with a feather"),
    ("train", "rattled from room to room", "a bear with a ticket to the North Pole", "the bridge was out",
     "built a new one from books"),
    ("hot-air balloon", "floated over the sofa hills", "a family of geese", "they flew into a thundercloud",
     "threw out the sandbags"),
    ("bus", "drove to the jungle", "a tiger who wanted to sit by the window",
     "the road was full of crocodiles", "honked until they moved"),
    ("spaceship", "landed on the moon", "a mouse in a silver suit", "the engine went pop",
     "fixed it with sticky tape"),
)


_GEAR = bank("""
    two wooden spoons, a colander, some string, a bedsheet, three pot lids, a broom, an alarm clock, a pair
    of goggles, a paper plate, a funnel
""")


def rainy_day_ship(s: Scene) -> list[str]:
    """Nothing to do on a rainy day, until a box becomes something else."""
    hero = s.child()
    friend, elder = s.friend(hero), s.elder()
    craft, sail, meets, problem, fix = s.pick(_CRAFTS)
    return [
        text(opening(s, hero, 0.3),
            s.one("It had been raining all morning.", "It was a wet, gray day.",
                "There was no school, and it was pouring."), s.maybe(s.pick(RAINY)),
            s.one(f'"I am bored," said {hero}.', f'"There is nothing to do," groaned {hero}.',
                f"{hero} pressed {hero.his} nose against the window."),
            s.one(f"{friend}, who had come to play, was bored too.", f"{hero.His} friend {friend} yawned.")),
        text(s.one(f'"May we watch something?" asked {hero}. "Not today," said {elder}.',
                f'"Can we go out?" asked {friend}. "You would float away," said {elder}.'),
            f"{elder} put a big {s.one('cardboard box', 'empty box', 'brown box')} on the floor. "
            f"\"{s.one('What could this be?', 'This is for you.', 'I wonder what is in it.')}\"",
            s.one(f'"It is only a box," said {hero}.', f'"It is empty," said {friend}.',
                f'"There is nothing in it," said {hero}.'),
            s.one(f'"Are you sure?" asked {elder}, and went away whistling.',
                f'"Look again," said {elder}, "but with your eyes closed."')),
        text(s.one(f"{hero} closed {hero.his} eyes. Then {hero.he} smiled.",
                "The two friends looked at each other."),
            s.one(f'"It is a {craft}!" {hero} cried.', f'"I see it now! A {craft}!" said {hero}.',
                f'"All aboard our {craft}!" shouted {hero}.' if craft != "castle" else
                '"A castle!" they said.'), f"They fetched {listed(s.some(_GEAR, 3))}.",
            f"The {craft} {sail}. On the way they met {meets}.", f"Then {problem}!",
            s.one(f'"What shall we do?" cried {friend}.', f'"Hold tight!" shouted {hero}.',
                f'"Do not panic, Captain!" said {friend}.'), f"They {fix}, and all was well."),
        text(s.one(f"When {elder} called them to supper, they could not believe how late it was.",
                "They did not notice that the rain had stopped hours ago."),
            s.one(f'"How was your day?" asked {elder}. "We were very far away," said {hero}.',
                f'"So it was only a box?" asked {elder}. "It was never only a box!" said {friend}.',
                f'"Can we keep it forever?" asked {hero}.'),
            lesson(s, hero, "there is always something to do when you can imagine",
                "a box can be anything at all", "boring days can hide great adventures"),
            s.maybe(bedtime(s, hero), 0.4)),
    ]
