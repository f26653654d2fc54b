"""Word banks by class: names, looks, things, foods, plants."""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


def bank(words: str) -> tuple[str, ...]:
    """Split words or phrases at their commas; line breaks count as spaces."""
    return tuple(" ".join(word.split()) for word in words.split(","))


def rows(table: str) -> list[tuple[str, ...]]:
    """Split a table, one row a line with `|` between the cells; a line that begins with `|` continues its row."""
    joined = re.sub(r"\n\s*\|", " |", table.strip())
    return [tuple(cell.strip() for cell in line.split("|")) for line in joined.splitlines()]


@dataclass(frozen=True)
class Thing:
    """A thing with the adjectives that suit it; `colored` says whether it may be called red or blue."""

    name: str
    looks: Sequence[str]
    colored: bool = True


@dataclass(frozen=True)
class Plant:
    """A plant a child can grow: what the seed is like, what appears, and what one does with it."""

    name: str
    seed: str
    grown: str
    use: str


GIRLS = bank("""
    Mia, Lily, Anna, Rosa, Ella, Zoe, Ruby, Nora, Clara, Maya, Amy, Sara, Lucy, Hannah, Leila, Emma, Sofia,
    Molly, Tess, Nina, Alice, Kate, Jane, Sue, Mei, Priya, Amina, Yuki, Fatima, Elsa, Freya, Ada, Eva, Lena,
    Betty, Wendy, Carmen, Aisha, Nell, Ellie, Maria, Lola, Greta, Tara, Beth, Julia, Mary, Naomi, Esther,
    Bella
""")
BOYS = bank("""
    Tom, Ben, Sam, Max, Leo, Jack, Tim, Finn, Noah, Eli, Oscar, Omar, Luis, Hugo, Theo, Adam, Nico, Felix,
    Henry, Peter, Joe, Dan, Ravi, Kenji, Ali, Mateo, Lucas, Oliver, Charlie, George, Milo, Owen, Jamal,
    Andre, Carlos, Arthur, Ned, Toby, Jonah, Paul, Harry, Bobby, Billy, Danny, Malik, Ivan, Anton, Emil,
    Pablo, Simon
""")
_ANIMAL_NAMES = bank("""
    Pip, Bramble, Nutmeg, Dusty, Tumble, Twiggy, Mossy, Whiskers, Fuzzy, Skipper, Bumble, Flip, Kip, Minty, Nib,
    Rusty, Sooty, Teasel, Velvet, Zippy, Binky, Echo, Flick, Mallow, Pogo, Roly, Bobbin, Ziggy, Snip, Cocoa
""")
ANIMAL_NAMES = {
    "she": (*_ANIMAL_NAMES, *bank("Fern, Ginger, Tansy, Dot, Juniper, Lolly, Poppet, Dilly, Pippa, Coco, Clover")),
    "he": (*_ANIMAL_NAMES, *bank("Gus, Jasper, Otto, Teddy, Huckle, Tuppy, Buster, Monty, Basil, Digby, Rufus")),
}
SURNAMES = bank("""
    Hill, Green, Brown, Lopez, Miller, Park, Wood, Rivera, Khan, Bell, Rose, Field, Stone, Lane, Chen, Sato,
    Berry, Marsh, Winter, Gold, Silva, Moss, Patel, Price
""")
TRADES = bank("""
    baker, gardener, farmer, teacher, painter, librarian, shopkeeper, carpenter, tailor, boat builder,
    nurse, beekeeper, shoemaker, mail carrier, potter, clockmaker
""")
GENTLE = bank("""
    kind, curious, gentle, clever, thoughtful, friendly, dreamy, polite, helpful, patient, bright, sweet,
    honest
""")
LIVELY = bank("""
    brave, shy, cheerful, lively, playful, busy, quiet, merry, bold, careful, stubborn, eager, funny,
    adventurous, happy, chatty, nimble, cheeky, sunny
""")
COLORS = bank("red, blue, green, yellow, purple, orange, pink, silver, golden, white, brown, gray")
TIMES = bank("""
    One morning, One day, One afternoon, Early one morning, One fine day, One Saturday, On a lazy Sunday,
    One Friday, One summer day, One fine morning, After breakfast one day, One clear morning, One breezy day,
    One Tuesday
""")

