"""Plots about being afraid, and how it passes."""
from __future__ import annotations

from slm.data.starter.beats import afraid, bedtime, comfort, lesson, opening
from slm.data.starter.grammar import an, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import COLORS, DRINKS, SOFT_TOYS

_MONSTERS = (
    ("Against the wall stood", "a giant with a crooked hat", "the coat and the hat on their hook"),
    ("On the desk crouched", "a dragon with a long neck", "the crooked desk lamp"),
    ("Near the window sat", "a bear with round ears", "the armchair with a pillow on each side"),
    ("On the windowsill sat", "a witch with a bent nose", "the old watering can"),
    ("On the floor lay", "a snake with a spotted skin", "the belt of a bathrobe"),
    ("On the ceiling sat", "a spider with enormous legs", "the ceiling lamp with its six arms"),
    ("In front of the window floated", "a ghost with no feet", "the white curtain"),
    ("Beside the closet lay", "a crocodile with its mouth open", "an open suitcase"),
    ("In the corner lurked", "a wolf with a bushy tail", "a broom that somebody had forgotten there"),
    ("By the wall crouched", "a monster with two heads", "a pair of boots on a box"),
)
_NIGHT = (
    "The moon peeped through the window.", "An owl hooted far away.", "The whole house was still.",
    "Outside, the wind hummed a low song.", "Moonlight lay on the floor like spilled milk.",
    "Somewhere a board creaked.",
)
_WILD_NIGHT = (
    "The moon hung above the treetops.", "Even the crickets had gone quiet.", "A thousand stars were out.",
    "The brook gurgled in its sleep.", "The dew had begun to fall.",
)


def fear_of_the_dark(s: Scene) -> list[str]:
    """A monster in the dark turns out to be something that belongs there."""
    hero, elder, toy = s.child(), s.elder(), s.pick(SOFT_TOYS)
    there, monster, truth = s.pick(_MONSTERS)
    return [
        text(opening(s, hero, 0.5, never=("brave", "bold")),
            s.one(f"{hero} was not afraid of dogs or bees, but {hero.he} was afraid of the dark.",
                f"There was just one thing {hero} did not like, and that was the dark.",
                f"All day long {hero} was brave. Only the dark made {hero.him} shiver.")),
        text(s.one("One evening", "One autumn evening", "One winter evening", "One summer evening") +
            f", {elder} said good night, turned off the light and closed the door.",
            s.maybe(s.pick(_NIGHT), 0.6),
            s.one(f"Suddenly {hero} sat up.", "But what was that?", f"Then {hero} saw something."),
            f"{there} {monster}!", afraid(s, hero),
            s.one(f"{hero} hugged {hero.his} {toy.name} and pulled the blanket up to {hero.his} nose.",
                f"{hero} hid under the covers with {hero.his} {toy.name}."),
            s.one(f'"{elder}! Come quickly!" {hero} called.',
                f'"Help!" {hero} squeaked. There were footsteps, and in came {elder}.',
                f'"{elder}, there is something in my room!" {hero} cried.')),
        text(comfort(s, elder, hero),
            s.one(f'"Let us look at it together," said {elder}, and switched on the light.',
                f'"Shall we see who is visiting?" asked {elder}, and lit a candle.',
                f'"Monsters do not like to be looked at," said {elder}, and turned on a flashlight.'),
            f"The thing in the dark was only {truth}!",
            s.one(f"{hero} began to giggle.", f"First {hero} stared, and then {hero.he} laughed.",
                f'"Oh!" said {hero}. "Is that all?"'),
            s.one(f'"The dark only hides things," said {elder}. "It does not change them."',
                f'"Everything in the dark was there in the light," said {elder}.',
                f'"Now you know its secret," said {elder}.')),
        text(s.one(f'"Good night, {monster.split()[1]}," {hero} whispered.',
                f"Then {hero} said good night to every shadow in the room.",
                f"{hero} told the {toy.name} not to worry."),
            s.one(f"{elder} left a tiny night light burning, shaped like a "
                f"{s.one('star', 'snail', 'mushroom', 'moon', 'shell', 'whale')}.",
                f"{elder} left the door open, just a crack.",
                f"{elder} hummed a slow song until {hero} was fast asleep."),
            lesson(s, hero, "most monsters vanish when you look at them",
                "a little light can make a big fear small")),
    ]


