"""Gates: what must hold before a model becomes the champion.

Each gate judges the same evidence and says what it saw. Gates on performance and gates on drift are
told apart, since they call for different things: a worse model is not promoted, moved data is
looked into.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from versioning.evaluations import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

Concern = Literal["performance", "drift"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What gates are judged by.

    Attributes:
        metrics: Of the new model, on the rows held out.
        champion: Of the champion on the same rows, or None when there is none to compare with.
        drift: `flows.drift.drift_table` against the champion's training data, or None likewise.
        reason: Why there is nothing to compare with, when there is not.
    """

    metrics: Mapping[str, float]
    champion: Mapping[str, float] | None = None
    drift: pd.DataFrame | None = None
    reason: str = "there is no champion"


class Gate(Protocol):
    """Anything that can judge evidence."""

    def judge(self, evidence: Evidence) -> Verdict:
        """What this gate says."""


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A metric must reach `bound`; exactly `bound` passes."""

    metric: str
    bound: float

    def judge(self, evidence: Evidence) -> Verdict:
        """Compare the new model's metric."""
        value = evidence.metrics[self.metric]
        gate = f"{self.metric} at least {self.bound:g}"
        return Verdict(gate, "performance", value >= self.bound, f"{value:.4f}")


@dataclass(frozen=True, slots=True)
class AtMost:
    """A metric must not exceed `bound`; exactly `bound` passes."""

    metric: str
    bound: float

    def judge(self, evidence: Evidence) -> Verdict:
        """Compare the new model's metric."""
        value = evidence.metrics[self.metric]
        gate = f"{self.metric} at most {self.bound:g}"
        return Verdict(gate, "performance", value <= self.bound, f"{value:.4f}")


@dataclass(frozen=True, slots=True)
class NotWorse:
    """A metric may fall behind the champion's, on the same rows, by `margin` at most."""

    metric: str
    margin: float
    lower_is_better: bool = False

    def judge(self, evidence: Evidence) -> Verdict:
        """Compare the new model with the champion; without one there is nothing to judge."""
        gate = f"{self.metric} not worse than the champion's by more than {self.margin:g}"
        if evidence.champion is None:
            return Verdict(gate, "performance", None, evidence.reason)
        new, old = evidence.metrics[self.metric], evidence.champion[self.metric]
        behind = new - old if self.lower_is_better else old - new
        return Verdict(gate, "performance", behind <= self.margin, f"{new:.4f} against {old:.4f}")


@dataclass(frozen=True, slots=True)
class Stable:
    """Columns may not have moved: PSI and share of unseen categories, each at most its bound.

    Attributes:
        columns: Which columns count; those left out are still reported.
        psi: Largest index allowed.
        unseen: Largest share of rows with a category that the champion never saw.
    """

    columns: tuple[str, ...]
    psi: float = 0.25
    unseen: float = 0.01

    def judge(self, evidence: Evidence) -> Verdict:
        """Name the columns that moved; without a champion there is nothing to judge."""
        gate = f"PSI at most {self.psi:g}, unseen at most {self.unseen:.0%}"
        if evidence.drift is None:
            return Verdict(gate, "drift", None, evidence.reason)
        table = evidence.drift[evidence.drift["column"].isin(self.columns)]
        moved = table[(table["psi"] > self.psi) | (table["unseen_share"] > self.unseen)]
        if moved.empty:
            worst = table.iloc[0] if len(table) else None
            calm = "nothing to watch" if worst is None else f"{worst['column']} {worst['psi']:.3f}"
            return Verdict(gate, "drift", True, f"most moved: {calm}")
        return Verdict(gate, "drift", False, "; ".join(_moved(row) for _, row in moved.iterrows()))


def _moved(row: pd.Series) -> str:
    unseen = f", unseen {row['unseen']} ({row['unseen_share']:.1%})" if row["unseen_share"] else ""
    return f"{row['column']} {row['psi']:.3f}{unseen}"


def judge(gates: Iterable[Gate], evidence: Evidence) -> list[Verdict]:
    """What every gate says; none is left out because another failed."""
    return [gate.judge(evidence) for gate in gates]


def passed(verdicts: Iterable[Verdict], concern: Concern) -> bool:
    """Whether no gate of this concern failed; a gate with nothing to judge does not fail."""
    return all(verdict.passed is not False for verdict in verdicts if verdict.concern == concern)
