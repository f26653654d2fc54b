"""Plots about friends: meeting, sharing, promising, telling the truth, racing."""
from __future__ import annotations

from slm.data.starter.beats import bedtime, comfort, glad, lesson, opening, sad, when
from slm.data.starter.details import PLACES, senses
from slm.data.starter.grammar import an, capital, plural, text
from slm.data.starter.scene import Scene
from slm.data.starter.words import BAKED, COLORS, FINDS, SHARED_TOYS


def new_friend(s: Scene) -> list[str]:
    """Somebody new is lonely; one small kindness begins a friendship."""
    hero = s.hero()
    friend, place, find = s.friend(hero), s.pick(PLACES), s.pick(FINDS)
    game = s.one("tag", "hide and seek", "hopscotch", "follow the leader", "catch", "pirates", "leapfrog",
        "explorers")
    gift = s.describe(find)
    return [
        text(opening(s, hero),
            s.one(f"But {hero} had nobody to play with.", f"Still, {hero} often felt lonely.",
                f"{hero} wished for just one good friend.",
                f"{hero} and {hero.his} family were new there and knew nobody.")),
        text(f"{when(s)}, {hero} went to {s.one('play', 'sit', 'look around')} {place.at}.", senses(s,
                place),
            s.one(f"{capital(an(friend.kind))} was sitting there all alone.",
                f"There {hero.he} saw {an(friend.kind)} {hero.he} did not know.",
                f"Not far off, {an(friend.kind)} was drawing circles in the dirt with a stick."),
            s.one(f"{hero} wanted to say hello, but {hero.his} tongue felt stuck.",
                f"{hero} hid behind a bush and peeked out.",
                f'"What if I say something silly?" thought {hero}.',
                f"{hero}'s cheeks grew hot. It is hard to speak first.")),
        text(s.one(f"Then {hero} noticed {an(gift)} on the ground. {hero.He} picked it up and held it out.",
                f"Then {hero} remembered the {gift} in {hero.his} {'bag' if hero.animal else 'pocket'} "
                "and held it out.",
                f"Just then the stranger sneezed so loudly that both of them giggled. {hero} stepped "
                "closer."),
            s.one(f'"Hello, I am {hero}. Do you want to play {game}?"',
                f'"My name is {hero}. What is yours?"',
                f'"I am {hero}, and I am new at this," {hero.he} said.'),
            s.one(f'The {friend.kind} looked up and smiled. "I am {friend}," {friend.he} said.',
                f'"I am {friend}," said the {friend.kind} shyly. "I hoped you would come over."',
                f'"I am {friend}," said the {friend.kind}. "I was afraid to ask you first!"')),
        text(s.one(f"They played {game} until the sun went down.",
                f"Soon they were playing {game} and shouting with laughter.",
                f"First they played {game}, and then they built a "
                f"{s.one('fort', 'castle', 'den', 'bridge')} out of sticks."),
            s.one(f"{friend} showed {hero} how to "
                f"{s.one('whistle on a blade of grass', 'skip stones', 'find four-leaf clovers')}.",
                f"{friend} knew the best jokes.",
                f"They found out that both of them loved {plural(s.pick(BAKED))}.", ""),
            s.one(f'"Will you come back tomorrow?" asked {friend}. "Of course!" said {hero}.',
                f'"Same time tomorrow?" asked {hero}. {friend} nodded.',
                f'"Now I know somebody here," said {hero} happily.'),
            s.one(lesson(s, hero, "one small hello can begin a big friendship",
                    "being brave can be as easy as saying hello"), bedtime(s, hero))),
    ]


