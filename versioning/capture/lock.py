"""The lock: every distribution that is installed, by name and version, and what tells its files.

The RECORD of a distribution lists the digest of each of its files, so its own digest says, after an
environment was made again, whether the same was installed. What was installed from a URL or stands
in a checkout is said to be so: no index gives it again.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from email.parser import HeaderParser
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import orjson

from versioning.code.distributions import files_of_record
from versioning.digest import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

_FOLDERS = (".dist-info", ".egg-info")
# What makes environments, and this library, which every rerun brings along as it is today.
_APART = frozenset({"pip", "prefect-versioning", "uv"})
_DASHES = re.compile(r"[-_.]+")


class Distribution(TypedDict, total=False):
    """One installed distribution.

    Attributes:
        name: As people write it, in lower case and with dashes.
        version: Its version.
        record: Digest of what its RECORD says of its files; absent when it has none.
        url: Where it was installed from, when that was no index.
        editable: Whether it stands in a checkout, which an index does not have.
    """

    name: str
    version: str
    record: str
    url: str
    editable: bool


def canonical(name: str) -> str:
    """The one spelling of a distribution's name."""
    return _DASHES.sub("-", name).lower()


def is_wanted(found: Distribution) -> bool:
    """Whether an environment that is made again gets it from outside the project."""
    return found["name"] not in _APART and not found.get("editable")


def installed(index: Path | None = None) -> list[Distribution]:
    """What is installed where this process imports from, by name; of two the one that is imported.

    Args:
        index: A file that remembers what was read; what looks as it did is not read again.
    """
    known = _read(index)
    seen: dict[str, Any] = {}
    found: dict[str, Distribution] = {}
    for folder in _folders(sys.path):
        stamp = _stamp(folder)
        entry = known.get(str(folder))
        if entry is None or entry[0] != stamp:
            described = _described(folder, tuple(stamp))
            if described is None:
                continue
            entry = [stamp, described]
        seen[str(folder)] = entry
        found.setdefault(entry[1]["name"], entry[1])
    if index is not None and seen != known:
        _write(index, seen)
    return [found[name] for name in sorted(found)]


def stamp_of_sites() -> tuple[Any, ...]:
    """What changes when something is installed or removed while this process runs."""
    stamps = []
    for place in sys.path:
        with suppress(OSError):
            stamps.append((place, os.stat(place or ".").st_mtime_ns))
    return tuple(stamps)


def located(places: Iterable[str]) -> dict[str, tuple[Distribution, Path]]:
    """What is installed in folders, by name, each with its folder of facts; the first counts."""
    found: dict[str, tuple[Distribution, Path]] = {}
    for folder in _folders(places):
        if described := _described(folder, tuple(_stamp(folder))):
            found.setdefault(described["name"], (described, folder))
    return found


def _folders(places: Iterable[str]) -> list[Path]:
    """Folders of facts about distributions, in the order of `places`."""
    found = []
    for place in dict.fromkeys(places):
        with suppress(OSError):
            names = sorted(name for name in os.listdir(place or ".") if name.endswith(_FOLDERS))
            found += [Path(place or ".", name) for name in names]
    return found


def _stamp(folder: Path) -> list[int]:
    stamps = []
    # Whatever is installed again writes files anew, which changes the folder, too.
    for path in (folder, f"{folder}/RECORD"):
        with suppress(OSError):
            found = os.stat(path)
            stamps += [found.st_mtime_ns, found.st_ctime_ns, found.st_size]
    return stamps


@cache
def _described(folder: Path, stamp: tuple[int, ...]) -> Distribution | None:
    """What a folder says of a distribution, read again when it looks otherwise than it did."""
    found = metadata.PathDistribution(folder)
    # The last is a file without a folder, as systems install. Most of it is a description of many
    # pages.
    texts = map(found.read_text, ("METADATA", "PKG-INFO", ""))
    headers = HeaderParser().parsestr(next(filter(None, texts), "").partition("\n\n")[0])
    name, version = headers["Name"], headers["Version"]
    if not name or not version:
        return None
    described = Distribution(name=canonical(name), version=version)
    if record := found.read_text("RECORD"):
        described["record"] = digest_bytes(files_of_record(record).encode())
    with suppress(ValueError, TypeError, AttributeError):
        if direct := json.loads(found.read_text("direct_url.json") or "null"):
            described["url"] = _public(direct)
            described["editable"] = bool(direct.get("dir_info", {}).get("editable"))
    return described


def _public(direct: dict[str, Any]) -> str:
    """Where it came from, without the user or password that a URL may carry."""
    scheme, mark, rest = str(direct.get("url", "")).partition("://")
    host, slash, path = rest.partition("/")
    commit = direct.get("vcs_info", {}).get("commit_id")
    url = f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
    return f"{direct['vcs_info']['vcs']}+{url}@{commit}" if commit else url


def _read(index: Path | None) -> dict[str, Any]:
    if index is None:
        return {}
    try:
        known = orjson.loads(index.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(index: Path, seen: dict[str, Any]) -> None:
    # It only saves reading: a folder that cannot be written costs time, not truth.
    with suppress(OSError):
        index.parent.mkdir(parents=True, exist_ok=True)
        staged = index.with_name(f"{index.name}.{os.getpid()}")
        staged.write_bytes(orjson.dumps(seen))
        staged.replace(index)
