"""The layers: imports point down only, and importing anything does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent

GROUND = {"slm", "slm.config", "slm.fields", "slm.tokenizer", "slm.runs", "slm.files", "slm.events", "slm.folders",
          "slm.processes", "slm.digest", "slm.bpe_files", "slm.texts", "slm.refusals"}  # fmt: skip
WORK = {"slm.train", "slm.trainer", "slm.position", "slm.handover", "slm.job", "slm.beginning", "slm.leases"}
CONTROL = {"slm.launch", "slm.cli", "slm.answer", "slm.commands", "slm.train_command", "slm.copied_command",
           "slm.evaluate_command", "slm.pack_command", "slm.__main__"}  # fmt: skip
LAYERS = ("ground", "engine", "work", "control", "demo", "app")

# Packages from elsewhere that each layer may use (a layer may use those of the layers below it, too).
PACKAGES = {
    "ground": {"numpy", "tiktoken", "tiktoken_ext"},
    "engine": {"torch", "safetensors", "huggingface_hub", "datasets", "pyarrow", "gguf"},
    "work": set(),
    "control": {"tqdm"},
    "demo": {"gradio", "starlette", "spaces"},
    "app": set(),
}
# Rooms that hold no gradio, so that what they do can be tested without a server.
NO_GRADIO = ("demo.views", "demo.session")
NO_TORCH = ("slm.data", "slm.pack", "slm.copied_command", "slm.evaluate_command", "demo.views", "slm.launch", "slm.cli",
            "slm.commands", "slm.train_command", "slm.__main__")  # fmt: skip


def layer(module: str) -> str:
    """The layer of a module; in slm, what is in no other is engine."""
    for name, members in {"ground": GROUND, "work": WORK, "control": CONTROL, "app": {"app"}}.items():
        if module in members:
            return name
    return "demo" if module.partition(".")[0] == "demo" else "engine"


def files() -> dict[str, Path]:
    """Every module of the project, by name."""
    found = [*ROOT.glob("slm/**/*.py"), *ROOT.glob("demo/**/*.py"), *ROOT.glob("app.py")]
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(found)}
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


MODULES = files()
# Modules beside those, which tests may use.
BESIDE = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for place in ("tests", "docs", "benchmarks")
    for path in sorted(ROOT.glob(f"{place}/**/*.py"))
}
TESTS_OF_THE_PAGE = ("tests.demo.", "tests.standins.")
TESTS_OF_SLM = [name for name in BESIDE if name.startswith("tests.") and not name.startswith(TESTS_OF_THE_PAGE)]


def imports(module: str) -> set[str]:
    """What a module imports, anywhere in it: the project's modules in full, of others the first name."""
    path, found = MODULES[module], set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            # `from package import module` means the module, `from module import name` the module that has the name.
            inside = {f"{base}.{alias.name}" for alias in node.names} & set(MODULES)
            found |= inside or {base}
    ours = {
        name if name in MODULES else name.rpartition(".")[0]
        for name in found
        if name.split(".")[0] in ("slm", "demo", "app")
    }
    return ours | {name.partition(".")[0] for name in found if name.split(".")[0] not in ("slm", "demo", "app")}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    mine = LAYERS.index(layer(module))
    up = {name for name in imports(module) & set(MODULES) if LAYERS.index(layer(name)) > mine}
    assert not up, f"{module} ({LAYERS[mine]}) imports {', '.join(sorted(up))}, which lies above it"


@pytest.mark.parametrize("module", MODULES)
def test_only_listed_packages_are_used(module):
    mine = LAYERS.index(layer(module))
    known = set().union(*(PACKAGES[name] for name in LAYERS[: mine + 1])) | set(sys.stdlib_module_names)
    used = {name for name in imports(module) if name not in MODULES}
    assert used <= known, f"{module} ({LAYERS[mine]}) imports {', '.join(sorted(used - known))}"


@pytest.mark.parametrize("module", MODULES)
def test_rooms_without_gradio_and_without_torch(module):
    used = imports(module)
    if module.startswith(("slm", *NO_GRADIO)):
        assert "gradio" not in used
    if layer(module) == "ground" or module.startswith(NO_TORCH):
        assert "torch" not in used


def names_imported(path: Path) -> set[str]:
    """Each module that a file imports, anywhere in it, and each name that it takes from one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("module", TESTS_OF_SLM)
def test_the_tests_of_slm_need_no_page(module):
    """Neither themselves nor in what they use beside slm, which holds no page (see above)."""
    names, ahead = set(), {module}
    while ahead:
        new = names_imported(BESIDE[ahead.pop()]) - names
        names |= new
        ahead |= new & set(BESIDE)
    page = {"demo", "gradio", "app"}
    of_the_page = {name for name in names if name.split(".")[0] in page or f"{name}.".startswith(TESTS_OF_THE_PAGE)}
    assert not of_the_page, f"{module} needs {', '.join(sorted(of_the_page))}: it belongs into tests/demo"


def test_the_table_above_names_only_what_there_is():
    there = {name for name in MODULES if name.startswith("slm")}
    assert not (GROUND | WORK | CONTROL) - there


SLOW = "torch transformers gradio datasets pandas"
PROBE = """
import importlib, sys, threading, os
before = set(threading.enumerate())
def no_process(event, words):
    assert event not in ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "os.exec"), event
    assert event not in ("socket.connect", "socket.getaddrinfo"), event
sys.addaudithook(no_process)
for name in sys.argv[2:]:
    importlib.import_module(name)
    assert set(threading.enumerate()) == before, f"{name} starts a thread"
unwanted = set(sys.argv[1].split()) & set(sys.modules)
assert not unwanted, f"{unwanted} were imported"
"""


def probe(modules: list[str], *, without: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, without, *modules], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_the_ground_and_the_control_layer_is_quick_and_does_nothing():
    probe(sorted(GROUND | CONTROL), without=SLOW)


def test_importing_the_views_is_quick_and_does_nothing():
    views = [name for name in MODULES if name.startswith(NO_GRADIO)]
    probe([name for name in views if name.startswith("demo.views")], without=SLOW)
    probe(views, without="gradio")


@pytest.mark.slow
def test_importing_the_engine_does_nothing():
    probe([name for name in MODULES if name.startswith("slm")], without="gradio")


def test_the_public_surface_is_frozen():
    import slm

    assert slm.__all__ == sorted(
        [
            "LanguageModel",
            "ModelConfig",
            "PRESETS",
            "PrepareConfig",
            "SampleConfig",
            "TrainConfig",
            "__version__",
            "load",
        ]
    )
    assert all(getattr(slm, name) is not None for name in slm.__all__)
    assert set(slm.__all__) <= set(dir(slm))
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = slm.absent


def test_nothing_is_unpickled_or_run_through_a_shell():
    banned = {"pickle", "dill", "joblib", "shelve", "marshal"}
    for module, path in MODULES.items():
        assert not banned & imports(module), module
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            words = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            assert not words.get("shell") and not words.get("allow_pickle") and not words.get("trust_remote_code"), (
                module
            )
            name = ast.unparse(node.func)
            assert name not in ("torch.load", "eval", "exec", "os.system", "os.popen"), f"{module} calls {name}"


def test_no_error_is_swallowed_whole():
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                everything = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
                silent = all(isinstance(line, (ast.Pass, ast.Continue)) for line in node.body)
                assert not (everything and silent), f"{module}, line {node.lineno}"
