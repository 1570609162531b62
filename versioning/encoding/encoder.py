"""The canonical encoding: typed, length-prefixed items, fed to blake3 as they come.

    value   = "(" tag [class name] item* ")"
    item    = kind (1 byte), length of the payload in bytes (8, little-endian), payload
            | value

The stream can be parsed back without knowing any class, so two values share it only when they have
the same tag and the same items. Sets are written as the sorted digests of their members, so their
order never shows; everything else is streamed, large buffers without a copy.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from versioning.digest import Digest
from versioning.encoding.paths import Label, Trail
from versioning.encoding.registry import ITEM, Rule, qualified_name, rule_for
from versioning.errors import UnkeyableError, VersioningError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TAG = b"prefect-versioning value 1\n"
MAX_DEPTH = 200
_FLUSH_BYTES = 64 * 1024
_THREADED_BYTES = 1024 * 1024


def value_digest(
    value: object, *, path: str = "value", misplaced: Mapping[type, str] | None = None
) -> Digest:
    """Digest of exactly this value, the same in every process.

    Args:
        value: Anything of a keyable type, containers included.
        path: What errors call the value (`config`); what they find inside is named below it
            (`config["a"][3]`).
        misplaced: Classes with a `__versioning_digest__` that are refused all the same, and why.

    Raises:
        UnkeyableError: If the value, or one inside it, is of an unknown type, contains itself, or
            is nested more than 200 deep, or cannot be read.
    """
    encoder = Encoder(Trail(path, misplaced))
    try:
        encoder.value(value)
    except RecursionError as error:
        raise encoder.failure("it is nested too deep; flatten it") from error
    except (VersioningError, MemoryError):
        raise
    except Exception as error:
        # Encoders read what libraries and strangers made, which may raise anything.
        reason = f"reading it failed with {type(error).__name__}: {error}; pass it in another form"
        raise encoder.failure(reason) from error
    return encoder.digest()


class Encoder:
    """Writes one value as items into a digest.

    Encoders of classes receive one and call, in a fixed order, `value`, `item` and `attribute` for
    what the value holds, and `text`, `integer` or `data` for what it is.
    """

    __slots__ = ("_buffer", "_hasher", "trail")

    def __init__(self, trail: Trail) -> None:
        self.trail = trail
        self._buffer = bytearray(TAG)
        self._hasher: blake3 | None = None

    @property
    def path(self) -> str:
        """Where in the outermost value the encoder is, as `config["a"][3]`."""
        return str(self.trail)

    def digest(self) -> Digest:
        """Digest of all that was written."""
        if self._hasher is None:
            return Digest(blake3(self._buffer).hexdigest())
        self._flush()
        return Digest(self._hasher.hexdigest())

    def value(self, value: Any) -> None:
        """Write a value of any keyable type."""
        rule = rule_for(type(value))  # type: ignore[arg-type] # mypy: a class is not Hashable
        if rule is None:
            raise self.refusal(value)
        self._buffer += rule.header
        if rule.is_atomic:
            rule.encode(value, self)
        else:
            self._enter(value)
            rule.encode(value, self)
            self.trail.active.discard(id(value))
        self._buffer += b")"
        self._flush_if_full()

    def apply(self, rule: Rule, value: object) -> None:
        """Write the current value by another rule."""
        self._buffer += rule.header
        rule.encode(value, self)
        self._buffer += b")"

    def item(self, key: object, value: object) -> None:
        """Write what the current value holds under `key`; only the value is written."""
        self.trail.labels.append(key)
        self.value(value)
        self.trail.labels.pop()

    @contextmanager
    def at(self, key: object) -> Iterator[None]:
        """Name the part being written in errors; writes nothing."""
        self.trail.labels.append(key)
        yield
        self.trail.labels.pop()

    def sequence(self, values: Iterable[object]) -> None:
        """Write members in their order; how many there are is for the caller to write."""
        labels = self.trail.labels
        labels.append(None)
        for position, value in enumerate(values):
            labels[-1] = position
            self.value(value)
        labels.pop()

    def attribute(self, name: str, value: object) -> None:
        """Write an attribute of the current value: its name, then its value."""
        self.text(name)
        self.item(Label(f".{name}"), value)

    def attributes(self, values: dict[str, object]) -> None:
        """Write attributes whose order means nothing."""
        self.integer(len(values))
        for name in sorted(values):
            self.attribute(name, values[name])

    def entries(self, count: int, pairs: Iterable[tuple[object, object]]) -> None:
        """Write `count` keys with their values, in the order in which code meets them."""
        self.integer(count)
        for key, value in pairs:
            self.item(Label(" key"), key)
            self.item(key, value)

    def members(self, values: Iterable[object]) -> None:
        """Write members; their order means nothing."""
        digests: list[Digest] = []
        for value in values:
            child = Encoder(self.trail)
            child.item(Label("{...}"), value)
            digests.append(child.digest())
        self.integer(len(digests))
        self.data("".join(sorted(digests)).encode())

    def text(self, text: str) -> None:
        """Write text; any code point, surrogates included."""
        data = str.encode(text, "utf-8", "surrogatepass")
        self._buffer += ITEM.pack(b"s", len(data))
        self._feed(data)

    def integer(self, number: int) -> None:
        """Write an integer of any size."""
        size = (int.bit_length(number) + 8) // 8
        self._buffer += ITEM.pack(b"i", size) + int.to_bytes(number, size, "little", signed=True)

    def data(self, data: bytes | bytearray | memoryview) -> None:
        """Write bytes; a memoryview must be contiguous."""
        self._buffer += ITEM.pack(b"b", len(data))
        self._feed(data)

    def stream(self, size_bytes: int, chunks: Iterable[Any]) -> None:
        """Write `size_bytes` bytes that arrive as buffers; where one ends does not show.

        Raises:
            ValueError: If the chunks hold another number of bytes.
        """
        self._buffer += ITEM.pack(b"b", size_bytes)
        for chunk in chunks:
            view = memoryview(chunk).cast("B") if len(chunk) else b""
            size_bytes -= len(view)
            self._feed(view)
        if size_bytes:
            raise ValueError(f"{self.path}: {size_bytes} bytes of a stream are missing")

    def delegate(self, tag: str, digest: Digest) -> None:
        """Write something else's digest in its stead."""
        self.text(tag)
        self.text(digest)

    def refusal(self, value: object, reason: str | None = None) -> UnkeyableError:
        """The error to raise for a value that cannot be keyed exactly."""
        name = qualified_name(type(value))
        advice = (
            "pass plain data instead, or teach its type to the key with "
            f"`register_encoder({type(value).__qualname__}, tag, encode)`"
        )
        what = f"{self.path} is a {name}, which cannot be keyed"
        message = f"{what}; {advice}" if reason is None else f"{what}: {reason}"
        return UnkeyableError(message, path=self.path, type=name)

    def failure(self, reason: str) -> UnkeyableError:
        """The error to raise where keying ended before it knew what it saw."""
        return UnkeyableError(f"{self.path} cannot be keyed: {reason}", path=self.path)

    def _enter(self, value: object) -> None:
        if id(value) in self.trail.active:
            raise self.refusal(value, "it contains itself; break the cycle before passing it")
        if len(self.trail.labels) > MAX_DEPTH:
            raise self.refusal(value, f"it is nested more than {MAX_DEPTH} deep; flatten it")
        self.trail.active.add(id(value))

    def _feed(self, data: bytes | bytearray | memoryview) -> None:
        if len(data) < _FLUSH_BYTES:
            self._buffer += data
            self._flush_if_full()
        else:
            self._flush(threaded=len(data) >= _THREADED_BYTES)
            assert self._hasher is not None
            self._hasher.update(data)

    def _flush_if_full(self) -> None:
        if len(self._buffer) >= _FLUSH_BYTES:
            self._flush()

    def _flush(self, *, threaded: bool = False) -> None:
        # Threads cost more than they bring on small pieces, so the first large one decides.
        if self._hasher is None:
            self._hasher = blake3(max_threads=blake3.AUTO if threaded else 1)
        self._hasher.update(self._buffer)
        self._buffer.clear()
