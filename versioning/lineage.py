"""Lineage: what a version was made from, and what was made from it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from versioning.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.catalog import Catalog
    from versioning.rows import Row

UP, DOWN, BOTH = "up", "down", "both"
_MARKDOWN = str.maketrans({'"': "#quot;", "<": "#lt;", ">": "#gt;", "\n": " "})


@dataclass(frozen=True, slots=True)
class Read:
    """One edge: version `reader` read version `source` as its input `name`."""

    source: str
    reader: str
    name: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """A graph of versions around one of them.

    Attributes:
        root: Id of the version asked about.
        nodes: Every version in it by id; None for one whose record is not in the repository.
        reads: The edges, each once.
    """

    root: str
    nodes: dict[str, Row | None]
    reads: tuple[Read, ...]

    def mermaid(self) -> str:
        """The graph as Mermaid source, for pages and notebooks."""
        lines = ["graph LR"]
        for version_id in self.nodes:
            label = f"{self.step(version_id)}<br/>{version_id[:12]}"
            lines.append(f'  v{version_id[:16]}["{_escaped(label)}"]')
        for read in self.reads:
            edge = f'-- "{_escaped(read.name)}" -->'
            lines.append(f"  v{read.source[:16]} {edge} v{read.reader[:16]}")
        return "\n".join([*lines, f"  style v{self.root[:16]} stroke-width:3px"])

    def tree(self, *, down: bool = False) -> Iterator[tuple[int, str, str, bool]]:
        """The graph as lines of a tree that begins at the root, depth first.

        Args:
            down: From the root to what was made from it, instead of to what it was made from.

        Yields:
            Depth, id, name of the input, and whether what lies below was shown before.
        """
        below = defaultdict(list)
        for read in self.reads:
            here, there = (read.source, read.reader) if down else (read.reader, read.source)
            below[here].append((read.name, there))
        shown: set[str] = set()
        rest = [(0, "", self.root)]
        while rest:
            depth, name, version_id = rest.pop()
            is_repeated = version_id in shown and bool(below[version_id])
            yield depth, version_id, name, is_repeated
            if version_id not in shown:
                shown.add(version_id)
                further = sorted(below[version_id], reverse=True)
                rest += [(depth + 1, reading, there) for reading, there in further]

    def step(self, version_id: str) -> str:
        """Name of the step that made a version of the graph."""
        row = self.nodes[version_id]
        return "unknown" if row is None else row.step


def lineage(catalog: Catalog, version_id: str, direction: str = UP) -> Lineage:
    """The graph around a version.

    Args:
        catalog: Of the repository the version is in.
        version_id: Its id.
        direction: `up` for what it was made from, `down` for what was made from it, or `both`.

    Raises:
        FormatError: If there is no such direction.
    """
    if direction not in {UP, DOWN, BOTH}:
        raise FormatError(f"lineage has no direction {direction!r}: choose up, down or both")
    found = []
    if direction != DOWN:
        found += catalog.reads(version_id, down=False)
    if direction != UP:
        found += catalog.reads(version_id, down=True)
    reads = tuple(Read(source, reader, name) for reader, name, source in dict.fromkeys(found))
    ids = dict.fromkeys(
        [version_id, *(end for read in reads for end in (read.source, read.reader))]
    )
    rows = catalog.rows(ids)
    return Lineage(version_id, {end: rows.get(end) for end in ids}, reads)


def _escaped(label: str) -> str:
    return "<br/>".join(part.translate(_MARKDOWN) for part in label.split("<br/>"))
