"""The page as it is built: the promised places and endpoints, and nothing else that a program could call."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from demo.endpoints import Endpoints
from demo.page import build, launch_options
from demo.session import Session

PROMISED = {
    "write": ("model", "prompt", "go", "stop", "story", "temperature", "top-k", "top-p", "max-tokens", "seed"),
    "train": ("data", "preset", "minutes", "start", "stop", "resume", "chart", "status", "samples"),
    "inside": ("model", "text", "tokens", "probs", "attention", "lens"),
    "data": ("source", "prepare", "status", "preview"),
    "runs": ("table", "chart", "time-machine", "export"),
}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path / "checkpoints", tmp_path / "data")


def test_every_promised_place_is_there_once(session: Session) -> None:
    ids = [getattr(block, "elem_id", None) for block in build(session).blocks.values()]
    promised = [f"{tab}-{part}" for tab, parts in PROMISED.items() for part in parts]
    assert {name: ids.count(name) for name in promised} == dict.fromkeys(promised, 1)


def test_programs_find_three_endpoints_with_their_parameters(session: Session) -> None:
    info = build(session).get_api_info()
    named = {
        name: [p["parameter_name"] for p in end["parameters"]] for name, end in info["named_endpoints"].items()
    }
    assert named == {
        "/generate": ["prompt", "model", "max_new_tokens", "temperature", "top_k", "top_p", "seed"],
        "/runs": [],
        "/metrics": ["run", "since_offset"],
    }
    assert info["unnamed_endpoints"] == {}


def test_everything_else_is_private(session: Session) -> None:
    public = [fn.api_name for fn in build(session).fns.values() if fn.api_visibility != "private"]
    assert public == ["generate", "runs", "metrics"]


def test_the_machine_is_measured_for_who_opens_train_not_as_the_page_opens(session: Session) -> None:
    page = build(session)
    fns, begins = page.fns, set()
    for fn in [fn for fn in fns.values() if fn.name == "look_ahead" and fn.concurrency_id == "measure"]:
        while fn.trigger_after is not None:
            fn = fns[fn.trigger_after]
        begins |= {event for _, event in fn.targets}
    assert "select" in begins and "load" not in begins
    # The page itself fills in its data sets as it opens, and a dropdown that is filled in has changed.
    data = next(b._id for b in page.blocks.values() if getattr(b, "elem_id", None) == "train-data")
    assert not [fn for fn in fns.values() if (data, "change") in fn.targets]


def test_painting_what_is_new_neither_queues_nor_flickers(session: Session) -> None:
    page = build(session)
    ticks = [fn for fn in page.fns.values() if any(event == "tick" for _, event in fn.targets)]
    assert len(ticks) == 5
    assert all(not fn.queue and fn.show_progress == "hidden" and fn.trigger_mode != "multiple" for fn in ticks)


def test_only_what_needs_a_model_waits_for_one(session: Session) -> None:
    waiting = {fn.name for fn in build(session).fns.values() if fn.concurrency_id == "model"}
    assert waiting == {"write_stories", "write_branch", "look_inside", "find_word", "tell", "generate"}


def test_a_look_at_a_word_waits_for_no_story(session: Session) -> None:
    looks = {fn.name for fn in build(session).fns.values() if fn.concurrency_id == "look"}
    assert looks == {"look_at", "look_ahead", "look_ahead_of_story"}


def test_nothing_keeps_a_connection_open(session: Session) -> None:
    assert not [block for block in build(session).blocks.values() if type(block).__name__ == "State"]


def test_the_look_fetches_nothing_from_elsewhere(session: Session) -> None:
    options = launch_options(session)
    assert options["theme"]._stylesheets == []
    assert "http" not in options["css"]


def test_building_the_page_loads_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from demo.page import build; from demo.session import Session;"
        "build(Session(Path(sys.argv[1]), Path(sys.argv[1])));"
        "print(sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_reader_of_metrics_goes_on_where_it_stopped(session: Session) -> None:
    from slm.runs import EventLog

    run = session.checkpoints / "one"
    with EventLog(run / "events.jsonl") as log:
        for step in (1, 2, 3):
            log.append("train", step, loss=float(step))
        ask = functools.partial(Endpoints(session).metrics, None)  # on one's own page nobody looks who asks
        first = ask("one")
        assert [event["step"] for event in first] == [1, 2, 3]
        assert [event["step"] for event in ask("one", first[1]["next_offset"])] == [3]
        assert ask("one", first[-1]["next_offset"]) == []
        log.append("train", 4, loss=None)
        assert [event["loss"] for event in ask("one", first[-1]["next_offset"])] == [None]


@pytest.mark.parametrize("name", ["../one", "", "one/../..", "nobody"])
def test_endpoints_stay_inside_the_checkpoints(session: Session, name: str) -> None:
    import gradio as gr

    with pytest.raises(gr.Error):
        Endpoints(session).metrics(None, name)
    with pytest.raises(gr.Error):
        Endpoints(session).generate(None, "Once", model=name or "..")


def test_a_program_that_asks_for_nothing_gets_the_models_own_settings(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from slm.checkpoint import save
    from slm.config import SampleConfig
    from slm.own_sampling import save_sampling
    from tests.engine import random_lm

    lm = random_lm("gpt2")
    save(tmp_path / "own", lm.model, lm.tokenizer, about={})
    own = SampleConfig(max_new_tokens=11, temperature=0.3, top_k=5, top_p=None)
    save_sampling(tmp_path / "own", own, eot_id=lm.tokenizer.eot_id)
    session = Session(tmp_path, tmp_path)
    generate, model = functools.partial(Endpoints(session).generate, None, "Once", "own"), session.language_model("own")
    assert generate(seed=3) == model.generate("Once", seed=3)
    asked = {"max_new_tokens": 7, "temperature": 1.0}
    assert generate(7, 1.0, 0, 0.9, 3) == model.generate("Once", **asked, top_k=None, top_p=0.9, seed=3)


@pytest.mark.parametrize("offset", [-1, "0", None, True, float("nan"), float("inf"), 2**63])
def test_an_offset_that_is_none_is_a_sentence(session: Session, offset: object) -> None:
    import gradio as gr

    (session.checkpoints / "one").mkdir(parents=True)
    with pytest.raises(gr.Error, match="offset since_offset is a number from 0 on"):
        Endpoints(session).metrics(None, "one", offset)
    assert Endpoints(session).metrics(None, "one", 5.0) == []


def test_a_full_queue_leaves_no_error_in_a_place_of_the_page(session: Session) -> None:
    fns = build(session).fns
    mended = {fn.trigger_after: fn for fn in fns.values() if fn.trigger_only_on_failure}
    for fn in fns.values():
        if fn.queue and fn.outputs and fn.name != "generate":
            assert set(fn.outputs) <= set(mended[fn._id].outputs) and not mended[fn._id].queue, fn.name


def test_nobody_gets_past_the_queue(session: Session) -> None:
    assert build(session).api_open is False


def test_another_run_is_painted_after_what_was_new_of_the_last_one(session: Session) -> None:
    """By one event, so that no answer about the last run comes after one about the run that was chosen meanwhile."""
    fns = build(session).fns.values()
    (painting,) = [fn for fn in fns if fn.name == "paint" and "tick" in {event for _, event in fn.targets}]
    assert {event for _, event in painting.targets} == {"tick", "input"} and painting.trigger_mode == "always_last"
