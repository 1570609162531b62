"""Wheels: an installed distribution packed again, from the files that its RECORD lists.

A wheel is an archive of what is installed, so one can be made without any index, of what was built
here or was withdrawn since, too. It holds what ran: a file that was edited is packed as it is, and
its digest in RECORD is made anew. Packing twice gives the same bytes.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from versioning.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The installer's own notes, and what it makes: they are made again.
_LOCAL = frozenset(
    {"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"}
)
_DASHES = re.compile(r"[-_.]+")
_PYTHON = re.compile(rb"^#![^\n]*python[^\n]*")
_ENTRY = re.compile(r"^\s*([^\s=\[#]+)\s*=", re.MULTILINE)
# Level 6 takes two and a half times as long for an eighth less.
_LEVEL = 1


class _Member(NamedTuple):
    place: str
    data: bytes
    is_executable: bool


def pack(info: Path, folder: Path) -> Path:
    """Write the wheel of an installed distribution into `folder`; returns its path.

    Args:
        info: Its `.dist-info` folder.
        folder: An existing folder.

    Raises:
        NotFoundError: If it lacks what a wheel needs, or files that it lists; says what.
    """
    try:
        record = (info / "RECORD").read_text("utf-8")
        about = (info / "WHEEL").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(
            f"{info.name} was not installed from a wheel ({error}), so none can be made of it: "
            "install it again with pip",
            path=str(info),
        ) from error
    wheel = folder / f"{_stem(info)}-{_tags(about)}.whl"
    listed: list[tuple[str, ...]] = []
    with ZipFile(wheel, "w", ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for member in _members(info, record):
            _add(archive, member)
            listed.append((member.place, _digest(member.data), str(len(member.data))))
        text = io.StringIO()
        place = f"{info.name}/RECORD"
        csv.writer(text, lineterminator="\n").writerows([*listed, (place, "", "")])
        _add(archive, _Member(place, text.getvalue().encode(), is_executable=False))
    return wheel


def _members(info: Path, record: str) -> Iterator[_Member]:
    """What goes into the wheel, in order of its place there."""
    site = info.parent
    rows = (row[0] for row in csv.reader(record.splitlines()) if row)
    placed = {place: row for row in rows if (place := _place(info, row))}
    for place, row in sorted(placed.items()):
        path = site / row
        try:
            data, mode = path.read_bytes(), path.stat().st_mode
        except OSError as error:
            raise NotFoundError(
                f"{info.name} lists {row}, which cannot be read ({error}): install it again",
                path=str(path),
            ) from error
        if ".data/scripts/" in place:
            data = _PYTHON.sub(b"#!python", data)
        yield _Member(place, data, bool(mode & stat.S_IXUSR))


def _place(info: Path, row: str) -> str | None:
    """Where an installed file lies in a wheel; None for what an installer makes by itself."""
    row = os.path.normpath(row)
    inside = row.partition("/")[2] if row.startswith(f"{info.name}/") else ""
    if inside in _LOCAL or "__pycache__/" in row or row.endswith(".pyc"):
        return None
    if not (row.startswith("../") or os.path.isabs(row)):
        return row
    # `lib/python3.11/site-packages` lies that deep below what everything else is relative to.
    prefix = info.parent.parents[2]
    outside = os.path.relpath(os.path.normpath(info.parent / row), prefix)
    data = f"{_stem(info)}.data"
    folder, _, name = outside.rpartition("/")
    if folder in {"bin", "Scripts"}:
        return None if name in _entry_points(info) else f"{data}/scripts/{name}"
    return None if outside.startswith("..") else f"{data}/data/{outside}"


def _entry_points(info: Path) -> set[str]:
    """Names of scripts that an installer writes itself."""
    path = info / "entry_points.txt"
    return set(_ENTRY.findall(path.read_text("utf-8"))) if path.is_file() else set()


def _stem(info: Path) -> str:
    """`name-version`, as the names of wheels have them."""
    name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
    return f"{_DASHES.sub('_', name)}-{version.replace('-', '_')}"


def _tags(about: str) -> str:
    """The tags in WHEEL as names of wheels have them: `py2.py3-none-any` for two of them."""
    tags = [
        line.partition(":")[2].strip() for line in about.splitlines() if line.startswith("Tag:")
    ]
    split = [tag.split("-") for tag in tags if tag.count("-") == 2]
    if not split:
        raise NotFoundError(f"WHEEL names no tag ({about[:80]!r}): install the distribution again")
    return "-".join(".".join(dict.fromkeys(column)) for column in zip(*split, strict=True))


def _add(archive: ZipFile, member: _Member) -> None:
    told = ZipInfo(member.place, date_time=(1980, 1, 1, 0, 0, 0))
    told.compress_type = ZIP_DEFLATED
    told.external_attr = (stat.S_IFREG | (0o755 if member.is_executable else 0o644)) << 16
    archive.writestr(told, member.data)


def _digest(data: bytes) -> str:
    found = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={found.rstrip(b'=').decode()}"
