"""Keys: the root of a Merkle tree of named leaves.

A leaf is one thing a result depends on (`code/flows.flights:clean`, `params/max_delay`,
`inputs/flights`, `env/pandas`, `seed`). The record of a version keeps every leaf, so that `why` is
a diff of two trees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blake3 import blake3

from versioning.digest import Digest, Key, digest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

TAG = b"prefect-versioning key 1\n"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One named thing that a result depends on.

    Attributes:
        name: Where it comes from, as `kind/detail`; unique in a key.
        digest: Digest of its exact content.
        value: A short preview for people (80 characters at most), or None; never part of the key.
    """

    name: str
    digest: Digest
    value: str | None = None


@dataclass(frozen=True, slots=True)
class LeafChange:
    """How one leaf differs between two keys; None where the leaf is absent."""

    leaf: str
    before: str | None
    after: str | None


def text_leaf(name: str, text: str) -> Leaf:
    """The leaf of a text, whose preview is its beginning."""
    return Leaf(name, digest_bytes(text.encode()), text[:80])


def root_key(leaves: Iterable[Leaf]) -> Key:
    """The key of a set of leaves; their order does not matter.

    Names and digests are length-prefixed, so no two different sets share the bytes that are hashed.

    Raises:
        ValueError: If two leaves share a name.
    """
    hasher = blake3(TAG)
    seen = ""
    for leaf in sorted(leaves, key=lambda item: item.name):
        if leaf.name == seen:
            raise ValueError(f"two leaves are named {leaf.name!r}")
        seen = leaf.name
        name = leaf.name.encode("utf-8", "surrogatepass")
        hasher.update(b"%d:%b%b" % (len(name), name, leaf.digest.encode()))
    return Key(hasher.hexdigest())


def diff_leaves(before: Sequence[Leaf], after: Sequence[Leaf]) -> Iterator[LeafChange]:
    """The leaves that differ, by name, with what people would call their values."""
    old = {leaf.name: leaf for leaf in before}
    new = {leaf.name: leaf for leaf in after}
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if (was and was.digest) != (now and now.digest):
            yield LeafChange(name, _shown(was), _shown(now))


def _shown(leaf: Leaf | None) -> str | None:
    if leaf is None:
        return None
    return leaf.value if leaf.value is not None else leaf.digest[:12]
