"""Plots about growing things, snow, the moon, the sky and animals in need."""
from __future__ import annotations

from slm.data.starter.beats import bedtime, comfort, glad, lesson, opening, sad, when
from slm.data.starter.details import RAINY, SNOWY
from slm.data.starter.grammar import an, capital, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import COLORS, DRINKS, PLANTS, SOUPS

_GARDEN_DANGERS = (
    ("a fat slug began to nibble the first leaf", "carried the slug to the far end of the garden"),
    ("a cold night came", "covered the shoot with a warm old hat"),
    ("a long dry spell came", "brought water in a cup, morning and evening"),
    ("the wind bent the thin stem", "tied it to a stick with a bit of string"),
    ("weeds crowded around it", "pulled them out one by one"),
    ("a crow came hopping closer", "made a scarecrow out of a broom and an old shirt"),
)


def planting_a_seed(s: Scene) -> list[str]:
    """A seed needs patience; the hero waits, cares and is rewarded."""
    hero, elder, plant = s.hero(), s.elder(), s.pick(PLANTS)
    spring = s.one("One April day", "In early spring", "When the frost was gone")
    danger, rescue = s.pick(_GARDEN_DANGERS)
    return [
        text(opening(s, hero, 0.3),
            s.one(f"In spring, {hero.his} {elder.kind} gave {hero.him} a {plant.name} seed. It was "
                f"{plant.seed}.", f"{spring}, {hero} found a {plant.name} seed in an old drawer. It was "
                f"{plant.seed}." if not hero.animal else f"{spring}, {hero} found a {plant.name} seed on "
                f"the path. It was {plant.seed}."),
            s.one(f'"It looks dead," said {hero}. "It is only asleep," said {elder}.',
                f'"What does it do?" asked {hero}. "Wait and see," said {elder}.',
                f'"Inside is a surprise," said {elder}.')),
        text(s.one(f"{hero} made a hole in the soft earth, dropped the seed in and patted it down.",
                f"{hero} dug with both {hero.hand}s and tucked the seed into the soil.",
                f"Together they found a sunny spot, and {hero} pushed the seed into the ground."),
            s.one(f"The next day {hero.he} ran out to look. Nothing!",
                f"Every morning {hero.he} looked, and every morning there was only dirt.",
                "Three days went by, and nothing happened."),
            s.one(f'"Grow!" {hero} told it. "Please grow!"', f"{hero} even sang to it.",
                f"{hero} wanted to dig it up to see if it was still there."),
            s.one(f'"You cannot hurry a seed," said {elder}. "Give it water, sun and time."',
                f'"Growing is slow work," said {elder}.',
                f'"Good things are worth waiting for," said {elder}.')),
        text(s.one("Then, one dewy morning, there was a tiny green tip!",
                "After ten days, a little green loop poked out of the earth.",
                "At last a pale shoot pushed aside a crumb of soil."), glad(s, hero),
            f"{s.one('But then', 'But soon', 'But one day', 'But not long after that,')} {danger}.",
            f"{hero} {rescue}.",
            s.maybe(s.one(f'"I will look after you," {hero} promised.',
                    f'"A gardener never sleeps for long," joked {elder}.'))),
        text(s.one("Week after week it grew.", "The days grew long and warm, and the plant grew with them.",
                "It rained and shone, and rained and shone again."),
            f"By the end of summer there was {plant.grown}.",
            s.one(f'"I did that!" said {hero}. "You and the sun," said {elder}.',
                f'"All that was inside one little seed!" said {hero}.', f'{hero} could hardly believe it.'),
            f"They {plant.use}.",
            s.one(f"{hero} kept one seed for next spring.",
                lesson(s, hero, "patience makes things grow", "small things can become big with care"),
                "")),
    ]


