"""Suspects: what is not as it was when a version was made, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from versioning.digest import digest_bytes
from versioning.rerun.verdicts import Suspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from versioning.capture import Captured
    from versioning.capture.lock import Distribution

_APART = "prefect-versioning"
_SHOWN = 12
_FACTS = (
    "python",
    "build",
    "implementation",
    "platform",
    "machine",
    "libc",
    "cpu",
    "processors",
    "image",
)
# By the library, as threadpoolctl names it: what sets how many threads it takes.
THREADS = {
    "openmp": "OMP_NUM_THREADS",
    "openblas": "OPENBLAS_NUM_THREADS",
    "mkl": "MKL_NUM_THREADS",
    "blis": "BLIS_NUM_THREADS",
}


def of_environment(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Suspect]:
    """Distributions, interpreter, machine and variables that differ.

    Args:
        recorded: Of the version, as `capture` keeps it.
        now: Of the process that made it again.
    """
    yield from of_distributions(recorded["distributions"], now["distributions"])
    before, after = recorded["machine"], now["machine"]
    for name in _FACTS:
        if before.get(name) != after.get(name):
            yield Suspect(name, _text(before.get(name)), _text(after.get(name)))
    yield from of_variables(before, after)
    for name, (old, new) in _numerics(before, after).items():
        if old != new:
            yield Suspect(f"numerics/{name}", old, new)


def of_distributions(
    before: Sequence[Distribution], after: Sequence[Distribution]
) -> Iterator[Suspect]:
    """Distributions of another version, or of the same version with other files."""
    old = {d["name"]: d for d in before if not d.get("editable")}
    new = {d["name"]: d for d in after if not d.get("editable")}
    for name in sorted((old.keys() | new.keys()) - {_APART, "pip"}):
        was, now = old.get(name), new.get(name)
        versions = was["version"] if was else None, now["version"] if now else None
        if versions[0] != versions[1]:
            yield Suspect(f"env/{name}", *versions)
        elif was and now and was.get("record") != now.get("record"):
            yield Suspect(f"env/{name}", _files(was), _files(now))


def of_variables(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Suspect]:
    """Variables that results may follow: threads, kernels, time zone, language, the hash seed."""
    old, new = before.get("variables", {}), after.get("variables", {})
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield Suspect(f"variables/{name}", old.get(name), new.get(name))
    # A rerun has to have some seed; where the recorded run had one by chance, none can be the same.
    seeds = before.get("hash_seed"), after.get("hash_seed")
    if seeds[0] != seeds[1]:
        yield Suspect("hash seed", *seeds, is_harmless=seeds[0] == "random")


def of_threads(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[str, Suspect]]:
    """Threads of numerical libraries that differ, each with the variable that sets their number."""
    old, new = threads(before), threads(after)
    for variable in sorted(old.keys() & new.keys()):
        if old[variable] != new[variable]:
            name = f"threads/{variable.partition('_')[0].lower()}"
            yield variable, Suspect(name, str(old[variable]), str(new[variable]))


def threads(machine: Mapping[str, Any]) -> dict[str, int]:
    """How many threads numerical libraries took, by the variable that sets it."""
    found = ((item.get("internal_api"), item) for item in machine.get("numerics", ()))
    return {
        THREADS[api]: item["num_threads"]
        for api, item in found
        if api in THREADS and "num_threads" in item
    }


def of_source(kept: Path, now: Mapping[str, Path]) -> Iterator[Suspect]:
    """Files of the source that say something else now, or are gone.

    Args:
        kept: The captured source, laid out.
        now: Where each folder of it is today, by its name.
    """
    for path in sorted(kept.rglob("*")):
        place = path.relative_to(kept)
        today = now.get(place.parts[0])
        if not path.is_file() or today is None or "__pycache__" in place.parts:
            continue
        before, after = _digest(path), _digest(today.joinpath(*place.parts[1:]))
        if before != after:
            yield Suspect(f"source/{place.as_posix()}", before, after)


def of_capture(captured: Captured) -> Iterator[Suspect]:
    """What was known at once not to be kept as it ran."""
    for place, reason in (captured.left_out or {}).items():
        yield Suspect(f"source/{place}", "there", f"not kept: {reason}")
    for place in captured.edited:
        yield Suspect(f"source/{place}", "as imported", "as edited since, before it was kept")


def of_hidden(hidden: Iterable[Mapping[str, Any]]) -> Iterator[Suspect]:
    """What the body read that nothing keeps: clock, chance, network, programs."""
    for read in hidden:
        if read.get("kind") != "file":
            name = f"{read.get('kind')}/{read.get('what')}"
            yield Suspect(name, "as it was then", "as it is now", is_harmless=True)


def _files(found: Distribution) -> str:
    return f"{found['version']} (files {found.get('record', 'unknown')[:_SHOWN]})"


def _digest(path: Path) -> str | None:
    return digest_bytes(path.read_bytes())[:_SHOWN] if path.is_file() else None


def _text(fact: Any) -> str | None:
    if isinstance(fact, dict):
        return f"{fact.get('model')} {' '.join(fact.get('features', []))}".strip()
    return None if fact is None else str(fact)


def _numerics(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Each numerical library that both processes had loaded, in words."""
    old = {item["internal_api"]: _words(item) for item in before.get("numerics", [])}
    new = {item["internal_api"]: _words(item) for item in after.get("numerics", [])}
    return {name: (old[name], new[name]) for name in sorted(old.keys() & new.keys())}


def _words(item: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {fact}" for name, fact in item.items() if name != "internal_api")
