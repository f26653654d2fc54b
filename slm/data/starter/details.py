"""What can be seen, heard and smelled: places and weather, in whole sentences that any story may borrow."""
from __future__ import annotations

from dataclasses import dataclass

from slm.data.starter.scene import Scene


@dataclass(frozen=True)
class Place:
    """A place out of doors: its name, where one is when one is there, and what the senses meet there."""

    name: str
    at: str
    senses: tuple[str, ...]


def _place(name: str, at: str, *senses: str) -> Place:
    return Place(name, at, senses)


PLACES = (_place("the park", "in the park", "The swings creaked in the breeze.",
        "A fountain splashed and sparkled.", "Pigeons strutted up and down the path.",
        "The air smelled of cut grass."),
    _place("the beach", "at the beach", "The waves rolled hush, hush over the sand.",
        "Gulls screamed over the water.", "The wind tasted of salt.",
        "Tiny crabs ran sideways between the rocks."),
    _place("the forest", "in the forest", "The leaves whispered overhead.",
        "A woodpecker went tap, tap, tap.", "It smelled of moss and mushrooms.",
        "Spots of sunlight danced on the ground."),
    _place("the meadow", "in the meadow", "Crickets chirped in the tall grass.",
        "Butterflies fluttered everywhere.", "The clover smelled as sweet as honey.",
        "Bees hummed from bloom to bloom."),
    _place("the river", "by the river", "The water gurgled over the stones.",
        "A silver fish jumped with a plop.", "Dragonflies zipped above the reeds.",
        "The mud was cool and squishy."),
    _place("the pond", "by the pond", "Frogs croaked on the lily pads.", "Ducks paddled in a line.",
        "Long rushes swayed at the edge.", "Little rings spread over the still water."),
    _place("the orchard", "in the orchard", "Ripe apples glowed among the branches.",
        "Wasps buzzed around the fallen fruit.", "The grass was full of windfalls.",
        "A ladder leaned against a crooked tree."),
    _place("the hill", "on the hill", "From up there the houses looked like toys.",
        "The wind combed the long grass.", "A hawk circled far above.",
        "Sheep dotted the slope like bits of cotton."),
    _place("the garden", "in the garden", "A robin tugged at a worm.", "The roses smelled wonderful.",
        "A snail slid slowly along the wall.", "Washing flapped on the line."),
    _place("the playground", "at the playground", "Children laughed and shouted.",
        "The slide gleamed in the light.", "Somebody was bouncing a ball.", "The seesaw went up and down."),
    _place("the old mill", "by the old mill", "The big wheel turned slowly.",
        "Flour dust floated in the doorway.", "Swallows swooped under the roof.",
        "Water dripped from the mossy wheel."),
    _place("the harbor", "at the harbor", "Ropes creaked and flags snapped.",
        "The boats bobbed side by side.", "It smelled of fish and tar.", "A fat seal snored on the pier."),)

SUNNY = ("The sun was warm and the sky was blue.", "Not a cloud was in the sky.",
    "The air was fresh and sweet.", "Sunshine poured over the rooftops.",
    "Birds were singing in every tree.", "A soft breeze tickled the leaves.",
    "Puffy clouds drifted by like sheep.", "The grass was warm and dry.",
    "It was a perfect day to be outside.", "It was neither too hot nor too cold.",
    "Somewhere a cuckoo was calling.", "The whole world seemed to be smiling.",)


def sunny(scene: Scene, probability: float = 0.5) -> str:
    """Return a fair-weather sentence, or nothing."""
    return scene.maybe(scene.pick(SUNNY), probability)


def senses(scene: Scene, place: Place, probability: float = 0.6) -> str:
    """Return something seen, heard or smelled at the place, or nothing."""
    return scene.maybe(scene.pick(place.senses), probability)