def first_snow(s: Scene) -> list[str]:
    """The first snow and a snowman; thaw or loneliness threatens, and something stays."""
    hero, elder = s.hero(), s.elder()
    friend, name = s.friend(hero), s.one("Frosty", "Mister Cold", "Captain Carrot", "Sir Slush",
        "Big Barney", "Old Coal Eyes", "Lady Frost", "Queen Crystal", "Icicle")
    eyes, nose = s.one("two lumps of coal", "two black buttons", "two round pebbles", "two chestnuts"), s.one(
        "a carrot", "a pine cone", "a turnip", "a red pepper")
    scarf = f"{s.one('striped', 'woolly', 'checked', 'knitted', 'long')} {s.pick(COLORS)} scarf"
    clothes = s.one("mittens and a hat with a bobble", "thick socks and boots", "two sweaters and a scarf")
    return [
        text(opening(s, hero, 0.2),
            s.one(f"One morning {hero} woke up, and everything was strangely quiet.",
                "One winter morning, the light in the room was different.",
                f"{hero} had waited for snow since the last leaf fell."),
            s.one(f'{hero} looked out. "Snow!" {hero.he} shouted. "It has snowed!"',
                f'"Come and look!" called {elder}. The whole world was white.',
                f'"It is here!" cried {hero}. "The first snow!"'), s.pick(SNOWY)),
        text(f"{hero} put on {clothes} and hurried out to find {hero.his} friend {friend}.",
            s.one("They caught flakes on their tongues.", "They made tracks across the smooth field.",
                "They lay down and made snow angels.", "They threw snowballs at the fence."),
            s.one("Then they rolled three balls, a big one, a middle one and a small one.",
                "Then they built a giant out of snow, round and tall."),
            f"They gave their new friend {eyes} for eyes and {nose} for a nose.",
            f'"We will call you {name}," said {friend}.', s.maybe(f"{hero} added {hero.his} own {scarf}.")),
        text(s.one(f"But a few days later the sun came out, and {name} began to shrink.",
                f"But by the end of the week it grew warm. Drip, drip, drip went {name}.",
                f"Then a mild wind blew, and {name} leaned to one side."), sad(s, hero),
            s.one(f'"Do not go, {name}!" said {hero}.', f'"Can we put {name} in the cellar?" asked {hero}.',
                f"{hero} and {friend} packed fresh snow around the feet, but it did not help."),
            comfort(s, elder, hero),
            s.one(f'"Snow becomes water," said {elder}. "Water becomes clouds, and clouds become snow '
                'again."', f'"Snow only goes on a journey," said {elder}. "It always comes back."',
                f'"Nobody can keep the snow," said {elder}, "but you can keep the memory."')),
        text(s.one(f"So {hero} and {friend} painted a picture of {name} and hung it by the stove.",
                f"So the friends put {eyes} and {nose} in a box for next year.",
                f"So they waved and said, \"See you next winter, {name}!\""),
            s.one(f"In the spring, snowdrops came up just where {name} had stood.",
                f"Then they drank {s.pick(DRINKS)} and talked about all they had done.",
                "The next winter it snowed again, and they built a new one, even taller."),
            s.one(lesson(s, hero, "beautiful things can come back", "we can say goodbye and still be glad"),
                bedtime(s, hero))),
    ]


_MOON_TRAPS = (
    ("a bucket", "the pond", "scooped up the water where it shone"),
    ("a net", "the top of the hill", "swung it as high as possible"),
    ("a ladder", "the garden", "climbed up to the last rung"),
    ("a long rope", "the roof of the shed", "threw a loop at the sky"),
    ("a glass jar", "the end of the pier", "held it up to the light"),
    ("a kite", "the windy field", "sent it up with a hook on its tail"),
    ("a fishing rod", "the bridge", "cast the line into the shining river"),
    ("a pillowcase", "the tallest tree", "reached out from the highest branch"),
)


def catching_the_moon(s: Scene) -> list[str]:
    """The hero wants the moon or a star for keeps and finds that it belongs to all."""
    hero, elder = s.hero(), s.elder()
    tool, place, attempt = s.pick(_MOON_TRAPS)
    wish = s.one("to have it as a lamp", "to keep it in a box", "to give it to somebody for a birthday",
        "to play ball with it", "to wear it as a hat")
    return [
        text(opening(s, hero, 0.4),
            s.one(f"Every night {hero} looked up at the moon.",
                f"{hero} thought the moon was the most beautiful thing of all.",
                f"{hero} could not sleep without seeing the moon."),
            s.one("It was round and yellow, like a cheese.", "It looked like a silver boat.",
                "It looked like a slice of melon.", "It shone like a new coin."), f"{hero} wanted {wish}."),
        text(s.one(f"One clear night {hero} took {tool} and went to {place}.",
                f"So one night {hero} crept out to {place} with {tool}.",
                f"When all were asleep, {hero} carried {tool} to {place}."),
            s.one("The grass was wet with dew.", "Fireflies blinked on and off.",
                "A nightingale was singing.", "Far away a dog barked.", ""), f"{hero.He} {attempt}.",
            s.one(f'"Come down, moon!" {hero} called.', f'"I have you!" cried {hero}.',
                f'"Just a little closer," {hero} begged.'),
            s.one("But there was nothing there but night.", "But the moon stayed where it was.",
                "But the moon only smiled and slipped behind a cloud."),
            s.one(f"{hero} tried again and again.", f"{hero} tried until {hero.his} arms ached.")),
        text(sad(s, hero),
            f"{s.one('Footsteps came along the path.', 'Somebody was standing there.', 'A twig snapped.')} "
            f"It was {hero.his} {elder.kind}.",
            s.one(f'"The moon will not come to me," said {hero}.', f'"I cannot catch it," said {hero}.',
                f'"I only want it for myself," said {hero}.'), comfort(s, elder, hero),
            s.one(f'"If you kept it in a box," said {elder}, "who would light the way for the sailors?"',
                f'"Think of the owls and the moths," said {elder}. "They need the moon too."',
                f'"Look how far it shines," said {elder}. "It is big enough for everyone."'),
            s.one(f'{hero} thought about it. "It would be lonely in a box," {hero.he} said.',
                f"{hero} had not thought of that.", f'"Then it must stay," said {hero} softly.')),
        text(s.one("They sat side by side and watched the moon sail over the trees.",
                f"{elder} filled a bowl with water and put it on the windowsill. There was the moon, small "
                f"and bright, for {hero} alone.", f"{elder} cut a round moon out of "
                f"{s.one('yellow', 'silver', 'shiny')} paper and hung it over the bed."),
            s.one(f'"Good night, moon," said {hero}.', f"{hero} yawned and leaned against {elder}.",
                f'"I can visit it every night," said {hero}.'),
            s.one("And the moon followed them all the way home.", lesson(s, hero,
                    "some things are most beautiful when they are free",
                    "what belongs to all is enough for everyone"), bedtime(s, hero))),
    ]