def sharing(s: Scene) -> list[str]:
    """The hero will not share, plays alone, and finds that alone is dull."""
    hero = s.child()
    friend, thing, place = s.friend(hero), s.pick(SHARED_TOYS), s.pick(PLACES[:1] + PLACES[8:10])
    toy = thing.name
    return [
        text(opening(s, hero, 0.2),
            s.one(f"For {hero.his} birthday {hero.he} got {an(s.describe(thing))}.",
                f"{when(s)}, {hero} brought {an(s.describe(thing))} to {place.name}.",
                f"{hero} had {an(s.describe(thing))}, the finest in the whole street.")),
        text(s.maybe(f"{hero} was playing {place.at}."), senses(s, place, 0.3),
            s.one(f'"May I have a turn with the {toy}?" asked {friend}.',
                f'{friend} came running. "What a beautiful {toy}! Can I try it?"',
                f'"Please, may I try your {toy}?" said {hero.his} friend {friend}.'),
            s.one(f'"No! It is mine," said {hero}.', f'"Not now," said {hero}, and turned away.',
                f'{hero} held on tight. "You might break it."', f'"Get your own," said {hero}.'),
            sad(s, friend),
            s.one(f"{friend} walked off to play with the others.", f"Without a word, {friend} went away.",
                f'"Then I will play something else," said {friend}.')),
        text(s.one(f"Now {hero} had the {toy} all to {hero.himself}.",
                f"{hero} played with the {toy} alone."),
            s.one("But it was not much fun.", "After a few minutes it grew boring.",
                "It was strangely quiet."),
            s.one(f"Over by the fence, {friend} and the others were laughing.",
                f"Nobody saw how good {hero.he} was at it.", "There was nobody to laugh with."),
            s.one(f"{hero} thought of the time when {friend} had shared {friend.his} last {s.pick(BAKED)}.",
                f"{hero} remembered {friend}'s sad face.",
                f"{hero}'s tummy felt heavy, as if {hero.he} had eaten a stone.")),
        text(s.one(f"{hero} went over with the {toy}.", f"{hero} took a deep breath and walked across.",
                f"{hero} ran after {friend}."),
            s.one(f'"I am sorry I was mean," {hero.he} said. "You can have the first turn."',
                f'"I was wrong," said {hero}. "Let us take turns."',
                f'"Would you still like to try it?" {hero.he} asked. "I am sorry."'),
            s.one(f"{friend}'s face lit up.", f'"Really? Thank you!" said {friend}.',
                f'"That is all right," said {friend}, and smiled.'),
            s.one(f"They took turns all afternoon, and {friend} even showed {hero} a new trick with the "
                f"{toy}." if toy not in ("tent", "bucket") else "They thought of ten new games with the "
                f"{toy}.", "They laughed until their sides hurt.",
                f"With two of them, the {toy} was twice as much fun.")),
        text(s.one(lesson(s, hero, "sharing makes everything more fun",
                    "a toy is only a toy, but a friend is a friend", "joy grows when you give some away"),
                ""), bedtime(s, hero)),
    ]


_PROMISES = (
    ("water the tomato plants", "The leaves had been drooping, and now they stood up again."),
    ("bring a bowl of soup", "The bowl was warm, and not a drop had been spilled."),
    ("feed the goldfish", "The hungry goldfish swam up and opened its round mouth."),
    ("help to fix the leaky roof", "They finished just before the first drops of rain."),
    ("return the storybook", "It was the very book for a long, dull evening in bed."),
    ("carry in the firewood", "Soon a cheerful fire was crackling."),
    ("help to pick the ripe plums", "One more day, and the wasps would have eaten them all."),
    ("read a story aloud", "It was a funny one, and it chased the cough away for a while."),
)


