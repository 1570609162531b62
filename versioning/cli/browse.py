"""What is there: `list`, `show` and `get`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from cyclopts import Parameter

from versioning.capture import Captured
from versioning.cli.output import (
    PLAIN,
    Flag,
    Options,
    add,
    line,
    moment,
    pairs,
    parse_moment,
    short,
    table,
)
from versioning.cli.progress import shown
from versioning.errors import FormatError, VersioningError
from versioning.expiry import Expiry
from versioning.invalidations import NAMED
from versioning.names import names_of
from versioning.rerun import rebuilt
from versioning.rerun.jobs import has_bytes
from versioning.rerun.shelves import not_rebuildable
from versioning.shards import shard_of
from versioning.standing import INVALID, standing, standings
from versioning.status import LIVE
from versioning.trash import ERASED, RESTORED
from versioning.trust import UNKNOWN, label, labels
from versioning.units import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from versioning import repository as base
    from versioning.api import Repository
    from versioning.records import VersionRecord

ROWS = 50


def list_(
    *,
    step: str | None = None,
    flow: str | None = None,
    since: str | None = None,
    limit: int | None = None,
    options: Options = PLAIN,
) -> None:
    """Versions, newest first.

    Args:
        step: Only of this step.
        flow: Only made in this flow.
        since: Only those from this moment on: 36h, 7d, 2w ago, or an ISO date or time.
        limit: At most so many; 50 by default, all with --json.
    """
    if limit is not None and limit < 1:
        raise FormatError(f"--limit {limit} shows nothing: give 1 or more")
    now = datetime.now(UTC)
    repository = options.open()
    earliest = parse_moment(since, now) if since else None
    is_cut = limit is None and not options.json
    shown = repository.catalog.versions(
        step=step, flow=flow, since=earliest, limit=ROWS if is_cut else limit
    )
    more = 0
    if is_cut and len(shown) == ROWS:
        more = repository.catalog.count(step=step, flow=flow, since=earliest) - ROWS
    blobs = repository.catalog.blobs(row.id for row in shown)
    status = standings(repository, [row.id for row in shown], blobs)
    trust = labels(repository, [(row.id, row.step) for row in shown])
    document = [
        {**row._asdict(), "status": status.get(row.id, LIVE), "trust": trust.get(row.id, UNKNOWN)}
        for row in shown
    ]
    if not shown:
        chosen = any((step, flow, since))
        nothing = "none of these" if chosen else "none yet: they appear when versioned steps run"
        options.answer(document, lambda: [line(nothing)])
        return
    options.answer(document, lambda: _listing(document, more, now))


def show(version: str, /, *, options: Options = PLAIN) -> None:
    """One version, whole.

    Args:
        version: Which one.
    """
    repository = options.open()
    record = repository.record(repository.resolve(version))
    document = _description(repository, record)
    options.answer(document, lambda: _page(document, datetime.now(UTC)))


def get(
    version: str,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    rebuild: Flag = False,
    options: Options = PLAIN,
) -> None:
    """The value, or its files; every byte is checked.

    Args:
        version: Which one.
        output: Where to put it: a table as .csv, .json or .parquet by its ending, numbers, text and
            what holds them as .json, anything else as the file or folder stored. Without it, the
            value is printed.
        rebuild: Where the bytes are gone, make them again from what was captured, and check them.
    """
    repository = options.open(write=True)
    record = repository.record(repository.resolve(version))
    if rebuild and not has_bytes(repository, record):
        with (
            shown(unless=options.json) as tell,
            rebuilt(repository, record, progress=tell) as (copy, made),
        ):
            _give(copy, made, output, options, {"id": record.id, "rebuilt": True})
        return
    _give(repository, record, output, options, {"id": record.id})


def _give(
    repository: base.Repository,
    record: VersionRecord,
    output: Path | None,
    options: Options,
    about: dict[str, Any],
) -> None:
    document: dict[str, Any] = {**about, "codec": record.codec}
    if output is not None:
        document["path"] = str(_written(repository, record, output))
        options.answer(document, lambda: [line(f"{short(document['id'])} is at {output}")])
        return
    value = repository.load(record)
    if isinstance(value, bytes | str) and not (options.json or sys.stdout.isatty()):
        # Into a pipe or file goes what is stored, not what suits a terminal.
        sys.stdout.buffer.write(value if isinstance(value, bytes) else value.encode())
        return
    document["value"] = value if _is_json(value) else _shown(value)
    shown = value if isinstance(value, str) else document["value"]
    options.answer(document, lambda: [line(shown)])


def _written(repository: base.Repository, record: VersionRecord, output: Path) -> Path:
    codec = record.codec.partition("/")[0]
    output.parent.mkdir(parents=True, exist_ok=True)
    if codec == "json" and output.suffix == ".json" and not output.exists():
        value = repository.load(record)
        if _is_json(value):
            output.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
            return output
    is_table = codec in {"arrow", "polars"}
    writer = {".csv": "to_csv", ".json": "to_json", ".parquet": "to_parquet"}.get(output.suffix)
    if not (is_table and writer) or output.exists():
        return repository.path(record, output)
    frame = repository.load(record)
    frame = frame if hasattr(frame, writer) else frame.to_pandas()
    index = {"index": False} if writer == "to_csv" and frame.index.name is None else {}
    getattr(frame, writer)(output, **index)
    return output


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return f"{size(len(value))} of bytes; -o FILE writes them"
    return repr(value)


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(item) for name, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return value is None or isinstance(value, bool | int | float | str)


def _listing(rows: Sequence[dict[str, Any]], more: int, now: datetime) -> Iterator[RenderableType]:
    is_audited = any(row["trust"] != UNKNOWN for row in rows)
    columns = ("version", "step", "flow", "created", "size", "seconds", "status")
    made = table(*columns, *(["audits"] if is_audited else []), right=("size", "seconds"))
    for row in rows:
        add(
            made,
            short(row["id"]),
            row["step"],
            row["flow"],
            moment(row["created"], now),
            size(row["size_bytes"]),
            duration(row["seconds"]),
            row["status"],
            *([row["trust"]] if is_audited else []),
        )
    yield made
    if more:
        yield line(f"{more} more; --limit {len(rows) + more} shows them")


def _description(repository: Repository, record: VersionRecord) -> dict[str, Any]:
    """Everything that is known of a version, as `show --json` says it."""
    invalid = repository.invalidations.of(record.id)
    meta = dict(record.meta)
    return {
        "id": record.id,
        "key": record.key,
        "digest": record.digest,
        "seal": record.seal,
        "step": record.step,
        "function": record.function,
        "flow": record.flow,
        "created": record.created,
        "size_bytes": record.size_bytes,
        "seconds": record.seconds,
        "status": standing(repository, record),
        "invalidated": None if invalid is None else asdict(invalid),
        "expiry": _expiry(repository, record),
        "trust": label(repository, record),
        "codec": record.codec,
        "manifest": [
            {"part": b.part, "digest": b.digest, "size_bytes": b.size_bytes, "name": b.name}
            for b in record.manifest
        ],
        "leaves": [
            {"name": leaf.name, "digest": leaf.digest}
            | ({} if leaf.value is None else {"value": leaf.value})
            for leaf in record.leaves
        ],
        "inputs": [{"name": i.name, "id": i.id, "digest": i.digest} for i in record.inputs],
        "environment": meta.pop("environment", {}),
        "not_rebuildable": _not_rebuildable(repository, record),
        "code": {
            "function": record.function,
            "leaves": [leaf.name for leaf in record.leaves if leaf.name.startswith("code/")],
            "warnings": meta.pop("warnings", []),
        },
        "run": meta.pop("run", {}),
        "hidden": meta.pop("hidden", None),
        "names": names_of(repository, record.id),
        "pin": repository.pins().get(record.id),
        "hold": record.id in repository.holds(),
        "meta": meta,
    }


def _not_rebuildable(repository: Repository, record: VersionRecord) -> dict[str, str]:
    """What was installed then that cannot be had again, and advice."""
    try:
        kept = Captured.of(record).kept["environment"]
        found = repository.load(repository.record(kept.id))
    except VersioningError:
        return {}
    return not_rebuildable(repository, kept, found["distributions"])


def _expiry(repository: Repository, record: VersionRecord) -> dict[str, Any] | None:
    """By which plan and rule, by whom and when a version went, if it is not back."""
    of = Expiry(repository).of(shard_of(record.id), lenient=True)
    last = of.last.get(record.id)
    return None if last is None or last.state == RESTORED else asdict(last.cause)


def _withdrawal(document: dict[str, Any]) -> str | None:
    """Why, by whom and when a version was invalidated."""
    if (said := document["invalidated"]) is None:
        return None
    when = f"{said['at'].astimezone():%Y-%m-%d %H:%M}"
    done = document["status"] if document["status"] in {INVALID, ERASED} else INVALID
    lost = "" if done == document["status"] else f"{document['status']}, and "
    what = f"{lost}{done} by {said['actor']} at {when}: {said['reason']}"
    return what if said["why"] == NAMED else f"{what} ({said['why']})"


def _gone(document: dict[str, Any]) -> str | None:
    """Why, by whom, when and by which plan a version went."""
    if (said := document["expiry"]) is None:
        return None
    when = f"{said['at'].astimezone():%Y-%m-%d %H:%M}"
    done = f"{document['status']} by {said['actor']} at {when}"
    return f"{done}: {said['rule']}: plan {said['plan']}"


def _pinned(said: dict[str, Any] | None) -> str | None:
    if not said:
        return None
    threads = f", {said['threads']} threads" if said.get("threads") else ""
    return f"seed {said.get('seed')}{threads}, of {', '.join(said.get('libraries', ()))}"


def _page(document: dict[str, Any], now: datetime) -> Iterator[RenderableType]:
    run, pin = document["run"], document["pin"]
    yield pairs(
        {
            "version": document["id"],
            "step": f"{document['step']}  ({document['function'] or 'no code'})",
            "status": _withdrawal(document) or _gone(document) or document["status"],
            "audits": document["trust"],
            "chance": _pinned(document["meta"].get("determinism")),
            "value": document["meta"].get("value"),
            "names": ", ".join(document["names"]) or None,
            "pinned": f"by a legal hold: {pin}" if document["hold"] else pin,
            "flow": " / ".join(filter(None, [document["flow"], run.get("flow_run_name")])) or None,
            "created": moment(document["created"], now),
            "took": duration(document["seconds"]),
            "size": f"{size(document['size_bytes'])} as {document['codec']}",
            "digest": document["digest"],
            "key": document["key"],
            "seal": document["seal"],
        }
    )
    leaves = table("depends on", "value", "digest")
    for leaf in document["leaves"]:
        add(leaves, leaf["name"], leaf.get("value"), short(leaf["digest"]))
    yield leaves
    if document["inputs"]:
        inputs = table("read", "version", "digest")
        for item in document["inputs"]:
            add(inputs, item["name"], short(item["id"]), short(item["digest"]))
        yield inputs
    if document["hidden"]:
        hidden = table("read, unseen by its key", "what", "by")
        for item in document["hidden"]:
            add(hidden, item["kind"], item["what"], item["where"])
        yield hidden
    environment = {k: v for k, v in document["environment"].items() if v not in (None, "", {})}
    yield pairs({"environment": ", ".join(f"{name} {fact}" for name, fact in environment.items())})
    for name, advice in document["not_rebuildable"].items():
        yield line(f"not rebuildable: {name} {advice}")
    for warning in document["code"]["warnings"]:
        yield line(f"warning: {warning}")
