"""Plots about food: a picnic and a cake."""
from __future__ import annotations

from slm.data.starter.beats import bedtime, glad, lesson, opening, sad, when
from slm.data.starter.details import PLACES, senses, sunny
from slm.data.starter.grammar import an, plural, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import COLORS, FRUITS, SNACKS, TRADES, bank

_LUNCH = tuple(snack for snack in SNACKS if snack not in ("lemonade", "apple juice", "cold milk"))
_ROLLING = bank("apple, pear, plum, peach, orange, apricot")
_WILD_PICNIC_TROUBLES = (
    ("a line of ants marched straight into the basket",
     "They gave the ants a heap of crumbs, and after that everybody ate in peace",
     bank("the park, the forest, the meadow, the orchard, the hill")),
    ("a black cloud came out of nowhere, and rain poured down",
     "They held the blanket over their heads like a tent and ate beneath it, as snug as could be",
     bank("the park, the beach, the meadow, the river, the pond, the hill")),
    ("a gust of wind blew the napkins and the plates away",
     "They ran after the plates, laughing, and made a game of it",
     bank("the park, the beach, the meadow, the river, the pond, the orchard, the hill")),
    ("the basket tipped over, and the fruit rolled in all directions",
     "They made it a treasure hunt and counted aloud until they had found every single piece",
     bank("the park, the beach, the forest, the meadow, the river, the pond, the hill")),
    ("a swarm of wasps came buzzing around the fruit",
     "They put one piece of fruit far away for the wasps, and the wasps left them alone",
     bank("the park, the forest, the meadow, the river, the pond, the hill")),
)
_PICNIC_TROUBLES = (*_WILD_PICNIC_TROUBLES,
    ("a goat came along and ate half of the lunch",
     "They offered the goat a bunch of clover and shared the rest, a tiny bite for each",
     bank("the meadow, the orchard, the hill")),
    ("a flock of ducks snatched half of the lunch",
     "They let the ducks have the crumbs as well, and even the shy ones came close",
     bank("the park, the river, the pond")),
    ("a big wet dog jumped right into the basket",
     "They dried its nose, and the dog's family came and shared a huge pie with them",
     bank("the park, the beach, the river, the pond")),
)


def spoiled_picnic(s: Scene) -> list[str]:
    """Something spoils the picnic, and it gets better than planned."""
    hero = s.hero()
    friend, elder = s.friend(hero), s.elder()
    trouble, saved, where = s.pick(_WILD_PICNIC_TROUBLES if hero.animal else _PICNIC_TROUBLES)
    snacks, fruit = s.some(_LUNCH, 2), plural(s.pick(_ROLLING if "rolled" in trouble else FRUITS[:-1]))
    place = s.pick([place for place in PLACES if place.name in where])
    gloomy, merry = s.some((hero, friend), 2)
    return [
        text(opening(s, hero, 0.3),
            s.one(f"{when(s)}, {hero} and {hero.his} friend {friend} wanted to have a picnic.",
                f'"Let us have a picnic!" said {hero} to {hero.his} friend {friend}.',
                f"{hero} invited {hero.his} friend {friend} to a picnic."), sunny(s, 0.7)),
        text(s.one(f"{hero}'s {elder.kind} filled a basket with {snacks[0]}, {snacks[1]} and a bag of "
                f"{fruit} and came along.", f"{hero}'s {elder.kind} came along and carried a basket with {snacks[0]}, "
                f"{snacks[1]} and ripe {fruit}."),
            f"They spread {an(s.one('checked', 'striped', 'faded', 'flowery', 'woolly'))} blanket "
            f"{place.at}.", senses(s, place, 0.8),
            s.one(f'"This is going to be lovely," said {friend}.',
                f'"I am as hungry as a bear," said {friend}.' if "bear" not in (hero.kind, friend.kind) else
                f'"I could eat a whole mountain," said {friend}.',
                f'"First we eat, then we play," said {hero}.')),
        text(s.one("Just then,", "At that very moment,", "But before they could take one bite,",
                "But all of a sudden,") + f" {trouble}.", sad(s, gloomy, never=("cry",)),
            s.one(f'"Our picnic is spoiled!" {gloomy.he} cried.', f'"Everything is ruined," {gloomy.he} said.'),
            s.one(f'"Is it?" asked {elder}. "Or is it only different?"',
                f'{elder} winked. "A good picnic needs a surprise."',
                f'"Wait," said {merry}, and began to grin. "I have an idea."' if "dog" not in trouble else
                f'"I think it wants to be our guest," said {merry}.'), f"{saved}."),
        text(s.one("It was the best picnic they had ever had.",
                "They laughed so much that their cheeks hurt.",
                f'"Next time we will do it just like this," said {friend}.',
                f'"I would not change a thing," said {friend} in the end.'),
            s.one(lesson(s, hero, "a spoiled plan can turn into a better one", "good company is the best sauce"),
                bedtime(s, hero))),
    ]


