"""A real package in a temporary folder, edited and imported again, to see which leaves change."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from versioning.code import CodeClosure, code_leaves


@dataclass
class Project:
    """The package `proj` below `folder`; `close` imports it afresh."""

    folder: Path

    def write(self, **files: str) -> None:
        """Write modules of the package, by name; `__` stands for a folder."""
        for name, text in {"__init__": "", **files}.items():
            path = self.folder / "proj" / (name.replace("__0", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            if name != "__init__" or not path.exists() or text:
                path.write_text(dedent(text), "utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that must be there."""
        path = self.folder / "proj" / f"{name}.py"
        text = path.read_text("utf-8")
        assert old in text, f"{old!r} is not in {path.name}"
        path.write_text(text.replace(old, new), "utf-8")

    def load(self, module: str = "steps"):
        """Import the package afresh."""
        forget()
        return importlib.import_module(f"proj.{module}" if module else "proj")

    def close(self, name: str = "step", module: str = "steps", **options) -> CodeClosure:
        """The closure of a function of the package as it is on disk now."""
        return code_leaves(getattr(self.load(module), name), **options)

    def change(self, name: str, old: str, new: str) -> set[str]:
        """Edit a module: the leaves of `step` that differ then."""
        before = self.leaves()
        self.edit(name, old, new)
        return differences(before, self.leaves())

    def leaves(self, name: str = "step", module: str = "steps", **options) -> dict[str, str]:
        """Digests by leaf, without `code/proj.`."""
        return digests(self.close(name, module, **options))


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "proj"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def digests(closure: CodeClosure) -> dict[str, str]:
    return {
        leaf.name.removeprefix("code/").removeprefix("proj."): leaf.digest
        for leaf in closure.leaves
    }


def differences(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


@pytest.fixture
def project(tmp_path, monkeypatch):
    # Compiled files would hide an edit that keeps the size within one second.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Project(tmp_path)
    forget()
