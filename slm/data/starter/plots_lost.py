"""Plots about losing, searching and finding."""
from __future__ import annotations

from slm.data.starter.beats import bedtime, comfort, glad, lesson, opening, sad, when
from slm.data.starter.details import PLACES, senses
from slm.data.starter.grammar import an, listed, plural, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import FARM_SOUNDS, FINDS, FRUITS, GROCERIES, SOFT_TOYS, TOYS, bank

_SEARCHED = bank("""
    under the bed, behind the sofa, in the closet, under the stairs, behind the curtains, in the bathtub,
    under the rug, behind the door, in the coat pockets, on the windowsill, in the umbrella stand, under the
    table, between the cushions, in the sock drawer, behind the bookcase, in the pantry
""")
_HIDDEN = (
    ("inside the laundry basket", "We changed the sheets", "It had been scooped up with the bedclothes"),
    ("in the dog's bed", "We played tug with the dog", "The dog had borrowed it for a nap"),
    ("in the wheelbarrow", "I was a pirate, and the wheelbarrow was my ship", "It was still guarding the deck"),
    ("under a blanket on the porch", "I had a tea party on the porch", "The wind had turned the blanket over"),
    ("at the bottom of the picnic basket", "We had a picnic", "It had slipped down under the napkins"),
    ("behind the rain barrel", "We played hide and seek", "Nobody had said that the game was over"),
    ("under the garden bench", "I sat on the garden bench", "It had slipped down between two slats"),
    ("behind the flour jar", "We made pancakes together", "There was a white handprint next to it"),
    ("in the bicycle basket", "I went for a ride on my bicycle", "It had been waiting there for another ride"),
    ("in the mailbox", "I played mail carrier", "It had been the very last letter"),
)
_WILD_SEARCHED = bank("""
    under the bed of moss, behind the woodpile, in the nut bowl, under the leaves, behind the curtain of ivy,
    between the roots, under the big fern, behind the water jug, in the berry basket, among the pine cones,
    under the mushroom stools, inside the old boot
""")
_WILD_HIDDEN = (
    ("on the flat stone by the brook", "I washed my paws in the brook", "It was all warm from the sun"),
    ("under the bramble bush", "We picked berries", "A thorn had caught it and held on"),
    ("in a heap of leaves", "I jumped into the leaves", "Only a tiny bit of it peeped out"),
    ("on the old tree stump", "I played king of the stump", "It looked like a king on a throne"),
    ("in the nut basket", "I carried the nuts home", "It had been riding on top and had sunk to the bottom"),
    ("between two roots of the oak", "We played hide and seek", "Nobody had said that the game was over"),
)


def lost_toy(s: Scene) -> list[str]:
    """A beloved toy is gone; thinking back finds it."""
    hero, elder, thing = s.hero(), s.elder(), s.pick(TOYS)
    toy, (spot, memory, reason) = thing.name, s.pick(_WILD_HIDDEN if hero.animal else _HIDDEN)
    first, second, third = s.some(_WILD_SEARCHED if hero.animal else _SEARCHED, 3)
    return [
        text(opening(s, hero, 0.2, never=("Most of all",)),
            s.one(f"{hero} had {an(s.describe(thing))} and took it everywhere.",
                f"{hero.His} best treasure was {an(s.describe(thing))}.",
                f"The thing {hero.he} loved most was {an(s.describe(thing))} from {hero.his} {elder.kind}.",
                f"Wherever {hero} went, {an(s.describe(thing))} went too.")),
        text(s.one(f"{when(s)}, the {toy} was gone. {hero} looked",
                f"But one day, {hero} could not find the {toy} anywhere. {hero.He} looked",
                f'"Where is my {toy}?" {hero} cried one morning. {hero.He} looked')
            + s.one(f" {listed([first, second, third])}.", f" {first} and even {second}."),
            s.one("No luck!", "It was not there.", f"There was no {toy} to be seen."), sad(s, hero)),
        text(s.one(f'"I have lost my {toy}," {hero} told {hero.his} {elder.kind}.',
                f'"What is the matter?" asked {hero.his} {elder.kind}. "My {toy} is lost!" said {hero}.'),
            comfort(s, elder, hero),
            s.one(f'"Close your eyes," {elder.he} said. "When did you see it last?"',
                f'"Let us walk back through yesterday, step by step," {elder.he} said.',
                f'"Lost things are often only waiting," {elder.he} said. "What did you do yesterday?"',
                f'"Running in circles will not help," {elder.he} said. "What did you do yesterday?"'),
            s.one(f"{hero} thought very hard.", f"{hero} scratched {hero.his} head.", f"{hero} thought and thought."),
            s.one(f'"{memory}," {hero.he} said slowly. "Oh! I know!"',
                f'"{memory}..." {hero.he} began. "Wait! I know where it is!"'),
            f"And off {hero.he} {hero.moved} to look."),
        text(s.one(f"There was the {toy}, {spot}!", f"Sure enough, {spot} sat the {toy}.",
                f"{hero} looked {spot}, and there it was, safe and sound."), f"{reason}.", glad(s, hero),
            s.one(f'"I will take better care of you," {hero.he} promised.',
                f'"Thank you for helping me think," {hero.he} said to {elder}.',
                f"{hero.He} held the {toy} tight and told it all the news." if thing in SOFT_TOYS else ""),
            s.one(lesson(s, hero, "a quiet minute can find what a busy hour cannot",
                "a calm head finds more than quick feet", "things are safer when they have a home"),
                bedtime(s, hero, never=("smile", "happy")))),
    ]


