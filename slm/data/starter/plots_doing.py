"""Plots about doing: a new skill, a picnic, a cake, a kite, a stage."""
from __future__ import annotations

from slm.data.starter.beats import afraid, bedtime, comfort, glad, lesson, opening, sad, when
from slm.data.starter.details import PLACES, indoors, senses, sunny
from slm.data.starter.grammar import an, plural, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import BAKED, COLORS, FARM_SOUNDS, FRUITS, SNACKS, TRADES, bank

_SKILLS = (
    ("ride a bicycle", "fell into the hedge", "Look ahead, not at your feet", "rode all the way to the gate"),
    ("swim", "swallowed half the pool", "Let the water carry you", "swam six strokes without sinking"),
    ("whistle", "blew nothing but air", "Make your lips as small as a pea", "whistled one clear note"),
    ("tie shoelaces", "made a knot like a bird's nest", "Make two rabbit ears first", "tied a perfect bow"),
    ("roller-skate", "sat down hard on the path", "Bend your knees a little",
     "glided all the way down the lane"),
    ("juggle", "dropped every ball on the cat", "Start with just one ball", "kept three balls in the air"),
    ("read the clock", "mixed up the two hands", "The short hand tells you the hour",
     "told the time, right to the minute"),
    ("play the flute", "made a noise like a goose", "Breathe as if you were blowing on soup",
     "played a whole song"),
    ("do a cartwheel", "tumbled like a sack of potatoes", "Keep your arms strong and straight",
     "turned a cartwheel as round as a wheel"),
    ("row a boat", "went around in circles", "Pull with both arms together",
     "rowed straight to the other shore"),
    ("skip rope", "got tangled up like spaghetti", "Listen to the rope and jump when it taps",
     "skipped twenty times without a stop"),
    ("catch a ball", "let the ball slip through every time", "Watch it all the way into your hands",
     "caught the ball with both hands"),
)


def learning_a_skill(s: Scene) -> list[str]:
    """Many failures, one hint, practice, success."""
    hero, elder = s.child(), s.elder()
    skill, fail, hint, success = s.pick(_SKILLS)
    hours = s.one("before breakfast", "after school", "until it grew dark", "even when it drizzled")
    return [
        text(opening(s, hero, 0.2),
            s.one(f"More than anything, {hero} wanted to learn to {skill}.",
                f"All of {hero.his} friends could {skill}, but {hero} could not.",
                f'"This summer I will learn to {skill}," said {hero}.')),
        text(s.one(f"{when(s)}, {hero} tried it for the first time and {fail}.",
                f"{when(s)}, {hero} tried, and {fail}."),
            s.one(f"{hero} tried again and {fail} once more.", "The second time was no better.",
                "The next try was even worse."),
            s.one(f'"I will never learn it!" {hero} shouted.', f'"It is too hard," said {hero}.',
                f'"I give up," said {hero}, and stamped one foot.'), sad(s, hero)),
        text(comfort(s, elder, hero),
            s.one(f'"Do you know how often I failed when I was small?" asked {elder}. "A hundred times."',
                f'"You cannot do it yet," said {elder}. "Yet is an important word."',
                f'"Did you walk on the day you were born?" asked {elder}. {hero} had to laugh.'),
            s.one(f'"Let me tell you a secret," said {elder}. "{hint}."',
                f'"Try this," said {elder}. "{hint}."',
                f'{elder} showed how it was done. "{hint}," said {elder}.'),
            s.one(f"Every day {hero} practiced {hours}.",
                f"{hero} practiced on Monday. {hero.He} practiced on Tuesday, Wednesday and Thursday, too."),
            s.maybe(s.one("Some days were good, and some days were not.",
                    f"{hero} got {s.one('a scraped elbow', 'a bruise', 'sore arms', 'tired legs')}, but "
                    f"{hero.he} kept going."))),
        text(s.one(f"Then, on a day like any other, it happened. {hero} {success}!",
                f"And one morning, all of a sudden, {hero} {success}!",
                f"On Sunday, {hero} took a deep breath, tried once more, and {success}!"), glad(s, hero),
            s.one(f'"Did you see that?" {hero} cried. "I did it!"',
                f'"I can do it! I can do it!" {hero} sang.', f'"Look, {elder}, look!" called {hero}.'),
            s.one(f'"I saw it," said {elder}, "and I saw all the work before it."',
                f"{elder} clapped the loudest.", f'"I never doubted it," said {elder}.'),
            s.one(f"The next week, {hero} helped a smaller child to learn it too.",
                lesson(s, hero, "practice makes hard things easy", "falling down is a part of learning",
                    "you can do more than you think if you do not give up"))),
    ]


