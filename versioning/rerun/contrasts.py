"""Contrasts: what differs between two recordings, or one and today, each with how to try it alone.

A contrast is a suspect and the swap that puts it, and nothing else, into the recorded run.
"""

from __future__ import annotations

import re
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from versioning.capture import Captured
from versioning.capture.lock import installed, located
from versioning.capture.machine import HASH_SEED, machine
from versioning.errors import VersioningError
from versioning.references import kept_in
from versioning.rerun.environments import as_recorded
from versioning.rerun.execution import CAPTURED
from versioning.rerun.folder import lay_source
from versioning.rerun.jobs import has_bytes
from versioning.rerun.shelves import Shelf, paths_of
from versioning.rerun.suspects import of_distributions, of_source, of_threads, of_variables
from versioning.rerun.swaps import Swaps, overlay, today
from versioning.rerun.verdicts import Suspect
from versioning.shards import in_silence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from versioning.records import Input, VersionRecord
    from versioning.repository import Repository
    from versioning.rerun.execution import Terms
    from versioning.rerun.jobs import Jobs
    from versioning.shards import Progress

_NAME = re.compile(r"\w+")
_SHOWN = 12


class Contrast(NamedTuple):
    """Something that differs, and what tries it alone; None where that cannot be had."""

    suspect: Suspect
    swaps: Swaps | None


def with_today(
    repository: Repository, jobs: Jobs, terms: Terms, folder: Path
) -> Iterator[Contrast]:
    """What of today differs from what the jobs recorded: files, distributions, variables, threads.

    Args:
        repository: Where the versions are.
        jobs: What is made again.
        terms: Which sides are of today.
        folder: For what is compared.
    """
    seen: set[str] = set()
    for number, job in enumerate({job.place: job for job in jobs.ordered}.values()):
        place = folder / str(number)
        found: list[Contrast] = []
        if terms.code != CAPTURED:
            source = lay_source(repository, job.captured, place / "source")
            found += _files(source, today(job.captured))
        if terms.env != CAPTURED:
            recorded = _environment_of(repository, job.captured)
            now = {"distributions": installed(), "machine": machine()}
            found += _environment(recorded, now, _Installed(place / "overlays"))
        for contrast in found:
            if contrast.suspect.name not in seen:
                seen.add(contrast.suspect.name)
                yield contrast


def with_other(
    repository: Repository,
    record: VersionRecord,
    other: VersionRecord,
    folder: Path,
    progress: Progress = in_silence,
) -> Iterator[Contrast]:
    """What differs between what two versions were made of: all that `with_today` gives, and more.

    Args:
        repository: Where they are.
        record: The version that is made again.
        other: The version from which single things are taken.
        folder: For what is compared.
        progress: As of `rerun`.

    Raises:
        NotFoundError: If nothing was captured with one of them.
    """
    before, after = Captured.of(record), Captured.of(other)
    source = lay_source(repository, before, folder / "source")
    beside = lay_source(repository, after, folder / "beside")
    yield from _files(source, {name: beside / name for name in before.folders or {}})
    old, new = _environment_of(repository, before), _environment_of(repository, after)
    yield from _environment(
        old, new, _Recorded(folder / "overlays", repository, after, new, progress)
    )
    yield from _arguments(repository, record, other)


def _environment_of(repository: Repository, captured: Captured) -> dict[str, Any]:
    found: dict[str, Any] = repository.load(repository.record(captured.kept["environment"].id))
    return found


def _files(source: Path, beside: Mapping[str, Path]) -> Iterator[Contrast]:
    for suspect in of_source(source, beside):
        place = suspect.name.removeprefix("source/")
        name, _, rest = place.partition("/")
        path = beside[name] / rest
        yield Contrast(suspect, Swaps(files={place: path if path.is_file() else None}))


def _environment(
    before: Mapping[str, Any], after: Mapping[str, Any], others: _Installed
) -> Iterator[Contrast]:
    for suspect in of_distributions(before["distributions"], after["distributions"]):
        yield Contrast(suspect, others.swap(suspect.name.removeprefix("env/"), suspect.after))
    changed = set()
    for suspect in of_variables(before["machine"], after["machine"]):
        variable, value = suspect.name.removeprefix("variables/"), suspect.after
        if suspect.name == "hash seed":
            variable, value = HASH_SEED, value if str(value).isdigit() else "random"
        changed.add(variable)
        yield Contrast(suspect, Swaps(variables={variable: value}))
    for variable, suspect in of_threads(before["machine"], after["machine"]):
        if variable not in changed:
            yield Contrast(suspect, Swaps(variables={variable: suspect.after}))