_PETS = (
    ("kitten", "Smoky", "under the table"),
    ("puppy", "Rags", "behind the door"),
    ("baby rabbit", "Fluff", "in its box of hay"),
    ("hamster", "Peanut", "in a corner of its cage"),
    ("parrot", "Captain", "on its perch"),
    ("duckling", "Waddle", "in a shoebox by the stove"),
)
_WILD_LITTLE_ONES = (
    ("beetle", "Bit"),
    ("frog", "Squish"),
    ("young sparrow", "Tweet"),
    ("shrew", "Smidge"),
    ("baby toad", "Plip"),
)
_STORMS = (
    ("Toward evening, the sky grew as dark as ink.", "A single star came out between the clouds."),
    ("Toward noon, the sky grew as dark as ink.", "A rainbow stretched across the sky."),
    ("All day the air had been hot and heavy. Then came the clouds.", "The air was cool and sweet."),
    ("One evening, the wind began to moan.", "The moon came out between the clouds."),
    ("It was a gray and gusty afternoon.", "A rainbow stretched across the sky."),
)
_DOWNPOURS = (
    "Soon big drops splashed on the doorstep.", "The rain came down in silver ropes.",
    "The treetops swayed, and it began to rain.", "It poured and poured.", "The first drops were as big as plums.",
    "Everybody hurried home through the rain.", "Twigs and leaves whirled through the rain.",
)


def thunder(s: Scene) -> list[str]:
    """A storm frightens the hero, who forgets it by comforting somebody smaller."""
    hero, elder = s.hero(), s.elder()
    small, name, spot = s.pick(_PETS)
    found = f"It was {name} the {small}, shaking {spot}."
    if hero.animal:
        small, name = s.pick(_WILD_LITTLE_ONES)
        found = f"On the doorstep sat a {small} named {name}, trembling. {hero} pulled {name} inside."
    storm, after = s.pick(_STORMS)
    cause = s.one("The clouds are moving their furniture", "The sky is clapping its hands",
        "That is only a giant rolling barrels", "The clouds are bowling")
    advice, soothing = s.pick((
        (f"{elder} showed {hero} how to count after each flash. The higher the number, the farther away "
         "the storm is.",
         f'"It is only noise," said {hero}. "Let us count together." One, two, three, four... Boom! One, two, '
         "three, four, five, six... Boom!"),
        ("", f"{hero} sat down beside {name} and sang a silly song about a dancing potato."),
        ("", f'"Let us give each bang a funny name," said {hero}. They called the loudest one '
         f'{s.one("Big Boots", "Old Grumble", "Potato Sack", "Bumpety Bump")}.'),
    ))
    return [
        text(opening(s, hero, 0.4, never=("rain", "wind", "brave", "bold")), storm, s.pick(_DOWNPOURS)),
        text(s.one("Lightning split the sky.", "A white flash lit up the walls.",
                "For a blink, everything was as bright as day."),
            s.one('"Boom!" went the thunder.', "Then came a crash that made the floor tremble.",
                "Rumble, rumble, BANG!", "A long growl rolled across the hills."), afraid(s, hero),
            s.one(f"{hero} hid {hero.his} face in a pillow.", f"{hero} ran to {elder} and held on tight.",
                f"{hero} covered {hero.his} ears."),
            s.one(f'"Is it angry with us?" asked {hero}. "No," said {elder}. "{cause}."',
                f'"What is going on up there?" asked {hero}. "{cause}," said {elder}.',
                f'"I do not like it," said {hero}. "Do not worry," said {elder}. "{cause}."'), advice),
        text(s.one(f"Then {hero} heard a small, sad sound.",
                f"In the next quiet moment, {hero} heard a small, sad sound."), found,
            s.one(f"{name} was even more frightened than {hero}.",
                f"{hero} forgot {hero.his} own fear."), soothing),
        text(s.one("Little by little, the storm went away.",
                "The thunder grew softer, like a grumpy old bear going home.",
                "At last there was only the drip, drip, drip from the leaves."), s.maybe(after),
            s.one(f"{name} was fast asleep.", f"{name} looked up at {hero} gratefully."),
            s.one(f'"You took good care of {name}," said {elder}.',
                f'"Were you not afraid?" asked {elder}. "I was too busy," said {hero}.',
                f'{elder} brought {s.pick(DRINKS)}. "This is for my brave one," said {elder}.'),
            lesson(s, hero, "helping somebody else can make you brave", "loud is not the same as dangerous",
                "every storm ends")),
    ]


