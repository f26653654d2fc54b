"""Plots at home: a birthday, a baby, a broken thing, a rainy day."""
from __future__ import annotations

from slm.data.starter.beats import bedtime, glad, lesson, opening, sad, when
from slm.data.starter.grammar import listed, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import bank, rows

# A present made by hand: the work; how it can be spoiled on the way; what becomes of it all the same.
_PRESENTS = rows("""
    a scarf | knitted it row by row | it caught on a thorn, and ten rows came undone
        | HE wore it all through the party
    a bird house | sawed and nailed until it stood straight | it slipped, fell, and lost half of its roof
        | That very day it was hung up outside the window
    a card with pop-up flowers | cut and folded and glued | a gust of wind blew it into the mud
        | It got the best place in the room, right next to the CAKE
    a necklace of shells | threaded every shell | the thread snapped, and half of the shells were lost in the grass
        | HE wore it around one wrist for the rest of the day
    a painting of the two of them | painted until the last drop of paint was gone | rain fell on it, and the colors ran
        | It got the best place on the wall
    a box covered with shells | glued a shell on every side | it slipped, fell, and lost half of its shells
        | It got the best place in the room, right next to the CAKE
    a book of funny drawings | filled page after page | rain fell on it, and the colors ran
        | They looked at every page together and giggled
    a cushion stuffed with lavender | stitched for three evenings | a seam burst, and half of the lavender blew away
        | Soon the whole room smelled of summer
    a walking stick with a carved handle | rubbed it until it shone | it fell under a cart, and the handle snapped off
        | Now it was just the right length for a magic wand
    a paper crown | stuck on forty gold stars | rain fell on it, and the stars came off
        | HE wore it all through the party
""")
_CAKES = bank("chocolate cake, carrot cake, plum cake, nut cake, lemon cake, cream cake, cherry pie, berry pie")
_FESTIVE = bank("red, blue, green, yellow, purple, orange, pink, silver, golden")


def birthday_surprise(s: Scene) -> list[str]:
    """Everybody seems to have forgotten the birthday, and nobody has."""
    hero = s.hero()
    friend, elder = s.friend(hero), s.elder()
    (present, work, _, _), cake, color = s.pick(_PRESENTS), s.pick(_CAKES), s.pick(_FESTIVE)
    silence = "I did not make a sound" if friend.kind == "mouse" else "I kept as still as a mouse"
    visit, excuse = s.pick((
        (f'{friend} only called through the door, "I am busy!"',
         f'"I was making this when you came," said {friend}. "I was so afraid you would find out!"'),
        (f"Nobody opened the door, although {hero} knocked three times.",
         f'"I {work}," said {friend}. "And when you knocked, {silence}!"'),
    ))
    return [
        text(opening(s, hero, 0.2, never=("Every day",)),
            s.one(f"Today was {hero.his} birthday, and {hero.he} woke up before the sun.",
                f"{hero.He} had counted the days, and now it was {hero.his} birthday.")),
        text(s.one(f"But at breakfast {hero.his} {elder.kind} did not say a word about it.",
                f"But {hero.his} {elder.kind} only said, \"Good morning,\" and buttered the bread."),
            s.one(f'"Do you know what day it is?" asked {hero}. "Washing day," said {elder}.',
                f'"Is today special?" asked {hero}. "Not that I know," said {elder}, and coughed.'),
            f"In the afternoon {hero} went to see {hero.his} friend {friend}.", visit, sad(s, hero),
            s.one(f'"They have all forgotten," {hero.he} thought, and walked around and around the pond.',
                f"{hero.He} kicked a pebble all the way down the path and took the longest way back.")),
        text(s.one(f"When {hero} came home at last, the curtains were drawn, and it was dark inside.",
                f"It was growing dark when {hero} got home. There was not a sound. {hero.He} pushed open the door."),
            s.one("Then, all at once, the lights went on.", "Then a match flared, and another.",
                "Somebody giggled, and the lamps lit up.") + ' "Surprise!"',
            s.one(f"Everyone was there! There were {color} balloons and paper lanterns and a {cake} with candles.",
                f"{color.capitalize()} streamers hung from the ceiling, and candles burned on a {cake}."),
            s.one(f"{friend} held out a parcel.", f"A parcel from {friend} lay on a stool.") + f" In it was {present}.",
            excuse),
        text(glad(s, hero),
            s.one(f'"I thought you had forgotten me," said {hero}. "Never!" said {elder}.',
                "They sang so loudly that the cups rattled.",
                f"{hero.He} blew out all the candles in one puff."),
            s.one("The music went on until midnight.", f"That night, {hero} dreamed of the party.",
                lesson(s, hero, "those who love you do not forget you", "a secret can be a kind of gift"))),
    ]


