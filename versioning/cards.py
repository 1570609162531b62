"""The card of a version, a page of Markdown: what it is, what it was made from, how good it is."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from versioning.adapters import base_of, is_adapter
from versioning.errors import VersioningError
from versioning.evaluations import newest_evaluation
from versioning.lineage import UP, lineage
from versioning.names import names_of
from versioning.promotion import CHAMPION, formers_of, reigns
from versioning.repository import Repository
from versioning.standing import standing
from versioning.trust import label
from versioning.units import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from versioning.catalog import Catalog
    from versioning.evaluations import Evaluation
    from versioning.lineage import Lineage
    from versioning.records import VersionRecord

DRIFT_ROWS, TREE_DEPTH, SIBLINGS = 8, 6, 2
_LEAVES = ("params/", "seed")
_PLACE = re.compile(r"[.\[]")
_DATE = re.compile(r"datetime\.date\((\d+), (\d+), (\d+)\)")
_MARKDOWN = {"|": "\\|", "<": "&lt;", ">": "&gt;", "`": "'", "\n": " ", "*": "\\*", "_": "\\_",
             "[": "\\[", "]": "\\]", "\\": "\\\\"}  # fmt: skip


def card(
    repository: Repository,
    catalog: Catalog,
    record: VersionRecord,
    *,
    links: Mapping[str, str] | None = None,
) -> str:
    """The card of a version, as Markdown with tables.

    Args:
        repository: Where it is.
        catalog: Its index.
        record: The version.
        links: Address of the card of each other version that has one, by 12 characters of its id.
    """
    found = newest_evaluation(repository, catalog, record.id)
    graph = lineage(catalog, record.id, UP)
    champion = f"@{CHAMPION}"
    names = sorted(names_of(repository, record.id), key=lambda name: not name.endswith(champion))
    sections = [
        _head(repository, record, names),
        *(
            _judgement(found, links or {})
            if found
            else ["Nobody judged it: no evaluation of it is recorded."]
        ),
        _parameters(record),
        _data(repository, graph),
        f"## Lineage\n\n```text\n{_tree(graph)}\n```",
        _environment(record),
        _use(repository, record, names),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _head(repository: Repository, record: VersionRecord, names: Sequence[str]) -> str:
    run = record.meta.get("run") or {}
    status = standing(repository, record)
    facts = {
        "version": f"`{record.id}`",
        "value": _cell(record.meta.get("value") or record.codec),
        "named": _cell(", ".join(names) or "nothing names it now"),
        **_base(repository, record),
        "made by": _cell(record.function or "an outside source"),
        "in": _cell(" / ".join(filter(None, [record.flow, run.get("flow_run_name")])) or "no flow"),
        "made": f"{record.created:%Y-%m-%d %H:%M} UTC, in {duration(record.seconds)}",
        "holds": f"{size(record.size_bytes)} as {record.codec}, {status}",
        "audits": f"{label(repository, record)}",
        "digest": f"`{record.digest}`",
    }
    title = names[0] if names else record.step
    return f"# {_cell(title)}\n\n{_table(('fact', 'of this version'), facts.items())}"


def _base(repository: Repository, record: VersionRecord) -> dict[str, str]:
    """What an adapter is an adapter of."""
    if not is_adapter(record):
        return {}
    try:
        base = base_of(record, Repository.load(repository, record))
        found = None if base is None else repository.record(base.id)
    except VersioningError as error:
        return {"adapter of": _cell(error)}
    return {} if found is None else {"adapter of": f"{_cell(found.step)} `{found.id}`"}


def _judgement(found: Evaluation, links: Mapping[str, str]) -> Iterator[str]:
    rival = found.against[:12] if found.against else ""
    rival = f"[{rival}]({links[rival]})" if rival in links else rival
    columns = ("metric", "this model", *([f"champion then, {rival}"] if found.rival else []))
    rows = [
        (_cell(name), _number(value), *([_number(found.rival.get(name))] if found.rival else []))
        for name, value in found.metrics.items()
    ]
    about = f"On data that it was not trained on; evaluation `{found.id[:12]}`."
    yield f"## Metrics\n\n{_table(columns, rows)}\n\n{about}"
    gates = [(_cell(v.gate), v.word, _cell(v.reason)) for v in found.gates]
    yield f"## Gates\n\n{found_told(found)}\n\n{_table(('gate', 'verdict', 'saw'), gates)}"
    if found.drift:
        moved = sorted(found.drift, key=lambda row: -_float(row.get("psi")))[:DRIFT_ROWS]
        rows = [
            (_cell(row.get("column")), _number(row.get("psi")), _cell(row.get("unseen") or ""))
            for row in moved
        ]
        about = "Against what the champion was trained on; 0.1 is calm, above 0.25 has moved."
        yield f"## Drift\n\n{about}\n\n{_table(('column', 'PSI', 'never seen before'), rows)}"


def found_told(found: Evaluation) -> str:
    """What gates said, as text of a page."""
    return _cell(found.told()) + "."


def _parameters(record: VersionRecord) -> str:
    # What holds versions is told by its data.
    read = {f"params/{re.split(_PLACE, item.name)[0]}" for item in record.inputs}
    rows = [
        (_cell(leaf.name.removeprefix("params/")), _cell(_plain(leaf.value or leaf.digest[:12])))
        for leaf in record.leaves
        if leaf.name.startswith(_LEAVES) and leaf.name not in read
    ]
    return f"## Parameters\n\n{_table(('parameter', 'value'), rows)}" if rows else ""


def _data(repository: Repository, graph: Lineage) -> str:
    """What it was made from by step, and the span of what each was asked for."""
    sizes: dict[str, list[int]] = defaultdict(list)
    asked: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for version_id, row in graph.nodes.items():
        if row is None or version_id == graph.root:
            continue
        sizes[row.step].append(row.size_bytes)
        for leaf in repository.record(version_id).leaves:
            if leaf.name.startswith(_LEAVES) and leaf.value:
                asked[row.step][leaf.name.removeprefix("params/")].add(_plain(leaf.value))
    rows = [
        (_cell(step), len(held), size(sum(held)), _cell(_spans(asked[step])))
        for step, held in sorted(sizes.items())
    ]
    columns = ("step", "versions", "size", "asked for")
    return f"## Data\n\n{_table(columns, rows)}" if rows else ""


def _spans(asked: Mapping[str, set[str]]) -> str:
    """Each parameter with its value, or with the first and the last of its values."""
    told = []
    for name, values in sorted(asked.items()):
        first, last = min(values, key=_order), max(values, key=_order)
        told.append(f"{name} {first}" if first == last else f"{name} {first} to {last}")
    return "; ".join(told)


def _plain(value: str) -> str:
    """A preview as people write it: dates as 2013-01-31."""
    return _DATE.sub(lambda found: "-".join(f"{int(part):02}" for part in found.groups()), value)


def _order(value: str) -> tuple[float, str]:
    try:
        return float(value), value
    except ValueError:
        return math.inf, value


def _tree(graph: Lineage) -> str:
    """The lineage as a tree, in which the third and further sisters of a step are counted only."""
    lines: list[str] = []
    counted: dict[tuple[int, str], int] = defaultdict(int)
    hidden_below = TREE_DEPTH
    for depth, version_id, name, is_repeated in graph.tree():
        if depth > hidden_below:
            continue
        hidden_below = TREE_DEPTH
        for place in [place for place in counted if place[0] > depth]:
            _count_rest(lines, place, counted.pop(place))
        step = graph.step(version_id)
        counted[(depth, step)] += 1
        if counted[(depth, step)] > SIBLINGS:
            hidden_below = depth
            continue
        read_as = f"  as {name}" if name else ""
        again = "  (see above)" if is_repeated else ""
        lines.append(f"{'    ' * depth}{step} {version_id[:12]}{read_as}{again}")
    for place in sorted(counted, reverse=True):
        _count_rest(lines, place, counted[place])
    return "\n".join(line.replace("```", "'''") for line in lines)


def _count_rest(lines: list[str], place: tuple[int, str], count: int) -> None:
    depth, step = place
    if count > SIBLINGS:
        lines.append(f"{'    ' * depth}and {count - SIBLINGS} more {step}")


def _environment(record: VersionRecord) -> str:
    facts: dict[str, Any] = dict(record.meta.get("environment") or {})
    git = facts.pop("git", None) or {}
    keyed = {
        leaf.name.removeprefix("env/"): leaf.value
        for leaf in record.leaves
        if leaf.name.startswith("env/")
    }
    told = {name: facts[name] for name in ("python", "platform", "processors") if name in facts}
    changed = ", with uncommitted changes" if git.get("dirty") else ""
    commit = f"`{_cell(git['commit'])}`{changed}" if git.get("commit") else "not in git"
    rows = [
        ("code commit", commit),
        *((name, _cell(fact)) for name, fact in told.items()),
        *((name, _cell(version)) for name, version in keyed.items() if name != "python"),
    ]
    return f"## Environment and code\n\n{_table(('fact', 'when it was made'), rows)}"


def _use(repository: Repository, record: VersionRecord, names: Sequence[str]) -> str:
    short = record.id[:12]
    lines = [
        f"export VERSIONING_REPOSITORY={repository.url}",
        f"versioning show {short}            # every leaf and input",
        f"versioning lineage {short}         # the whole graph",
        f"versioning why {short}             # why it is another one than before",
        f"versioning rerun {short}           # whether it comes out the same again",
    ]
    if (former := next((n for n in names if _has_former(repository, n)), None)) is not None:
        lines.append(f"versioning rollback {former}    # a former version, with reasons")
    python = f'versioning.Repository.open("{repository.url}").get("{record.id}").load()'
    served = [f'mlflow.pyfunc.load_model("models:/{name}")' for name in names]
    return "\n\n".join(
        [
            "## Load it, make it again, go back",
            "```python\n" + "\n".join([python, *served]) + "\n```",
            "```sh\n" + "\n".join(lines) + "\n```",
        ]
    )


def _has_former(repository: Repository, named: str) -> bool:
    name, _, alias = named.partition("@")
    return bool(formers_of(reigns(repository.name_history(name), alias)))


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    heads = list(columns)
    lines = [heads, ["---"] * len(heads), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: object) -> str:
    """What others wrote, as plain text of a cell: no markup, no end of the cell or line."""
    return "".join(_MARKDOWN.get(c, c if c.isprintable() else "\ufffd") for c in str(text))


def _number(value: object) -> str:
    if not isinstance(value, int | float):
        return "" if value is None else _cell(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