_HOUSE_NOISES = (
    ("Scrape, scrape", "kitchen", "a tiny mouse pushing a walnut along the floor",
     "put out a crumb of cheese and named the mouse Midnight"),
    ("Creak, bang, creak", "attic", "a loose shutter swinging on one hinge", "tied it up with a shoelace"),
    ("Clink, clink", "garden", "a hedgehog eating from an upside-down bowl",
     "turned the bowl over and filled it with fresh water"),
    ("Ping, ping", "cellar", "a frog that had jumped into a tin pail",
     "carried the frog out to the wet grass"),
    ("Rattle, rattle", "hallway", "a toy train that nobody had switched off",
     "let it go around once more and put it to bed"),
    ("Rustle, crunch, rustle", "porch", "a raccoon family having a party with the apple peels",
     "left them a few more peels"),
    ("Crackle, thump", "pantry", "a kitten with its head stuck in a paper bag",
     "set it free and gave it a drop of milk"),
    ("Flip, flap, flip", "shed", "a bat hanging from the rake and cleaning its wings",
     "closed the door very softly"),
    ("Plink, plink, plink", "bathroom", "a slow drip that fell into a tin cup",
     "turned the tap as tight as it would go"),
    ("Tap, tap, tap", "yard", "a branch that knocked on the window like a visitor",
     "shook it by its twiggy hand"),
)

_WILD_NOISES = (
    ("Squish, squish", "entrance", "a snail sliding over a sheet of bark", "wished the snail a good journey"),
    ("Roll, bump, roll", "storeroom", "a family of ants rolling a nut", "helped the ants over the last bump"),
    ("Click, click, click", "tunnel", "a beetle who had lost the way", "showed the beetle the way out"),
    ("Hoo, hic, hoo", "bushes", "a young owl practicing its first hoot", "clapped until the owl took a bow"),
    ("Whoo, whoo", "reeds", "the wind playing on a hollow stalk", "hummed along with the tune"),
)


def noise_in_the_night(s: Scene) -> list[str]:
    """A strange noise is followed with courage to a funny cause."""
    hero = s.hero()
    partner = s.friend(hero)
    tool, calm = s.one("lantern", "flashlight"), s.pick(_NIGHT)
    noise, where, what, ending = s.pick(_HOUSE_NOISES)
    if hero.animal:
        noise, where, what, ending = s.pick(_WILD_NOISES)
        tool, calm = "jar of glowworms", s.pick(_WILD_NIGHT)
    return [
        text(opening(s, hero, 0.5, never=("brave", "bold")),
            s.one(f"One evening {hero.his} friend {partner} came to sleep over.",
                f"One evening {hero} had a guest. {hero.His} friend {partner} was staying until morning.")),
        text(s.maybe(calm, 0.6),
            s.one(f"{hero} had just closed {hero.his} eyes when there was a noise.",
                "They were almost asleep when they heard something.",
                "In the middle of the night they both woke up."), f"{noise}!",
            s.one(f'"What was that?" whispered {partner}.', f'"Did you hear that?" {partner} asked.',
                f'"Maybe it is a burglar," whispered {partner}.',
                f'"Maybe it is a troll," said {partner}.'), afraid(s, hero)),
        text(s.one(f'"We could hide under the blankets," said {partner}. "Or we could go and see," said '
                f'{hero}.', f'"If we do not look, we will never sleep," said {hero}.',
                f'"I will go first if you stay close behind me," said {hero}.'),
            f"They took {an(tool)} and tiptoed toward the {where}.",
            s.one("Step by step they went.", "Their shadows jumped with every step.",
                "Their hearts beat like drums."), f"{noise}!",
            s.one("It was louder now.", "There it was again!", "It came from close by."),
            s.maybe(f"{partner} grabbed {hero}'s {hero.hand}.")),
        text(s.one(f"{hero} held up the {tool}.", f"{hero} counted to three and peeped.",
                f"Slowly, very slowly, {hero} peered around the corner."), f"It was {what}!",
            s.one("The two friends laughed until they had the hiccups.",
                f'"You gave us such a fright!" said {hero}.',
                f"{partner} let out a long breath and began to giggle.",
                "They looked at each other and burst out laughing."), f"They {ending}.",
            s.one("Then they went back to bed and slept until the sun was high.",
                "After that, the night did not seem so big.",
                f'"Next time there is a noise," said {partner}, "we will know what to do."'),
            lesson(s, hero, "a brave look is better than a long worry",
                "scary noises often have funny reasons",
                "being brave means being scared and looking anyway")),
    ]