_MAPPED_PLACES = tuple(place for place in PLACES if place.name in bank(
    "the park, the forest, the meadow, the river, the pond, the hill, the old mill"))
_TREASURES = (
    ("a note", "smiled at each other"),
    ("a heap of chocolate coins wrapped in gold paper", "shared a sticky feast"),
    ("a jar of peppermints and two paper crowns", "crowned each other at once"),
    ("a bag of toffees that had gone soft", "chewed until their jaws ached"),
    ("a tin full of old marbles that clicked and glittered", "counted them twice"),
    ("a little brass spyglass", "took turns looking at the far hills"),
    ("a picture of the two of them, laughing", "decided to hang it on the wall"),
)


def treasure_map(s: Scene) -> list[str]:
    """Two friends follow a map; the treasure is not gold, or is better shared."""
    hero = s.hero()
    friend, elder = s.friend(hero), s.elder()
    place, find = s.pick(_MAPPED_PLACES), s.pick(FINDS)
    steps, tree = s.one("ten", "twelve", "seven", "nine"), s.one("oak", "willow", "birch", "pine", "elm")
    hidden = s.one("in a hollow log", "in a green bottle", "under a flat stone", "in the toe of an old boot")
    if not hero.animal:
        hidden = s.one("inside a dusty book", "in a green bottle", "behind a loose brick", "under a floorboard")
    who = f"{friend} the {friend.kind}" if friend.animal else friend.name
    treasure, reaction = s.pick(_TREASURES)
    if treasure == "a note":
        treasure = f'{an(s.describe(find))} and a note that said, "The best treasure is a good friend."'
    trouble = s.one(
        text(f"They dug and dug, but found only {s.one('roots', 'worms', 'stones', 'a bent spoon')}, and {friend} "
            f'wanted to go home. "Wait," said {hero}. "Grown-ups have longer legs than we do!"',
            "So they went back and took much longer steps, counting aloud."),
        text(f"But there the map only said, \"Dig!\" {hero} wanted to dig on the left, and {friend} wanted to dig on "
            f'the right. "Two heads are better than one," said {friend}. "Let us look again."',
            "And on the back of the map they found a tiny arrow. It pointed to a spot between the two."),
        text("Suddenly a gust of wind snatched the map and blew it into a puddle. The ink ran, and the cross was gone. "
            f'"Let us not give up," said {hero}. "We both looked at it long enough."',
            "So they drew the map again in the dirt, line by line, until they knew where to dig."))
    return [
        text(opening(s, hero, never=("Every day",)),
            s.one(f"{when(s)}, {hero} found an old map {hidden}.",
                f"{when(s)}, {hero} found a rolled-up paper {hidden}. It was a map!"),
            s.one("A red cross marked a spot.", "There was a big red cross on it.",
                "It smelled of candle wax and adventure, and there was a cross on it.")),
        text(f"{hero} showed it to {hero.his} friend {who}.",
            s.one('"Treasure!"', '"A real map!"', '"An adventure!"') + s.one(f" whispered {friend}.",
                f" cried {friend}.", f" said {friend}."),
            s.one(f"The map told them to go to {place.name} first and look for the tallest {tree}.",
                f"\"Start {place.at},\" the map said, \"and find the tallest {tree}.\""),
            senses(s, place, 0.8),
            f"From the {tree} they took {steps} big steps toward the "
            f"{s.one('sun', 'church tower', 'big rock', 'mountain', 'red roof')}.",
            s.one("They crawled through a prickly hedge.", "They hopped over a ditch.",
                "They squeezed past a thorn bush.", "")),
        trouble,
        text(s.one("Clunk! They had found a box!", "There, deep in the earth, was a small chest.",
                "A corner of wood stuck out of the earth. It was a box!"),
            f"Inside was {treasure}" + ("" if treasure.endswith('"') else "."),
            s.one(f"{hero} and {friend} {reaction}.", f"The two friends {reaction}."),
            s.one(f"\"Who drew the map?\" they wondered. Then {hero}'s {elder.kind} peeped out "
                f"from behind the {tree} and winked.",
                f"At home {elder} asked where they had been. \"On an adventure!\" they said. {elder} only winked.",
                f"\"I hoped you would find it,\" said {elder} when they came home, all muddy."),
            lesson(s, hero, "a hunt is twice as much fun with a friend", "those who keep trying will find",
                "sharing makes a treasure bigger")),
    ]


