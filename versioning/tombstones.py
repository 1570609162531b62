"""Tombstones: what is left of the record of a version whose bytes were erased.

Id, key, digests, lineage and recipe stay, and with them every reference to the version. Values go:
bytes that lay in the record, previews of parameters and of the value, addresses of sources. Digests
stay: who guesses a small value can tell that it was this one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from versioning.envelope import seal_of
from versioning.records import Erasure, VersionRecord, dump_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from versioning.invalidations import Invalidation

# What of the facts about a version says nothing of its value.
_KEPT = ("run", "environment", "outputs", "volatile", "effect", "files")
# Of the run, names may be made of parameters; ids and tags are not.
_NAMES = {"flow_run_name", "task_run_name"}
# Leaves whose preview tells of the step and its environment, not of values.
_TOLD = ("step", "env/")


def tombstone(record: VersionRecord, why: Invalidation) -> VersionRecord:
    """`record` without any value, and with the seal that it gets."""
    made = replace(
        record,
        manifest=tuple(replace(blob, inline=None) for blob in record.manifest),
        leaves=tuple(
            leaf if leaf.name.startswith(_TOLD) else replace(leaf, value=None)
            for leaf in record.leaves
        ),
        meta=_facts(record.meta),
        erased=Erasure(why.reason, why.actor, why.at, record.seal),
    )
    return replace(made, seal=seal_of(dump_version(made)))


def _facts(meta: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: meta[name] for name in _KEPT if name in meta}
    if isinstance(run := kept.get("run"), dict):
        kept["run"] = {name: fact for name, fact in run.items() if name not in _NAMES}
    return kept