_WET_ANIMALS = (
    ("kitten", "under a parked cart", "purred like a little engine"),
    ("puppy", "behind the bakery bins", "wagged its tail so hard that it fell over"),
    ("young owl", "at the foot of a tree", "blinked its round eyes"),
    ("duckling", "in a gutter", "peeped and tucked its head under its wing"),
    ("hedgehog", "beside a flooded hole", "rolled into a happy ball"),
    ("baby squirrel", "on a broken branch", "chattered and held on to a thumb"),
    ("rabbit", "in a soaked ditch", "twitched its nose"),
    ("sparrow", "on the cold steps", "fluffed up its feathers"),
    ("tortoise", "in the middle of the road", "stretched its wrinkly neck"),
    ("pigeon", "on a cold window ledge", "cooed softly"),
)


def helper_in_the_rain(s: Scene) -> list[str]:
    """On a wet day the hero gives away shelter and gets warmth back."""
    hero, elder = s.child(), s.elder()
    animal, place, thanks = s.pick(_WET_ANIMALS)
    color, dish = s.pick(COLORS), s.pick(SOUPS)
    owner = s.neighbor()
    way = s.one("walking home", "coming back from the shop", "on the way to the library",
        "going home from school")
    if animal in ("kitten", "puppy", "rabbit", "tortoise", "pigeon"):
        ending = text(s.one(f"The next day they found out that the {animal} belonged to {owner}, the "
                f"{owner.kind}.",
                f"In the morning there was a knock. It was {owner}, the {owner.kind}, who had been looking "
                "for " f"the {animal} all night."),
            s.one(f'"Come and visit us whenever you like," said {owner}.',
                f'"How can I ever thank you?" said {owner}.'))
    else:
        ending = text(
            s.one(f"In the morning the sun came out, and {hero} set the {animal} free in the garden.",
                f"When the sky cleared, {hero} carried the {animal} back and let it go."),
            s.one("It turned around once, as if to say thank you.",
                f"Now and then it came back to visit, and {hero} always knew it."))
    return [
        text(opening(s, hero, 0.4),
            s.one(f"One {s.one('autumn', 'April', 'November', 'summer')} afternoon, it began to pour.",
                "It had been raining for three days.", "One wet afternoon, the street was empty."),
            s.pick(RAINY), f"{hero} was {way} under {an(color)} umbrella."),
        text(s.one(f"Suddenly {hero} heard a faint sound.", "Then something moved.",
                f"{hero} stopped. Was somebody crying?"),
            f"{capital(place)} sat a {animal}, wet and shivering.",
            s.one(f'"Oh, you poor thing!" said {hero}.', f'"Are you all alone?" asked {hero}.',
                f'"You must be freezing," said {hero}.'),
            s.one(f"{hero.He} looked up and down the road, but nobody came.",
                "Everyone hurried past, and nobody saw it.")),
        text(s.one(f"{hero} took off {hero.his} scarf and wrapped it around the {animal}.",
                f"{hero} tucked the {animal} inside {hero.his} coat, close to {hero.his} heart.",
                f"{hero} held the umbrella over the {animal} and got soaked."),
            s.one(f"At home, {hero.his} {elder.kind} opened the door and stared.",
                f"Dripping from head to toe, {hero} came home to {hero.his} {elder.kind}."),
            s.one(f'"Can we help it?" asked {hero}. "Of course we can," said {elder}.',
                f'"Two wet creatures!" said {elder}. "Come in, both of you."'),
            f"They rubbed the {animal} dry with a soft towel and made a bed in "
            f"{s.one('a shoebox', 'an old drawer', 'a basket', 'a straw hat')}.", f"The {animal} {thanks}."),
        text(s.one(f"{elder} cooked {dish} for {hero}.", f"{hero} had a bowl of {dish} and two blankets."),
            s.one("Outside it rained and rained, but the kitchen was cozy.",
                "The rain tapped on the glass as if it wanted to come in too.")),
        text(ending,
            s.one(lesson(s, hero, "a small kindness can be a big rescue",
                    "a warm heart is the best umbrella"), glad(s, hero))),
    ]