def birthday_present(s: Scene) -> list[str]:
    """A present made by hand gets spoiled on the way and is loved all the same."""
    hero = s.hero()
    friend, elder = s.friend(hero), s.elder()
    (present, work, mishap, honored), cake = s.pick(_PRESENTS), s.pick(_CAKES)
    day = s.one("on Friday", "on Sunday", "on Monday", "on the first of May", "on Saturday", "in four days")
    honored = honored.replace("CAKE", cake).replace("HE", friend.He)
    arrival = s.one(
        f"{hero} almost went home again. But {friend} had already seen {hero.him} and came running.",
        f"{hero} stood at the door and did not dare to knock. Then it opened, and there was {friend}.")
    return [
        text(opening(s, hero, 0.3),
            f"{hero.His} friend {friend} had a birthday {day}, and {hero} had no money for a present.",
            s.one(f'"Then make something yourself," said {hero.his} {elder.kind}. "Those are the best presents."',
                f'"What you make yourself is worth more than gold," said {hero.his} {elder.kind}.')),
        text(f"So {hero} decided to make {present}. {hero.He} {work}.",
            s.one("It was done just in time.", "It was harder than it looked.", f"{hero.He} even forgot about supper."),
            s.one(f"But on the way to the party, {mishap}!",
                f"Proudly {hero.he} set off for the party. But on the way, {mishap}!"), sad(s, hero),
            s.one('"Now it is ruined,"', '"I cannot give that to anyone,"') + f" {hero.he} thought."),
        text(arrival,
            f'"It was going to be {present}," {hero} mumbled. "'
            + s.one("It was beautiful this morning.", "I worked so hard on it.") + '"',
            s.one(f"{friend} turned it gently this way and that.", f"{friend} held it very carefully."),
            s.one(f'"You made it yourself? For me?" {friend.he} asked. "Then I love it!"',
                f'"Nobody else in the world has one like this," {friend.he} said.',
                f'"It looks as if it has had an adventure," {friend.he} said. "I like it even more."')),
        text(f"{honored}.", glad(s, hero),
            s.one(lesson(s, hero, "a gift made with love is never ruined", "it is the thought that counts"),
                bedtime(s, hero, never=("smile", "happy")))),
    ]


_BABY_TRICKS = bank("""
    balanced a spoon on one finger, wobbled like jelly, hid behind a towel and popped out,
    put a sock on each ear, danced with the broom, quacked like a very old duck,
    sneezed a pretend sneeze and fell over, blew bubbles with a wet straw
""")
_BABY_TASKS = bank("rock the cradle, fetch clean diapers, sing lullabies, push the stroller, warm the bottle, "
    "count the tiny toes, look for the pacifier, fold little shirts")