_TINY_FRUITS = bank("strawberry, cherry, blueberry, grape, raspberry")


def market_trip(s: Scene) -> list[str]:
    """A child at the market loses sight of the grown-up, keeps calm and is found."""
    hero, elder, helper = s.child(), s.elder(), s.neighbor()
    goods, fruit = s.some(GROCERIES, 3), s.pick(FRUITS[:-1])
    a_gift = f"a handful of {plural(fruit)}" if fruit in _TINY_FRUITS else an(fruit)
    meeting = s.one("the cheese stall", "the flower stall", "the fountain", "the bread stall", "the fish stall",
        "the old clock")
    lure = s.one("a juggler with five orange balls", "a cage of singing canaries",
        "a man blowing enormous bubbles", "a puppet show", "a monkey in a tiny vest", "a brass band",
        "a box of fluffy chicks")
    rule, next_, asked, answer, found, proud = s.pick((
        ("If you are lost, stay where you are and ask for help", f"So {hero} did not run.",
         f'"Please, I have lost my {elder.kind}," {hero} said.',
         s.one(f'"How clever of you to ask," said {helper}. "I will wait here with you."',
            f'"Then we will wait right here until {elder.he} comes back," said {helper}.'),
         f"Before long {elder} came hurrying through the crowd.", "I stayed in one place, just as you told me"),
        (f"If we lose each other, meet me at {meeting}", "But which way was it?",
         f'"Please, I have lost my {elder.kind}. Where is {meeting}?" {hero} asked.',
         s.one(f'"How clever of you to ask," said {helper}. "I will take you there."',
            f'"Just around the corner," said {helper}. "Come, we will wait there together."'),
         f"They were hardly there when {elder} came hurrying through the crowd.",
         f"I went to {meeting}, just as you told me"),
    ))
    return [
        text(opening(s, hero, 0.2), f"{when(s)}, {hero.he} went to the market with {hero.his} {elder.kind}.",
            s.one(f"They needed {listed(goods)}.", f"On their list were {listed(goods)}.",
                f"They wanted to buy {listed(goods)}."),
            s.one(f'"Stay close to me," {elder} said.', f'"It is crowded, so keep near," {elder} said.'),
            s.maybe(s.one("The stalls were piled high.", "It smelled of spices and warm bread.",
                    "People called out and bells rang.", "A rooster crowed on top of a crate.",
                    "Striped awnings flapped above the crowd."), 0.4)),
        text(s.one(f"First they bought {goods[0]}.", f"They began with {goods[0]}."),
            s.one(f"Soon {hero} saw {lure}.", f"Just then {hero} noticed {lure}."),
            s.one(f"{hero.He} stopped to watch, only for a moment.", f"{hero.He} went closer, to have a better look.",
                f"It was so wonderful that {hero.he} forgot everything else."),
            f"When {hero.he} turned around, {elder} was {s.one('gone', 'nowhere to be seen', 'not there')}.",
            sad(s, hero)),
        text(s.one(f"Then {hero} remembered what {elder} always said: \"{rule}.\"",
                f"Then {hero} thought of what {elder} had taught {hero.him}: \"{rule}.\""), next_,
            f"Not far away {helper}, the {helper.kind}, was choosing {plural(fruit)}.", asked, answer,
            s.maybe(f"And {helper.he} gave {hero} {a_gift}.", 0.3)),
        text(found, s.one(f"{hero} ran straight into {elder.his} arms.",
                f"{elder.He} hugged {hero} so hard that a bag tipped over."),
            s.one(f'"I am sorry I did not stay close," said {hero}. "I was worried," said {elder}, "but you did the '
                'right thing."',
                f'"{proud}," {hero} said. "I was worried, and now I am proud," said {elder}.'),
            f"They thanked {helper} and bought {goods[1]} and {goods[2]}.",
            s.one(f"On the way home {hero} held on to the basket.", bedtime(s, hero))),
    ]


