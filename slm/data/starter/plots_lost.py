"""Plots about losing, searching and finding."""
from __future__ import annotations

from slm.data.starter.beats import bedtime, comfort, glad, lesson, opening, sad, when
from slm.data.starter.details import PLACES, senses
from slm.data.starter.grammar import an, capital, listed, plural, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import FARM_SOUNDS, FINDS, FRUITS, GROCERIES, TOYS, bank

SEARCHED = bank("""
    under the bed, behind the sofa, in the closet, under the stairs, behind the curtains, in the bathtub,
    under the rug, behind the door, in the coat pockets, on the windowsill, in the umbrella stand, under the
    table, between the cushions, in the sock drawer, behind the bookcase, in the pantry
""")
HIDDEN = (
    ("inside the laundry basket", "It had been scooped up with the clean sheets."),
    ("in the dog's bed", "The dog had borrowed it for a nap."),
    ("on the highest kitchen shelf", "Somebody had put it there to keep it dry."),
    ("in the wheelbarrow", "It had been left there after a game of pirates."),
    ("under a blanket on the porch", "The wind had blown the blanket right over it."),
    ("at the bottom of the picnic basket", "It had been riding along in there for two days."),
    ("in the rain barrel's shadow", "It had been waiting there since the game of hide and seek."),
    ("under the garden bench", "It had slipped down between two slats."),
    ("inside the pillowcase", "No wonder the pillow had felt so lumpy!"),
    ("behind the flour jar", "There was a white handprint next to it."),
    ("in the basket of the bicycle", "It had been ready for a ride all along."),
    ("in the mailbox", "It had been playing letter the day before."),
)


def lost_toy(s: Scene) -> list[str]:
    """A beloved toy is gone; thinking back finds it."""
    hero, elder, thing = s.hero(), s.elder(), s.pick(TOYS)
    toy, (spot, reason) = thing.name, s.pick(HIDDEN)
    first, second, third = s.some(SEARCHED, 3)
    return [
        text(opening(s, hero, 0.2),
            s.one(f"{hero} had {an(s.describe(thing))} and took it everywhere.",
                f"{hero.His} best treasure was {an(s.describe(thing))}.",
                f"The thing {hero.he} loved most was {an(s.describe(thing))} from {hero.his} {elder.kind}.",
                f"Every night {hero.he} fell asleep with {an(s.describe(thing))} close by.")),
        text(s.one(f"{when(s)}, the {toy} was gone.",
                f"But one day, {hero} could not find the {toy} anywhere.",
                f'"Where is my {toy}?" {hero} cried one morning.'),
            f"{hero} looked {listed([first, second, third])}." if s.chance(0.6) else
            f"It was not {first}. {hero} even looked {second}.",
            s.maybe("There was only dust."), sad(s, hero)),
        text(s.one(f'"I have lost my {toy}," {hero} told {elder}.',
                f"{elder} heard {hero} sniffling and came in.",
                f'"What is the matter?" asked {elder}. "My {toy} is lost!" said {hero}.'),
            comfort(s, elder, hero),
            s.one(f'"Close your eyes and think," said {elder}. "When did you see it last?"',
                f'"Let us walk back through yesterday, step by step," said {elder}.',
                f'"Lost things are often only waiting," said {elder}. "Where did you play yesterday?"',
                f'"Running in circles will not help," said {elder} gently. "What did you do after lunch '
                'yesterday?"'),
            s.one(f"{hero} thought very hard.", f"{hero} scratched {hero.his} head.",
                f"{hero} thought and thought."),
            s.one('"Oh! I know!"', '"Wait, I remember now!"', '"Maybe I know where it is!"'),
            f"{hero.He} {hero.moved} off to look."),
        text(s.one(f"And there was the {toy}, {spot}!", f"{capital(spot)} sat the {toy}.",
                f"{hero} looked {spot}, and there it was, safe and sound."), reason, glad(s, hero),
            s.one(f'"I will take better care of you," {hero} promised.',
                f'"Thank you for helping me think," {hero} said to {elder}.',
                f"{hero} held the {toy} tight and told it all the news.", ""),
            lesson(s, hero, "it helps to stop and think", "a calm head finds more than quick feet",
                "things are safer when they have a home"), s.maybe(bedtime(s, hero), 0.3)),
    ]


