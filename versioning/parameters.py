"""Parameters of a call as its record keeps them, so that a rerun can pass them again.

Plain values lie in the record, everything else is a version of its own, and handles are told by the
name of the input that they are. What may not or cannot be kept (a secret, an object that no codec
stores) is said to be left out, and why.
"""

from __future__ import annotations

import base64
import inspect
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.api import Version
from versioning.arguments import is_light
from versioning.capture.keeping import PARAMETER, keep_value
from versioning.codecs import codec_for, codec_named, recorded_name
from versioning.codecs.memory import MemoryParts
from versioning.encoding import value_digest
from versioning.encoding.preview import without_passwords
from versioning.errors import (
    ConflictError,
    FormatError,
    NotFoundError,
    UnkeyableError,
    VersioningError,
)
from versioning.records import dump_input
from versioning.repository import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from versioning.digest import Digest
    from versioning.keys import Leaf
    from versioning.repository import Repository

INLINE_BYTES = 4096
MOST_FILE_BYTES = 256 * 1024 * 1024
_NUMBERS = (bool, int, float)
_PLAIN = (*_NUMBERS, str)


def kept(
    parameters: Mapping[str, Any],
    signature: inspect.Signature,
    leaves: tuple[Leaf, ...],
    repository: Repository,
    *,
    secret: Container[str] = (),
) -> dict[str, dict[str, Any]]:
    """Each parameter as a record keeps it.

    Args:
        parameters: By name; sources are pinned.
        signature: Of the body.
        leaves: Of the call; they know the digests of values.
        repository: Where values go that do not lie in a record.
        secret: Parameters that are not kept, whatever they hold.
    """
    digests = {leaf.name: leaf.digest for leaf in leaves}
    found = {}
    for name, value in parameters.items():
        leaf = "seed" if name == "seed" else f"params/{name}"
        digest = None if _handles(value) else digests.get(leaf)
        is_hidden = name in secret and not (value is None or _handles(value))
        found[name] = _hidden(value) if is_hidden else _kept(name, value, digest, repository)
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD and not value:
            del found[name]
    return found


def from_givers(value: Any, givers: Mapping[Digest, Version], url: str) -> Any:
    """`value` with the versions it came from, or items of it, in their place.

    What lies in a record anyway stays a value: equal ones need not come from the same place.

    Args:
        value: A parameter.
        givers: Versions by the digests of their values.
        url: Of the repository where they have to be.
    """
    try:
        return _from_givers(value, givers, url)
    except (VersioningError, OSError):
        # It cannot be kept either, and `kept` says why.
        return value


def _from_givers(value: Any, givers: Mapping[Digest, Version], url: str) -> Any:
    if value is None or _is_plain(value) or (is_light(value) and _inline(value)):
        return value
    found: Any = givers.get(digest_of(value))
    if found is not None and found.repository_url == url:
        return found
    if type(value) is dict:
        found = {key: _from_givers(item, givers, url) for key, item in value.items()}
    elif type(value) in (list, tuple):
        found = type(value)(_from_givers(item, givers, url) for item in value)
    return found if _handles(found) else value