_SOFT = bank("soft, fluffy, floppy, patched, cuddly, worn, furry, squishy")
_HARD = bank("shiny, painted, smooth, little, tiny, bright, splendid")
SOFT_TOYS = tuple(Thing(name, _SOFT) for name in bank("""
    teddy bear, rag doll, toy rabbit, toy elephant, sock monkey, cloth dragon, toy lamb, toy penguin, toy
    lion, toy giraffe, woolly dinosaur, toy owl
"""))
HARD_TOYS = tuple(Thing(name, _HARD) for name in bank("""
    toy train, toy boat, toy car, toy robot, spinning top, yo-yo, toy truck, tin whistle, toy airplane, toy
    tractor, wooden horse, wooden duck, tin rocket
"""))
TOYS = SOFT_TOYS + HARD_TOYS
SHARED_TOYS = tuple(Thing(name, bank("shiny, new, splendid, lovely, brand-new, handsome")) for name in bank("""
    scooter, tricycle, wagon, drum, kite, trumpet, pogo stick, hula hoop, tambourine, yo-yo, bubble
    wand, skipping rope, ball, unicycle, frisbee
"""))
FINDS = tuple(Thing(name, looks, colored=False) for name, *looks in rows("""
    pebble | smooth | striped | round | speckled
    feather | long | white | spotted | silky
    shell | curly | pink | pearly | tiny
    pine cone | prickly | big | perfect | brown
    acorn | shiny | fat | brown | little
    button | silver | round | pearly | golden
    marble | glassy | blue | swirly | green
    coin | old | copper | shiny | foreign
    key | rusty | tiny | old | brass
    ribbon | velvet | purple | long | yellow
    bell | little | brass | tinkling | silver
    leaf | golden | heart-shaped | crimson | crisp
"""))

FRUITS = bank("""
    apple, pear, plum, peach, strawberry, cherry, orange, blueberry, banana, grape, raspberry, fig, apricot,
    melon
""")
BAKED = bank("""
    muffin, cookie, bun, pancake, tart, waffle, pretzel, cupcake, doughnut, cinnamon roll, jam tart, honey
    cake, gingerbread star, lemon cake
""")
SOUPS = bank("""
    tomato soup, pumpkin soup, chicken soup, mushroom soup, carrot soup, noodle soup, bean stew, oatmeal,
    warm porridge
""")
SNACKS = bank("""
    cheese sandwiches, boiled eggs, crunchy carrots, lemonade, crackers, roasted nuts, buttered bread,
    cold milk, potato salad, popcorn, apple juice, cucumber slices, little sausages
""")
DRINKS = bank("hot cocoa, warm milk, apple cider, mint tea, sweet tea, warm milk with honey")
GROCERIES = bank("""
    three lemons, a loaf of bread, six brown eggs, a jar of honey, two onions, a bag of flour, a pumpkin,
    some butter, a bunch of carrots, four potatoes, a round cheese, a basket of plums, a cabbage, a bottle
    of milk, some rice, a string of garlic, a sack of beans, five mushrooms
""")

PLANTS = tuple(Plant(*row) for row in rows("""
    sunflower | striped | a giant flower with a golden face | fed its seeds to the hungry birds
    pumpkin | flat and white | a pumpkin as round as the moon | made a big pot of soup
    bean | smooth and spotted | a vine full of crisp green beans | had beans and butter for supper
    tomato | tiny and pale | a bush of juicy red tomatoes | made sandwiches for everyone
    watermelon | black and shiny | a watermelon too heavy to lift | gave a slice to every neighbor
    carrot | as thin as a whisker | a carrot as long as an arm | pulled it up together and ate it, bite by bite
    strawberry | smaller than a flea | a bushy plant full of sweet strawberries | ate the berries with cream, one by one
    daisy | as light as dust | a cloud of white daisies | made daisy chains for the whole family
    pea | round and wrinkled | a curly vine with pods as fat as little boats | popped the pods open on the porch
    corn | yellow and hard | a tall stalk with a silky tassel | had a feast of corn and melted butter
    poppy | as fine as pepper | a poppy as red as a fire truck | painted a picture of it for a sick friend
    radish | no bigger than a freckle | a radish as big as a fist, with rosy cheeks | ate the radish with bread and salt
"""))

FARM_SOUNDS = rows("""
    cow | mooed | barn
    horse | neighed | stable
    pig | grunted | sty
    rooster | crowed | fence
    goat | bleated | trough
    duck | quacked | pond
    sheep | baaed | pasture
    goose | honked | path
    donkey | brayed | cart
    hen | clucked | coop
""")