_TREASURES = (
    ("a note", "smiled at each other"),
    ("a pair of chocolate coins wrapped in gold paper", "shared a sticky feast"),
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
    place, find = s.pick(PLACES[2:9]), s.pick(FINDS)
    steps, tree = s.one("ten", "twelve", "seven", "nine"), s.one("oak", "willow", "birch", "pine", "elm")
    hidden = s.one("inside a dusty book", "in a green bottle", "behind a loose brick", "under a floorboard")
    who = f"{friend} the {friend.kind}" if friend.animal else friend.name
    box = s.one("a hat box", "a broken clock", "a cracked teapot", "a trunk")
    treasure, reaction = s.pick(_TREASURES)
    if treasure == "a note":
        treasure = f'{an(s.describe(find))} and a note that said, "The best treasure is a good friend."'
    return [
        text(opening(s, hero),
            s.one(f"{when(s)}, {hero} found an old map {hidden}.",
                f"{when(s)}, a rolled-up paper fell out of {box}. It was a map!"),
            s.one("A red cross marked a spot.", "There was a big X on it.",
                "It smelled of candle wax and adventure.")),
        text(f"{hero} {hero.moved} to show {hero.his} friend {who}.",
            s.one('"Treasure!"', '"A real map!"', '"An adventure!"') + s.one(f" whispered {friend}.",
                f" cried {friend}.", f" said {friend}."),
            s.one(f"The map said to go to {place.name} first and look for the {tree} tree.",
                f"\"Start {place.at},\" the map said, \"and find the tallest {tree}.\""),
            senses(s, place, 0.8),
            f"From the {tree} they took {steps} big steps toward the "
            f"{s.one('sun', 'church tower', 'windmill', 'mountain', 'red roof')}.",
            s.one("They crawled through a prickly hedge.", "They hopped over a ditch.",
                "They squeezed past a thorn bush.", "")),
        text(s.one(f"Then the path split in two. {hero} wanted to go left, and {friend} wanted to go right.",
                "They dug and dug, but found only "
                f"{s.one('roots', 'worms', 'an old boot', 'a bent spoon')}. {friend} wanted to go home.",
                "Suddenly a gust of wind snatched the map and blew it into a puddle. The ink began to run."),
            s.one(f'"Let us not give up," said {hero}. "We can work it out together."',
                f'"Two heads are better than one," said {friend}. "Let us look again."',
                f'"Wait," said {hero}. "I have an idea."'),
            s.one("They sat down and thought about every line they had seen.",
                "They tried once more, slowly and carefully.", "This time they counted aloud.")),
        text(s.one("Clunk! They had found a box!", "There, under a flat stone, was a small chest.",
                "A corner of wood stuck out of the earth. It was a box!"),
            f"Inside was {treasure}" + ("" if treasure.endswith('"') else "."),
            s.one(f"{hero} and {friend} {reaction}.", f"The two friends {reaction}."),
            s.one(f"\"Who drew the map?\" they wondered. Behind the {tree}, {hero}'s {elder.kind} only "
                "winked.", f"At home {elder} asked where they had been. \"On an adventure!\" they said.",
                f"\"I hoped you would find it,\" said {elder} when they came home, all muddy.",),
            lesson(s, hero, "a hunt is twice as much fun with a friend", "those who keep trying will find",
                "sharing makes a treasure bigger")),
    ]


def market_trip(s: Scene) -> list[str]:
    """A child at the market loses sight of the grown-up, keeps calm and is found."""
    hero, elder, seller = s.child(), s.elder(), s.neighbor()
    goods, fruit = s.some(GROCERIES, 3), s.pick(FRUITS)
    stall = s.one("the cheese stall", "the flower stall", "the fountain", "the bread stall",
        "the fish stall", "the old clock")
    lure = s.one("a juggler with five orange balls", "a cage of singing canaries",
        "a man blowing enormous bubbles", "a puppet show", "a monkey in a tiny vest", "a brass band",
        "a box of fluffy chicks")
    return [
        text(opening(s, hero, 0.2), f"{when(s)}, {hero.he} went to the market with {hero.his} {elder.kind}.",
            s.one(f"They needed {listed(goods)}.", f"On their list were {listed(goods)}.",
                f"They wanted to buy {listed(goods)}."),
            s.one(f'"Stay close to me," {elder} said.', f'"Hold my hand, please," {elder} said.',
                f'"It is crowded, so keep near," {elder} said.'),
            s.maybe(s.one("The stalls were piled high.", "It smelled of spices and warm bread.",
                    "People called out and bells rang.", "A rooster crowed on top of a crate.",
                    "Striped awnings flapped above the crowd."), 0.8)),
        text(s.one(f"First they bought {goods[0]}.", f"{elder} stopped to look for {goods[0]}."),
            s.one(f"Then {hero} saw {lure}.", f"Just then {hero} noticed {lure}."),
            s.one(f"{hero.He} stopped to watch, only for a moment.", f"{hero.He} let go and went closer.",
                f"It was so wonderful that {hero.he} forgot everything else."),
            f"When {hero.he} turned around, {elder} was {s.one('gone', 'nowhere to be seen', 'not there')}.",
            sad(s, hero)),
        text(s.one(f"{hero} remembered what {elder} always said: \"If you are lost, stay where you are and "
                "ask for help.\"", f"\"If we ever lose each other, meet me at {stall},\" {elder} had once "
                f"said. {hero} remembered."),
            s.one(f"{hero} took a deep breath and went to {seller}, the {seller.kind}, who was choosing "
                f"{plural(fruit)}.",
                f"{hero.He} saw {seller}, the {seller.kind}, and pulled at {seller.his} sleeve."),
            f'"Please, I have lost my {elder.kind}," {hero} said.',
            s.one(f'"Then we will wait together by {stall}," said {seller}.',
                f'"How clever of you to ask," said {seller}. "Come and stand by {stall}."'),
            s.maybe(f"{seller} gave {hero} {an(fruit)} to hold.")),
        text(s.one(f'Soon a voice called, "{hero}! There you are!"',
                f"Soon {elder} came hurrying through the crowd."),
            s.one(f"{hero} ran straight into {elder}'s arms.",
                f"{elder} hugged {hero} so hard that a bag tipped over."),
            s.one(f'"I am sorry I let go," said {hero}.',
                f'"I stayed in one place, just as you told me," said {hero}.'),
            s.one(f'"You did the right thing," said {elder}.',
                f'"I was worried, and now I am proud," said {elder}.'),
            s.one(f"They thanked {seller} and bought {goods[1]} and {goods[2]}.",
                f"Together they bought {goods[1]}. {hero} did not let go again."),
            s.one(f"On the way home {hero} carried the basket.", bedtime(s, hero))),
    ]


_STRAYS = (
    ("lamb", "Baa", "caught in a bramble bush"),
    ("baby goat", "Maa", "stuck on a narrow ledge"),
    ("calf", "Moo", "standing in deep mud"),
    ("duckling", "Peep", "down in a dry ditch"),
    ("foal", "Whinny", "tangled in a rope"),
    ("piglet", "Oink", "wedged under a fence"),
    ("puppy", "Yip", "shut in an empty shed"),
    ("chick", "Cheep", "trapped in a flowerpot"),
)


_FARM_CORNERS = bank("""
    behind the haystack, in the tractor shed, along the stream, among the beets, between the corn rows,
    under the old cart, beyond the well, by the beehives
""")


def lost_lamb(s: Scene) -> list[str]:
    """A young farm animal has strayed, and its own sound leads the hero to it."""
    hero, elder = s.child(), s.elder()
    kind, cry, trouble = s.pick(_STRAYS)
    name, (beast, sound, where) = s.one("Snowball", "Speck", "Tiny", "Bubbles", "Freckle", "Domino",
        "Pudding", "Button"), s.pick(FARM_SOUNDS)
    return [
        text(opening(s, hero, 0.2),
            s.one(f"{hero.His} {elder.kind} kept animals, and {hero} helped every day.",
                f"{hero} often helped {hero.his} {elder.kind} on the farm."),
            f"{hero.His} favorite animal was a {kind} named {name}.",
            s.maybe(f"{name} followed {hero.him} everywhere.")),
        text(s.one(f"{when(s)}, the gate stood open and {name} was gone.",
                f"At feeding time, {hero} counted the animals. One was missing. It was {name}!"),
            s.one(f"{hero} asked the {beast} by the {where}, but it only {sound}.",
                f"The {beast} {sound} by the {where}, but there was no sign of the {kind}."),
            s.one(f'"We must find it before dark," said {elder}.',
                f'"It cannot be far," said {elder}. "Take the lantern."'),
            s.one("Clouds were gathering.", "The sun was already low.", "A cold wind blew over the fields.",
                "")),
        text(s.one(f"{hero} looked {listed(s.some(_FARM_CORNERS, 2))}.",
                f"{hero} searched until {hero.his} boots were heavy with mud."),
            f'"{name}! {name}!" {hero.he} called.',
            s.one("Nobody answered.", "There was only silence.", "A crow cawed, and that was all."),
            s.one(f"Then {hero} had an idea. {hero.He} stood still and listened.",
                f'"Hush," said {elder}. "Sometimes ears see better than eyes."'),
            s.one("Very faintly, something went, ", "From far away came a thin cry: ",
                "Something answered, ") + f'"{cry}! {cry}!"'),
        text(s.one(f"{hero} followed the sound.", f"{hero} ran as fast as {hero.he} could.",
                "It came from close by!"), f"There was {name}, {trouble}!",
            s.one(f'"Do not be afraid," {hero} said softly.', f'"I am here now," said {hero}.',
                f'"Poor little thing," said {hero}.'),
            s.one(f"Slowly and gently, {hero} and {elder} set the {kind} free.",
                f"{elder} held the lantern while {hero} worked the {kind} loose."),
            s.one(f"{name} licked {hero.his} nose." if kind not in ("duckling", "chick") else
                f"{name} nibbled {hero.his} sleeve.", f"{name} snuggled close.",
                f"{name} was shaking but safe."),
            s.one(f"They carried {name} home in a warm coat." if kind not in ("calf", "foal") else
                f"{name} walked home right beside them.",
                "Back home there was fresh straw and a good supper for everyone."),
            s.one(f"After that, {hero} always shut the gate.",
                lesson(s, hero, "sometimes it is best to be quiet and listen"), bedtime(s, hero),
                glad(s, hero))),
    ]