_BIRDS = (
    ("robin", "Red"),
    ("stork", "Longlegs"),
    ("swallow", "Swift"),
    ("goose", "Feather"),
    ("owl", "Moonface"),
    ("lark", "Melody"),
    ("crow", "Inky"),
)

_FLIGHTS = (
    ("tied two big leaves to its back", "the leaves tore"),
    ("jumped from a stump with an umbrella", "the umbrella turned inside out"),
    ("flapped two old fans", "nothing came of it but wind"),
    ("glued feathers on with sap", "the feathers fell off one by one"),
    ("ran down the slope with a cape", "the cape got caught on a bush"),
    ("sat on a seesaw while a stone fell on the other end", "the seesaw broke"),
)


def wish_to_fly(s: Scene) -> list[str]:
    """An animal without wings longs for the sky; it falls, and then finds its own way up or its own gift."""
    hero = s.animal()
    bird, bird_name = s.pick(_BIRDS)
    try_, result = s.pick(_FLIGHTS)
    landing = s.one("a thorn bush", "a puddle", "a heap of hay", "the mud", "a patch of nettles", "the brook")
    envy = s.one("dig a tunnel", "have four soft paws", "swim under water", "run through the grass",
        "sleep in a warm fur coat")
    try_ = try_.replace("its", hero.his)
    way, view = s.pick((("a balloon with a basket", "The trees shrank until they looked like broccoli"),
            ("a swing on the highest branch", "Up and up the swing went, until there was only blue"),
            ("a big kite with a strong string", "The wind lifted it gently over the meadow"),
            ("a seat on the miller's slow wheel", "At the top you could see three villages"),
            (f"a ride on the back of a kind {s.one('swan', 'crane', 'eagle', 'heron')}",
                "The river looked like a ribbon"),))
    return [
        text(opening(s, hero, 0.2),
            s.one(f"But all {hero} really wanted was to fly.",
                f"{hero} had one big dream, and that was to fly.",
                f"Day after day {hero} watched the birds and sighed."),
            s.one(f'"{capital(an(hero.kind))} cannot fly," said everybody.',
                '"You have no wings," laughed the magpies.',
                '"Paws belong on the ground," said the old toad.')),
        text(f"{when(s)}, {hero} {try_}.",
            s.one("One, two, three, jump!", '"Here I go!" ' + f"cried {hero}.",
                f"{hero} took a deep breath and leaped."),
            f"But {result}, and {hero} landed in {landing}.",
            sad(s, hero)),
        text(f"{capital(an(bird))} called {bird_name} came down and sat beside {hero.him}.",
            s.one(f'"Why do you want to fly?" asked {bird_name}.',
                f'"That was a brave jump," said {bird_name}. "But why?"'),
            s.one(f'"I want to see the world from above," said {hero}.',
                f'"I want to feel the wind under me," said {hero}.',
                f'"I want to touch a cloud," said {hero}.'),
            s.one(f'"And I," said {bird_name}, "would love to {envy}."',
                f'"You do not need wings for that," said {bird_name}. "You need friends."'),
            s.one("They put their heads together and made a plan.",
                f"{bird_name} thought for a moment and had an idea.")),
        text(s.one("For a week the two of them worked in secret.",
                f"{bird_name} called all the other birds to help.",
                "That evening they got everything ready."), f"And then {hero} had {way}.",
            f"{view}.",
            s.one(f'"I am flying!" shouted {hero}.', f'"Look at me!" called {hero}.',
                f'"Higher! Higher!" laughed {hero}.'), glad(s, hero),
            s.one(f"{bird_name} flew alongside and sang.", "A cloud brushed past, cool and wet.",
                "Far below, somebody waved."),
            s.one(lesson(s, hero, "there is more than one way to reach a dream",
                    "with friends, even big wishes come true"), bedtime(s, hero),
                f"From that day on, nobody said that {an(hero.kind)} cannot fly.")),
    ]
