"""The run table: a row a step, for the UI, for terminals and as data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self

from versioning.errors import NotFoundError
from versioning.hidden.reads import told
from versioning.runs import last_run
from versioning.trust import UNKNOWN
from versioning.units import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.table import Table

    from versioning.api import Repository

MAX_CELLS = 500
_STYLES = {"hit": "green", "miss": "yellow", "audit": "green", "differs": "bold red"}
COLUMNS = ("step", "result", "why", "version", "size", "seconds", "audits")


@dataclass(slots=True)
class Row:
    """One output of one step in a flow run.

    Attributes:
        step: Name of the step.
        status: `hit` or `miss`; of a hit that ran again by audit, `audit`; `differs` when its
            value was another one than that of another version for the same key.
        version: Id of the version.
        key: What was asked for.
        digest: Digest of the value.
        size_bytes: Bytes the version holds.
        seconds: How long the body ran now; 0 for a hit.
        saved_seconds: How long it ran when the version was made; 0 for a miss.
        why: Why it is a hit or a miss, for people.
        task_run: Prefect's id of the task run.
        hidden: What its body read that the key cannot see: `kind`, `what` and `where` of each.
        trust: Whether its step is `reproducible`, `not reproducible` or `unknown`.
    """

    step: str
    status: str
    version: str
    key: str
    digest: str
    size_bytes: int
    seconds: float
    saved_seconds: float
    why: str
    task_run: str
    hidden: list[dict[str, str]] = field(default_factory=list)
    trust: str = UNKNOWN

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """A row as a run record holds it; unknown fields are ignored."""
        return cls(**{item.name: facts[item.name] for item in fields(cls) if item.name in facts})

    @property
    def reason(self) -> str:
        """Why it is a hit or a miss, and what may make a later hit wrong."""
        unseen = f"its key cannot see {told(self.hidden)}" if self.hidden else ""
        return "; ".join(filter(None, [self.why, unseen]))


@dataclass(slots=True)
class RunTable:
    """What ran and what was reused in one flow run.

    Attributes:
        run: Prefect's id of the flow run.
        name: Its name.
        flow: Name of the flow.
        rows: One for each output, in the order they came.
    """

    run: str
    name: str
    flow: str
    rows: list[Row]

    @classmethod
    def read(cls, repository: Repository, run_id: str | None) -> Self:
        """The table of a recorded run; see `run_table`."""
        facts = last_run(repository) if run_id is None else _ended(repository, run_id)
        rows = [Row.from_dict(item) for item in facts["steps"]]
        return cls(facts["run"], facts["name"], facts["flow"], rows)

    def summary(self) -> str:
        """One line: how much was reused, and what that saved."""
        count = Counter(row.status for row in self.rows)
        saved = sum(row.saved_seconds for row in self.rows)
        spent = sum(row.seconds for row in self.rows)
        told = [f"{count['hit']} reused", f"{count['miss']} computed"]
        if audited := count["audit"] + count["differs"]:
            told.append(f"{audited} audited, of which {count['differs']} differ")
        return f"{', '.join(told)}; {duration(saved)} saved, {duration(spent)} spent"

    @property
    def is_reproducible(self) -> bool:
        """Whether every step that was audited gave the same value again."""
        return all(row.status != "differs" for row in self.rows)

    def cells(self, cards: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """The table as Prefect's table artifact shows it; many equal rows are one.

        Args:
            cards: Address of the card of each version that has one, by its id.
        """
        links = {version[:12]: f"[{version[:12]}]({url})" for version, url in (cards or {}).items()}
        rows = [dict(zip(COLUMNS, cells, strict=True)) for cells in self._lines()][:MAX_CELLS]
        return [{**row, "version": links.get(row["version"], row["version"])} for row in rows]

    def rich(self) -> Table:
        """The table for a terminal; the narrower it is, the more lines a reason takes."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(
            title=f"{self.flow} / {self.name}",
            caption=self.summary(),
            title_justify="left",
            caption_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_edge=False,
        )
        # Prefect's page has the room to say `unknown` of every step; a terminal has not.
        columns = COLUMNS if any(row.trust != UNKNOWN for row in self.rows) else COLUMNS[:-1]
        for column in columns:
            right = column in {"size", "seconds"}
            table.add_column(
                column,
                justify="right" if right else "left",
                no_wrap=column != "why",
                overflow="fold" if column == "why" else "crop",
            )
        for step, result, why, *rest in self._lines():
            style = _STYLES[result.partition(" ")[0]]
            cells = [Text(text) for text in (why.replace("; ", "\n"), *rest)]
            table.add_row(*(Text(step), Text(result, style), *cells)[: len(columns)])
        return table

    def _lines(self) -> Iterator[tuple[str, ...]]:
        # Mapped steps: one line for all items with the same outcome.
        order = {row.step: n for n, row in reversed(list(enumerate(self.rows)))}
        rows = sorted(self.rows, key=lambda row: (order[row.step], *_outcome(row)))
        for (status, why, trust, step), group in groupby(rows, _outcome):
            items = list(group)
            spent = sum(item.saved_seconds if status == "hit" else item.seconds for item in items)
            yield (
                step,
                f"{status} x{len(items)}" if len(items) > 1 else status,
                why,
                items[0].version[:12],
                size(sum(item.size_bytes for item in items)),
                f"{duration(spent)} {'saved' if status == 'hit' else 'spent'}",
                trust,
            )


def _outcome(row: Row) -> tuple[str, str, str, str]:
    return row.status, row.reason, row.trust, row.step


def _ended(repository: Repository, run_id: str) -> dict[str, Any]:
    """What the flow's own process wrote when the run ended."""
    for part in repository.run_parts(run_id):
        if "ended" in part:
            return part
    raise NotFoundError(
        f"no flow run {run_id} is recorded in {repository.url}; a run is recorded when it ends and "
        "has called a versioned step"
    )
