"""Why it is so: `why`, `lineage`, `diff` and `history`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from versioning.cli.output import (
    PLAIN,
    Flag,
    Options,
    add,
    line,
    moment,
    parse_moment,
    short,
    table,
)
from versioning.errors import FormatError, NotFoundError
from versioning.lineage import BOTH, DOWN, UP
from versioning.names import aliases
from versioning.runs import last_run
from versioning.units import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from versioning.differences import Why
    from versioning.lineage import Lineage

_VERDICTS = {
    "first": "it is the first version of its step",
    "same-key": "nothing it depends on changed: it was run again as asked, or bytes were lost",
}


def why(
    version: str | None = None,
    /,
    *,
    against: str | None = None,
    miss: Flag = False,
    options: Options = PLAIN,
) -> None:
    """Why a version was computed, or what the last run of a flow computed and why.

    Args:
        version: Which one; with --miss, the name of a flow, or nothing for whichever ran last.
        against: Compare with this version, not with the nearest earlier one of its step.
        miss: Tell the misses of the last run of a flow.
    """
    repository = options.open()
    if miss:
        run = last_run(repository, version)
        options.answer(run, lambda: _misses(run))
        return
    if version is None:
        raise FormatError("name a version, or ask for the last run with --miss")
    record = repository.record(repository.resolve(version))
    found = repository.why(record.id, against)
    document = {"id": record.id, "step": record.step, **asdict(found)}
    options.answer(document, lambda: _reasons(record.step, record.id, found))


def lineage(
    version: str,
    /,
    *,
    up: Flag = False,
    down: Flag = False,
    mermaid: Flag = False,
    options: Options = PLAIN,
) -> None:
    """What a version was made from, and what was made from it.

    Args:
        version: Which one.
        up: Only what it was made from.
        down: Only what was made from it.
        mermaid: Write a Mermaid graph instead of a tree.
    """
    direction = BOTH if up == down else UP if up else DOWN
    graph = options.open().lineage(version, direction)
    options.answer(_graph(graph), lambda: _drawing(graph, direction, mermaid=mermaid))


def diff(before: str, after: str, /, *, options: Options = PLAIN) -> None:
    """How two versions differ: data, metrics, model, parameters, inputs, code, environment.

    Args:
        before: The version to compare with.
        after: The version that is asked about.
    """
    document = options.open().diff(before, after)
    options.answer(document, lambda: _differences(document))


def history(name: str, /, *, at: str | None = None, options: Options = PLAIN) -> None:
    """Which version a name named when.

    Args:
        name: Of a model, as `delays`; an alias behind it, as `delays@champion`, is enough too.
        at: Tell what was true at this moment: 36h, 7d, 2w ago, or an ISO date or time.
    """
    name, _, alias = name.partition("@")
    moment_asked = parse_moment(at, datetime.now(UTC)) if at else None
    repository = options.open()
    entries = repository.name_history(name)
    if not entries:
        known = ", ".join(sorted(repository.names()))
        there = f"there are {known}" if known else "names appear when models register"
        raise NotFoundError(f"nothing was ever named {name!r}; {there}")
    if alias:
        there = ", ".join(sorted({str(entry.get("alias")) for entry in entries}))
        entries = [entry for entry in entries if entry.get("alias") == alias]
        if not entries:
            raise NotFoundError(f"{name}@{alias} never named anything; {name} has {there}")
    document = {"name": name, "aliases": aliases(entries, moment_asked), "entries": entries}
    options.answer(document, lambda: _told(document, at))


def _misses(run: Mapping[str, Any]) -> Iterator[RenderableType]:
    steps: Sequence[Mapping[str, Any]] = run["steps"]
    missed = [step for step in steps if step["status"] == "miss"]
    yield line(f"{run['flow']} / {run['name']}: {len(missed)} of {len(steps)} computed")
    made = table("step", "version", "why", "took", right=("took",))
    for step in missed:
        add(made, step["step"], short(step["version"]), step["why"], duration(step["seconds"]))
    if missed:
        yield made


def _reasons(step: str, version_id: str, found: Why) -> Iterator[RenderableType]:
    invalid = f"version {short(found.against)} was invalidated: {found.invalidated}"
    if not found.changed:
        reason = invalid if found.invalidated else _VERDICTS[found.verdict]
        yield line(f"{step} {short(version_id)}: {reason}")
        return
    yield line(f"{step} {short(version_id)}: changed since {short(found.against)}")
    yield _changes([asdict(change) for change in found.changed])
    if found.same_value:
        yield line("Its value is the same all the same, so nothing below it is computed again.")


def _changes(changes: Sequence[Mapping[str, Any]]) -> Table:
    made = table("what", "before", "after")
    for change in changes:
        add(made, change["leaf"], _brief(change["before"]), _brief(change["after"]))
    return made


def _brief(fact: Any) -> Any:
    return f"{fact:.8g}" if isinstance(fact, float) else fact


def _graph(graph: Lineage) -> dict[str, Any]:
    nodes = [
        {"id": i, "step": row and row.step, "digest": row and row.digest}
        | {"created": row and row.created, "size_bytes": row and row.size_bytes}
        for i, row in graph.nodes.items()
    ]
    edges = [{"from": r.source, "to": r.reader, "name": r.name} for r in graph.reads]
    return {"root": graph.root, "nodes": nodes, "edges": edges}


def _drawing(graph: Lineage, direction: str, *, mermaid: bool) -> Iterator[RenderableType]:
    if mermaid:
        yield line(graph.mermaid())
        return
    if direction != DOWN:
        yield line(f"made from\n{_tree(graph, down=False)}")
    if direction != UP:
        yield line(f"used by\n{_tree(graph, down=True)}")


def _tree(graph: Lineage, *, down: bool) -> str:
    return "\n".join(
        f"{'    ' * depth}{graph.step(version_id)} {short(version_id)}"
        + (f"  as {name}" if name else "")
        + ("  (see above)" if is_repeated else "")
        for depth, version_id, name, is_repeated in graph.tree(down=down)
    )


def _differences(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield line(f"{short(document['before'])} -> {short(document['after'])}")
    if document["same_value"]:
        yield line("The values are the same.")
    for kind, found in document.items():
        if kind in {"before", "after", "same_value"} or not found:
            continue
        yield line(f"\n{kind}")
        yield _changes(list(_flat(found, "")))


def _flat(found: Any, path: str) -> Iterator[dict[str, Any]]:
    """Nested differences as rows of what, before and after."""
    if isinstance(found, list) and not any(isinstance(item, dict) for item in found):
        found = ", ".join(map(str, found))
    if isinstance(found, list):
        for item in found:
            yield from _flat(item, path)
    elif isinstance(found, dict):
        name = next((found[key] for key in ("leaf", "name", "column") if key in found), "")
        here = ".".join(filter(None, [path, name]))
        if {"before", "after"} <= found.keys():
            yield {**found, "leaf": here}
            return
        for key in (key for key in found if key != "column"):
            yield from _flat(found[key], ".".join(filter(None, [here, key])))
    elif found not in (None, ""):
        yield {"leaf": path, "before": None, "after": found}


def _told(document: Mapping[str, Any], at: str | None) -> Iterator[RenderableType]:
    now = datetime.now(UTC)
    when = f"at {at}" if at else "now"
    if not document["aliases"]:
        yield line(f"{document['name']} {when}: nothing was named")
    for alias, version_id in document["aliases"].items():
        yield line(f"{document['name']}@{alias} {when}: {short(version_id)}")
    made = table("when", "alias", "version", "by", "gates", "why")
    for entry in document["entries"]:
        forced = "forced: " if entry.get("forced") else ""
        why = f"{forced}{entry.get('reason') or ''}"
        named = (entry.get("alias"), short(entry.get("version")), entry.get("by"))
        add(made, _when(entry, now), *named, entry.get("gates"), why)
    yield made


def _when(entry: Mapping[str, Any], now: datetime) -> str:
    try:
        return moment(datetime.fromisoformat(entry["at"]), now)
    except (KeyError, TypeError, ValueError):
        return "-"
