"""Settings: `VERSIONING_*` variables, over `[tool.versioning]` in `pyproject.toml`, over defaults.

Every field of `Settings` is one setting: `lease_seconds` is `VERSIONING_LEASE_SECONDS` in the
environment. An unknown name or a value of the wrong kind in the file is an error, so that a typing
mistake never means "the default". Unknown variables are left alone: they may be somebody else's.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from versioning.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "VERSIONING_"
# What variables begin with that hold secrets for a rerun.
SECRETS = PREFIX + "SECRET_"
# What a file says relative to itself.
_PLACES = {"repository", "cache"}
Place = str
Share = float
Size = int
Files = str
WARN, KEY = "warn", "key"
_PROTOCOL = "[A-Za-z][A-Za-z0-9+.-]+"
_HALF_A_URL = re.compile(f"{_PROTOCOL}:(?!//)")
_CHAIN = re.compile(f"{_PROTOCOL}(::|://.*::{_PROTOCOL}://)")
_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def _default_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _expanded(home, "VERSIONING_CACHE") / "prefect-versioning"


def _expanded(path: str, variable: str) -> Path:
    """`path` with the user's folder in place of `~`; a container may run a user without one."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        reason = f"{path} cannot be found ({error}): set HOME, or {variable}"
        raise FormatError(reason, path=path) from error


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may set.

    Attributes:
        repository: URL or folder of the repository; None for the default, see `repository_url`.
        cache: Folder of this machine for what can be fetched or computed again.
        cache_bytes: What copies of a repository that lies elsewhere may take on this machine, but
            for those in use: a number of bytes, or text such as `20 GB`.
        lease_seconds: How long a silent holder of a key delays others.
        allow_pickle: Whether versions may be stored and loaded as pickles, which can run code.
        audit: Share of the hits, from 0 to 1, whose body runs again to see if it gives the same.
        files: What becomes of the files of the project that a body opens by itself: `warn`, or
            `key` to make what they say a part of the key.
        strict: Whether a step fails that reads what its key cannot see, instead of being warned of.
        capture: Whether versions keep what an exact rerun needs: source, environment, parameters.
        image: Digest of the container image, where nothing inside tells it; recorded, never keyed.
        archive: Whether they keep the wheels of what is installed, too, so that no index is needed.
        rebuild: Whether loading a version whose bytes are gone makes them again, and checks them.
    """

    repository: Place | None = None
    cache: Path = field(default_factory=_default_cache)
    cache_bytes: Size = 50 * 10**9
    lease_seconds: float = 15.0
    allow_pickle: bool = False
    audit: Share = 0.0
    files: Files = WARN
    strict: bool = False
    capture: bool = True
    archive: bool = False
    image: str | None = None
    rebuild: bool = False

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, start: Path | None = None) -> Self:
        """The settings in force.

        Args:
            environ: Variables to read; `os.environ` when None.
            start: Folder from which `pyproject.toml` is looked for upward; else the working one.

        Raises:
            FormatError: If a setting is unknown or its value is of the wrong kind.
        """
        chosen = _from_file(find_project(start.resolve() if start else Path.cwd()))
        for name, read in _READERS.items():
            variable = PREFIX + name.upper()
            if text := (os.environ if environ is None else environ).get(variable):
                chosen[name] = _read(read, text, variable)
        return cls(**chosen)

    def repository_url(self, environ: Mapping[str, str] | None = None) -> str:
        """The repository as set, or `versioning/` beside Prefect's own storage."""
        if self.repository:
            return self.repository
        home = (os.environ if environ is None else environ).get("PREFECT_HOME") or "~/.prefect"
        return str(_expanded(home, "VERSIONING_REPOSITORY") / "versioning")