_CAKES = bank("""
    muffins, cookies, buns, plum tarts, cupcakes, cinnamon rolls, jam tarts, honey cakes, gingerbread stars,
    lemon cakes, almond rings, apple turnovers
""")
_BAKING_MISTAKES = (
    ("They measured and poured and stirred.", "used salt instead of sugar", "CAKES tasted like the sea",
     "They began again and tasted every spoonful first"),
    ("They filled two trays and slid them into the oven.", "forgot to set the timer",
     "CAKES came out as black as coal", "They scrubbed the trays and started over"),
    ("They set out the butter, the milk and the biggest bowl.", "spilled the whole bag of flour",
     "The room looked as if it had snowed",
     "They wrote their names in the white dust, swept it all up and opened a new bag"),
    ("They mixed butter, milk and flour in the biggest bowl.", "put in ten spoons of baking powder",
     "CAKES grew and grew until the oven door popped open",
     "They wiped the oven and began again, with one small spoon of powder"),
    ("They weighed the flour and melted the butter.", "dropped all the eggs on the floor",
     "The room was slippery from wall to wall",
     "They mopped the floor, borrowed four eggs across the street and went on"),
    ("They measured and poured and stirred.", "mixed up sugar and pepper", "CAKES made both bakers sneeze",
     "They laughed, opened the window and made a new batch"),
)


def baking_day(s: Scene) -> list[str]:
    """Baking for somebody goes wrong by a mix-up and is saved, or is funny."""
    hero, elder = s.child(), s.elder()
    guest, cakes = s.neighbor(TRADES[1:]), s.pick(_CAKES)
    work, mistake, result, repair = s.pick(_BAKING_MISTAKES)
    result = result.replace("CAKES", f"The {cakes}")
    return [
        text(opening(s, hero, 0.3),
            s.one(f"{guest}, the {guest.kind}, had been ill and was just getting better.",
                f"{guest}, the new {guest.kind}, had just moved in nearby.",
                f"{guest}, the {guest.kind}, had mended {hero}'s shoes and would not take any money."
                if guest.kind == "shoemaker" else
                f"{guest}, the {guest.kind}, had a birthday that day."),
            s.one(f'"Let us bake {cakes} for {guest}," said {hero} to {hero.his} {elder.kind}.',
                f'"We could bake {cakes} as a surprise," said {hero} to {hero.his} {elder.kind}.')),
        text(s.maybe(s.one("The cat was asleep on the rug.", "The radio was playing a slow tune.",
                    "Sunshine made a bright square on the kitchen floor.", "The kettle sang on the stove.")),
            s.one(f"{elder} tied an apron around {hero}'s middle.",
                f"{hero} washed {hero.his} hands and climbed on a stool.",
                f"{hero} rolled up {hero.his} sleeves."), work,
            s.one(f"Then the telephone rang, and {elder} left the room.",
                f'"I can do the rest alone," said {hero}.',
                f"{hero} was singing so loudly that {hero.he} did not pay attention."),
            f"{hero} {mistake}."),
        text(f"{result}!", sad(s, hero, never=("wanted",)),
            s.one(f'"I have spoiled it all," said {hero}.', f'"Now we have nothing to bring," said {hero}.',
                f'"I wanted it to be so nice," said {hero}.'),
            s.one(f'"Every baker has done that once," said {elder}. "Come, we have time."',
                f'{elder} tried hard not to laugh. "Mistakes are how cooks learn," {elder.he} said.',
                f'"Shall we try once more?" asked {elder}.'), f"{repair}."),
        text(s.one("Soon a sweet, buttery smell filled the house.",
                f"At last the {cakes} lay on the table, golden and just right.",
                "Now everything went well."),
            s.one(f"They carried a plateful to {guest}'s door.",
                f"{hero} carried {an(s.pick(COLORS))} plate, piled high, and rang {guest}'s bell with one "
                "elbow."),
            s.one(f'"For me?" asked {guest}. "Come in and share them!"',
                f'{guest} took a bite and smiled. "Perfect," {guest.he} said. "Do come in!"',
                f'"You must come in and share them," said {guest}.'),
            s.one(f"Then {hero} told what had happened in the kitchen, and they all laughed.",
                "They stayed until the plate was empty.", "There was not a crumb left over."),
            s.one(lesson(s, hero, "everybody makes mistakes, and most can be mended",
                    "trying again is the best recipe"), glad(s, hero), bedtime(s, hero))),
    ]
