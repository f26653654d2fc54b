"""What the page's handlers do, tried without a server: names and rights, forms, stories, watching, preparing."""

from __future__ import annotations

import re
import shutil
import threading
from pathlib import Path

import pytest

from demo import preparing
from demo.forms import STARTER, TrainForm, data_choices, form_fields, preset_values, spec, suggest_name
from demo.rights import Rights
from demo.session import EventCache, ModelCache, Session, Stops, check_prompt, sentence
from demo.stories import Story, remark_on_prompt, sample_settings, write
from demo.telling import stories_html
from demo.watching import shown_run, watch
from slm.config import PRESETS, ModelConfig, PrepareConfig, SampleConfig, TrainConfig
from slm.runs import EventLog, record_process, write_json
from tests.waiting import wait_for


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path / "checkpoints", tmp_path / "data")


@pytest.fixture(scope="module")
def model_home(tmp_path_factory: pytest.TempPathFactory, starter_data: Path) -> Path:
    """A checkpoints folder with one small, untrained model in it."""
    torch = pytest.importorskip("torch")
    from slm.checkpoint import save
    from slm.model import GPT, initialise
    from slm.tokenizer import load_tokenizer

    torch.set_num_threads(1)
    tokenizer = load_tokenizer(starter_data / "starter")
    model = GPT(ModelConfig(n_layer=2, n_head=2, n_embd=14 * 2, block_size=37, vocab_size=tokenizer.vocab_size))
    initialise(model, 3)
    home = tmp_path_factory.mktemp("checkpoints")
    save(home / "small", model, tokenizer, about={"step": 5})
    return home


def make_run(session: Session, name: str, *kinds: str, created: float = 1.0) -> Path:
    run = session.checkpoints / name
    write_json(run / "run.json", {"run": name, "created": created, "preset": "golden", "data": "tiny", "train": {}})
    with EventLog(run / "events.jsonl") as log:
        for step, kind in enumerate(kinds):
            log.append(kind, step, **({"reason": "stopped", "message": ""} if kind == "end" else {"loss": 3.0}))
    return run


# --- names and rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", None, "C:\\x", "nobody", "x\x00"])
def test_a_name_leads_nowhere_else(session: Session, name: str | None) -> None:
    session.checkpoints.mkdir()
    (session.checkpoints.parent / "x").mkdir()
    for ask in (session.run_dir, session.model_path, session.manifest):
        with pytest.raises(ValueError):
            ask(name)


def test_a_link_out_of_the_folder_is_no_run(session: Session, tmp_path: Path) -> None:
    session.checkpoints.mkdir()
    (tmp_path / "secret").mkdir()
    (session.checkpoints / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError):
        session.run_dir("link")


@pytest.mark.parametrize("step", ["../..", "999999", "x", "0003"])
def test_a_snapshot_is_one_that_is_there(session: Session, step: str) -> None:
    (make_run(session, "one", "train") / "snapshots/000300").mkdir(parents=True)
    assert session.model_path("one@000300").name == "000300"
    with pytest.raises(ValueError):
        session.model_path(f"one@{step}")


def test_a_prompt_may_be_empty_but_not_endless() -> None:
    assert check_prompt(None, most=9) == ""
    assert check_prompt("a" * 20_000, most=20_000) == "a" * 20_000
    with pytest.raises(ValueError, match="20,001 characters, the most possible is 20,000"):
        check_prompt("a" * 20_001, most=20_000)


def test_an_error_is_one_sentence() -> None:
    assert sentence(ValueError("the model is gone")) == "The model is gone."
    assert sentence("Is it?") == "Is it?"
    assert sentence(ValueError()) == "Something went wrong."


# --- stops and caches ---------------------------------------------------------------------------------------


def test_stop_reaches_its_own_page_only() -> None:
    stops = Stops()
    mine, theirs = stops.begin("mine"), stops.begin("theirs")
    stops.stop("mine")
    assert mine.is_set() and not theirs.is_set()
    again = stops.begin("mine")
    assert not again.is_set() and stops.newest("mine") is again


def test_a_new_request_ends_the_pages_older_one() -> None:
    stops = Stops()
    old = stops.begin("page")
    stops.begin("page")
    assert old.is_set()


