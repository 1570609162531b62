"""Arguments of a step: values, and handles at any depth in them.

Three passes go over the arguments of a call: sources are pinned into handles, handles are keyed by
the digests of their values, and, should the body run, replaced by the values themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.api import Version
from versioning.digest import Digest, digest_bytes
from versioning.encoding import preview, value_digest
from versioning.errors import ConflictError, UnkeyableError
from versioning.keys import Leaf
from versioning.records import Input
from versioning.sources import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from versioning.api import Repository

Visit = Callable[[Version | Source, str], Any]

# Which version each value came from that was loaded for code that was written for values.
_given: ContextVar[dict[Digest, Version] | None] = ContextVar("versioning_given", default=None)

_UNRESOLVED = (
    "handles and sources are resolved in lists, tuples and dicts, not in what holds this one; "
    "pass it there, as a parameter of its own, or pass the value that its `.load()` gives"
)
_MISPLACED = {Version: _UNRESOLVED, Source: _UNRESOLVED}
_FIXED = (type(None), int, float, complex, str, bytes, date, Path, Version, Source)
_ATOMS = frozenset({type(None), bool, int, float, str, bytes})


@dataclass(frozen=True, slots=True)
class Hole:
    """Stands for a handle in a container that is keyed: the handle is a leaf of its own."""

    path: str

    def __versioning_digest__(self) -> tuple[str, Digest]:
        return "hole", digest_bytes(self.path.encode())


def pinned(value: Any, path: str, repository: Repository) -> Any:
    """`value` with every source in it replaced by a handle of its content.

    Args:
        value: An argument.
        path: What to call it in an error.
        repository: Where the content goes, and where every handle must be from.

    Raises:
        ConflictError: If a handle is of another repository.
        StorageError: If a source cannot be read.
    """

    def pin(handle: Version | Source, path: str) -> Version:
        if isinstance(handle, Source):
            return handle.version(repository)
        if handle.repository_url != repository.url and handle.repository.id != repository.id:
            raise ConflictError(
                f"argument {path} is a version of {handle.repository_url}, but this step writes to "
                f"{repository.url}: set VERSIONING_REPOSITORY once for the whole flow, or pass "
                f"{path}.load()",
                path=path,
            )
        return handle

    return _substitute(value, path, pin)


def loaded(value: Any) -> Any:
    """`value` with every handle in it, at any depth, replaced by the value it stands for."""
    given = _given.get()

    def load(handle: Version | Source, _: str) -> Any:
        if given is not None and isinstance(handle, Version):
            # The copy does not know how to recompute, which would hold what that takes.
            given[handle.digest] = copy(handle)
        return handle.load() if isinstance(handle, Version) else handle

    return _substitute(value, "value", load)


@contextmanager
def giving(given: dict[Digest, Version] | None = None) -> Iterator[None]:
    """Remember, inside, which version each value came from that `loaded` gives.

    Args:
        given: What is remembered from before, and added to; of a caller around here when None.
    """
    known = _given.get() if given is None else given
    token = _given.set({} if known is None else known)
    try:
        yield
    finally:
        _given.reset(token)


def givers() -> Mapping[Digest, Version]:
    """The versions that values came from here, by the digest of the value; see `giving`."""
    return _given.get() or {}


def keyed(name: str, value: Any, *, gets_handles: bool = False) -> tuple[list[Leaf], list[Input]]:
    """What one argument adds to a key: a leaf for itself and one for each handle in it.

    Args:
        name: Name of the parameter.
        value: The argument, sources pinned.
        gets_handles: The body receives handles, so it can see which versions they name.

    Raises:
        UnkeyableError: If it cannot be keyed exactly, or a handle lies where it is not resolved.
    """
    skeleton, handles = _parted(name, value)
    leaves = [
        Leaf(f"inputs/{path}", handle.digest, f"{handle.step} {handle.digest[:12]}")
        for path, handle in handles
    ]
    if gets_handles:
        leaves += [
            Leaf(f"versions/{path}", digest_bytes(h.id.encode()), h.id) for path, h in handles
        ]
    if not isinstance(skeleton, Hole):
        digest = value_digest(skeleton, path=name, misplaced=_MISPLACED)
        leaves.append(Leaf("seed" if name == "seed" else f"params/{name}", digest, preview(value)))
    return leaves, _inputs(handles)


def handles_in(name: str, value: Any) -> list[Input]:
    """The versions that an argument which adds nothing to a key brings into the body."""
    return _inputs(_parted(name, value)[1])


def is_light(value: object) -> bool:
    """Whether keeping `value` holds no data: handles, numbers, text, and containers of them."""
    if isinstance(value, list | tuple):
        return all(map(is_light, value))
    if isinstance(value, dict):
        return all(map(is_light, value.values()))
    return value is None or isinstance(value, Version | str | int | float | date)


def was_changed(name: str, value: Any, leaves: Iterable[Leaf]) -> bool:
    """Whether an argument says something else by now than when `leaves` were made of it.

    Files are not read again: what they say is no part of the caller's own values.
    """
    if isinstance(value, _FIXED) or _holds_files(value):
        return False
    known = {(leaf.name, leaf.digest) for leaf in leaves}
    try:
        now, _ = keyed(name, value)
    except UnkeyableError:
        return True
    return any((leaf.name, leaf.digest) not in known for leaf in now)


def _holds_files(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_files, value))
    if isinstance(value, dict):
        return any(map(_holds_files, value.values()))
    return isinstance(value, Path)


def _parted(name: str, value: Any) -> tuple[Any, list[tuple[str, Version]]]:
    """`value` with holes for its handles, and the handles with where they were."""
    handles: list[tuple[str, Version]] = []

    def take(handle: Version | Source, path: str) -> Hole:
        assert isinstance(handle, Version)
        handles.append((path, handle))
        return Hole(path)

    return _substitute(value, name, take), handles


def _inputs(handles: list[tuple[str, Version]]) -> list[Input]:
    return [Input(path, handle.id, handle.digest, handle.seal) for path, handle in handles]


def _substitute(value: Any, path: str, visit: Visit) -> Any:
    try:
        return _replaced(value, path, visit)
    except RecursionError:
        name = path.partition("[")[0]
        raise UnkeyableError(
            f"{name} contains itself, or is nested too deep: pass it flatter", path=name
        ) from None


def shown_key(key: object, path: str) -> str:
    """What tells one key of a dict from all others; the `repr` of an object need not."""
    if type(key) in _ATOMS:
        return repr(key)
    return value_digest(key, path=f"{path} key", misplaced=_MISPLACED)


def _replaced(value: Any, path: str, visit: Visit) -> Any:
    """`value` with every handle and source in it, at any depth, replaced by what `visit` returns.

    Looks into lists, tuples, named tuples and dicts. What holds none comes back as the same object.
    """
    if isinstance(value, Version | Source):
        return visit(value, path)
    if type(value) is dict:
        items = {
            key: _replaced(item, f"{path}[{shown_key(key, path)}]", visit)
            for key, item in value.items()
        }
        return items if any(items[key] is not value[key] for key in value) else value
    if isinstance(value, list | tuple):
        if all(map(_ATOMS.__contains__, map(type, value))):
            return value
        parts = [_replaced(item, f"{path}[{n}]", visit) for n, item in enumerate(value)]
        if all(new is old for new, old in zip(parts, value, strict=True)):
            return value
        if isinstance(value, list):
            return parts
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value