_PICNIC_TROUBLES = (
    ("a line of ants marched straight into the basket",
     "They gave the ants a heap of crumbs, and after that everybody ate in peace"),
    ("the clouds burst, and rain poured down",
     "They held the blanket over their heads like a tent and ate beneath it, as snug as could be"),
    ("a gust of wind blew the napkins and the plates away",
     "They ran after the plates, laughing, and made a game of it"),
    ("a goat came along and ate half of the lunch",
     "At first they shouted, but then they had to laugh. They shared the rest, a tiny bite for each"),
    ("the basket tipped over, and the food rolled everywhere",
     "They followed the trail of food and ate each thing where they found it"),
    ("a swarm of wasps came buzzing around the fruit",
     "They put one piece of fruit far away for the wasps, and the wasps left them alone"),
    ("a flock of ducks snatched half of the lunch",
     "They fed the ducks by hand, and even the shy ones came close"),
    ("a puppy jumped right into the basket",
     "They wiped its nose, and the puppy's family brought a huge salad to share"),
)


def spoiled_picnic(s: Scene) -> list[str]:
    """Something spoils the picnic, and it gets better than planned."""
    hero = s.hero()
    friend, elder = s.friend(hero), s.elder()
    snacks, fruit, place = s.some(SNACKS, 2), s.pick(FRUITS), s.pick(PLACES[:8])
    trouble, saved = s.pick(_PICNIC_TROUBLES)
    return [
        text(opening(s, hero, 0.3),
            s.one(f"{when(s)}, {hero} and {hero.his} friend {friend} wanted to have a picnic.",
                f'"Let us have a picnic {place.at}!" said {hero} to {hero.his} friend {friend}.',
                f"{hero} invited {hero.his} friend {friend} to a picnic."), sunny(s, 0.7)),
        text(s.one(f"{hero}'s {elder.kind} packed {snacks[0]}, {snacks[1]} and a bag of {plural(fruit)} and "
                "came along.", f"{hero}'s {elder.kind} came along and carried a basket with {snacks[0]}, "
                f"{snacks[1]} and ripe {plural(fruit)}."),
            f"They spread {an(s.one('checked', 'striped', 'faded', 'flowery', 'woolly'))} blanket "
            f"{place.at}.", senses(s, place, 0.8),
            s.one(f'"This is going to be perfect," said {friend}.',
                f'"I am as hungry as a bear," said {friend}.',
                f'"First we eat, then we play," said {hero}.')),
        text(s.one("Just then", "At that very moment,", "But before they could take one bite,",
                "But all of a sudden") + f" {trouble}.", sad(s, hero),
            s.one(f'"Our picnic is spoiled!" cried {friend}.', f'"Everything is ruined," said {hero}.',
                f'"Now we can go home," grumbled {friend}.'),
            s.one(f'"Is it?" asked {elder}. "Or is it only different?"',
                f'{elder} winked. "A good picnic needs a surprise."',
                f'"Wait," said {hero}, and began to grin. "I have an idea."'), f"{saved}."),
        text(s.one("It was the funniest picnic they had ever had.",
                "They laughed so much that their cheeks hurt.",
                f'"Next time we will do it just like this," said {friend}.',
                f'"I would not change a thing," said {hero}.'),
            s.one(lesson(s, hero, "a spoiled plan can turn into a better one", "laughing is the best sauce"),
                bedtime(s, hero))),
    ]


_BAKING_MISTAKES = (
    ("used salt instead of sugar", "tasted like the sea",
     "They began again, and this time they tasted everything first"),
    ("forgot to set the timer", "came out as black as coal", "They scraped out the tin and started over"),
    ("spilled the whole bag of flour", "looked like a snowman's kitchen",
     "They wrote their names in the white dust, and then they swept and began again"),
    ("put in ten spoons of baking powder", "grew and grew until the oven door popped open",
     "They cut away the part that had escaped, and the middle was light and delicious"),
    ("dropped the eggs on the floor", "was slippery from wall to wall",
     "They borrowed four eggs from next door and went on"),
    ("mixed up cinnamon and pepper", "made everybody sneeze",
     "They laughed, opened the window and made a new batch"),
)


