"""Words that the measures of a story tell apart: who is a girl or a boy, what may be either, what says nothing."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FEMALE_NOUNS = _words(
    """girl girls woman women lady mom mommy mother mum mummy mama queen princess grandma grandmother granny sister
    aunt daughter witch wife"""
)
MALE_NOUNS = _words(
    """boy boys man men dad daddy father papa king prince grandpa grandfather brother uncle son wizard husband"""
)
# Whoever these are, a story may call them he or she as it likes.
CREATURES = _words(
    """bear bird bunny rabbit dog cat puppy kitten mouse fox frog fish duck lion tiger elephant monkey squirrel
    butterfly bee ant spider snake turtle owl wolf dragon horse pony cow pig sheep goat hen chicken deer whale
    dolphin crab worm ladybug caterpillar robot monster fairy hamster penguin giraffe zebra hippo crocodile
    dinosaur unicorn ghost dove animal creature"""
)
FEMALE_PRONOUNS = _words("""she her hers herself""")
MALE_PRONOUNS = _words("""he him his himself""")
# Words of grammar, and what every story says; taking these up shows nothing.
COMMON = _words(
    """a about after again all also always am an and any are around as asked at away back be because been before
    being but by came can come could couldn't day did didn't do does don't down each even every for from get go
    goes going got had has have he her here him his how i if in into is it it's its just let let's like liked
    little look looked looking looks lot made make many me more much my never no not now of off oh on once one
    only or other our out over please put really said saw say says see seeing she should so some something soon
    still such take than thank that the their them then there these they thing things this those time to too
    took two up upon us very want wanted was wasn't we went were what when where which while who why will with
    would yes you your"""
)
# Written with a capital, and nobody's name.
NO_NAMES = _words(
    """Mom Mommy Mum Mummy Mama Mother Dad Daddy Papa Father Grandma Grandpa Granny Grandmother Grandfather Sir Mr
    Mrs Miss Ms Dr God Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May
    June July August September October November December Christmas Halloween Easter English Santa"""
)
