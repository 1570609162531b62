"""Distributions: which one holds a module, and what tells its releases apart."""

from __future__ import annotations

import functools
import importlib.util
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from versioning.code.places import INSTALLED, OURS
from versioning.digest import digest_bytes

if TYPE_CHECKING:
    from versioning.digest import Digest

_OUR_DISTRIBUTION = "prefect-versioning"


def distribution_of(module: str) -> tuple[str, str] | None:
    """Name and version of the distribution that holds `module`; None for other modules."""
    top = module.partition(".")[0]
    if top == OURS:
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
    marker = next((folder for folder in INSTALLED if folder in path), None)
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
