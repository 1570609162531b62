"""Whose code a file is (ours, the standard library's, a distribution's), and its module's name.

First-party is every file outside the standard library and outside `site-packages`, wherever the
working folder is. This library counts as a distribution even when it runs from a checkout.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.digest import Digest, digest_bytes

if TYPE_CHECKING:
    from types import FunctionType, ModuleType

_OURS, _OUR_DISTRIBUTION = "versioning", "prefect-versioning"
_STANDARD = tuple(
    str(Path(folder)) + "/"
    for name in ("stdlib", "platstdlib")
    if (folder := sysconfig.get_path(name))
)
_RUNNERS = frozenset({_OURS, "prefect"})
# What is typed in a notebook or shell is the user's, whichever program it was typed into.
_MAIN = frozenset({"__main__", "__mp_main__"})
_INSTALLED = ("/site-packages/", "/dist-packages/")


def is_first_party(module: str, file: str | None) -> bool:
    """Whether code of `module`, compiled from `file`, belongs to the project.

    Code without a file belongs to whoever's module it runs in; without one, to the project.
    """
    if file is not None and not file.startswith("<"):
        return _is_project_file(module, file)
    if module in _MAIN:
        return True
    top = module.partition(".")[0]
    loaded = file_of_module(sys.modules.get(module)) or file_of_module(sys.modules.get(top))
    return _is_project_file(module, loaded) if loaded else top not in sys.stdlib_module_names


@functools.cache
def _is_project_file(module: str, file: str) -> bool:
    path = _as_posix(file)
    is_installed = any(folder in path for folder in _INSTALLED)
    is_ours = module.partition(".")[0] == _OURS
    return not (is_ours or is_installed or path.startswith(_STANDARD))


def _as_posix(file: str) -> str:
    # Asked of every module that is loaded, and few are written in any other way.
    is_plain = os.sep == "/" and "//" not in file and "/./" not in file
    return file if is_plain else Path(file).as_posix()


def is_runner(module: str) -> bool:
    """Whether `module` says how steps are run and kept, which is not what they compute."""
    return module.partition(".")[0] in _RUNNERS


def written_in(function: FunctionType) -> str:
    """The module whose names a function reads."""
    return function.__globals__.get("__name__") or function.__module__ or "__main__"


@functools.cache
def module_name(name: str, file: str | None) -> str:
    """What a module is called wherever it runs: a script is renamed by running it, its file is not.

    Args:
        name: `__name__` of its globals.
        file: The file it was compiled from; None, or something in `<>`, when there is none.
    """
    is_renamed = name.startswith("__") and name.endswith("__")
    if not is_renamed or file is None or not Path(file).is_file() or "ipykernel" in file:
        return name
    path = Path(file)
    parts = [] if path.stem in {"__init__", "__main__"} else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or path.parent.name


@functools.cache
def root_of(module: str, file: str) -> str:
    """The folder from which `module` is imported, given its file."""
    path = Path(file)
    depth = module.count(".") + (path.stem == "__init__")
    return str(path.parents[min(depth, len(path.parents) - 1)])


def distribution_of(module: str) -> tuple[str, str] | None:
    """Name and version of the distribution that holds `module`; None for other modules."""
    top = module.partition(".")[0]
    if top == _OURS:
        return _described(_OUR_DISTRIBUTION)
    if top in sys.stdlib_module_names:
        return None
    file = _file_of(module) or _file_of(top)
    return None if file is None else _distribution_of_file(top, file)


def _file_of(module: str) -> str | None:
    loaded = sys.modules.get(module)
    if loaded is not None:
        return getattr(loaded, "__file__", None)
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    return spec.origin if spec else None


@functools.cache
def _distribution_of_file(top: str, file: str) -> tuple[str, str] | None:
    """Found by the file's line in a RECORD, since names of modules and distributions differ."""
    path = Path(file).as_posix()
    marker = next((folder for folder in _INSTALLED if folder in path), None)
    if marker is None:
        return None
    head, _, relative = path.rpartition(marker)
    line = f"\n{relative},".encode()
    site = Path(head + marker)
    likely = sorted(site.glob("*.dist-info"), key=lambda item: not _is_alike(item.name, top))
    for folder in likely:
        record = folder / "RECORD"
        if record.is_file() and line in b"\n" + record.read_bytes():
            return _described(folder.name.partition("-")[0])
    names = metadata.packages_distributions().get(top, ())
    known = next(filter(None, map(_described, names)), None)
    return known or (top, f"content.{_content_of(site, relative)[:16]}")


def _content_of(site: Path, relative: str) -> Digest:
    """Digest of a module or package that was put into `site` without saying its version."""
    top = site / relative.partition("/")[0]
    files = sorted(path for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file())
    kept = [path for path in files if "__pycache__" not in path.parts]
    lines = [
        f"{path.relative_to(site).as_posix()},{digest_bytes(path.read_bytes())}" for path in kept
    ]
    return digest_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))


def _is_alike(folder: str, top: str) -> bool:
    return folder.partition("-")[0].lower() == top.lower()


@functools.cache
def _described(name: str) -> tuple[str, str] | None:
    """Name and version; of what came from a URL also the digest of its RECORD."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    version = found.version
    is_ours = name == _OUR_DISTRIBUTION
    if not is_ours and found.read_text("direct_url.json") and (record := found.read_text("RECORD")):
        version += f"+record.{digest_bytes(files_of_record(record).encode())[:16]}"
    return str(found.metadata["Name"]).lower(), version


def files_of_record(record: str) -> str:
    """The lines of a RECORD that are the same wherever and by whatever it was installed."""
    lines = (line for line in record.splitlines() if ",sha256=" in line)
    return "\n".join(sorted(line for line in lines if not _is_local(line)))


def _is_local(line: str) -> bool:
    """Whether a line of a RECORD is of what an installer makes: facts about itself, and scripts."""
    return line.startswith("../") or ".dist-info/" in line or "__pycache__/" in line


def file_of_module(module: ModuleType | None) -> str | None:
    """The file a module was loaded from; of a package without one, its first folder."""
    file: Any = getattr(module, "__file__", None)
    if isinstance(file, str):
        return file
    folders = list(getattr(module, "__path__", ()))
    return f"{folders[0]}/" if folders and isinstance(folders[0], str) else None