def new_sibling(s: Scene) -> list[str]:
    """A baby takes all the attention, until only the older child can make it laugh."""
    hero, elder, baby_he = s.child(), s.elder(), s.pick(s.genders)
    his, him, kin = ("his", "him", "brother") if baby_he == "he" else ("her", "her", "sister")
    name = s.one("Ozzie", "Bertie", "Archie", "Louie") if baby_he == "he" else s.one("Rosie", "Minnie", "Dora", "Lulu")
    trick, tasks = s.pick(_BABY_TRICKS), s.some(_BABY_TASKS, 2)
    hiding, found = s.pick((
        (f"{hero.He} crawled under the table and would not come out.",
         f"After a while, {hero.his} {elder.kind} crawled under the table, too."),
        (f'"Can we give {him} back?" {hero.he} asked.',
         f"{hero.His} {elder.kind} did not scold, but sat down on the floor and opened both arms."),
        (f"{hero.He} packed a bag with two apples and a blanket and marched to the door.",
         f"But there stood {hero.his} {elder.kind}, with both arms open wide."),
    ))
    return [
        text(opening(s, hero, 0.3),
            s.one(f"One day a new baby came home. It was a {kin}, and {his} name was {name}.",
                f"In the spring, {hero} got a baby {kin} called {name}.",
                f"One morning there was a baby in the cradle. It was {hero}'s new {kin}, {name}."),
            s.one("The baby was as wrinkled as a raisin.", "The baby was as small as a loaf of bread.",
                "The baby had no teeth and hardly any hair.", f"{hero} had hoped for somebody to play ball with.")),
        text(s.one(f"All day {name} cried, and everybody ran.",
                f"Visitors came with presents, and every one was for {name}.",
                f"When {hero} wanted a story, {elder} only whispered, \"Hush, the baby is asleep.\""),
            s.one(f"{hero} held up a drawing, but {elder} did not even look.",
                f"Nobody looked when {hero} stood on {hero.his} head.",
                f"Nobody had time for {hero} anymore."), sad(s, hero, never=("head",)), hiding),
        text(found,
            s.one(f'"When you were born, you cried even louder," {elder.he} said. "And I loved you just as much."',
                f'"My heart did not split in two," {elder.he} said. "It grew."',
                f'"A baby needs many things," {elder.he} said, "but most of all a big '
                f'{"brother" if hero.he == "he" else "sister"}."'),
            f"Suddenly {name} began to {s.one('wail', 'howl', 'scream', 'bawl')}.",
            s.one("The bottle did not help. The rattle did not help.",
                f"{elder} rocked and hummed, but nothing helped.",
                "Neither the toy bear nor the music box was any use.")),
        text(f"Then {hero} {trick}.",
            s.one(f"{name} stopped crying, stared, and laughed for the very first time!",
                f"{name} hiccuped, looked up, and giggled!",
                f"The crying stopped. {name} kicked both feet and laughed!"),
            s.one(f'"You did it!" said {elder}. "Nobody else could."', f'"That laugh was for you," said {elder}.'),
            s.one(f"{hero} did it again, and {name} laughed again.", f"A tiny hand closed around {hero}'s finger.",
                glad(s, hero)),
            f"After that, {hero} helped to {tasks[0]} and to {tasks[1]}.",
            s.one(f"And every evening, {elder} and {hero} had a story all to themselves.",
                "Love does not get smaller when it is shared.",
                f'"When you are bigger," {hero} told {name}, "we will make everybody laugh together."')),
    ]


# What broke; the accident; who mends it; with what in the helper's hand; how; how it is afterward.
_REPAIRS = rows("""
    clock | fell off the shelf and stopped ticking | clockmaker, tinker | a tiny screwdriver
        | cleaned its little wheels with a drop of oil | ticked again, and now it even chimed
    chair | tipped over and lost a leg | carpenter, boat builder | the glue pot
        | carved a new leg out of ash wood | stood as firm as a rock
    music box | went silent in the middle of its tune | clockmaker, toymaker | the lamp
        | bent the tiny spring back into place | played its tune, with one new funny note
    kite | flew into a thorn tree and got a great rip | tailor, toymaker | the scissors
        | sewed on a patch shaped like a star | flew higher than before
    bicycle | hit the curb and got a crooked wheel | blacksmith, tinker | the wrench
        | straightened the spokes one by one | rolled without a squeak
    puppet | got caught in the door and lost both its strings | toymaker, tailor | the scissors
        | tied on two new strings, one red and one blue | could bow and wave and dance
    umbrella | turned inside out in the wind | tailor, tinker | the pliers
        | bent the ribs and sewed on a bright patch | opened like a flower
    rocking horse | got stuck under the gate and lost its tail | toymaker, carpenter | the brush
        | made a new tail out of wool | looked ready to gallop
    boat | hit a rock and got a hole in the bottom | boat builder, carpenter | the pot of wax
        | plugged the hole with cork and wax | floated like a duck
    quilt | caught on a nail and tore down the middle | tailor, weaver | the thread
        | stitched the halves together with big silver stitches | was warmer than ever
    fiddle | snapped a string in the middle of a song | fiddle maker | the fiddle steady
        | stretched a new string and tuned it | sang like a bird
    lantern | fell off its hook and got a cracked pane | tinker, glassmaker | the lamp
        | fitted a pane of colored glass | threw a rainbow on the wall
""")


