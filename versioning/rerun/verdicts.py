"""What a rerun found, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

IDENTICAL, EQUAL, DIFFERENT, FAILED = "identical", "equal", "different", "failed"
ORDER = (IDENTICAL, EQUAL, DIFFERENT, FAILED)


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """How one version came out when it was made again.

    Attributes:
        id: The version.
        step: Its step.
        verdict: `identical` (value digest), `equal` (within the tolerance, or in what a model
            predicts), `different`, or `failed`.
        before: Digest of the recorded value.
        after: Digest of the value now; None when there is none.
        seconds: How long the body ran now.
        note: How it differs or why it failed; empty when it is identical.
        made: Where the value of now lies in the folder of the rerun: ids of its versions there.
        changed: Leaves of code and environment that differ from the recorded ones.
    """

    id: str
    step: str
    verdict: str
    before: str
    after: str | None = None
    seconds: float = 0.0
    note: str = ""
    made: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something that is not as it was: a file, a distribution, a variable, the machine.

    Attributes:
        name: What, as `source/project/helper.py` or `env/pandas`.
        before: What it was; None when there was none.
        after: What it is now; None when there is none.
        is_harmless: Whether it never is the same twice, so that it is told only of a difference.
    """

    name: str
    before: str | None
    after: str | None
    is_harmless: bool = False


@dataclass(slots=True)
class Rerun:
    """What came of a rerun.

    Attributes:
        id: The version that was asked for.
        env: Which environment it ran in: `captured` or `current`.
        code: Which source ran: `captured` or `current`.
        against: Id of the version that it was compared with, instead of what came out again.
        steps: The versions that were made again, in order.
        suspects: What was not as it had been.
        causes: Those suspects that make the difference alone, where that was tried.
        untried: Those that could not be had to be tried.
        not_considered: What could not be a cause, as nothing else was given to put in its place,
            with the option that gives it.
        environment: How the environment was come by.
        folder: Where everything lies, when it was asked for.
        archived: How much is archived of each environment, for people, where that was asked for.
        not_rebuildable: Distributions of the recorded environment that neither an index nor the
            archive is known to have, with advice.
        other: Id of the version that a value became that speaks against the step; see `twice`.
        seconds: How long all of it took.
        overhead_seconds: How long everything took but the bodies and explaining.
    """

    id: str
    env: str
    code: str
    against: str | None = None
    steps: list[StepVerdict] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    causes: list[Suspect] | None = None
    untried: list[Suspect] = field(default_factory=list)
    not_considered: dict[str, str] = field(default_factory=dict)
    environment: str = ""
    folder: str | None = None
    archived: list[str] = field(default_factory=list)
    not_rebuildable: dict[str, str] = field(default_factory=dict)
    other: str | None = None
    seconds: float = 0.0
    overhead_seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """The worst of the steps."""
        return max((step.verdict for step in self.steps), key=ORDER.index, default=FAILED)

    @property
    def is_same(self) -> bool:
        """Whether the version can be had again."""
        return self.verdict in {IDENTICAL, EQUAL}

    @property
    def differs(self) -> list[str]:
        """Names of what was not as it had been: leaves of the keys, then everything else."""
        leaves = [leaf for step in self.steps for leaf in step.changed]
        return list(dict.fromkeys([*leaves, *(suspect.name for suspect in self.suspects)]))

    def to_dict(self) -> dict[str, Any]:
        """As `versioning rerun --json` says it."""
        names = ("id", "step", "verdict", "before", "after", "seconds", "note")
        told: dict[str, Any] = {"verdict": self.verdict, "id": self.id}
        told |= {"against": self.against, "env": self.env, "code": self.code}
        told["environment"] = self.environment
        told["steps"] = [{name: getattr(step, name) for name in names} for step in self.steps]
        told["differs"] = self.differs
        told["suspects"] = [_told(suspect) for suspect in self.suspects]
        if self.causes is not None:
            told["causes"] = [_told(suspect) for suspect in self.causes]
            told["untried"] = [_told(suspect) for suspect in self.untried]
            told["not_considered"] = self.not_considered
        told |= {"not_rebuildable": self.not_rebuildable, "archived": self.archived}
        told |= {"folder": self.folder, "seconds": self.seconds}
        return told | {"overhead_seconds": self.overhead_seconds}

    def remarks(self) -> list[str]:
        """What people should know besides the steps, suspects and causes, a sentence each."""
        told = [] if self.causes is None else self._explained()
        told += [f"The environment is archived: {held}." for held in self.archived]
        told += [f"Not rebuildable: {name} {text}." for name, text in self.not_rebuildable.items()]
        if self.folder:
            told.append(f"Everything is in {self.folder}: run.sh there does the same.")
        return told

    def _explained(self) -> list[str]:
        told = []
        if self.is_same:
            told.append("There is no difference to explain.")
        elif not self.causes:
            told.append("No suspect makes the difference alone.")
        if self.untried:
            names = ", ".join(suspect.name for suspect in self.untried)
            told.append(f"Not tried, as it cannot be had or was not there: {names}.")
        if self.not_considered:
            names = "; ".join(f"{what} ({how})" for what, how in self.not_considered.items())
            told.append(f"Not considered, as only the recorded ones were given: {names}.")
        return told


def _told(suspect: Suspect) -> dict[str, Any]:
    return {"name": suspect.name, "before": suspect.before, "after": suspect.after}