def baking_day(s: Scene) -> list[str]:
    """Baking for somebody goes wrong by a mix-up and is saved, or is funny."""
    hero, elder = s.child(), s.elder()
    guest, cake = s.neighbor(TRADES[1:]), s.pick(BAKED)
    mistake, result, repair = s.pick(_BAKING_MISTAKES)
    subject = "The whole room" if "kitchen" in result or "slippery" in result else f"The {plural(cake)}"
    return [
        text(opening(s, hero, 0.3),
            s.one(f"{guest}, the {guest.kind}, had been ill for a week.",
                f"{guest}, the {guest.kind}, was moving into the house next door.",
                f"{guest}, the {guest.kind}, had fixed their gate and would not take any money."),
            s.one(f'"Let us bake {plural(cake)} for {guest}," said {hero}.',
                f'"We could bake {plural(cake)} as a surprise," said {hero} to {hero.his} {elder.kind}.')),
        text(indoors(s),
            s.one(f"{elder} tied an apron around {hero}'s middle.",
                f"{hero} washed {hero.his} hands and climbed on a stool."),
            s.one("They measured and poured and stirred.",
                "They mixed butter, milk and flour in the biggest bowl.",
                f"{hero} cracked the eggs, one, two, three."),
            s.one(f"Then the telephone rang, and {elder} left the room.",
                f'"I can do the rest alone," said {hero} proudly.',
                f"{hero} was singing so loudly that {hero.he} did not pay attention."),
            f"{hero} {mistake}."),
        text(f"{subject} {result}!", sad(s, hero),
            s.one(f'"I have spoiled it all," said {hero}.', f'"Now we have nothing to bring," said {hero}.',
                f'"I wanted it to be so nice," said {hero}.'),
            s.one(f'"Every baker has done that once," said {elder}. "Come, we have time."',
                f'{elder} tried hard not to laugh. "Mistakes are how cooks learn," {elder.he} said.',
                f'"Shall we try once more?" asked {elder}.'), f"{repair}."),
        text(s.one("Soon a sweet, buttery smell filled the house.",
                f"This time the {plural(cake)} turned out golden and crisp.",
                f"When the {plural(cake)} had cooled, they put them on {an(s.pick(COLORS))} plate."),
            s.one(f"They carried the plate to {guest}'s door.",
                f"{hero} rang {guest}'s bell with one elbow."),
            s.one(f'"For me?" asked {guest}. "I have not tasted anything so good in years!"',
                f"{guest} took a bite and closed {guest.his} eyes. \"Perfect,\" {guest.he} said.",
                f'"You must come in and share them," said {guest}.'),
            s.one(f"Then {hero} told what had happened the first time, and they all laughed.",
                "They stayed until the plate was empty.", "There was not a crumb left over."),
            s.one(lesson(s, hero, "everybody makes mistakes, and most can be mended",
                    "trying again is the best recipe"), glad(s, hero), bedtime(s, hero))),
    ]


_STUCK_THINGS = (
    ("kite", "sailed up, turned over and got caught"),
    ("balloon", "slipped away and got caught"),
    ("straw hat", "flew off in the wind and landed"),
    ("ball", "bounced off a wall and got stuck"),
    ("paper airplane", "made a wide loop and got stuck"),
    ("frisbee", "flew too far and got stuck"),
    ("shuttlecock", "went up and did not come down. It stayed"),
)