class _Installed:
    """Distributions of this process, one at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def swap(self, name: str, version: str | None) -> Swaps | None:
        """What puts one before the recorded one; None when it cannot be had, or is gone."""
        if version is None:
            return None
        try:
            return Swaps(overlays=(overlay(name, self._folder / name, self.places(name)),))
        except VersioningError:
            return None

    def places(self, name: str) -> list[str]:
        """Folders where it is installed."""
        del name
        return sys.path


class _Recorded(_Installed):
    """Distributions of another version, from here where they are the same, else installed again."""

    def __init__(
        self,
        folder: Path,
        repository: Repository,
        captured: Captured,
        recorded: Mapping[str, Any],
        progress: Progress,
    ) -> None:
        super().__init__(folder)
        self._repository, self._captured, self._recorded = repository, captured, recorded
        self._progress = progress

    def places(self, name: str) -> list[str]:
        wanted = next(d for d in self._recorded["distributions"] if d["name"] == name)
        here, _ = located(sys.path).get(name, (None, None))
        facts = ("version", "record")
        is_same = here is not None and all(here.get(f) == wanted.get(f) for f in facts)
        return sys.path if is_same else self._made_again

    @cached_property
    def _made_again(self) -> list[str]:
        cache = self._repository.settings.cache / "environments"
        archive = Shelf.of(self._repository, self._captured)
        lock, facts = self._recorded["distributions"], self._recorded["machine"]
        made = as_recorded(lock, facts, cache=cache, archive=archive, progress=self._progress)
        return paths_of(made.python)


def _arguments(
    repository: Repository, record: VersionRecord, other: VersionRecord
) -> Iterator[Contrast]:
    """Parameters, the seed and inputs that differ, each as a whole."""
    before, after = Captured.of(record).parameters, Captured.of(other).parameters
    old, new = _inputs(record), _inputs(other)
    for name in sorted(before.keys() | after.keys() | old.keys() | new.keys()):
        told = _told(record, name, before, old), _told(other, name, after, new)
        if told[0] == told[1]:
            continue
        is_input = old.get(name) or new.get(name)
        title = f"inputs/{name}" if is_input else "seed" if name == "seed" else f"params/{name}"
        swaps = None
        if name in before and name in after:
            inputs = {item.name: item.id for item in new.get(name, ())}
            reads = (*inputs.values(), *(str(v["id"]) for _, v in kept_in(name, after[name])))
            if all(has_bytes(repository, repository.record(i)) for i in reads):
                swaps = Swaps(
                    parameters={name: after[name]}, inputs=inputs, reads=reads, target=record.id
                )
        yield Contrast(Suspect(title, _shown(told[0]), _shown(told[1])), swaps)


def _inputs(record: VersionRecord) -> dict[str, list[Input]]:
    """What was read, by the parameter that it came in."""
    found: dict[str, list[Input]] = {}
    for item in record.inputs:
        if name := _NAME.match(item.name):
            found.setdefault(name[0], []).append(item)
    return found


def _told(
    record: VersionRecord,
    name: str,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, list[Input]],
) -> tuple[Any, ...] | None:
    """What tells a parameter from another: its digests where it is keyed, else what is kept."""
    if name in inputs:
        return tuple((item.name, item.digest) for item in inputs[name])
    leaf = next((x for x in record.leaves if x.name in {name, f"params/{name}"}), None)
    if leaf is not None:
        return leaf.digest, leaf.value
    return (str(parameters[name]),) if name in parameters else None


def _shown(told: tuple[Any, ...] | None) -> str | None:
    if not told:
        return None
    if isinstance(told[0], tuple):
        digests = [str(digest)[:_SHOWN] for _, digest in told]
        return ", ".join(digests[:3]) + (f" and {len(digests) - 3} more" if digests[3:] else "")
    return str(told[-1] if told[-1] is not None else told[0][:_SHOWN])
