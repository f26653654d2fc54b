"""Characters: who may appear in a story, and the pronouns they carry with them."""
from __future__ import annotations

from dataclasses import dataclass

from slm.data.starter.words import bank, rows


@dataclass(frozen=True)
class Character:
    """Somebody in a story. Pronouns go by their masculine names: for a girl `he` is "she" and `his` is "her".

    `kind` is what the character is (girl, rabbit, baker, grandmother), `hand` what it holds things with,
    `moved` how it goes about ("ran", "hopped") and `treat` what it likes best to eat.
    """

    name: str
    kind: str
    he: str
    home: str = "a small house"
    hand: str = "hand"
    moved: str = "ran"
    treat: str = "cookies"
    animal: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def him(self) -> str:
        return "him" if self.he == "he" else "her"

    @property
    def his(self) -> str:
        return "his" if self.he == "he" else "her"

    @property
    def himself(self) -> str:
        return "himself" if self.he == "he" else "herself"

    @property
    def He(self) -> str:
        return "He" if self.he == "he" else "She"

    @property
    def His(self) -> str:
        return "His" if self.he == "he" else "Her"


@dataclass(frozen=True)
class Species:
    """A kind of animal that can be a hero: where it lives, how it moves, what it likes to eat."""

    name: str
    home: str
    moved: str
    treat: str


CHILD_HOMES = bank("""
    a small house by the river, a tall yellow house, a cottage at the edge of the woods, an apartment above
    the bakery, a farmhouse with a red barn, a village by the sea, a stone house on a hill, a busy town with
    a clock tower, a cozy house with round windows, a little house with a crooked chimney, a town full of
    chestnut trees, a wooden cabin beside a lake, a big city with a thousand windows, a white house behind a
    hedge, a valley between two mountains, a brick house next to the school
""")

SPECIES = tuple(Species(*row) for row in rows("""
    rabbit | a warm burrow under a hill | hopped | carrots
    squirrel | a hollow in an old oak tree | scampered | hazelnuts
    mouse | a tiny hole under the barn | scurried | cheese crumbs
    fox | a den among the ferns | trotted | blackberries
    bear | a snug cave behind a waterfall | lumbered | honey
    hedgehog | a nest of dry leaves | shuffled | mushrooms
    badger | a deep den with three doors | trundled | roots
    mole | a tunnel beneath the meadow | wriggled | turnips
    otter | a den in the riverbank | slid | trout
    beaver | a lodge made of sticks | waddled | willow bark
    raccoon | a hollow log near the creek | tiptoed | sweet corn
    chipmunk | a gap in the garden wall | darted | sunflower seeds
    kitten | a basket in the barn | padded | cream
    puppy | a kennel beside the farmhouse | bounded | biscuits
    wolf | a cave on the mountain | loped | stew
    possum | a leafy hole in a maple tree | crept | persimmons
    dormouse | a round nest in the hedge | skittered | rose hips
    skunk | a hole beneath a fallen pine | strolled | wild grapes
"""))

ELDERS = {"she": tuple(bank(row) for row in ("Mom, mother", "Mama, mother", "Grandma, grandmother",
            "Granny, grandmother", "Aunt May, aunt", "Nana, grandmother", "Mommy, mother")),
    "he": tuple(bank(row) for row in ("Dad, father", "Papa, father", "Grandpa, grandfather",
            "Gramps, grandfather", "Uncle Bob, uncle", "Pop, father", "Daddy, father")),}