def broken_thing(s: Scene) -> list[str]:
    """An old thing breaks; instead of throwing it away, it is mended and becomes better."""
    hero, elder = s.child(), s.elder()
    thing, broke, fixers, tool, mend, after = s.pick(_REPAIRS)
    fixer = s.neighbor(bank(fixers))
    carried = f"wrapped the {thing} in a {s.one('blanket', 'towel', 'shawl', 'sheet')} and carried it"
    if thing == "quilt":
        carried = "rolled up the quilt and carried it"
    elif thing in ("bicycle", "boat", "rocking horse", "chair"):
        carried = f"put the {thing} on a cart and pulled it"
    return [
        text(opening(s, hero, 0.3, never=("bicycle",)),
            f"{hero.He} had an old {thing} that had once belonged to {hero.his} {elder.kind}.",
            s.maybe(s.one("It was older than the apple tree.", "It was full of memories.",
                    f"{hero} would not have swapped it for anything in the world."))),
        text(f"{when(s)}, the {thing} {broke}.", sad(s, hero),
            s.one('"Just throw it away," said a neighbor. "Buy a new one."', '"It is too old to mend," people said.',
                '"It is only rubbish now," people said.'),
            s.one(f'But {hero} shook {hero.his} head. "I will find a way."',
                f"But {hero} did not want a new one. {hero.He} wanted this one.")),
        text(s.one(f"{hero} asked {elder}. \"{fixer}, the {fixer.kind}, has clever fingers,\" said {elder}. "
                "\"Go and ask.\"",
                f"{elder} thought for a while. \"Take it to {fixer}, the {fixer.kind},\" {elder.he} said."),
            f"So {hero} {carried} to the workshop.",
            s.one(f'"Hmm," said {fixer}, looking at it closely. "We can do it, if you help me."',
                f'"I will show you how," said {fixer}, "and then you can do it yourself next time."'),
            f"{hero} held {tool} while {fixer} {mend}.",
            s.maybe(s.one("It took all afternoon.", "Twice they had to start again."))),
        text(s.one("At last it was done.", "By evening it was ready.", "Then came the great moment.")
            + f" The old {thing} {after}!", glad(s, hero),
            s.one(f'"How can I pay you?" {hero.he} asked. "Sweep the floor, and come again," said {fixer}.',
                f'"You have good hands," said {fixer}. "Would you like to learn more?"',
                f"{hero.He} thanked {fixer} with a bag of {hero.treat}."),
            s.one(f"When {elder} saw it, {elder.he} had tears in {elder.his} eyes.",
                f"{elder} could hardly believe it. \"It is even better than before,\" {elder.he} said.",
                f"{elder} smiled. \"Now it has one more story to tell,\" {elder.he} said."),
            lesson(s, hero, "broken things can be made whole again", "old things are worth caring for",
                "it is better to mend than to throw away")),
    ]


