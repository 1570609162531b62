"""Making versions again: `rerun`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from versioning.cli.output import PLAIN, Flag, Options, add, line, short, table
from versioning.cli.progress import shown
from versioning.errors import FormatError
from versioning.rerun.verdicts import IDENTICAL
from versioning.trust import label
from versioning.units import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from versioning.api import Repository
    from versioning.rerun import Rerun, Suspect

SHOWN = 30


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Choices:
    """How to make it again.

    Attributes:
        env: `captured` installs what was installed then; `current` is the test of an upgrade.
        code: `captured` runs the source of then; `current` runs the project here on old inputs.
        tolerance: Within which numbers, and what models predict, count as equal.
        everything: Make also those ancestors again whose bytes are there.
        explain: Swap one suspect at a time, and name those that make the difference alone.
        fresh: Make an environment even where this one is the recorded one.
        archive: Keep the wheels of the recorded environment, so that the next rerun needs no index.
        against: Another version: find out what makes it another one than VERSION. Single things
            that it was made of (files, distributions, parameters, the seed, inputs, variables,
            threads) are put into the run of VERSION, which is otherwise as recorded.
    """

    env: Literal["captured", "current"] = "captured"
    code: Literal["captured", "current"] = "captured"
    tolerance: float = 0.0
    everything: Annotated[Flag, Parameter(name="--all")] = False
    explain: Flag = False
    fresh: Flag = False
    archive: Flag = False
    against: str | None = None


AS_CAPTURED = Choices()


def rerun(
    version: str,
    /,
    *,
    into: Path | None = None,
    choices: Choices = AS_CAPTURED,
    options: Options = PLAIN,
) -> int:
    """Make a version again from what was captured with it, and compare; 1 unless it is the same.

    The recorded source runs in the recorded environment, with the recorded parameters and inputs,
    in a process of its own. Nothing that is recorded changes. What reads or acts on the outside
    world is taken from its version. Secrets are taken from VERSIONING_SECRET_<PARAMETER>.

    Args:
        version: Which one.
        into: Folder to leave source, lock, inputs and a run.sh in.
    """
    repository = options.open(write=choices.archive)
    with shown(unless=options.json) as tell:
        found = repository.rerun(version, into=into, **asdict(choices), progress=tell)
    options.answer(found.to_dict(), lambda: _report(found))
    return 0 if found.is_same else 1


def verify_twice(repository: Repository, version: str | None, options: Options) -> int:
    """What `versioning verify --twice` does."""
    from versioning.rerun import twice

    if version is None:
        raise FormatError("name the version, or the step, to make again: `verify --twice train`")
    record = repository.record(repository.resolve(version))
    with shown(unless=options.json) as tell:
        found = twice(repository, record, progress=tell)
    told = label(repository, record)
    document = {**found.to_dict(), "trust": told, "other": found.other}
    where = f": versioning diff {found.id[:12]} {found.other[:12]}" if found.other else ""
    options.answer(document, lambda: [*_report(found), line(f"{record.step} is {told}{where}")])
    return 0 if found.verdict == IDENTICAL else 1


def _report(found: Rerun) -> Iterator[RenderableType]:
    steps = table("step", "version", "verdict", "before", "after", "took", "note", right=("took",))
    for step in found.steps:
        took = duration(step.seconds)
        digests = short(step.before), short(step.after)
        add(steps, step.step, short(step.id), step.verdict, *digests, took, step.note or "-")
    yield steps
    sides = (short(found.id), short(found.against)) if found.against else ("then", "now")
    if found.suspects:
        yield _suspects("not as it was" if not found.against else "differs", sides, found.suspects)
    if found.causes:
        yield _suspects("makes the difference, alone", sides, found.causes)
    ran = f"{found.code} code, {found.env} environment ({found.environment})"
    took = f"{duration(found.seconds)} in all, {duration(found.overhead_seconds)} of it around"
    yield line(f"{found.verdict}: {ran}, {took} the steps")
    yield from map(line, found.remarks())


def _suspects(title: str, sides: tuple[str, str], suspects: Sequence[Suspect]) -> RenderableType:
    made = table(title, *sides)
    for suspect in suspects[:SHOWN]:
        add(made, suspect.name, suspect.before, suspect.after)
    if len(suspects) > SHOWN:
        add(made, f"and {len(suspects) - SHOWN} more: --json lists all of them", "", "")
    return made
