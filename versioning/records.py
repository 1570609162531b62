"""Records of versions: what is written of each beside its blobs.

Records read from a shared store are data, never code, and are not trusted: every field is checked
for type and size here, names that become paths are checked against `layout`. `FORMAT.md` describes
each field.
"""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from versioning.digest import Digest, Key
from versioning.envelope import dump, parse
from versioning.fields import BLOB_PATTERN, as_digest, as_id, as_text, foreign
from versioning.keys import Leaf, root_key

if TYPE_CHECKING:
    from collections.abc import Mapping

INLINE_BYTES = 64 * 1024
MAX_BYTES = 2**63 - 1
# What begins the names of steps that hold what a rerun needs.
CAPTURED = "captured:"
# The leaf that says which part of a tuple a version is.
OUTPUT = "output"
ENVIRONMENT, ARCHIVE, WHEEL = f"{CAPTURED}environment", f"{CAPTURED}archive", f"{CAPTURED}wheel"
# Years that every clock and zone can show.
EARLIEST, LATEST = 1900, 9000
# What a collector puts in the place of a version, whose writer it took for dead.
REVOKED = dump("revoked", {})
_UNSEALED = Digest("")


@dataclass(frozen=True, slots=True)
class Blob:
    """One run of stored bytes of a version, in the order of its manifest.

    Attributes:
        part: What the codec calls it (`data`, `tensors/0`, `a/b.csv`); relative, or empty.
        digest: Digest of the stored bytes.
        size_bytes: How many there are.
        name: Its name below `blobs/`, or None when the bytes are `inline`.
        inline: The bytes themselves, for a version small enough to need no blob; None, like `name`,
            when they were erased.
    """

    part: str
    digest: Digest
    size_bytes: int
    name: str | None = None
    inline: bytes | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A version that was read: as which parameter (`flights`, `frames[2]`), what its record says.

    The seal of what was read makes the seal of the reader a promise of all that it came from.
    """

    name: str
    id: str
    digest: Digest
    seal: Digest


@dataclass(frozen=True, slots=True)
class Erasure:
    """Why, by whom and when a version was erased, and the seal that its record had before."""

    reason: str
    actor: str
    at: datetime
    seal: Digest


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One immutable version: the key it answers, the bytes that hold it, what it read, who made it.

    Attributes:
        id: 32 hexadecimal characters, random; also the name of the writer's intent.
        repository: Id of the repository it was written to.
        key: What was asked for.
        digest: Digest of the value (canonical encoding), whatever bytes hold it.
        step: Name people use, as given to the task.
        function: `module:qualified.name` of the body; empty for a `Source`.
        flow: Name of the flow, or None outside one.
        created: Moment of the commit, UTC.
        seconds: How long the body ran.
        codec: Name and version of the codec, as `arrow/1`.
        manifest: The blobs, in order.
        leaves: The key's leaves, by name.
        inputs: The versions read.
        meta: JSON-like facts for people: run, environment, git, warnings, type, shape. Never keyed.
        seal: Digest that its stored bytes end in; empty until they are written.
        erased: Set in the tombstone of a version whose bytes were erased.
    """

    id: str
    repository: str
    key: Key
    digest: Digest
    step: str
    function: str
    flow: str | None
    created: datetime
    seconds: float
    codec: str
    manifest: tuple[Blob, ...]
    leaves: tuple[Leaf, ...]
    inputs: tuple[Input, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    seal: Digest = _UNSEALED
    erased: Erasure | None = None

    @property
    def seals(self) -> tuple[Digest, ...]:
        """Seals by which readers know this version: its own, and the one before an erasure."""
        return (self.seal,) if self.erased is None else (self.seal, self.erased.seal)

    @property
    def size_bytes(self) -> int:
        """Bytes of all blobs, inline ones included."""
        return sum(blob.size_bytes for blob in self.manifest)

    @property
    def blobs(self) -> list[str]:
        """Names of the blobs that hold it."""
        return [blob.name for blob in self.manifest if blob.name is not None]

    @property
    def call_key(self) -> Key:
        """The key of the call that made it: of a part of a tuple, that of the tuple."""
        return root_key(leaf for leaf in self.leaves if leaf.name != OUTPUT)

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags of the run that made it."""
        run = self.meta.get("run")
        tags = run.get("tags") if isinstance(run, dict) else None
        return tuple(map(str, tags)) if isinstance(tags, list) else ()

    @property
    def is_rebuildable(self) -> bool:
        """Whether its step can run again: it is no source and does not touch the outside world."""
        return bool(self.function) and not (self.meta.get("volatile") or self.meta.get("effect"))


def is_revoked(data: bytes) -> bool:
    """Whether a collector put this in the place of a version."""
    return data == REVOKED


def is_part(text: str) -> bool:
    """Whether `text` can name a part: UTF-8, empty or relative, and below its folder."""
    if not text.isascii() and text != text.encode("utf-8", "replace").decode("utf-8"):
        return False
    pieces = text.split("/")
    bad = {"", ".", ".."}
    return text == "" or not ("\\" in text or "\0" in text or any(p in bad for p in pieces))


def dump_version(record: VersionRecord) -> bytes:
    """`record` as stored; its seal is made anew."""
    return dump(
        "version",
        {
            "id": record.id,
            "repository": record.repository,
            "key": record.key,
            "digest": record.digest,
            "step": record.step,
            "function": record.function,
            "flow": record.flow,
            "created": record.created.isoformat(),
            "seconds": record.seconds,
            "codec": record.codec,
            "manifest": [_dump_blob(blob) for blob in record.manifest],
            "leaves": [_dump_leaf(leaf) for leaf in record.leaves],
            "inputs": [dump_input(item) for item in record.inputs],
            "meta": dict(record.meta),
            **({} if record.erased is None else {"erased": asdict(record.erased)}),
        },
    )


def parse_version(data: bytes, *, name: str) -> VersionRecord:
    """The version stored as `data`, every field checked.

    Raises:
        FormatError: If a field is missing, of another type, or not of its form.
        IntegrityError: If it is not as it was sealed.
    """
    fields = parse(data, "version", name=name)
    try:
        return _version(fields)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise foreign(name, error) from error


def _version(fields: dict[str, Any]) -> VersionRecord:
    created = datetime.fromisoformat(as_text(fields["created"]))
    if created.tzinfo is None or not EARLIEST <= created.year <= LATEST:
        raise ValueError(f"created is {created}, without zone or out of range")
    flow = fields["flow"]
    return VersionRecord(
        id=as_id(fields["id"]),
        repository=as_id(fields["repository"]),
        key=Key(as_digest(fields["key"])),
        digest=as_digest(fields["digest"]),
        step=as_text(fields["step"]),
        function=as_text(fields["function"]),
        flow=None if flow is None else as_text(flow),
        created=created,
        seconds=_seconds(fields["seconds"]),
        codec=as_text(fields["codec"]),
        manifest=_manifest(fields["manifest"], is_erased="erased" in fields),
        leaves=tuple(_leaf(item) for item in fields["leaves"]),
        inputs=tuple(parse_input(item) for item in fields["inputs"]),
        meta=_mapping(fields["meta"]),
        seal=as_digest(fields["seal"]),
        erased=_erasure(fields["erased"]) if "erased" in fields else None,
    )


def _erasure(fields: dict[str, Any]) -> Erasure:
    reason, actor = as_text(fields["reason"]), as_text(fields["actor"])
    at = datetime.fromisoformat(as_text(fields["at"]))
    return Erasure(reason, actor, at, as_digest(fields["seal"]))


def _manifest(items: list[dict[str, Any]], *, is_erased: bool) -> tuple[Blob, ...]:
    blobs = tuple(_blob(item, is_erased=is_erased) for item in items)
    if len({blob.part for blob in blobs}) != len(blobs):
        raise ValueError("two parts have one name")
    if sum(blob.size_bytes for blob in blobs) > MAX_BYTES:
        raise ValueError("no store holds that much")
    return blobs


def _dump_leaf(leaf: Leaf) -> dict[str, str]:
    fields = {"name": leaf.name, "digest": str(leaf.digest)}
    return fields if leaf.value is None else {**fields, "value": leaf.value}


def _leaf(fields: dict[str, Any]) -> Leaf:
    value = fields.get("value")
    return Leaf(
        as_text(fields["name"]),
        as_digest(fields["digest"]),
        None if value is None else as_text(value),
    )


def dump_input(item: Input) -> dict[str, str]:
    """As the record of a reader holds it."""
    return {"name": item.name, "id": item.id, "digest": item.digest, "seal": item.seal}


def parse_input(fields: dict[str, Any]) -> Input:
    """What `dump_input` gave; anything else raises as reading a mapping does, or `ValueError`."""
    name, id_ = as_text(fields["name"]), as_id(fields["id"])
    return Input(name, id_, as_digest(fields["digest"]), as_digest(fields["seal"]))


def _dump_blob(blob: Blob) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "part": blob.part,
        "digest": blob.digest,
        "size_bytes": blob.size_bytes,
    }
    if blob.inline is not None:
        return {**fields, "inline": base64.b64encode(blob.inline).decode("ascii")}
    return fields if blob.name is None else {**fields, "name": blob.name}


def _blob(fields: dict[str, Any], *, is_erased: bool) -> Blob:
    part, digest, size = as_text(fields["part"]), as_digest(fields["digest"]), fields["size_bytes"]
    if not is_part(part):
        raise ValueError(f"part {part[:80]!r} leaves its folder")
    if type(size) is not int or size < 0:
        raise ValueError(f"size_bytes is {size!r}")
    if (text := fields.get("inline")) is not None:
        inline = base64.b64decode(as_text(text), validate=True)
        if len(inline) != size:
            raise ValueError(f"{len(inline)} bytes are inline, not {size}")
        return Blob(part, digest, size, inline=inline)
    if is_erased and "name" not in fields:
        return Blob(part, digest, size)
    name = as_text(fields["name"])
    if not (BLOB_PATTERN.fullmatch(name) and name.startswith(f"{digest[:2]}/{digest}-")):
        raise ValueError(f"blob name {name[:80]!r} does not belong to its digest")
    return Blob(part, digest, size, name=name)


def _seconds(value: object) -> float:
    if type(value) not in {int, float}:
        raise TypeError(f"seconds is {str(value)[:80]!r}")
    return float(cast("float", value))


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("meta is not an object")
    return value
