"""The index of parsed files: it saves time, and nothing that is done to it changes a leaf."""

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from versioning.code import code_leaves, files
from versioning.code import index as indexing
from versioning.code.index import SETTLED_SECONDS, Index, analysis_of
from versioning.code.sources import code_digest

# Each folder that is named in the input has a package `proj`; the leaves of its step, and which
# files were compiled though their code was imported from compiled files.
PROCESS = """
import importlib, json, sys, time, warnings
from pathlib import Path
from versioning.code import code_leaves, index as indexing

# This checkout may have been made a moment ago.
indexing._IMPORTED = time.time() + 9
warnings.simplefilter("ignore")
compiled = []
sys.addaudithook(lambda event, args: event == "compile" and compiled.append(str(args[1])))
index, folders = json.load(sys.stdin)
found = {}
for folder in folders:
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    step = importlib.import_module("proj.steps").step
    try:
        closure = code_leaves(step, index=index and Path(index))
        leaves = {leaf.name: [leaf.digest, leaf.value] for leaf in closure.leaves}
        found[folder] = [leaves, dict(closure.distributions), closure.warnings]
    except Exception as error:
        found[folder] = repr(error)
    for name in [name for name in sys.modules if name.partition(".")[0] == "proj"]:
        del sys.modules[name]
    sys.path.remove(folder)
print(json.dumps([found, [name for name in compiled if "/proj/" in name]]))
"""
MODULES = {
    "steps": """
        from enum import Enum
        from proj.help import LIMITS, Model, helper

        class Kind(Enum):
            A = 1

        def step(x, *, scale=2):
            '''Says nothing.'''
            return helper(x, [y for y in LIMITS if y in {"a", "b", 3}]) + Model(x).run(Kind.A)
        """,
    "help": """
        import math
        import zlib

        LIMITS = ["a", 3]
        CLIENT = zlib.compressobj(3)

        def twice(function):
            return lambda *args: function(*args) * 2

        @twice
        def helper(x, limits: list, power=lambda x: x ** 2):
            return power(x) + len(limits) + math.pi

        class Model:
            depth: int = 3

            def __init__(self, x):
                self.x = x

            def run(self, kind):
                return self.x * self.depth if CLIENT else kind
        """,
}


def start(index: Path | None, folders: list[Path], seed: int = 0) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONDONTWRITEBYTECODE": ""},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps([index and str(index), [str(folder) for folder in folders]]))
    process.stdin.close()
    return process


def read(process: subprocess.Popen[str]) -> tuple[dict, list[str]]:
    assert process.stdout is not None
    text = process.stdout.read()
    process.stdout.close()
    assert process.wait() == 0
    return json.loads(text)


