from __future__ import annotations

import random

import pytest

from slm.data.clean import Cleaning, clean_story, digest, repair_misread

RIGHT_TEXTS = [
    "Tom said, “Let’s go – now!” It’s 5 € … — ‘yes’",
    "« À côté de l’été… », dit Éloïse ; “ça va ?” Le cœur, naïf, Noël, où, être, aïe !",
    "„Straße“, „Spaß“ und „Größe…“: Äpfel, Öl, Übung",
    "¿Dónde está el niño? ¡Mañana, señor! «Sí», dijo él.",
    "O avião não voa: “AMANHÔ… MANHûAMANHÔ",
    "Grüße an Ågot, Ærø og Smørrebrød; à la carte, déjà vu, voilà…”",
    "Привет, мир! 你好。こんにちは 😊 मुस्कान",
    "Ângela e Ãngelo: Â, Ã.",
]


def misread(text: str, encoding: str) -> str:
    """UTF-8 read in the wrong encoding; the bytes that cp1252 does not have become control characters."""
    return "".join(
        bytes([b]).decode(encoding) if encoding == "latin-1" or b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(b)
        for b in text.encode()
    )


@pytest.mark.parametrize(
    "broken, whole",
    [
        ("â€œHi,â€\x9d said Tom.", "“Hi,” said Tom."),
        ("â€œHi,â€ said Tom.", "“Hi,” said Tom."),  # the last byte was lost
        ("Itâ€™s", "It’s"),
        ("a â€“ b â€” c", "a – b — c"),
        ("waitâ€¦", "wait…"),
        ("â€˜yesâ€™", "‘yes’"),
        ("â\x80\x9cHiâ\x80\x9d", "“Hi”"),
        ("a cafÃ© and a piÃ±ata", "a café and a piñata"),
        ("naÃ¯ve â€” sÃ­", "naïve — sí"),
        ("CAFÃ‰", "CAFÉ"),
        ("CÅ“ur", "Cœur"),
        ("5 â‚¬", "5 €"),
        ("ok ðŸ˜Š", "ok 😊"),
        ("Ã¢â‚¬Å“HiÃ¢â‚¬Â\x9d", "“Hi”"),  # misread twice
        ("She said “no” and didnâ€™t go.", "She said “no” and didn’t go."),  # right and wrong side by side
    ],
)
def test_misread_text_is_repaired(broken, whole):
    assert repair_misread(broken) == whole


@pytest.mark.parametrize("text", RIGHT_TEXTS)
def test_right_text_is_not_touched(text):
    assert repair_misread(text) == text


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("times", [1, 2])
def test_what_was_misread_reads_as_it_was_written(encoding, times):
    beyond_ascii = "“”‘’–—…éèêëàâçîïôùûüñáíóúßäöÉÀÇÃÂÅ£½°¿¡«»€œŒš™😊"
    rng = random.Random(7)
    for _ in range(100):
        text = " ".join(rng.choice("abz.") + rng.choice(beyond_ascii) + rng.choice("abz,") for _ in range(13))
        broken = text
        for _ in range(times):
            broken = misread(broken, encoding)
        assert broken != text
        assert repair_misread(broken) == text


@pytest.mark.parametrize("text", [t for t in RIGHT_TEXTS if not any(ord(c) > 0x2122 for c in t)][:4])
@pytest.mark.parametrize("times", [1, 2])
def test_whole_sentences_survive_being_misread(text, times):
    broken = text
    for _ in range(times):
        broken = misread(broken, "cp1252")
    assert broken != text
    assert repair_misread(broken) == text


@pytest.mark.parametrize(
    "raw, clean, repairs",
    [
        ("One.\r\nTwo.\rThree.", "One.\nTwo.\nThree.", ["blanks"]),
        ("One. \t\nTwo.\n\n\n\n\nThree.\n", "One.\nTwo.\n\nThree.", ["blanks"]),
        ("  One.\n\nTwo.", "One.\n\nTwo.", ["blanks"]),
        ("One.\n  Two.", "One.\n  Two.", []),
        ("One.<|endoftext|>\n", "One.", ["blanks"]),
        ("They wrote <|endoftext|> on it.", "They wrote <|endoftext|> on it.", []),
        ("half \ud83d of it", "half \ufffd of it", ["surrogates"]),
        ("\ufeffOne.", "One.", ["blanks"]),
        ("ï»¿Itâ€™s.  ", "It’s.", ["misread", "blanks"]),
        (" \n\t", "", ["blanks"]),
        ("<|endoftext|><|endoftext|>", "", ["blanks"]),
    ],
)
def test_stories_are_tidied(raw, clean, repairs):
    assert clean_story(raw) == (clean, repairs)
    assert clean_story(clean) == (clean, [])


def test_everything_left_out_is_counted_by_its_reason():
    cleaning = Cleaning()
    assert list(cleaning.validation(["V1", "V2 ", "V1", ""])) == ["V1", "V2"]
    train = ["T1", "T1\n", "V2", "  ", "Itâ€™s", "T2", "It’s", "half \ud83d"]
    assert list(cleaning.train(train)) == ["T1", "It’s", "T2", "half \ufffd"]
    assert cleaning.dropped == {"duplicates": 3, "empty": 2, "overlap": 1}
    assert cleaning.read == 12
    assert cleaning.repaired == 2
    assert cleaning.repairs == {"misread": 1, "surrogates": 1, "blanks": 1}


def test_digests_differ_by_text_and_seed_and_fit_64_bits():
    texts = [f"story {i}" for i in range(997)]
    assert len({digest(t) for t in texts} | {digest(t, seed=1) for t in texts}) == 2 * 997
    assert max(digest(t) for t in texts).bit_length() <= 64
    assert digest("a", seed=3) == digest("a", seed=3)
