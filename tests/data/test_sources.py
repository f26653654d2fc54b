from __future__ import annotations

import json
from types import SimpleNamespace

import pyarrow
import pyarrow.parquet
import pytest

from slm.data import sources
from slm.data.clean import clean_story
from slm.data.sources import open_source

STORIES = [f"Story {i}.\n\nIt had two paragraphs, and “{i * i}” in it." for i in range(23)]


def read_all(source) -> list[str]:
    return sorted(clean_story(story)[0] for part in (source.train, source.validation) for story in part)


def write_parquet(path, texts, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, **columns}), path, row_group_size=5)


def write_jsonl(path, texts):
    path.write_text("".join(json.dumps({"id": 1, "text": text}) + "\n" for text in texts), encoding="utf-8")


WRITERS = {
    "marks.txt": lambda p: p.write_text("\n<|endoftext|>\n".join(STORIES) + "\n<|endoftext|>\n", encoding="utf-8"),
    "inline.txt": lambda p: p.write_text("<|endoftext|>".join(STORIES), encoding="utf-8"),
    "double.txt": lambda p: p.write_text("\n\n\n".join(STORIES) + "\n\n", encoding="utf-8"),
    "windows.txt": lambda p: p.write_bytes("\n\n\n".join(STORIES).replace("\n", "\r\n").encode("utf-8-sig")),
    "old-mac.txt": lambda p: p.write_bytes("\n\n\n".join(STORIES).replace("\n", "\r").encode()),
    "wide.txt": lambda p: p.write_text("\n" + "\n \n\t\n\n\n".join(STORIES), encoding="utf-8"),
    "lines.jsonl": lambda p: write_jsonl(p, STORIES),
    "blank-lines.JSONL": lambda p: p.write_text("\n\n".join(json.dumps({"text": s}) for s in STORIES)),
    "rows.json": lambda p: p.write_text(json.dumps([{"text": s} for s in STORIES], indent=1)),
    "columns.json": lambda p: p.write_text(json.dumps({"text": STORIES, "n": 1})),
    "lines-in-disguise.json": lambda p: write_jsonl(p, STORIES),
    "table.parquet": lambda p: write_parquet(p, STORIES, id=list(range(len(STORIES)))),
}


@pytest.mark.parametrize("name", WRITERS)
def test_each_kind_of_file_gives_its_stories(tmp_path, name):
    WRITERS[name](tmp_path / name)
    source = open_source(str(tmp_path / name))
    assert read_all(source) == sorted(STORIES)
    assert source.counts == {"train": 22, "validation": 1}
    assert list(source.train) == list(source.train)  # can be read again
    assert source.description == name