# What the box becomes; where it goes; whom they meet; what goes wrong; how they mend that.
_CRAFTS = rows("""
    ship | sailed across the carpet, past three whales and a mermaid | a storm tossed them about
        | threw the pillows overboard, and the ship lay still
    rocket | zoomed past the lamp, and a polite green alien waved | a comet whizzed straight at them
        | steered hard to the left, and the comet missed them by a hair
    castle | ruled over the whole room, and a sleepy dragon guarded it | an army of socks attacked
        | pulled up the drawbridge, and the socks gave up
    submarine | dived beneath the table, where an octopus wore eight gloves | a giant clam blocked the way
        | tickled the clam with a feather, and it let them through
    train | rattled from room to room and picked up a bear with a ticket to the North Pole | the bridge was gone
        | built a new one from books, and the train rolled on
    balloon | floated over the sofa hills among a family of geese | they flew into a thundercloud
        | threw out the sandbags and rose above the cloud
    bus | drove to the jungle with a tiger who wanted to sit by the window | the road was full of crocodiles
        | honked until the crocodiles moved over
    spaceship | landed on the moon, where a mouse in a silver suit lived | the engine went pop
        | fixed the engine with sticky tape, and off they flew
""")
_GEAR = bank("two wooden spoons, a colander, some string, a bedsheet, three pot lids, a broom, an alarm clock, "
    "a pair of goggles, a paper plate, a funnel")


def rainy_day_ship(s: Scene) -> list[str]:
    """Nothing to do on a rainy day, until a box becomes something else."""
    hero = s.child()
    friend, elder = s.friend(hero), s.elder()
    craft, sail, problem, fix = s.pick(_CRAFTS)
    hint, looked = s.pick((
        (f'"Are you sure?" asked {elder}, and went away whistling.', "The two friends looked at each other."),
        (f'"Look again," said {elder}, "but with your eyes closed."',
         s.one(f"{hero} closed {hero.his} eyes. Then {hero.he} smiled.", "They both closed their eyes tight.")),
    ))
    return [
        text(opening(s, hero, 0.3),
            s.one("One day it had been raining since morning.", "One wet day, it was too stormy to go to the park.",
                "One day there was no school, and it was pouring."),
            s.maybe(s.one("The gutters gurgled and the windows ran.", "Even the ducks looked wet.",
                "Umbrellas bobbed along the street.", "The road turned to mud.")),
            s.one(f'"I am bored," said {hero}.', f'"There is nothing to do," groaned {hero}.',
                f"{hero} pressed {hero.his} nose against the window."),
            s.one(f"{hero.His} friend {friend}, who had come to play, was bored too.",
                f"{hero.His} friend {friend}, who had come to play, yawned.")),
        text(s.one(f'"May we watch something?" {hero} asked {hero.his} {elder.kind}. "Not today," said {elder}.',
                f'"Can we go out?" {friend} asked {hero}\'s {elder.kind}. "You would float away," said {elder}.'),
            f"{elder} put a big {s.one('cardboard', 'wooden', 'brown')} box on the floor and said, "
            f"\"{s.one('What could this be?', 'This is for you.', 'I wonder what is in it.')}\"",
            s.one(f'{hero} looked inside. "It is empty!"', f'{friend} walked around it. "It is only a box!"'), hint),
        text(looked,
            s.one(f'"It is a {craft}!" cried {hero}.', f'"I see it now! A {craft}!" said {hero}.',
                f'"I know! Our own {craft}!" called {hero}.'),
            f"They fetched {listed(s.some(_GEAR, 3))} and went to work. The {craft} {sail}. Suddenly {problem}!",
            s.one(f'"What shall we do?" cried {friend}.', f'"Do not panic!" said {friend}.',
                f'"Hold tight!" shouted {hero}.' if craft != "castle" else f'"To the walls!" shouted {hero}.'),
            f"They {fix}."),
        text(s.one(f"When {elder} called them to supper, they could not believe how late it was.",
                "They did not even notice that the rain had stopped."),
            s.one(f'"How was your day?" asked {elder}. "We were very far away," said {hero}.',
                f'"So it was only a box?" asked {elder}. "It was never only a box!" said {friend}.',
                f'"May we keep it forever?" asked {hero}. {elder} nodded.'),
            s.one(lesson(s, hero, "imagination can fill any empty box", "a box can be anything at all",
                "boring days can hide great adventures"), bedtime(s, hero, never=("stars",)))),
    ]