def package(folder: Path, modules: dict[str, str]) -> Path:
    for name, text in {"__init__": "", **modules}.items():
        path = folder / "proj" / (name.replace("__0", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
    return folder


def every_case(folder: Path) -> list[Path]:
    """A package for each case of the tests of edits."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("test_edits*.py"))
    cases = [c for name in names for c in importlib.import_module(f"tests.code.{name}").CASES]
    assert len(cases) > 50
    return [package(folder / str(number), case.files) for number, case in enumerate(cases)]


@pytest.mark.slow
def test_leaves_are_the_same_without_index_with_a_new_one_and_with_an_old_one(tmp_path):
    folders = [*every_case(tmp_path), package(tmp_path / "more", MODULES)]
    index = tmp_path / "index"
    without, _ = read(start(None, folders, seed=1))
    fresh, _ = read(start(index, folders, seed=2))
    known, parsed = read(start(index, folders, seed=3))
    assert fresh == without
    assert known == without
    assert parsed == []


def test_eight_processes_write_one_index_and_the_next_one_parses_nothing(tmp_path):
    folders = [package(tmp_path / "package", MODULES)]
    index = tmp_path / "index"
    read(start(None, folders))
    answers = [read(one)[0] for one in [start(index, folders, seed) for seed in range(8)]]
    assert answers == [answers[0]] * 8
    assert read(start(index, folders)) == [answers[0], []]
    assert not [name for name in os.listdir(index) if name.startswith(".")]


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """This checkout may have been made a moment ago, and nothing would be kept then."""
    monkeypatch.setattr(indexing, "_IMPORTED", time.time() + 9)
    indexing._analysis.cache_clear()
    yield
    indexing._analysis.cache_clear()


@pytest.fixture
def closed(project, tmp_path, monkeypatch):
    """The leaves of the step of `MODULES`, as a process finds them that has seen no file yet."""
    project.write(**MODULES)
    index = tmp_path / "index"

    def close(folder: Path | None = index) -> dict[str, str]:
        monkeypatch.setattr(files, "_known", {})
        return project.leaves(index=folder)

    close.folder = index
    close.entries = lambda: sorted(index.iterdir())
    close.texts = [(tmp_path / "proj" / f"{name}.py").read_bytes() for name in MODULES]
    return close


DAMAGES = {
    "emptied": lambda data: b"",
    "cut in the seal": lambda data: data[:20],
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b" ",
    "flipped in the seal": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "flipped": lambda data: data.replace(b"Constant", b"Konstant"),
    "no outline": lambda data: b"\x80\x04" + bytes(1000),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_made_again(closed, damage):
    expected = closed()
    whole = {path: path.read_bytes() for path in closed.entries()}
    for path, data in whole.items():
        path.write_bytes(damage(data))
        assert path.read_bytes() != data or b"Constant" not in data
    assert closed() == expected
    assert {path: path.read_bytes() for path in closed.entries()} == whole


def test_an_entry_under_the_name_of_another_is_not_believed(closed):
    expected = closed()
    first, second = closed.entries()[:2]
    first_data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(first_data)
    assert closed() == expected


MALFORMED = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'{"refs": 5, "answers": {}}',
    b'{"refs": [], "answers": [1]}',
    b'{"refs": [[1]], "answers": {}}',
    b'{"refs": [["a", null, null]], "answers": {}}',
]


@pytest.mark.parametrize("outline", MALFORMED)
def test_a_malformed_outline_counts_as_none(closed, outline):
    expected = closed(None)
    Index(closed.folder).keep([(text, outline) for text in closed.texts])
    assert closed() == expected


@pytest.mark.parametrize("answer", [5, [], [[]], ["a", [99], []], [["a", [99], []]], {"a": 99}])
def test_a_malformed_answer_counts_as_none(closed, answer):
    expected = closed()
    for text in closed.texts:
        plain = json.loads(Index(closed.folder).find(text))
        plain["answers"] = dict.fromkeys(plain["answers"], answer)
        Index(closed.folder).keep([(text, json.dumps(plain).encode())])
    assert closed() == expected


def forge(closed) -> None:
    for text in closed.texts:
        outline = Index(closed.folder).find(text)
        assert b"Name(" in outline
        Index(closed.folder).keep([(text, outline.replace(b"Name(", b"Game("))])


def test_an_entry_that_others_may_write_is_not_believed(closed):
    expected = closed()
    forge(closed)
    assert closed() != expected, "who can write the index is believed, so others must not"
    for path in closed.entries():
        path.chmod(0o622)
    assert closed() == expected


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give")
def test_an_entry_of_another_user_is_not_believed(closed):
    expected = closed()
    forge(closed)
    for path in closed.entries():
        os.chown(path, 12345, -1)
    assert closed() == expected


def test_nobody_else_may_write_what_is_kept(closed):
    closed()
    assert {path.stat().st_mode & 0o077 for path in [closed.folder, *closed.entries()]} == {0}


def test_a_folder_that_cannot_be_written_costs_time_only(closed, tmp_path):
    expected = closed(None)
    (tmp_path / "file").touch()
    assert closed(tmp_path / "file") == expected
    assert closed(tmp_path / "file" / "index") == expected


def test_an_index_holds_no_more_than_its_limit_and_lets_the_oldest_go(tmp_path):
    index = Index(tmp_path, limit=8)
    texts = [b"%d" % number for number in range(20)]
    for age, text in enumerate(reversed(texts)):
        index.keep([(text, b"{}")])
        for path in tmp_path.iterdir():
            os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**9 * (age + 1)))
    kept = [text for text in texts if index.find(text) is not None]
    assert kept == texts[: len(kept)]
    assert 6 <= len(kept) <= 8


def test_another_analysis_finds_no_entry_of_this_one(tmp_path):
    module = tmp_path / "module.py"
    module.write_text("DEPTH = 1\n")
    later = time.time() + SETTLED_SECONDS + 1
    before = analysis_of(tmp_path, later)
    assert before == analysis_of(tmp_path, later) is not None
    module.write_text("DEPTH = 2\n")
    assert analysis_of(tmp_path, later) not in {before, None}


def test_an_analysis_that_was_edited_while_it_was_imported_keeps_nothing(tmp_path):
    module = tmp_path / "module.py"
    module.write_text("DEPTH = 1\n")
    assert analysis_of(tmp_path, module.stat().st_mtime + SETTLED_SECONDS / 2) is None
    assert analysis_of(tmp_path / "none", time.time()) is None


def test_an_edit_that_keeps_size_and_time_is_seen(closed, project):
    before = closed()
    path = project.folder / "proj" / "help.py"
    times = path.stat()
    project.edit("help", "compressobj(3)", "compressobj(4)")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = project.leaves(index=closed.folder)
    assert {name for name in before if before[name] != after[name]} == {"help:CLIENT"}


def compiled(text: str, file: str = "file.py"):
    space: dict = {}
    exec(compile(text, file, "exec"), space)
    return space["f"].__code__


SAME = "def f(x):\n    return [x in {'a', 'b', 1} for x in (lambda: x)()]\n"
OTHERS = [
    SAME.replace("1", "2"),
    SAME.replace("1", "1.0"),
    SAME.replace("1", "True"),
    SAME.replace("'a'", "b'a'"),
    SAME.replace("in {", "not in {"),
    SAME.replace("lambda: x", "lambda: 1"),
    SAME.replace("(x)", "(y)"),
    SAME.replace("(x)", "(x, /)"),
    SAME.replace("(x)", "(*, x)"),
    "\n" + SAME,
    SAME.replace("return [", "return  ["),
    "def f(x):\n    return 0.0\n",
    "def f(x):\n    return -0.0\n",
    "def f(x):\n    return None\n",
    "def f(x):\n    return (None,)\n",
    "def f(x):\n    return lambda: None\n",
    "def f(x):\n    return '\\ud800'\n",
]


def test_equal_code_has_one_digest_wherever_its_file_lies_and_all_other_code_another():
    assert code_digest(compiled(SAME)) == code_digest(compiled(SAME, "/elsewhere/file.py"))
    assert len({code_digest(compiled(text)) for text in [SAME, *OTHERS]}) == 1 + len(OTHERS)


def test_running_code_does_not_change_its_digest():
    def total(items):
        return sum(item.real + 1 for item in items)

    before = code_digest(total.__code__)
    # The interpreter rewrites what runs often.
    for _ in range(1000):
        total([1, 2])
    assert code_digest(total.__code__) == before


def test_what_a_wrapper_wraps_may_be_exchanged():
    def inner(x=1):
        return x

    def other(x=2):
        return x

    def step():
        return inner(), other()

    step.__wrapped__ = inner
    before = {leaf.name: leaf.digest for leaf in code_leaves(step).leaves}
    step.__wrapped__ = other
    after = {leaf.name: leaf.digest for leaf in code_leaves(step).leaves}
    assert {
        name.rpartition(".")[2] for name in before | after if before.get(name) != after.get(name)
    } == {
        "inner",
        "other",
        "inner(x)",
        "other(x)",
    }