@dataclass(frozen=True, slots=True)
class Given:
    """Gives parameters back from what a record keeps of them.

    Attributes:
        inputs: Gives what the body receives for an input, by its name.
        load: Gives the value of a version that is told as in a record.
        secret: Gives a secret by the name of its parameter and of its type.
    """

    inputs: Callable[[str], Any]
    load: Callable[[Mapping[str, Any]], Any]
    secret: Callable[[str, str], Any]

    def all(self, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Parameters by name, from what `kept` gave.

        Raises:
            NotFoundError: If one was not kept.
            FormatError: If one is kept in a way that is not known.
        """
        return {name: self.one(name, fact) for name, fact in facts.items()}

    def one(self, name: str, fact: Mapping[str, Any]) -> Any:
        """One parameter; raises as `all` does."""
        match dict(fact):
            case {"value": value}:
                return value
            case {"input": path}:
                return self.inputs(str(path))
            case {"secret": kind}:
                return self.secret(name, str(kind))
            case {"version": version}:
                return self.load(version)
            case {"codec": codec, "parts": parts}:
                data = {str(part): base64.b64decode(text) for part, text in parts.items()}
                return codec_named(str(codec)).read(MemoryParts(data))
        return self._container(name, fact)

    def _container(self, name: str, fact: Mapping[str, Any]) -> Any:
        match dict(fact):
            case {"list": items}:
                return [self.one(name, item) for item in items]
            case {"tuple": items}:
                return tuple(self.one(name, item) for item in items)
            case {"dict": entries}:
                return {self.one(name, key): self.one(name, item) for key, item in entries}
            case {"left_out": reason}:
                raise NotFoundError(
                    f"parameter {name} was not kept ({reason}): a rerun cannot pass it; run the "
                    "step itself",
                    name=name,
                )
        raise FormatError(
            f"parameter {name} is kept in a way that this release does not know: upgrade", name=name
        )


def is_secret(value: object) -> bool:
    """Whether `value` is, or holds, what its type says is secret, or a URL with a password."""
    if isinstance(value, str):
        return without_passwords(value) != value
    if isinstance(value, list | tuple | set | frozenset):
        return any(is_secret(item) for item in value if type(item) not in _NUMBERS)
    if isinstance(value, dict):
        return is_secret([*value, *value.values()])
    return any(_is_secret_type(kind) for kind in type(value).__mro__)


def refuse_secret(value: object, step: str) -> None:
    """Refuse to make a version of what its type says is secret.

    Raises:
        UnkeyableError: If `value` is one.
    """
    if any(_is_secret_type(kind) for kind in type(value).__mro__):
        raise UnkeyableError(
            f"{step} returned a {type(value).__name__}, which no version may hold: return what it "
            "opens, and read the secret where it is used"
        )


def _is_secret_type(kind: type) -> bool:
    top = kind.__module__.partition(".")[0]
    return top in {"pydantic", "prefect"} and kind.__name__.startswith("Secret")


def _kept(name: str, value: Any, digest: Digest | None, repository: Repository) -> dict[str, Any]:
    if isinstance(value, Version):
        return {"input": name}
    if is_secret(value):
        return _hidden(value)
    if value is None or _is_plain(value):
        return {"value": value}
    if type(value) in (list, tuple, dict) and _handles(value):
        return _container(name, value, repository)
    try:
        return _stored(value, digest, repository)
    except (VersioningError, OSError) as error:
        return {"left_out": str(error)}


def _hidden(value: object) -> dict[str, Any]:
    return {"secret": f"{type(value).__module__}:{type(value).__qualname__}"}


def _is_plain(value: object) -> bool:
    """Whether JSON gives it back as it is."""
    if type(value) not in _PLAIN:
        return False
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return len(value) <= INLINE_BYTES and value.isprintable()
    return not isinstance(value, int) or -(2**53) < value < 2**53


def _container(name: str, value: Any, repository: Repository) -> dict[str, Any]:
    """A container of handles, item by item; they are named as the inputs of a record are."""
    from versioning.arguments import shown_key

    if isinstance(value, dict):
        entries = [
            [
                _kept("", key, None, repository),
                _kept(f"{name}[{shown_key(key, name)}]", item, None, repository),
            ]
            for key, item in value.items()
        ]
        return {"dict": entries}
    items = [_kept(f"{name}[{n}]", item, None, repository) for n, item in enumerate(value)]
    return {type(value).__name__: items}


def _handles(value: object) -> bool:
    if isinstance(value, Version):
        return True
    if isinstance(value, list | tuple):
        return any(map(_handles, value))
    return isinstance(value, dict) and any(map(_handles, value.values()))


def _stored(value: Any, digest: Digest | None, repository: Repository) -> dict[str, Any]:
    if (small := _inline(value)) is not None:
        return small
    if isinstance(value, Path) and (size := _size(value)) > MOST_FILE_BYTES:
        raise ConflictError(f"{value} has {size} bytes, too many to be kept: pass it as a Source")
    kept_in = keep_value(repository, PARAMETER, value, digest or value_digest(value))
    return {"version": dump_input(kept_in)}


def _inline(value: Any) -> dict[str, Any] | None:
    """A value that is small enough to lie in a record."""
    codec = codec_for(value)
    if recorded_name(codec) != "json/1":
        return None
    parts = MemoryParts()
    codec.write(value, parts)
    if sum(map(len, parts.data.values())) > INLINE_BYTES:
        return None
    data = {part: base64.b64encode(held).decode() for part, held in parts.data.items()}
    return {"codec": recorded_name(codec), "parts": data}


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
