"""`json/1`: plain values and containers, as tagged JSON.

`null`, booleans, numbers of 64 bits, text and arrays (lists) stand for themselves. Everything else
is an object of one member, whose name is a tag: `{"tuple": [1, 2]}`, `{"dict": {"auc": 0.9}}`. A
value inside that has a codec of its own (a frame, a model, a large array) becomes parts of its own,
and `{"part": ["arrow/1", "0"]}` stands where it was: a dict of tensors is stored tensor by tensor.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any

import orjson

from versioning.codecs.nested import reader_below, writer_below
from versioning.codecs.protocol import Reader, Writer, recorded_name, refuse_damage
from versioning.codecs.registry import codec_for, codec_named
from versioning.codecs.scalars import SCALARS, is_plain, tag_of
from versioning.errors import FormatError, UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from versioning.codecs.protocol import Codec

# A longer run of bytes is a part: base64 is slow to read, a third longer, and cannot be mapped.
INLINE_BYTES = 4096


class _JsonCodec:
    """Plain data: what comes back has the same types, all the way down."""

    name = "json"
    version = 1

    def accepts(self, value: object) -> bool:
        return is_plain(value) or type(value) in _PACKERS or tag_of(value) is not None

    def write(self, value: object, writer: Writer) -> None:
        node = pack(value, writer)
        with writer.part("value.json") as stream:
            stream.write(orjson.dumps(node))

    def read(self, reader: Reader) -> Any:
        with refuse_damage(self):
            return unpack(orjson.loads(reader.read("value.json")), reader)


def pack(value: object, writer: Writer | None = None, path: str = "value") -> Any:
    """`value` as a tagged JSON document.

    Args:
        value: What to pack.
        writer: Where values with a codec of their own go; without one they are refused.
        path: What to call `value` in messages.

    Raises:
        UnkeyableError: If something in it cannot be stored, or contains itself; names where.
    """
    try:
        return _Packer(writer).pack(value, (path,))
    except RecursionError:
        raise UnkeyableError(f"{path} contains itself, or is nested too deeply to store") from None


def unpack(node: Any, reader: Reader | None = None) -> Any:
    """The value of a tagged JSON document, with the parts it names in `reader`.

    Raises:
        FormatError: If it has a tag that this release does not know. Damage may raise anything.
    """
    return _Unpacker(reader).unpack(node)


# Where in the value a packer is, as (way to the container, key); spelled out only for a message.
_Trail = tuple[Any, ...]


def _spelled(trail: _Trail) -> str:
    if len(trail) == 1:
        return str(trail[0])
    try:
        key = f"{trail[1]!r:.40}"
    except Exception:  # noqa: BLE001 - a message about a value must not fail on its repr
        key = "..."
    return f"{_spelled(trail[0])}[{key}]"


class _Packer:
    def __init__(self, writer: Writer | None) -> None:
        self._writer = writer
        self._stored: dict[int, tuple[object, list[str]]] = {}

    def pack(self, value: object, trail: _Trail) -> Any:
        if is_plain(value):
            return value
        packer = _PACKERS.get(type(value))
        if packer is not None:
            return packer(self, value, trail)
        tag = tag_of(value)
        if tag is None or self._deserves_part(value):
            return self._part(value, trail)
        try:
            return {tag: SCALARS[tag].pack(value)}
        except UnkeyableError as error:
            raise UnkeyableError(f"{_spelled(trail)}: {error.message}") from error

    def items(self, values: Iterable[object], trail: _Trail) -> Any:
        return [self.pack(item, (trail, n)) for n, item in enumerate(values)]

    def members(self, values: set[object], trail: _Trail) -> Any:
        nodes = [self.pack(item, (trail, item)) for item in values]
        return {type(values).__name__: sorted(nodes, key=orjson.dumps)}

    def mapping(self, values: Mapping[Any, object], trail: _Trail) -> Any:
        if all(type(key) is str and is_plain(key) for key in values):
            return {"dict": {k: self.pack(v, (trail, k)) for k, v in values.items()}}
        return {"pairs": self.pairs(values, trail)}

    def pairs(self, values: Mapping[Any, object], trail: _Trail) -> Any:
        return [
            [self.pack(key, (trail, key)), self.pack(value, (trail, key))]
            for key, value in values.items()
        ]

    def ordered(self, values: Mapping[Any, object], trail: _Trail) -> Any:
        # A torch state dict keeps the versions of its layers in an attribute.
        attributes = self.pack(vars(values), (trail, "__dict__"))
        return {"ordered": [self.pairs(values, trail), attributes]}

    def _deserves_part(self, value: Any) -> bool:
        size_bytes = getattr(value, "nbytes", None) or (len(value) if type(value) is bytes else 0)
        return self._writer is not None and size_bytes > INLINE_BYTES

    def _part(self, value: object, trail: _Trail) -> Any:
        where = _spelled(trail)
        if self._writer is None:
            raise UnkeyableError(f"{where} is a {type(value).__qualname__}, not plain data")
        if id(value) not in self._stored:
            prefix = str(len(self._stored))
            try:
                codec = _codec_inside(value)
                codec.write(value, writer_below(self._writer, prefix))
            except UnkeyableError as error:
                raise UnkeyableError(f"{where}: {error.message}") from error
            self._stored[id(value)] = (value, [recorded_name(codec), prefix])
        return {"part": self._stored[id(value)][1]}


def _codec_inside(value: object) -> Codec:
    codec = codec_for(value)
    if codec.name in {"file", "tree"}:
        # Its digest would name where it lies, and it would come back elsewhere.
        raise UnkeyableError("a path inside a value: return it alone, or in a tuple of outputs")
    return codec


class _Unpacker:
    def __init__(self, reader: Reader | None) -> None:
        self._reader = reader
        self._loaded: dict[str, object] = {}

    def unpack(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.unpack(item) for item in node]
        if not isinstance(node, dict):
            return node
        ((tag, body),) = node.items()
        if tag in _UNPACKERS:
            return _UNPACKERS[tag](self, body)
        if tag in SCALARS:
            return SCALARS[tag].unpack(body)
        raise FormatError(f"{tag[:40]!r} is no tag that this release reads; use a newer one")

    def pairs(self, body: Any) -> dict[Any, Any]:
        return {self.unpack(key): self.unpack(value) for key, value in body}

    def ordered(self, body: Any) -> OrderedDict[Any, Any]:
        pairs, attributes = body
        value = OrderedDict(self.pairs(pairs))
        vars(value).update(self.unpack(attributes))
        return value

    def part(self, body: Any) -> Any:
        name, prefix = body
        if self._reader is None or not prefix.isdecimal():
            raise FormatError("a part is named where none can stand")
        if prefix not in self._loaded:
            self._loaded[prefix] = codec_named(name).read(reader_below(self._reader, prefix))
        return self._loaded[prefix]


_PACKERS: dict[type, Callable[[_Packer, Any, _Trail], Any]] = {
    list: _Packer.items,
    tuple: lambda packer, value, trail: {"tuple": packer.items(value, trail)},
    set: _Packer.members,
    frozenset: _Packer.members,
    dict: _Packer.mapping,
    OrderedDict: _Packer.ordered,
    Counter: lambda packer, value, trail: {"counter": packer.pairs(value, trail)},
}

_UNPACKERS: dict[str, Callable[[_Unpacker, Any], Any]] = {
    "tuple": lambda reader, body: tuple(reader.unpack(body)),
    "set": lambda reader, body: set(reader.unpack(body)),
    "frozenset": lambda reader, body: frozenset(reader.unpack(body)),
    "dict": lambda reader, body: {key: reader.unpack(value) for key, value in body.items()},
    "pairs": _Unpacker.pairs,
    "ordered": _Unpacker.ordered,
    "counter": lambda reader, body: Counter(reader.pairs(body)),
    "part": _Unpacker.part,
}

CODECS = (_JsonCodec(),)
