"""Broken and hostile model folders on the page: each is told in a sentence, quickly, and the page goes on."""

from __future__ import annotations

import json
import pickle
import threading
import time
from pathlib import Path

import pytest

from demo.exporting import export
from demo.session import Session
from demo.tabs import runs as runs_tab
from demo.tabs import write as write_tab
from demo.tabs.write import SETTINGS
from slm.config import SampleConfig
from tests.waiting import PATIENCE_S, QUICK_S

torch = pytest.importorskip("torch")


class Request:
    def __init__(self, page: str = "a-page") -> None:
        self.session_hash = page


class Evil:
    def __reduce__(self):
        return (print, ("code from a model file ran",))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    from slm.checkpoint import save
    from tests.engine import random_lm

    lm = random_lm("gpt2")
    for name in ("broken", "whole"):
        save(tmp_path / "checkpoints" / name, lm.model, lm.tokenizer, about={"step": 5})
    (tmp_path / "secret").mkdir()
    save(tmp_path / "secret" / "model", lm.model, lm.tokenizer, about={})
    return Session(tmp_path / "checkpoints", tmp_path / "data")


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(folder: Path, change) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps(Evil()))


def pickled_beside(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))


def huge(folder: Path) -> None:
    edit_json(folder / "config.json", n_embd=20480, n_layer=200, n_inner=None)


def misshapen(folder: Path) -> None:
    edit_weights(folder, lambda w: w.update({"transformer.wte.weight": w["transformer.wte.weight"].t().contiguous()}))


def incomplete(folder: Path) -> None:
    edit_weights(folder, lambda w: w.update({"another": w.pop("transformer.wpe.weight")}))


def not_a_number(folder: Path) -> None:
    edit_weights(folder, lambda w: w["transformer.ln_f.bias"].fill_(float("nan")))


def foreign_tokenizer(folder: Path) -> None:
    from slm.tokenizer import load_gpt2

    load_gpt2().save(folder)


def broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"model": {"vocab": {"a": -1}, "merges": 7}}')


BREAKAGES = {
    pickled: "not a whole safetensors file",
    pickled_beside: "No model in|no model in",
    huge: "parameters, the weights in",
    misshapen: "has shape",
    incomplete: "lack transformer.wpe.weight",
    not_a_number: "not finite",
    foreign_tokenizer: "they do not fit",
    broken_tokenizer: "tokenizer.json",
}


def told_on_the_write_tab(session: Session, model: str, page: str = "a-page") -> list[str]:
    values = [getattr(SampleConfig(max_new_tokens=5, seed=1), name) for name in SETTINGS]
    return list(write_tab.write_stories(session, Request(page), "", model, "", "Once", 1, *values))


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr("gradio.Warning", lambda message, **_: said.append(message))
    return said


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda b: b.__name__)
def test_a_broken_model_is_one_sentence_and_the_page_goes_on(session, breakage, capsys, warnings):
    breakage(session.checkpoints / "broken")
    begin = time.perf_counter()
    (shown,) = told_on_the_write_tab(session, "broken")
    assert time.perf_counter() - begin < QUICK_S
    assert any(words in shown for words in BREAKAGES[breakage].split("|")), shown
    assert "Traceback" not in shown
    runs_tab.export_run(session, Request(), "broken", "gguf")
    assert len(warnings) == 1 and warnings[0].endswith(".")
    session.model_choices(), session.default_model(), runs_tab.paint(session, Request(), None, None)
    assert "ran" not in capsys.readouterr().out
    assert "Once" in told_on_the_write_tab(session, "whole")[-1]


@pytest.mark.parametrize("name", ["../secret/model", "/etc", "broken/../../secret/model", "gpt2", "a/b", "broken@../x"])
def test_a_model_outside_the_folder_is_one_sentence(session, name, warnings):
    begin = time.perf_counter()
    (shown,) = told_on_the_write_tab(session, name)
    assert time.perf_counter() - begin < QUICK_S
    assert "slm-note-error" in shown and "Once" not in shown
    assert any(words in shown for words in ("is no name", "no run or model", "has no snapshot")), shown
    runs_tab.export_run(session, Request(), name, "zip")
    assert len(warnings) == 1


def test_a_run_that_points_outside_itself_is_not_followed(session):
    run = session.checkpoints / "broken"
    (run / "model.safetensors").unlink()
    for pointer in ("best.json", "last.json"):
        (run / pointer).write_text(json.dumps({"snapshot": "../../secret/model", "step": 1}))
    (shown,) = told_on_the_write_tab(session, "broken")
    assert "no model in" in shown.lower()


@pytest.mark.parametrize("facts", [{"n_params": "many"}, {"step": "x", "val_loss": [], "elapsed_s": "y"}, {"data": 7}])
def test_a_model_that_says_nonsense_of_itself_is_listed_all_the_same(session, facts):
    edit_json(session.checkpoints / "broken" / "slm.json", **facts)
    assert {name for _, name in session.model_choices()} == {"broken", "whole"}
    runs_tab.paint(session, Request(), None, None)
    assert "Once" in told_on_the_write_tab(session, "broken")[-1]


def test_an_exported_zip_holds_the_model_and_no_hidden_file(session, tmp_path):
    import zipfile

    (session.checkpoints / "whole" / ".token").write_text("secret")
    with zipfile.ZipFile(export(session.checkpoints / "whole", "zip", tmp_path)) as archive:
        names = {Path(name).name for name in archive.namelist()}
    assert "model.safetensors" in names and "README.md" in names and ".token" not in names


def test_a_file_is_made_once_until_its_run_changes(session):
    first = session.exports.get(session.checkpoints / "whole", "zip")
    assert session.exports.get(session.checkpoints / "whole", "zip") == first
    edit_json(session.checkpoints / "whole" / "slm.json", step=6)
    second = session.exports.get(session.checkpoints / "whole", "zip")
    assert second != first and second.exists() and first.exists()  # somebody may be about to download it
    with pytest.raises(ValueError, match="no export 'none'"):
        session.exports.get(session.checkpoints / "whole", "none")
    assert set(session.exports.home.iterdir()) == {first.parent, second.parent}


def test_two_pages_may_ask_for_a_broken_model_at_once(session):
    not_a_number(session.checkpoints / "broken")
    shown: list[list[str]] = []

    def ask(page: str) -> None:
        shown.append(told_on_the_write_tab(session, "broken", page))

    asking = [threading.Thread(target=ask, args=(page,)) for page in "abc"]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(PATIENCE_S)
    assert len(shown) == 3 and all("not finite" in pieces[0] for pieces in shown)