def promise_kept(s: Scene) -> list[str]:
    """A promise is hard to keep because something more tempting comes; the hero keeps it."""
    hero = s.hero()
    friend, elder = s.friend(hero), s.elder()
    task, gratitude = s.pick(_PROMISES)
    treat = s.one("The circus had come", "A band was playing by the bridge", "Everyone was going swimming",
        "There was a puppet play in the square", "The others were flying kites",
        "A big boat with red sails had come in")
    return [
        text(opening(s, hero, 0.3),
            s.one(f"{hero.His} friend {friend}{', the ' + friend.kind + ',' if friend.animal else ''} was "
                "ill in bed.",
                f"{hero.His} friend {friend} had hurt {friend.his} foot and could not get up."),
            f'"I will come over at three o\'clock and {task}," said {hero}.',
            s.one('"Promise?" asked ' + f"{friend}.", f'"Do you promise?" asked {friend}.'),
            s.one(f'"I promise," said {hero}.', f'"I give you my word," said {hero}.',
                f'"Cross my heart," said {hero}.')),
        text(s.one(f"The next day something unexpected happened. {treat}!",
                f"But the next day there was exciting news. {treat}!"),
            s.one(f'"Come along, {hero}!" the others called.',
                f'"Hurry up, {hero}, or you will miss it!" somebody shouted.'),
            s.one(f"{hero} wanted to go more than anything.", f"{hero}'s feet were already running.",
                f'"Oh, I want to see that!" said {hero}.'),
            s.one("Then the clock struck three.", "Then, far away, a bell rang three times.",
                f"Then {hero} thought of {friend}, waiting.")),
        text(s.one(f'"Maybe {friend} would not mind," thought {hero}. But a promise is a promise.',
                f'"What should I do?" {hero} asked {elder}. "What did you say you would do?" asked {elder}. '
                f'{hero} knew the answer.',
                f"{hero} stood at the corner. One way led to the fun, the other to {friend}'s door."),
            s.one(f"{hero} turned around and went to {friend}.",
                f"With a sigh, {hero} set off to {friend}'s home."),
            s.one(f'"You came!" said {friend}.', f'"I knew you would come!" said {friend}.',
                f'"It is you!" cried {friend}.'),
            s.one(f'"Of course," said {hero}. "I promised to {task}."',
                f'"I said I would {task}, and here I am," said {hero}.'), gratitude, s.maybe(glad(s,
                    friend))),
        text(s.one("When it was done, somebody knocked. The others had come to tell them all about it.",
                f"Afterward, {friend} gave {hero} the last of the {plural(s.pick(BAKED))}, and they laughed "
                "together.", f"{elder} had been watching. \"I am proud of you,\" said {elder}. \"When "
                f"{friend} is well, I will take you both out.\"",
                f"\"You are the best friend in the world,\" said {friend}. That was better than any show."),
            lesson(s, hero, "a promise is worth keeping", "good friends keep their word",
                "keeping your word makes you feel tall"), s.maybe(bedtime(s, hero), 0.4)),
    ]


_BREAKABLES = (
    ("blue vase", "Crash!"),
    ("teapot", "Smash!"),
    ("window of the shed", "Clink!"),
    ("big mirror", "Crack!"),
    ("flowerpot", "Crunch!"),
    ("glass bowl", "Tinkle, crash!"),
    ("garden lamp", "Pop!"),
    ("milk jug", "Splash!"),
    ("cookie jar", "Bang!"),
)


def truth_told(s: Scene) -> list[str]:
    """The hero breaks something, lies, feels bad and tells the truth."""
    hero, elder = s.hero(), s.elder()
    pet = s.one("cat", "dog", "parrot", "wind")
    thing, noise = s.pick(_BREAKABLES)
    game = s.one("throwing a ball", "twirling like a dancer", "galloping like a horse", "chasing a balloon",
        "swinging a stick like a sword", "jumping like a frog")
    return [
        text(opening(s, hero, 0.3),
            f"{when(s)}, {hero} was {game}, although {elder} had said, "
            + s.one('"Please be careful."', '"Not so close to the house!"', '"Slow down."'),
            f"{noise} The {thing} {s.one('lay in pieces', 'was broken', 'fell and broke')}."),
        text(s.one(f"{elder} came in. \"What happened here?\"",
                f"\"Who broke the {thing}?\" asked {elder}."),
            s.one(f"{hero}'s face turned red.", f"{hero} looked at the ground.",
                f"{hero} hid {hero.his} {hero.hand}s behind {hero.his} back."),
            f"\"It was the {pet},\" {hero} said in a {s.one('tiny', 'shaky', 'thin')} voice.",
            s.one(f"{elder} said nothing and fetched the broom.",
                f"\"I see,\" said {elder}, and swept up the bits.",
                f"{elder} looked at {hero} for a long time.")),
        text(s.one("All day long the lie grew heavier.", "The lie sat in the room like a big gray toad.",
                f"After that, nothing was any fun for {hero}."),
            s.one(f"At supper {hero} could not swallow a bite.",
                f"{hero} tried to play, but could only think of the {thing}.",
                f"Even {hero.his} favorite {hero.treat} tasted like dust."),
            s.one(f"That night {hero} lay awake and stared at the ceiling.",
                f"{hero} tossed and turned in bed.",
                f"When {elder} said good night, {hero} could not look up."), sad(s, hero)),
        text(s.one(f"At last {hero} got up and tiptoed to {elder}.",
                f"In the morning {hero} went to {elder}.",
                f"{hero} could not bear it any longer and called {elder}."),
            s.one(f'"It was not the {pet}. It was me," {hero.he} sobbed.',
                f'"I told a lie," {hero.he} said. "I broke the {thing}."',
                f'"I broke it, and I was afraid you would be angry," said {hero}.'), comfort(s, elder, hero),
            s.one(f'"I can buy a new one," said {elder}, "but not a new you. Thank you for telling the '
                'truth."',
                f'"I was sad about the lie, not about the {thing}," said {elder}. "Now all is well."',
                f'"It takes courage to say that," said {elder}. "I forgive you."'),
            s.one("Together they glued the pieces." if thing in ("blue vase", "teapot", "flowerpot",
                    "cookie jar", "milk jug") else "Together they cleaned up the last bits.",
                f"{hero} saved {hero.his} pennies to help pay for a new one.",
                f"{hero} offered to sweep the floor for a whole week."),
            s.one(f"{hero}'s heart felt light again.",
                lesson(s, hero, "the truth is hard to say but easy to keep",
                    "a lie gets heavier every hour"), f"Then {hero} slept soundly at last.")),
    ]