_KEEPSAKES = ("a smooth stone", "a paper heart", "a checked handkerchief", "a lucky chestnut",
    "a coat button", "a tiny drawing", "a silver charm", "a folded note")


_FIRST_LESSONS = (
    ("painting", "had spilled the paint and looked ready to cry", "fetched a cloth and wiped it up"),
    ("singing", "did not know the words", "sang a bit louder, so that nobody noticed"),
    ("a snack", "had nothing to eat", "broke HIS bun in two to share it"),
    ("building with blocks", "had built a tower that kept falling down", "held the bottom steady"),
    ("a story", "could not see the pictures", "moved over to make room"),
    ("gluing paper fish", "had glued two fingers together", "fetched some warm water"),
    ("counting beans", "had dropped a whole jar of beans", "crawled under the tables to find them all"),
)


def first_day(s: Scene) -> list[str]:
    """The first day at school: alone at the door, not alone at the end."""
    hero, elder, teacher = s.child(), s.elder(), s.neighbor(("teacher",))
    friend, color = s.child(), s.pick(COLORS)
    keepsake = s.pick(_KEEPSAKES)
    brave = s.one(f"{hero} forgot to be shy.", f"{hero} did not think twice.", f"{hero} knew at once what to do.")
    recess = s.one("played horses", "began to dig a hole to the other side of the world", "shared a swing",
        "hung upside down from the bars", "hunted for treasure behind the shed")
    activity, moment, helped = s.pick(_FIRST_LESSONS)
    return [
        text(opening(s, hero, 0.3, never=("school", "brave", "bold")),
            s.one("Today was the first day of school.", f"Summer was over, and {hero} was going to school.",
                f"It was {hero}'s first day at school."),
            s.one(f"{hero.His} {color} bag was packed, but {hero.his} tummy was full of butterflies.",
                f"{hero.He} had a new {color} coat and a very worried face.",
                f"{hero.He} had slept badly and eaten only half a pancake.")),
        text(s.one(f'"What if nobody likes me?" {hero} asked {hero.his} {elder.kind}.',
                f'"What if I get lost?" {hero} asked {hero.his} {elder.kind}.',
                f'"What if I miss you?" {hero} asked {hero.his} {elder.kind}.'),
            s.one(f"{elder} pressed {keepsake} into {hero.his} palm.",
                f"{elder} gave {hero.him} {keepsake}."),
            s.one('"Whenever you need me, hold this," ', '"It is full of courage," ',
                '"Here is a bit of home to take along," ') + f"said {elder}.",
            s.one(f"Then {elder} waved, and the big door closed.", "At the gate they said goodbye.",
                f"Then {hero} walked through the tall door alone.")),
        text(s.one("The room was loud and bright.", "There were so many faces!",
                "It smelled of crayons and new shoes.", "Everybody seemed to know everybody."),
            s.one(f'"Welcome, {hero}," said {teacher}, the teacher.',
                f"{teacher}, the teacher, showed {hero} to a seat by the window."),
            f"Then it was time for {activity}.", f"{hero} saw that a {friend.kind} named {friend} {moment}.",
            f"{brave} {hero} {helped.replace('HIS', hero.his)}.",
            s.one(f'"Thank you," said {friend}. "I am new here."',
                f'{friend} smiled. "It is my first day," {friend.he} said. "Mine too," said {hero}.')),
        text(s.one(
                f"At recess they {recess}.",
                "For the rest of the day they sat side by side."),
            s.one(f"{hero} did not need the {keepsake.split()[-1]} even once. When school was out,",
                f"When the bell rang, {hero} could not believe it was over. At the gate,") +
            f" {elder} was waiting.",
            s.one(f'"How was it?" asked {elder}. "Too short!" said {hero}.',
                f'"Can I go again tomorrow?" asked {hero}.',
                f"{hero} had so much to tell that {elder} could not get a word in."),
            s.one(lesson(s, hero, "new things are only new once",
                    "helping is the quickest way to make a friend"), bedtime(s, hero))),
    ]
