"""Plots about a seed, snow and rain."""
from __future__ import annotations

from slm.data.starter.beats import comfort, glad, lesson, opening, sad
from slm.data.starter.grammar import an, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import COLORS, DRINKS, PLANTS, SOUPS, bank, rows

_GARDEN_DANGERS = (
    ("a fat slug began to nibble the first leaf", "carried the slug to the far end of the garden"),
    ("a cold night came", "covered the shoot with a warm old hat"),
    ("a dry spell came", "brought water in a cup, morning and evening"),
    ("the wind bent the thin stem", "tied it to a stick with a bit of string"),
    ("weeds crowded around the shoot", "pulled them out one by one"),
    ("a crow came hopping closer", "made a scarecrow out of a broom and an old shirt"),
)
_FULL_OF_SEEDS = bank("sunflower, pumpkin, bean, tomato, watermelon, pea, corn, poppy, daisy")


def planting_a_seed(s: Scene) -> list[str]:
    """A seed needs patience; the hero waits, cares and is rewarded."""
    hero, elder, plant = s.hero(), s.elder(), s.pick(PLANTS)
    spring = s.one("One April day", "In early spring", "When the snow had melted")
    found = "on the path" if hero.animal else "in an old drawer"
    danger, rescue = s.pick(_GARDEN_DANGERS)
    return [
        text(opening(s, hero, 0.3, never=("patient",)),
            s.one(f"{spring}, {hero.his} {elder.kind} gave {hero.him} a {plant.name} seed. It was {plant.seed}.",
                f"{spring}, {hero.he} found a {plant.name} seed {found} and showed it to {hero.his} {elder.kind}. "
                f"It was {plant.seed}."),
            s.one(f'"It looks dead," said {hero}. "It is only asleep," said {elder}.',
                f'"What does it do?" asked {hero}. "Wait and see," said {elder}.',
                f'"Inside is a surprise," said {elder}.')),
        text(s.one(f"{hero} made a hole in the soft earth, dropped the seed in and patted it down.",
                f"{hero} dug with both {hero.hand}s and tucked the seed into the soil.",
                f"Together they found a sunny spot, and {hero} pushed the seed into the ground."),
            s.one(f"The next day {hero.he} ran out to look. Nothing!",
                f"Every morning {hero.he} looked, and every morning there was only dirt.",
                "Three days went by, and nothing happened."),
            s.one(f"{hero} begged it to grow.", f"{hero} even sang to it.",
                f"{hero} wanted to dig it up to see if it was still there."),
            s.one(f'"You cannot hurry a seed," said {elder}. "Give it water, sun and time."',
                f'"Growing is slow work," said {elder}.', f'"Good things are worth waiting for," said {elder}.')),
        text(s.one("Then, one dewy morning, there was a tiny green tip!",
                "After ten days, a little green loop poked out of the earth.",
                "At last a pale shoot pushed aside a crumb of soil."), glad(s, hero),
            f"{s.one('But before long,', 'But soon', 'But not long after that,')} {danger}.",
            f"{hero} {rescue}.",
            s.maybe(s.one(f'"I will look after you," {hero.he} promised.',
                    f'"A gardener never sleeps for long," joked {elder}.'))),
        text(s.one("Week after week the plant grew.", "The days grew long and warm, and the plant grew with them.",
                "The rain fell and the sun shone, again and again."),
            f"By the end of summer there was {plant.grown}.",
            s.one(f'"I did that!" said {hero}. "You and the sun," said {elder}.',
                f'"All that was inside one little seed!" said {hero}.', f"{hero} could hardly believe it."),
            f"They {plant.use}.",
            s.one(f"And {hero} kept one new seed for next spring." if plant.name in _FULL_OF_SEEDS else
                f"{hero} could not wait to plant another seed.",
                lesson(s, hero, "patience makes things grow", "small things can become big with care"))),
    ]


_SNOWY_VIEWS = bank("""
    Flakes spun down like feathers, Icicles hung from the roof, Frost had drawn ferns on the glass, The fence posts
    wore tall woolly hats, Chimney smoke curled into the pale sky
""")
_SNOW_NAMES = bank("Frosty, Mister Cold, Sir Slush, Big Barney, Lady Frost, Queen Crystal, Grandfather Ice")
_SNOW_NOSES = (("a carrot", "the carrot", "Captain Carrot"), ("a pine cone", "the pine cone", "Sir Pine Cone"),
    ("a turnip", "the turnip", "Turnip Top"), ("a red pepper", "the pepper", "Pepper Nose"))