def test_single_blank_lines_part_stories_where_no_wider_gap_does(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("One.\nStill one.\n\nTwo.\n \nThree.\n\n\n")
    assert read_all(open_source(str(path))) == ["One.\nStill one.", "Three.", "Two."]


def test_lines_are_stories_where_no_blank_line_is(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("One.\nTwo.\nThree.")
    assert read_all(open_source(str(path))) == ["One.", "Three.", "Two."]


LAYOUTS = {
    "hub": ("data/train-0-of-2.parquet", "data/train-1-of-2.parquet", "data/validation-0-of-1.parquet"),
    "folders": ("train/a.parquet", "train/b.parquet", "valid/a.parquet"),
    "names": ("MyStories_train_1.parquet", "MyStories_train_2.parquet", "MyStories_dev.parquet"),
    "test part": ("train-1.parquet", "train-2.parquet", "test.parquet"),
    "no part named": ("a.parquet", "b.parquet", "validation.parquet"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_is_read_like_a_data_set_of_the_hub(tmp_path, layout):
    for name, texts in zip(LAYOUTS[layout], (STORIES[:11], STORIES[11:20], STORIES[20:]), strict=True):
        write_parquet(tmp_path / name, texts)
    (tmp_path / "README.md").write_text("about it")
    (tmp_path / "TinyStories-train.txt").write_text("another edition")
    (tmp_path / ".cache").mkdir()
    write_parquet(tmp_path / ".cache" / "train.parquet", ["hidden"])
    source = open_source(str(tmp_path))
    assert list(source.train) == STORIES[:20] and list(source.validation) == STORIES[20:]
    assert source.counts == {"train": 20, "validation": 3}
    limited = open_source(str(tmp_path), limit=13)
    assert list(limited.train) == STORIES[:13] and list(limited.validation) == STORIES[20:]
    assert limited.counts == {"train": 13, "validation": 3}


def test_a_folder_of_text_files(tmp_path):
    (tmp_path / "train.txt").write_text("<|endoftext|>\n".join(STORIES[:20]), encoding="utf-8")
    (tmp_path / "valid.txt").write_text("<|endoftext|>\n".join(STORIES[20:]), encoding="utf-8")
    source = open_source(str(tmp_path))
    assert list(source.train) == STORIES[:20] and list(source.validation) == STORIES[20:]
    assert source.counts is None


def test_missing_values_are_empty_stories(tmp_path):
    write_parquet(tmp_path / "t.parquet", ["One.", None, "Two.", "Three."])
    assert read_all(open_source(str(tmp_path / "t.parquet"))) == ["", "One.", "Three.", "Two."]


@pytest.mark.parametrize("count, held_out", [(2, 1), (23, 1), (101, 5), (1009, 50)])
def test_five_percent_are_held_out_where_no_validation_part_is(tmp_path, count, held_out):
    texts = [f"Story number {i}." for i in range(count)]
    write_jsonl(tmp_path / "own.jsonl", texts)
    source = open_source(str(tmp_path / "own.jsonl"))
    train, validation = list(source.train), list(source.validation)
    assert len(validation) == held_out == source.counts["validation"]
    assert len(train) == count - held_out == source.counts["train"]
    assert sorted(train + validation) == sorted(texts)
    assert train == [t for t in texts if t in set(train)]  # in their order


def test_the_split_depends_on_seed_and_stories_not_on_their_order(tmp_path):
    texts = [f"Story number {i}." for i in range(211)]
    write_jsonl(tmp_path / "a.jsonl", texts)
    write_jsonl(tmp_path / "b.jsonl", texts[::-1])
    a, b = (set(open_source(str(tmp_path / n), seed=3).validation) for n in ("a.jsonl", "b.jsonl"))
    assert a == b != set(open_source(str(tmp_path / "a.jsonl"), seed=4).validation)


def test_copies_of_a_story_stay_on_one_side_and_empty_ones_are_never_held_out(tmp_path):
    texts = [t for i in range(50) for t in (f"Story {i}.", f"Story {i}. \n", "")]
    write_jsonl(tmp_path / "a.jsonl", texts)
    for seed in range(5):
        source = open_source(str(tmp_path / "a.jsonl"), seed=seed)
        sides = [{clean_story(t)[0] for t in part} for part in (source.train, source.validation)]
        assert not sides[0] & sides[1]
        assert len(sides[1]) == 2 and "" not in sides[1]


def test_at_most_so_many_are_held_out(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MOST_VALIDATION_STORIES", 7)
    write_jsonl(tmp_path / "a.jsonl", [f"Story number {i}." for i in range(211)])
    assert open_source(str(tmp_path / "a.jsonl")).counts == {"train": 204, "validation": 7}


def test_a_limit_comes_before_the_split(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", STORIES)
    assert read_all(open_source(str(tmp_path / "a.jsonl"), limit=5)) == sorted(STORIES[:5])


def test_starter_stories_need_nothing_and_differ_by_seed():
    source = open_source("starter", limit=41, seed=3)
    train, validation = list(source.train), list(source.validation)
    assert (len(train), len(validation)) == (39, 2) == (source.counts["train"], source.counts["validation"])
    assert len({*train, *validation}) == 41
    assert train == list(open_source("starter", limit=41, seed=3).train)
    assert train != list(open_source("starter", limit=41, seed=4).train)


def test_many_starter_stories_are_told_anew_instead_of_kept(monkeypatch):
    kept = list(open_source("starter", limit=31).train)
    monkeypatch.setattr(sources, "STARTER_REMEMBERED", 7)
    assert list(open_source("starter", limit=31).train) == kept


class Rows(list):
    """A split as the `datasets` library gives it."""

    class features:
        arrow_schema = pyarrow.schema({"text": pyarrow.string(), "id": pyarrow.int64()})

    class info:
        dataset_size = 4321

    def iter(self, batch_size):
        for start in range(0, len(self), batch_size):
            yield {"text": self[start : start + batch_size]}


def test_a_hub_data_set_is_read_by_its_splits(monkeypatch):
    asked = []
    parts = {"train": Rows([*STORIES, None]), "validation": Rows(["V"]), "test": Rows(["T"])}
    monkeypatch.setattr(sources, "_load_hub", lambda hub_id: asked.append(hub_id) or parts)
    for name in ("tinystories", "tinystories-clean", "somebody/stories.v2"):
        source = open_source(name)
        assert list(source.train) == [*STORIES, ""] and list(source.validation) == ["V"]
        assert source.counts == {"train": 24, "validation": 1} and source.text_bytes == 4321
    assert asked == ["roneneldan/TinyStories", "karpathy/tinystories-gpt4-clean", "somebody/stories.v2"]
    assert open_source("tinystories", limit=3).counts == {"train": 3, "validation": 1}


def test_a_hub_data_set_of_one_split_is_split(monkeypatch):
    monkeypatch.setattr(sources, "_load_hub", lambda hub_id: {"train": Rows(STORIES)})
    assert read_all(open_source("a/b")) == sorted(STORIES)


@pytest.mark.parametrize("split, meant", [("train", "validation"), ("Train", "test")])
def test_of_several_splits_that_a_hub_data_set_has_for_a_part_the_one_of_that_name_counts(monkeypatch, split, meant):
    parts = {split: Rows(STORIES), "train_small": Rows(["S"]), meant: Rows(["V"]), f"{meant}_small": Rows(["W"])}
    monkeypatch.setattr(sources, "_load_hub", lambda hub_id: {**parts, "extra": Rows(["E"])})
    source = open_source("a/b")
    assert list(source.train) == STORIES and list(source.validation) == ["V"]


@pytest.mark.parametrize(
    "names, told",
    [
        (("train_prefs", "train_chat", "test"), "2 splits that could be its train stories, train_prefs, train_chat"),
        (("en", "de"), "2 splits that could be its train stories, en, de"),
        (("train", "val", "dev"), "2 splits that could be its validation stories, val, dev"),
    ],
)
def test_splits_that_could_all_be_meant_are_told(monkeypatch, names, told):
    monkeypatch.setattr(sources, "_load_hub", lambda hub_id: {name: Rows([name]) for name in names})
    with pytest.raises(ValueError, match=rf"^a/b has {told}: download .* as the source$"):
        open_source("a/b")


def test_an_empty_split_of_a_hub_data_set_is_none(monkeypatch):
    monkeypatch.setattr(sources, "_load_hub", lambda hub_id: {"train": Rows(STORIES), "validation": Rows()})
    assert open_source("a/b").counts == {"train": 22, "validation": 1}


@pytest.mark.parametrize(
    "columns, told",
    [
        ({"story": pyarrow.string(), "id": pyarrow.int64()}, "a/b has no column 'text'; it has: story, id"),
        ({"text": pyarrow.list_(pyarrow.string())}, "the column 'text' of a/b holds list<.*>, not text"),
        ({"text": pyarrow.int64()}, "the column 'text' of a/b holds int64, not text"),
    ],
)
def test_a_hub_data_set_without_text_is_told(monkeypatch, columns, told):
    rows = Rows(STORIES)
    rows.features = SimpleNamespace(arrow_schema=pyarrow.schema(columns))
    monkeypatch.setattr(sources, "_load_hub", lambda hub_id: {"train": rows})
    with pytest.raises(ValueError, match=told):
        open_source("a/b")


def test_a_hub_out_of_reach_is_told_in_one_sentence_with_a_way_out(monkeypatch):
    datasets = pytest.importorskip("datasets")

    def fail(hub_id):
        raise ConnectionError("no route to host\nmore\nlines")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(ValueError, match=r"^roneneldan/TinyStories could not .*\(no route to host\).*starter") as info:
        open_source("tinystories")
    assert "\n" not in str(info.value)


BAD_FILES = {
    "empty.txt": (b"", "empty.txt is empty"),
    "blank.txt": (b" \n\n \n", "0 stories in it; at least 2"),
    "one.txt": (b"Only this one.", "1 story in it; at least 2"),
    "twice.txt": (b"The same.\n\nThe same.", "1 story in it; at least 2"),
    "latin.txt": ("One.\n\nA café.".encode("latin-1"), r"byte 11 \(line 3\) is 0xe9; save it as UTF-8"),
    "utf16.txt": ("One.\n\nTwo.".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
    "utf16be.txt": ("One.\n\nTwo.".encode("utf-16-be"), "UTF-16 text; save it as UTF-8"),
    "image.txt": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "is a binary file, not text: byte 8 is zero"),
    "image.parquet": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "is not a parquet file"),
    "empty.parquet": (b"", "is not a parquet file"),
    "empty.jsonl": (b"", "is empty"),
    "column.jsonl": (b'{"text": "a"}\n{"story": "b", "id": 2}', "line 2 of .* has no column 'text'; it has: story, id"),
    "broken.jsonl": (b'{"text": "a"}\n{"text": "b', "line 2 of .* is not JSON"),
    "number.jsonl": (b'{"text": "a"}\n{"text": 7}', "in line 2 of .* is no text: it is 7"),
    "list.jsonl": (b'["a"]', "line 1 of .* is no object"),
    "broken.json": (b'[{"text": "a"},', "broken.json is not JSON"),
    "number.json": (b'[{"text": "a"}, {"text": 7}]', "in row 2 of .* is no text: it is 7"),
    "stories.csv": (b"text\na", "none of the files that can be read: .parquet, .jsonl, .json, .txt"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_used_is_told_why(tmp_path, name):
    data, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message):
        open_source(str(tmp_path / name))


def test_a_table_without_stories_names_its_columns(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"story": ["a"], "id": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="no column 'text'; it has: story, id"):
        open_source(str(tmp_path / "a.parquet"))
    pyarrow.parquet.write_table(pyarrow.table({"text": [1, 2]}), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match="holds int64, not text"):
        open_source(str(tmp_path / "b.parquet"))


@pytest.mark.parametrize(
    "source",
    ["", "nothing", "./nothing", "/no/such/folder", "my/stories.txt", "a/b/c", "../x", "~nobody-of-this-name/x",
     "Once upon a time. " * 30],
)  # fmt: skip
def test_a_source_that_is_not_there_is_told(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"there is no source .* starter, tinystories"):
        open_source(source)


def test_a_folder_without_stories_says_what_it_holds(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"holds no \.parquet, .*\.txt with stories; it holds photo\.jpg"):
        open_source(str(tmp_path))
    (tmp_path / "validation.txt").write_text("One.\n\nTwo.")
    with pytest.raises(ValueError, match="no training stories, only validation"):
        open_source(str(tmp_path))


def test_the_excerpt_of_tinystories(tinystories_folder):
    source = open_source(str(tinystories_folder))
    assert source.counts == {"train": len(list(source.train)), "validation": len(list(source.validation))}
    assert source.counts["validation"] == 1_000 and 21_000 < source.counts["train"] < 22_000


@pytest.mark.parametrize("name", ["deep.json", "deep.jsonl"])
def test_a_file_nested_too_deeply_is_refused(tmp_path, name):
    (tmp_path / name).write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"deep\.json"):
        open_source(str(tmp_path / name))