def the_race(s: Scene) -> list[str]:
    """The fastest runner stops to help a rival who fell."""
    hero, rival = s.animal(), s.animal()
    third, place, color = s.animal(), s.pick(PLACES[2:8]), s.pick(COLORS)
    prize = s.one(f"{an(color)} ribbon", "a big carrot cake", "a golden cup", "a crown of flowers",
        "a basket of berries", "a shiny medal")
    return [
        text(opening(s, hero, 0.2),
            s.one(f"{hero} could run like the wind and liked to say so.",
                f"Nobody practiced as much as {hero}.", f"{hero} dreamed of winning the big race."),
            f"{when(s)}, all the animals met {place.at} for the race.", senses(s, place),
            s.one(f"Even {rival} the {rival.kind} had come.",
                f"{rival} the {rival.kind} was there too, warming up.",
                f"Next to {hero.him} stood {rival} the {rival.kind}."), f"The prize was {prize}."),
        text(s.one(f'"Ready, set, go!" cried {third}, the old {third.kind}.',
                f"{third} the {third.kind} waved {an(color)} flag, and off they went."),
            s.one(f"{hero} took the lead at once.",
                f"At first {rival} was ahead, but soon {hero} passed by.",
                f"{hero} and {rival} ran side by side."),
            s.one("Dust flew up behind them.", "Everybody cheered.",
                "Their paws hardly touched the ground."),
            s.one("They raced around the pond and over the log.",
                "They raced past the thorn bush and through the stream.",
                "They raced up the slope and down again.")),
        text(s.one(f"The finish was near when {hero} heard a cry.",
                "Just before the end there was a bump and a yelp."),
            s.one(f"{rival} had tripped over a root.", f"{rival} had slipped on a wet stone.",
                f"{rival} had stepped on a thorn.", f"{rival} had tumbled into a ditch."),
            s.one(f"{hero} looked at the finish. {hero.He} looked back at {rival}.",
                f'"If I stop, I will lose," thought {hero}.', f"{hero} could already see the prize."),
            s.one(f"Then {hero} turned around.", f"But {hero} could not leave {rival} like that.",
                f"{hero} stopped and went back."),
            s.one(f'"Does it hurt? Lean on me," said {hero}.',
                f'"Take my paw," said {hero}. "We will go together."'),
            s.one(f'"You will lose," said {rival}. "Never mind," said {hero}.',
                f'"Thank you," whispered {rival}.', "")),
        text(s.one("Slowly they walked to the finish, the very last of all.",
                "Paw in paw, they crossed the line last of all.",
                f"{rival} limped, and {hero} held {rival.him} up, and so they came in last."),
            s.one("For a moment it was quiet. Then everyone began to clap.",
                "The crowd cheered louder than ever before."),
            s.one(f"The winner shared {prize} with them." if "cake" in prize or "berries" in prize else
                f"The winner gave {prize} to {hero}. \"You earned it,\" said {third}.",
                f"\"A fast runner is good,\" said {third}, \"but a good friend is better.\"",
                f"{third} made a special prize for the kindest runner of all."),
            s.one(lesson(s, hero, "being kind is better than being first",
                    "there are things more important than winning"),
                f"And {rival} and {hero} were friends ever after.", glad(s, hero))),
    ]