_SNOW_EYES = (("two lumps of coal", "the coal", "Old Coal Eyes"), ("two black buttons", "the buttons", "Button Eyes"),
    ("two round pebbles", "the pebbles", "Pebble Face"), ("two chestnuts", "the chestnuts", "Chestnut Eyes"))


def first_snow(s: Scene) -> list[str]:
    """The first snow and a snowman; thaw threatens, and something stays."""
    hero, elder = s.hero(), s.elder()
    friend = s.friend(hero)
    (eyes, the_eyes, eye_name), (nose, the_nose, nose_name) = s.pick(_SNOW_EYES), s.pick(_SNOW_NOSES)
    name = s.one(s.pick(_SNOW_NAMES), s.pick(_SNOW_NAMES), eye_name, nose_name)
    scarf = f"{s.one('striped', 'woolly', 'checked', 'knitted', 'long')} {s.pick(COLORS)} scarf"
    clothes = s.one("mittens, a hat with a bobble", "thick socks, boots", "two sweaters, mittens")
    kept, truths = s.pick((
        (text(f"So {hero} and {friend} painted a picture of {name} and hung it by the stove.",
            f"Then they drank {s.pick(DRINKS)} and talked about all they had done."),
         ("we can say goodbye and still be glad", "a happy memory does not melt")),
        (text(f"So {hero} kept {the_eyes} in a box. The next winter it snowed again, and the two friends "
            f"took out {the_eyes} and built a new {name}, even taller."),
         ("beautiful things can come back", "what melts away can be made again")),
        (text(f"In the end, only {the_eyes} and {the_nose} lay in the wet grass. But in the spring, "
            f"snowdrops came up just where {name} had stood."),
         ("beautiful things can come back", "we can say goodbye and still be glad")),
        (text(f"So they waved and said, \"See you next winter, {name}!\"",
            f"And when the next winter came, they built {name} again, even taller."),
         ("beautiful things can come back", "we can say goodbye and still be glad")),
    ))
    return [
        text(opening(s, hero, 0.2, never=("scarf",)),
            s.one(f"One morning {hero.he} woke up, and everything was strangely quiet.",
                "One winter morning, the light in the room was different.",
                f"{hero.He} had waited for snow since the last leaf fell, and one morning it came."),
            s.one(f'{hero} looked out. "Snow!" {hero.he} called to {hero.his} {elder.kind}. "It has snowed!"',
                f'"Come and look!" called {hero.his} {elder.kind}. The whole world was white.',
                f'"It is here!" {hero.he} told {hero.his} {elder.kind}. "The first snow!"'),
            f"{s.pick(_SNOWY_VIEWS)}."),
        text(f"{hero} put on {clothes} and {an(scarf)} and ran to fetch {hero.his} friend {friend}.",
            s.one("They caught flakes on their tongues.", "They made tracks across the smooth field.",
                "They lay down and made snow angels.", "They threw snowballs at the fence."),
            s.one("At last they rolled three balls, a big one, a middle one and a small one.",
                "At last they built a giant out of snow, fat and tall."),
            f"They used {eyes} for eyes and {nose} for a nose.",
            f'"We will call you {name}," said {friend}.',
            s.maybe(f"{hero} wrapped {hero.his} own {scarf.split()[0]} scarf around its neck.")),
        text(s.one(f"But a few days later the sun came out, and {name} began to shrink.",
                f"But by the end of the week it grew warm. Drip, drip, drip went {name}.",
                f"But soon a mild wind blew, and {name} began to lean to one side."), sad(s, hero),
            s.one(f'"Do not go, {name}!" {hero.he} said.', f'"Can we put {name} in the cellar?" {hero.he} asked.',
                "The two friends packed fresh snow around it, but it did not help."),
            comfort(s, elder, hero),
            s.one(f'"Snow becomes water," said {elder}. "Water becomes clouds, and clouds become snow '
                'again."', f'"Snow only goes on a journey," said {elder}. "It always comes back."',
                f'"Nobody can keep the snow," said {elder}, "but you can keep the memory."')),
        text(kept, lesson(s, hero, *truths)),
    ]


