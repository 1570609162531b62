"""Where things lie in a repository: names below its root, built and taken apart here only.

repository.json              kind, format version, id, created
blobs/<aa>/<digest>-<nonce>  bytes; a name is never reused
intents/<id>                 a writer of blobs announces itself
versions/<aa>/<id>           the record; put-if-absent is the moment of commit
keys/<aa>/<key>              binding: the version record that answers the key, inline
leases/<key>-<n>             who computes a key now; n grows when a lease is taken over
runs/<run>/<part>            what ran in a flow run, one part a process
names/<name>/<n>             append-only history of a name
pins/<id>/<n>                append-only history of a version's pin
trust/<recipe>/<n>           append-only history of what audits found of a step
reads/<key>/<n>              append-only history of which files the bodies of a key read
marks/<aa>/<nonce>           blobs that a collector means to delete
trash/<aa>/<n>               append-only history of the expiry of versions
invalid/<id>/<n>             append-only history of why a version is invalid
plans/<plan>/<n>             what a plan of retention would expire, in pages
quarantine/<digest>-<nonce>  blobs whose bytes were wrong, set aside
"""

from __future__ import annotations

import re

from versioning.digest import Digest, Key, is_digest
from versioning.errors import FormatError
from versioning.fields import BLOB_PATTERN, ID_PATTERN

REPOSITORY = "repository.json"
BLOBS, INTENTS, VERSIONS, KEYS = "blobs/", "intents/", "versions/", "keys/"
LEASES, RUNS, NAMES, PINS = "leases/", "runs/", "names/", "pins/"
QUARANTINE, MARKS, TRASH, PLANS = "quarantine/", "marks/", "trash/", "plans/"
TRUST, READS, INVALID = "trust/", "reads/", "invalid/"
# Kinds of the entries of what is only ever added to.
JOURNALS = {
    NAMES: "name",
    PINS: "pin",
    TRASH: "trash",
    TRUST: "trust",
    READS: "reads",
    INVALID: "invalid",
}

_POSITION = re.compile(r"[0-9]{8}")
_MARKS = re.compile(r"[0-9a-f]{2}/[0-9a-f]{16}")
_SHARD = re.compile(r"[0-9a-f]{2}")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def blob(name: str) -> str:
    """Of the blob `name`, as a manifest gives it (`<aa>/<digest>-<nonce>`)."""
    return BLOBS + name


def blob_prefix(digest: Digest) -> str:
    """Of every blob with these bytes."""
    return f"{BLOBS}{digest[:2]}/{digest}-"


def intent(version_id: str) -> str:
    """Of the intent to write a version."""
    return INTENTS + _checked_id(version_id)


def intended_id(name: str) -> str | None:
    """The id in the name of an intent, or None when `name` is something else."""
    tail = name.removeprefix(INTENTS)
    return tail if ID_PATTERN.fullmatch(tail) and name == INTENTS + tail else None


def version(version_id: str) -> str:
    """Of a version's record."""
    return f"{VERSIONS}{_checked_id(version_id)[:2]}/{version_id}"


def version_id(name: str) -> str | None:
    """The id in the name of a version's record, or None when `name` is something else."""
    prefix, _, tail = name.rpartition("/")
    is_version = ID_PATTERN.fullmatch(tail) and prefix + "/" == f"{VERSIONS}{tail[:2]}/"
    return tail if is_version else None


def binding(key: Key) -> str:
    """Of the binding of a key."""
    if not is_digest(key):
        raise FormatError(f"{str(key)[:80]!r} is not a key: keys have 64 hexadecimal characters")
    return f"{KEYS}{key[:2]}/{key}"


def bound_key(name: str) -> Key | None:
    """The key in the name of a binding, or None when `name` is something else."""
    tail = name.rpartition("/")[2]
    return Key(Digest(tail)) if is_digest(tail) and name == binding(Key(Digest(tail))) else None


def lease(key: Key, generation: int) -> str:
    """Of one holder's lease on a key; the highest generation holds."""
    return f"{lease_prefix(key)}{generation:08d}"