def find_project(start: Path) -> Path | None:
    """The nearest `pyproject.toml` from `start` upward, or None."""
    # Every call of a step asks: joining text costs a tenth of what paths do.
    folder = str(start)
    while not os.path.isfile(path := os.path.join(folder, "pyproject.toml")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return None
    return Path(path)


def table_in(document: Any, *names: str) -> Any:
    """What a TOML document says under `names`, one below the other; what is no table is given."""
    for name in names:
        document = document.get(name, {}) if isinstance(document, dict) else document
    return document


def _from_file(path: Path | None) -> dict[str, Any]:
    """What `[tool.versioning]` sets; folders in it are relative to the file."""
    if path is None:
        return {}
    seen = path.stat()
    return dict(_parsed(path, (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)))


# Every call of a step asks for the settings, and reading TOML costs as much as calling a task.
# What was `seen` of the file tells when to read it again.
@lru_cache
def _parsed(path: Path, seen: tuple[int, ...]) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} is not TOML ({error}); mend it", path=str(path)) from error
    table = table_in(document, "tool", "versioning")
    if not isinstance(table, dict):
        said = f"[tool.versioning] in {path} is {table!r}: it must be a table; correct or remove it"
        raise FormatError(said, path=str(path))
    # The policy of retention reads a table of its own.
    if unknown := sorted(table.keys() - _READERS.keys() - {"retention"}):
        raise FormatError(
            f"[tool.versioning] in {path} has no setting {', '.join(unknown)}; "
            f"it knows {', '.join(sorted(_READERS))}: correct or remove it",
            path=str(path),
        )
    place = f"in [tool.versioning] of {path}"
    chosen = {
        name: _read(_READERS[name], raw, f"{name} {place}")
        for name, raw in table.items()
        if name in _READERS
    }
    return chosen | {n: _beside(path.parent, chosen[n]) for n in _PLACES & chosen.keys()}


def _beside(folder: Path, value: object) -> object:
    """`value`, absolute when it is a folder: the working folder need not be the project's."""
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, str) and "://" not in value:
        return str(folder / Path(value).expanduser())
    return value


def _read(read: Callable[[object], object], raw: object, where: str) -> object:
    try:
        return read(raw)
    except (TypeError, ValueError) as error:
        raise FormatError(f"{where} is {raw!r}: {error}; correct or remove it") from error


def _text(raw: object) -> str:
    if not isinstance(raw, str) or not raw:
        raise TypeError("it must be text")
    return raw


def place(raw: object) -> str:
    """A folder or URL as somebody typed it, unless it is likely that it should be another one.

    Raises:
        TypeError: If it is no text.
        ValueError: If it is a chain of URLs, as fsspec has them, or a URL without both of its
            slashes, which would be a folder here.
    """
    text = _text(raw)
    if _CHAIN.match(text):
        inner = text.rpartition("::")[2]
        raise ValueError(f"a chain of URLs cannot hold a repository: name {inner} itself")
    if _HALF_A_URL.match(text):
        raise ValueError("a URL has two slashes, as s3://bucket/folder, and a folder begins ./")
    return text


def _folder(raw: object) -> Path:
    return Path(_text(raw)).expanduser()


def _flag(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in _WORDS:
        return _WORDS[raw.lower()]
    raise ValueError("it must be true or false")


def _positive(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise TypeError("it must be a number")
    number = float(raw)
    if not 0 < number < float("inf"):
        raise ValueError("it must be above 0")
    return number


def _size(raw: object) -> int:
    from pydantic import ByteSize, TypeAdapter

    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise TypeError("it must be a number of bytes, or text such as '20 GB'")
    try:
        size = TypeAdapter(ByteSize).validate_python(raw)
    except ValueError:
        raise ValueError("it must be a number of bytes, or text such as '20 GB'") from None
    if size < 0:
        raise ValueError("it must not be negative")
    return int(size)


def _share(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise TypeError("it must be a number")
    number = float(raw)
    if not 0 <= number <= 1:
        raise ValueError("it must be from 0 to 1")
    return number


def _choice(raw: object) -> str:
    if raw not in {WARN, KEY}:
        raise ValueError(f"it must be {WARN!r} or {KEY!r}")
    return str(raw)


_BY_TYPE: dict[str, Callable[[object], object]] = {
    "Place | None": place,
    "str | None": _text,
    "Path": _folder,
    "float": _positive,
    "Share": _share,
    "Size": _size,
    "Files": _choice,
    "bool": _flag,
}
_READERS = {item.name: _BY_TYPE[str(item.type)] for item in fields(Settings)}