def test_events_are_read_on_and_a_new_run_of_the_same_name_is_noticed(session: Session) -> None:
    cache = EventCache()
    run = make_run(session, "one", "start", "train")
    assert [e["kind"] for e in cache.read(run)[0]] == ["start", "train"]
    with EventLog(run / "events.jsonl") as log:
        log.append("train", 2, loss=2.0)
    assert [e["step"] for e in cache.read(run)[0]] == [0, 1, 2]
    (run / "events.jsonl").rename(run / "old.jsonl")
    make_run(session, "one", "train", "train", "train", "train")
    assert [e["step"] for e in cache.read(run)[0]] == [0, 1, 2, 3]


def test_a_model_is_kept_and_read_anew_when_it_changed(model_home: Path) -> None:
    models = ModelCache()
    first = models.get(model_home / "small")
    assert models.get(model_home / "small") is first
    weights = next((model_home / "small").glob("*.safetensors"))
    weights.touch()
    assert models.get(model_home / "small") is not first


# --- stories ------------------------------------------------------------------------------------------------


def tell(home: Path, count: int = 1, stop: threading.Event | None = None, **settings: object) -> list[list[Story]]:
    session = Session(home, home)
    wanted = sample_settings({"temperature": 1.0, **settings}, most_tokens=1000)
    told = []
    for stories in write(session, ["small"], prompt="Once upon a time", count=count, settings=wanted,
                         stop=stop or threading.Event()):
        told.append([Story(**vars(story)) for story in stories])
    return told


def test_stories_side_by_side_are_the_ones_their_seeds_give_alone(model_home: Path) -> None:
    together = tell(model_home, 3, seed=11, max_new_tokens=17)[-1]
    alone = [tell(model_home, seed=11 + i, max_new_tokens=17)[-1][0] for i in range(3)]
    assert [s.text for s in together] == [s.text for s in alone]
    assert [s.seed for s in together] == [11, 12, 13]
    lm = Session(model_home, model_home).language_model("small")
    assert alone[0].text == "".join(lm.stream("Once upon a time", 17, temperature=1.0, top_p=None, seed=11))


def test_a_story_without_a_seed_can_be_repeated_by_the_one_it_shows(model_home: Path) -> None:
    first = tell(model_home, max_new_tokens=13)[-1][0]
    assert tell(model_home, seed=first.seed, max_new_tokens=13)[-1][0].text == first.text


def test_a_stop_before_the_first_token_writes_nothing(model_home: Path) -> None:
    stop = threading.Event()
    stop.set()
    story = tell(model_home, max_new_tokens=500, stop=stop)[-1][0]
    assert (story.state, story.text) == ("stopped", "")


def test_a_prompt_longer_than_the_context_is_said(model_home: Path) -> None:
    session = Session(model_home, model_home)
    settings = sample_settings({"max_new_tokens": 1, "seed": 1}, most_tokens=10)
    with pytest.warns(UserWarning, match="context"):
        long, stop = "many words " * 50, threading.Event()
        *_, last = write(session, ["small"], prompt=long, count=1, settings=settings, stop=stop)
    assert "sees 37 at once" in last[0].remark
    assert remark_on_prompt(5, 5, context=37) == ""


def test_sliders_at_their_ends_are_off() -> None:
    off = {"top_k": 0, "top_p": 1, "min_p": 0, "repetition_penalty": 1, "seed": "", "temperature": 0.5}
    assert sample_settings(off, most_tokens=1000) == SampleConfig(temperature=0.5, top_p=None)
    assert sample_settings({"seed": " 7 ", "top_k": 5}, most_tokens=1000).seed == 7
    with pytest.raises(ValueError, match="most on this page is 100"):
        sample_settings({"max_new_tokens": 101}, most_tokens=100)


def test_what_a_person_typed_is_text_not_html() -> None:
    html = stories_html([Story("m", "<script>x</script>", 1), Story("<i>", "p", 2)])
    assert "<script>" not in html and "<i>" not in html


# --- the training form --------------------------------------------------------------------------------------