def lease_prefix(key: Key) -> str:
    """Of every lease on a key."""
    # No folder a key: making and removing one costs a small step more than its lease does.
    return f"{LEASES}{binding(key).rpartition('/')[2]}-"


def run(run_id: str, part: str = "") -> str:
    """Of what one process of a flow run did; without `part`, the prefix of all of them."""
    return f"{RUNS}{_safe(run_id)}/{_safe(part) if part else ''}"


def name_entry(name: str, position: int) -> str:
    """Of the entry `position` (from 0) in the history of a name."""
    return f"{NAMES}{_safe(name)}/{position:08d}"


def is_name(text: str) -> bool:
    """Whether `text` can have a history."""
    return _SAFE.fullmatch(text) is not None


def pin(version_id: str, position: int) -> str:
    """Of the entry `position` (from 0) in the history of a version's pin."""
    return f"{PINS}{_checked_id(version_id)}/{position:08d}"


def trash(shard: str, position: int) -> str:
    """Of the entry `position` (from 0) in the history of the expiry of a shard's versions."""
    return f"{TRASH}{_checked_shard(shard)}/{position:08d}"


def invalid(about: str, position: int) -> str:
    """Of the entry `position` (from 0) of why a version, or the content of a key, is invalid."""
    return f"{INVALID}{_safe(about)}/{position:08d}"


def trust(recipe: str, position: int) -> str:
    """Of the entry `position` (from 0) in the history of what audits found of a step."""
    return f"{TRUST}{_safe(recipe)}/{position:08d}"


def plan(plan_id: str, position: int) -> str:
    """Of the page `position` (from 0) of a plan."""
    return f"{PLANS}{_safe(plan_id)}/{position:08d}"


def reads(key: Key, position: int) -> str:
    """Of the entry `position` (from 0) in the history of which files the bodies of a key read."""
    return f"{READS}{binding(key).rpartition('/')[2]}/{position:08d}"


def entry(name: str) -> tuple[str, str] | None:
    """What a name in a journal or below `runs/` is about, and its last part; None for others.

    The last part of a journal's is its position.
    """
    top, _, rest = name.partition("/")
    about, _, last = rest.partition("/")
    if not (_SAFE.fullmatch(about) and _SAFE.fullmatch(last)):
        return None
    if top + "/" in JOURNALS and not _POSITION.fullmatch(last):
        return None
    return about, last


def quarantined(blob_name: str) -> str:
    """Of a blob that was set aside."""
    return QUARANTINE + blob_name.rpartition("/")[2]


def marks(shard: str, nonce: str = "") -> str:
    """Of a collector's marks on blobs of a shard; without `nonce`, the prefix of all of them."""
    return f"{MARKS}{_checked_shard(shard)}/{nonce}"


def is_marks(name: str) -> bool:
    """Whether `name` is one of marks."""
    return name.startswith(MARKS) and _MARKS.fullmatch(name.removeprefix(MARKS)) is not None


def blobs(shard: str) -> str:
    """Of every blob of a shard."""
    return f"{BLOBS}{_checked_shard(shard)}/"


def is_blob(name: object) -> bool:
    """Whether `name` can be a blob, as a manifest gives it."""
    is_one = isinstance(name, str) and BLOB_PATTERN.fullmatch(name)
    return bool(is_one) and str(name).startswith(str(name)[3:5])


def versions(shard: str) -> str:
    """Of the record of every version of a shard."""
    return f"{VERSIONS}{_checked_shard(shard)}/"


def _checked_id(text: str) -> str:
    if not ID_PATTERN.fullmatch(text):
        raise FormatError(f"{text[:80]!r} is not a version id: ids have 32 hexadecimal characters")
    return text


def _checked_shard(text: str) -> str:
    if not _SHARD.fullmatch(text):
        raise FormatError(f"{text[:80]!r} is no shard: shards have 2 hexadecimal characters")
    return text


def _safe(text: str) -> str:
    if not _SAFE.fullmatch(text):
        raise FormatError(
            f"{text[:80]!r} cannot be a name: use letters, digits, dot, dash and underscore, "
            "128 at most, beginning with a letter or digit"
        )
    return text