# The animal; how it is found; its thanks; who is missing it, or how it goes home.
_WET_PETS = rows("""
    kitten | Under a parked cart sat a kitten, wet and shivering | purred like a little engine
    puppy | Behind the bakery bins sat a puppy, wet and shivering | wagged its tail so hard that it fell over
    rabbit | In a soaked flower bed sat a white rabbit, wet and shivering | twitched its nose
    tortoise | In the gutter lay a tortoise on its back and waved its legs | stretched its wrinkly neck
    parrot | On a cold window ledge sat a parrot, wet and shivering | whistled a sleepy tune
""")
_WET_WILD_ANIMALS = rows("""
    young owl | At the foot of a tree sat a young owl, too wet to fly | blinked its round eyes
        | carried IT back to its tree, and it flew up to the highest branch
    hedgehog | Beside its flooded hole sat a hedgehog, wet and shivering | rolled into a happy ball
        | carried IT to a dry heap of leaves beside a sunny wall
    baby squirrel | On a broken branch sat a baby squirrel, wet and shivering | held on to a thumb with both paws
        | carried IT to its tree, and its mother came down the trunk to fetch it
    sparrow | On the cold steps sat a sparrow, wet and shivering | fluffed up its feathers
        | opened the window, and IT flew straight up into the blue sky
    duckling | On the wrong side of the road sat a tiny duckling, peeping and peeping | tucked its head under its wing
        | carried IT to the pond, where its mother was calling
""")
_SILENT = bank("rabbit, tortoise, hedgehog")


def helper_in_the_rain(s: Scene) -> list[str]:
    """On a wet day the hero gives away shelter and gets warmth back."""
    hero, elder, owner = s.child(), s.elder(), s.neighbor()
    color, dish = s.pick(COLORS), s.pick(SOUPS)
    if s.chance(0.5):
        animal, found, thanks = s.pick(_WET_PETS)
        ending = text(
            s.one(f"The next day there was a note at the school. {owner}, the {owner.kind}, had lost a {animal}, and "
                f"{hero} ran to tell {owner.him} the good news.",
                f"In the morning there was a knock. Outside stood {owner}, the {owner.kind}, who was asking "
                f"everywhere for the {animal}."),
            s.one('"Come and visit us whenever you like,"', '"I do not know how to thank you,"') + f" said {owner}.")
    else:
        animal, found, thanks, home = s.pick(_WET_WILD_ANIMALS)
        ending = text(f"In the morning the sun came out. {hero} {home.replace('IT', f'the {animal}')}.",
            s.one("It looked back once, as if to say thank you.", f'"Come back and visit me!" {hero.he} said.'))
    street, unseen = s.pick((
        ("The street was empty.", f"{hero.He} looked up and down the road, but there was nobody else."),
        ("Umbrellas bobbed along the street.", "Everyone hurried past, and nobody saw it."),
        ("Even the dogs stayed indoors.", f"{hero.He} looked up and down the road, but nobody came."),
    ))
    noticed = ("Then something moved." if animal in _SILENT else
        s.one(f"Suddenly {hero} heard a faint sound.", f"{hero} stopped. Was somebody crying?"))
    shelter, arrival = s.pick((
        (f"{hero} took off {hero.his} scarf, wrapped it around the {animal} and carried it home.",
         f"{hero.His} {elder.kind} opened the door and stared. \"Can we help it?\" asked {hero}. \"Of course we can,\" "
         f"said {elder}."),
        (f"{hero} shut the umbrella and held the {animal} close with both hands to keep it warm.",
         f"Dripping from head to toe, {hero.he} came home to {hero.his} {elder.kind}. \"Two wet creatures!\" said "
         f"{elder}. \"Come in, both of you.\""),
    ))
    return [
        text(opening(s, hero, 0.4),
            f"One {s.one('windy', 'chilly April', 'cold spring', 'dreary')} day, it was raining and raining.",
            street, f"{hero} was {s.one('walking home', 'coming back from the shop', 'going home from school')} "
            f"under {an(color)} umbrella."),
        text(noticed, f"{found}.",
            s.one(f'"Oh, you poor thing!" said {hero}.', f'"Are you all alone?" asked {hero}.',
                f'"You must be freezing," said {hero}.'), unseen),
        text(shelter, arrival,
            f"They rubbed the {animal} dry with a soft towel and made it a bed in "
            f"{s.one('a shoebox', 'an old drawer', 'a basket')}.",
            f"The {animal} {thanks}."),
        text(s.one(f"{elder} cooked {dish} for {hero}.", f"{hero} had a bowl of {dish} and two blankets."),
            s.one("Outside it rained and rained, but the kitchen was cozy.",
                "The rain tapped on the glass as if it wanted to come in too.")),
        text(ending,
            s.one(lesson(s, hero, "a small kindness can be a big rescue",
                    "a warm heart is the best umbrella"), glad(s, hero))),
    ]