_STRAYS = (
    ("lamb", "Baa", "caught in a bramble bush", "bent the thorny branches aside", "sheep"),
    ("baby goat", "Maa", "stuck on a narrow ledge", "climbed up and lifted the little goat down", "goat"),
    ("calf", "Moo", "up to the knees in deep mud", "pulled and pushed until the mud let go", "cow"),
    ("duckling", "Peep", "down in a deep ditch", "made a little ramp out of a board", "duck"),
    ("foal", "Neigh", "tangled in a rope", "loosened the knots", "horse"),
    ("piglet", "Oink", "wedged under a fence", "dug away the earth", "pig"),
    ("puppy", "Yip", "shut in an empty shed", "slid back the rusty bolt", ""),
    ("chick", "Cheep", "trapped under a flowerpot", "lifted the pot", "hen"),
)
_FARM_CORNERS = bank("""
    behind the haystack, in the tractor shed, along the stream, among the beets, between the corn rows,
    under the old cart, beyond the well, by the beehives
""")
_NOT_ON_A_FARM = bank("city, town, apartment, school, clock tower, by the sea, feed")


def lost_lamb(s: Scene) -> list[str]:
    """A young farm animal has strayed, and its own sound leads the hero to it."""
    hero, elder = s.child(), s.elder()
    kind, cry, trouble, rescue, parent = s.pick(_STRAYS)
    name = s.one("Snowball", "Speck", "Tiny", "Bubbles", "Freckle", "Domino", "Pudding", "Button")
    beast, sound, where = s.pick([row for row in FARM_SOUNDS if row[0] != parent])
    lost, end = s.pick((
        (f"Late one afternoon, the gate stood open, and {name} was gone.", f"After that, {hero} always shut the gate."),
        (f"One evening, {hero} counted the animals. One was missing. It was {name}!",
         f"Before bedtime {hero} counted the animals once more. All of them were there."),
        (f"Late one day, {hero} brought the feed. Everybody came running but {name}.",
         f"That evening {name} ate enough for two."),
    ))
    return [
        text(opening(s, hero, 0.2, never=_NOT_ON_A_FARM),
            s.one(f"{hero.His} {elder.kind} kept animals, and {hero} helped to feed them.",
                f"{hero.He} often helped {hero.his} {elder.kind} on the farm."),
            f"{hero.His} favorite was a {kind} named {name}.",
            s.maybe(f"It followed {hero.him} everywhere.")),
        text(lost,
            s.one(f"{hero} asked the {beast} by the {where}, but it only {sound}.",
                f"The {beast} {sound} by the {where}, but there was no sign of the {kind}."),
            s.one(f'"We must find it before dark," said {elder}, and took the lantern along.',
                f'"It cannot be far," said {elder}, and fetched the lantern.'),
            s.one("Clouds were gathering.", "The sun was already low.", "A cold wind blew over the fields.", "")),
        text(s.one(f"They looked {listed(s.some(_FARM_CORNERS, 2))}.",
                "They searched until their boots were heavy with mud."),
            f'"{name}! {name}!" {hero} called.',
            s.one("Nothing moved.", "There was only silence.", "A crow cawed, and that was all."),
            s.one(f"Then {hero} had an idea. {hero.He} stood still and listened.",
                f'"Hush," said {elder}. "Sometimes ears see better than eyes."'),
            s.one("Very faintly, something went, ", "From far away came a faint cry: ",
                "And there it was, very soft and far away: ") + f'"{cry}! {cry}!"'),
        text(s.one(f"{hero} followed the sound.", f"{hero} ran toward the sound as fast as {hero.he} could."),
            f"There was {name}, {trouble}!",
            s.one(f'"Do not be afraid," {hero.he} said softly.', f'"I am here now," said {hero}.',
                f'"Poor little thing," said {hero}.'),
            s.one(f"Together they {rescue}.", f"{elder} held up the light while {hero} {rescue}."),
            s.one(f"{name} licked {hero.his} nose." if kind not in ("duckling", "chick") else
                f"{name} nibbled {hero.his} sleeve.", f"{name} snuggled close.", f"{name} was shaking but safe."),
            s.one("They carried it home in a warm coat." if kind not in ("calf", "foal") else
                "It walked home right beside them.", "Back home there was fresh straw and a good supper for everyone."),
            s.one(end, lesson(s, hero, "sometimes it is best to be quiet and listen"), bedtime(s, hero))),
    ]