def stuck_kite(s: Scene) -> list[str]:
    """Something is stuck high up; many try alone, together they do it."""
    hero, elder = s.child(), s.elder()
    friend, color = s.friend(hero), s.pick(COLORS)
    thing, up = s.pick(_STUCK_THINGS)
    start = s.one("They played and played.", "At first all went well.", "It was great fun.")
    where = s.one("at the top of the old oak", "on the roof of the barn",
        "in the highest branches of the pear tree", "on the roof of the school", "on top of the bandstand",
        "in the crown of a palm tree")
    attempts = s.some((f"{hero} jumped as high as {hero.he} could.",
            f"{friend} threw a stick, and the stick got stuck too.",
            f"{hero} climbed on a box, but it was too low.",
            f"{friend} shouted at it to come down.", f"{hero} tried to hook it with an umbrella.",
            "They waited for a gust of wind, but the air was still."), 2)
    trio = s.some(bank("mail carrier, milkman, bus driver, window cleaner, ice cream seller, gardener, "
            "music teacher, street sweeper, butcher, fire chief"), 2)
    return [
        text(opening(s, hero, 0.3),
            f"{when(s)}, {hero} took {hero.his} new {color} {thing} to "
            f"{s.one('the village green', 'the square', 'the park')}, where {friend} was waiting.",
            sunny(s, 0.4)),
        text(f"{start} But then the {thing} {up} {where}.",
            s.one('"Oh no!"', '"Come back!"', '"My ' + thing + '!"') + f" cried {hero}.", *attempts,
            sad(s, hero)),
        text(s.one(f"{hero}'s {elder.kind} came by and tried with a long rake. It was too short.",
                f"{hero}'s {elder.kind} lifted {hero.him} up, but they could not reach it."),
            f"Then the {trio[0]} stopped to help. Then the {trio[1]} came.",
            s.one("Everybody had a different plan, and everybody talked at once.",
                "Each of them tried alone, and each of them failed."),
            s.one(f'"Stop!" said {hero}. "What if we all do it together?"',
                f"\"Nobody is tall enough,\" said {friend}. \"But all of us together are!\"")),
        text(f"So the {trio[0]} stood at the bottom, and {elder} stood on a bench and held {hero} up.",
            f"{hero} held the rake, and {friend} shouted, \"Left! A bit more! Now!\"",
            s.one("One poke, two pokes, three pokes...", "They wobbled and giggled.",
                "Everyone held their breath."), f"Down came the {thing}!",
            s.one("Everybody cheered.", "The whole street clapped.", glad(s, hero)),
            s.one(f"{hero} let everyone hold it once.", f'"Thank you, thank you, thank you!" said {hero}.'),
            lesson(s, hero, "together we can reach higher", "many helpers make a hard job easy")),
    ]


_PARTS = (
    ("the moon", "I shine for all who cannot sleep", "a cloak with silver stars"),
    ("the brave lion", "I am small, but my roar is mighty", "a mane of orange wool"),
    ("the old tree", "A hundred winters have I stood", "a bark of brown paper"),
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
    return [
        text(opening(s, hero, 0.3), f"{hero}'s class was putting on a play, and {hero} was {part}.",
            s.one(f"{hero.He} had only one line. It was, \"{line}.\"",
                f"{hero.His} one and only line was, \"{line}.\"",
                f"All {hero.he} had to say was, \"{line}.\""),
            s.one(f"{hero} said it in the bathtub, on the stairs and to the {s.pick(FARM_SOUNDS)[0]} next "
                "door.", f"{hero} said it a hundred times, even in the bathtub.")),
        text(s.one("Then came the big evening.", "At last the day of the play arrived."),
            f"{hero} wore {costume}.",
            s.one("Every seat was taken.", "The curtain was red and heavy.",
                "The lights were hot and bright."),
            f"When it was {hero.his} turn, {hero} stepped forward, opened {hero.his} mouth, and not a word "
            "came out.", afraid(s, hero),
            s.one("It was so quiet that you could hear a pin drop.", "Somebody coughed.",
                "A baby laughed in the back row.")),
        text(s.one(f"Then {hero} saw {hero.his} {elder.kind} in the third row. {elder} was smiling and "
                "nodding.", f"In the front row sat {hero.his} {elder.kind} and held up two thumbs."),
            s.one(f"Behind the curtain, {friend} whispered the first {s.one('word', 'two words')}.",
                f"{friend}, who was playing a {s.one('cloud', 'bush', 'snail', 'donkey', 'rock')}, tiptoed "
                f"over and squeezed {hero.his} hand."),
            s.one(f"{hero} took a deep breath.", f"{hero} thought of the bathtub and almost laughed.",
                f"{hero} wiggled {hero.his} toes, just as {elder} had taught {hero.him}.")),
        text(f'"{line}!" said {hero}, loud and clear.',
            s.one("The people clapped and clapped.", "Everybody cheered, and somebody threw a flower.",
                "The whole hall clapped."),
            s.one(f'"You helped me," {hero} told {friend}. "That is what friends are for," said {friend}.',
                f'"I was so scared," said {hero} later. "And you did it anyway," said {elder}. "That is '
                'what brave means."', f'"Was I bad?" asked {hero}. "You were the best '
                f'{part.split(" ", 1)[1]} I have ever seen," said {elder}.'),
            s.one(lesson(s, hero, "even brave people shake a little", "one kind face can give you courage"),
                bedtime(s, hero), glad(s, hero))),
    ]