def form(preset: str = "golden", minutes: float | None = 1.0, **more: object) -> TrainForm:
    values = dict(zip((f.name for f in form_fields()), preset_values(preset), strict=True))
    return TrainForm.from_values(STARTER, preset, minutes, "", list({**values, **more}.values()))


@pytest.mark.parametrize("preset", PRESETS)
def test_an_untouched_form_is_the_preset(session: Session, preset: str) -> None:
    assert form(preset).overrides() == {}
    assert form(preset).model(PRESETS[preset].model.vocab_size) == PRESETS[preset].model


def test_the_form_has_every_training_setting_once() -> None:
    names = [f.name for f in form_fields()]
    assert len(set(names)) == len(names)
    assert set(TrainConfig.__dataclass_fields__) - set(names) == {"minutes"}


def test_what_was_changed_becomes_an_override(session: Session) -> None:
    wanted = spec(session, form(n_layer="5", learning_rate="0.5", grad_clip="", compile=True))
    assert wanted.overrides == {"n_layer": 5, "learning_rate": 0.5, "grad_clip": None, "compile": True}
    assert (wanted.run, wanted.data, wanted.minutes) == ("golden-starter-001", "starter-512", 1.0)
    assert wanted.checkpoints == session.checkpoints


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"n_head": "3"}, "not divisible"),
        ({"n_layer": "many"}, "n_layer must be a whole number"),
        ({"learning_rate": "-1"}, "least possible"),
        ({"minutes": 0}, "no end"),
        ({"steps": "5", "tokens": "7"}, "empty one"),
    ],
)
def test_what_cannot_be_trained_is_said_before_it_starts(session: Session, changes: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        spec(session, form(**changes))


def test_steps_go_before_minutes(session: Session) -> None:
    wanted = spec(session, form(steps="7"))
    assert (wanted.steps, wanted.minutes) == (7, None)


def test_names_count_up_past_what_is_there(session: Session) -> None:
    make_run(session, "golden-starter-009", "train")
    make_run(session, "golden-starter-x", "train")
    assert suggest_name(session, form()) == "golden-starter-010"


def test_starter_stories_can_always_be_chosen() -> None:
    assert [value for _, value in data_choices([])] == [STARTER]


# --- watching -----------------------------------------------------------------------------------------------


def test_the_run_shown_is_the_chosen_one_else_the_newest(session: Session) -> None:
    assert shown_run(session, "latest") is None
    make_run(session, "old", "train", created=1.0)
    make_run(session, "new", "train", "end", created=2.0)
    assert shown_run(session, "latest").name == "new"
    assert shown_run(session, "old").name == "old"
    assert shown_run(session, "gone").name == "new"


def test_nothing_is_sent_twice(session: Session) -> None:
    run = make_run(session, "one", "start", "train")
    view = watch(session, "latest")
    assert view is not None and watch(session, "latest", seen=view.version) is None
    with EventLog(run / "events.jsonl") as log:
        log.append("end", 2, reason="stopped", message="")
    later = watch(session, "latest", seen=view.version)
    assert later is not None and later.can_stop is False
    assert watch(session, "latest", seen=later.version) is None


def test_an_empty_folder_is_a_page_too(session: Session) -> None:
    view = watch(session, None)
    assert view is not None and "No run yet" in view.status and not view.can_stop and not view.can_resume


# --- preparing ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_preparation_goes_on_by_itself_and_can_be_looked_at(session: Session) -> None:
    assert preparing.progress(session.data) is None
    config = PrepareConfig(source="starter", name="tiny", vocab="512", limit=150, workers=1)
    name = preparing.start(config, session.data)
    wait_for(lambda: preparing.progress(session.data)["stage"] in ("done", "error"))
    assert preparing.progress(session.data)["stage"] == "done", preparing.progress(session.data)
    assert session.manifest(name)["train"]["stories"] <= 150
    with pytest.raises(ValueError, match="already"):
        preparing.start(PrepareConfig(source="starter", name="tiny"), session.data)


def test_a_preparation_that_died_says_so(session: Session) -> None:
    job = session.data / ".jobs" / "gone"
    write_json(job / "job.json", {})
    write_json(job / "progress.json", {"stage": "tokenise", "done": 5, "total": 10, "elapsed_s": 1.0})
    write_json(job / "process.json", {"pid": 2**22 + 1, "start_mark": "never"})
    progress = preparing.progress(session.data)
    assert (progress["stage"], progress["name"]) == ("error", "gone")
    assert "interrupted" in progress["message"]


def test_an_own_text_is_kept_under_a_name_of_ours(session: Session) -> None:
    path = preparing.save_text("Once.\n\nTwice.", session.data, name="mine")
    assert path == session.data / ".uploads" / "mine.txt" and path.read_text() == "Once.\n\nTwice."
    for text, name in (("  ", "mine"), ("x", "../mine")):
        with pytest.raises(ValueError):
            preparing.save_text(text, session.data, name=name)


@pytest.fixture
def own_home(model_home: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoints folder that a test may change."""
    return Path(shutil.copytree(model_home, tmp_path / "home"))


def test_a_class_writes_with_the_newest_snapshot_of_what_trains(own_home: Path) -> None:
    run = own_home / "learning"
    write_json(run / "run.json", {"created": 9.0})
    record_process(run)
    session, watched = Session(own_home, own_home), Session(own_home, own_home, Rights("code"))
    assert watched.default_model() == "small"  # nothing saved yet
    with pytest.raises(ValueError, match="not saved a model yet"):
        watched.model_path("learning@newest")
    for step in ("000003", "000010"):
        shutil.copytree(own_home / "small", run / "snapshots" / step)
        assert watched.default_model() == "learning@newest" and session.default_model() == "small"
        assert watched.model_path("learning@newest").name == step
        assert watched.language_model("learning@newest").about["step"] == 5
    (label, value), *others = watched.model_choices()
    assert value == "learning@newest" and re.fullmatch(r"newest snapshot of learning .*step 10, \d+ (s|min) old", label)
    assert [name for _, name in others] == ["learning", "small"]
    remark = watched.remark_on_model("learning@newest", {"step": 10})
    assert re.fullmatch(r"learning as it was after step 10, saved \d+ (s|min) ago\.", remark)
    assert watched.remark_on_model("learning", {"step": 10}) == ""


def test_a_newcomer_meets_the_bundled_model_unless_one_trained_here_writes_well(own_home: Path) -> None:
    session = Session(own_home, own_home)

    def trained(name: str, val_bpb: float, created: float) -> None:
        run = make_run(session, name, "start", created=created)
        with EventLog(run / "events.jsonl") as log:
            log.append("eval", 1, val_loss=2.0, val_bpb=val_bpb)
            log.append("end", 2, reason="stopped", message="")
        shutil.copytree(own_home / "small", run / "snapshots/000002")

    trained("hardly", 2.1, 9.0)
    assert session.default_model() == "small"
    trained("good", 1.1, 3.0)
    trained("better", 0.9, 2.0)
    assert session.default_model() == "good", "the newest of those that write well"
    shutil.rmtree(own_home / "small")
    shutil.rmtree(own_home / "good")
    shutil.rmtree(own_home / "better")
    assert session.default_model() == "hardly"


def test_the_models_that_came_along_are_there_wherever_runs_are_kept(own_home: Path, tmp_path: Path) -> None:
    session = Session(tmp_path / "elsewhere", tmp_path, bundled=own_home)
    assert [run.name for run in session.runs()] == ["small"]
    assert session.language_model(session.default_model()).about["step"] == 5
    (own_home / "a-run").mkdir()
    write_json(own_home / "a-run" / "run.json", {})
    assert [run.name for run in session.runs()] == ["small"]


def test_a_warning_shows_what_was_typed_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    gr = pytest.importorskip("gradio")
    from demo.tabs import wiring

    told = []
    monkeypatch.setattr(gr, "Warning", told.append)
    monkeypatch.setattr(gr, "Info", told.append)
    wiring.warn(ValueError("there is no run '<img src=x>'"), "Not yet")
    wiring.inform("a<b is gone", "Deleted")
    assert told == ["Not yet: there is no run &#x27;&lt;img src=x&gt;&#x27;.", "Deleted: a&lt;b is gone."]
