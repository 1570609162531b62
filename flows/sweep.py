"""Sweeping past one machine: the steps of a sweep as mapped tasks, a task for a range of shards.

The order is that of `versioning.sweep`: each step ends on all shards before the next begins.
Between the steps travels what versions need, 8 bytes a blob.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from prefect import flow, task, unmapped

from flows.runs import upkeep_name
from versioning import open_repository
from versioning.collecting import Deleted, Survey, delete, erase, mark, survey
from versioning.erase import finish
from versioning.expiry import Expiry, here
from versioning.intents import close_intents
from versioning.prune import sparing
from versioning.shards import SHARDS
from versioning.sweep import Patience, Swept, due, needed_of, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from versioning.trash import Cause

Range = tuple[str, ...]
log = logging.getLogger(__name__)


@flow(flow_run_name=upkeep_name("sweep"))
def sweep(*, url: str | None = None, tasks: int = 16, patience: Patience | None = None) -> Swept:
    """Erase what has been in the trash for long enough, and delete every blob that nobody needs.

    What a plan promised, and pins and names, hold as they do for `versioning prune --apply`. Give
    it a runner that spans machines, as `sweep.with_options(task_runner=DaskTaskRunner(...))`.

    Args:
        url: Which repository, as every worker reaches it; the one that the settings name when None.
        tasks: How many tasks share the work of each step.
        patience: How long to wait for what.
    """
    repository = open_repository(url)
    repository.check_writable()
    place, cause, waits = repository.url, here(), patience or Patience()
    ranges = [SHARDS[start::tasks] for start in range(min(tasks, len(SHARDS)))]
    where, swept = unmapped(place), Swept()
    # What somebody was stopped from erasing goes with the rest.
    finish(repository)
    erased = erase_shards.map(ranges, where, unmapped(cause), unmapped(waits))
    swept.erased = [version_id for ids in erased.result() for version_id in ids]
    first = _joined(survey_shards.map(ranges, where).result())
    marked = mark_shards.map(ranges, where, _shared(ranges, needed_of(first.values())))
    pages = _joined(marked.result())
    if not pages:
        tidy(repository)
        return swept
    swept.revoked, swept.busy = close_intents(
        repository, cause.at, abandoned=waits.abandoned, wait_seconds=waits.wait_seconds
    )
    if not swept.busy:
        again = [{shard: first[shard].seen for shard in shards} for shards in ranges]
        new = _joined(survey_shards.map(ranges, where, again).result())
        needed = _shared(ranges, needed_of([*first.values(), *new.values()]))
        own = [{shard: pages[shard] for shard in shards if shard in pages} for shards in ranges]
        for deleted in delete_shards.map(own, where, needed).result():
            swept.deleted += deleted.blobs
            swept.freed_bytes += deleted.freed_bytes
            swept.left |= deleted.left
        tidy(repository)
    log.info("%d blobs are deleted, %d bytes are free", len(swept.deleted), swept.freed_bytes)
    return swept


@task(persist_result=False)
def erase_shards(shards: Range, url: str, cause: Cause, patience: Patience) -> list[str]:
    """Give up the bytes of versions whose trash period is over."""
    repository = open_repository(url)
    is_due = due(cause, patience, sparing(repository, cause.at))
    bound = Expiry(repository).bound()
    return [i for shard in shards for i in erase(repository, shard, cause, is_due, bound)]


@task(persist_result=False)
def survey_shards(
    shards: Range, url: str, seen: Mapping[str, bytes] | None = None
) -> dict[str, Survey]:
    """What versions need that are not erased and were not `seen`."""
    repository = open_repository(url)
    before = {} if seen is None else {shard: Survey(seen[shard]) for shard in shards}
    return {shard: survey(repository, shard, before.get(shard)) for shard in shards}


@task(persist_result=False)
def mark_shards(shards: Range, url: str, needed: Mapping[str, bytes]) -> dict[str, str]:
    """Mark the blobs that nobody needs; the pages of marks, by shard."""
    repository = open_repository(url)
    pages = {shard: mark(repository, shard, needed[shard]) for shard in shards}
    return {shard: page for shard, page in pages.items() if page}


@task(persist_result=False)
def delete_shards(pages: Mapping[str, str], url: str, needed: Mapping[str, bytes]) -> Deleted:
    """Delete what is marked and nobody needs."""
    repository = open_repository(url)
    done = [delete(repository, shard, page, needed[shard]) for shard, page in pages.items()]
    blobs = [blob for one in done for blob in one.blobs]
    left = {blob: said for one in done for blob, said in one.left.items()}
    return Deleted(blobs, sum(one.freed_bytes for one in done), left)


def _joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {shard: found for part in parts for shard, found in part.items()}


def _shared(ranges: Sequence[Range], needed: Mapping[str, bytes]) -> list[dict[str, bytes]]:
    """To each range what is needed of its blobs."""
    return [{shard: needed[shard] for shard in shards} for shards in ranges]
