"""What people see of a flow run: one table artifact, one event a version, one run record.

Every finished step becomes a row. Rows of tasks that ran in the flow's own process wait in memory;
a task elsewhere writes its row to the repository, where the flow's process picks it up.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.context import FlowRunContext, TaskRunContext

from versioning.api import Repository, Version, open_repository
from versioning.integrations.prefect.notices import emit, logger
from versioning.integrations.prefect.reasons import explain
from versioning.integrations.prefect.tables import Row, RunTable
from versioning.trust import labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect import Flow, Task
    from prefect.client.schemas.objects import FlowRun, State, TaskRun

    from versioning.calls import Call
    from versioning.records import VersionRecord


@dataclass(slots=True)
class _Watched:
    repository: Repository
    started: datetime
    rows: list[Row] = field(default_factory=list)
    # Where the card of a version is shown, by its id.
    cards: dict[str, str] = field(default_factory=dict)


_watched: dict[str, _Watched] = {}
# By task run: the version of the value that differed in an audit, or nothing.
_audits: dict[str, str] = {}
# By task run: which other version there is for the key, of another value.
_conflicts: dict[str, str] = {}


def watch() -> None:
    """See to it that the flow that runs here reports its versions when it ends."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.detached or context.flow is None:
        return
    run_id = str(context.flow_run.id)
    if run_id in _watched:
        return
    repository = open_repository()
    if _observe not in repository.observers:
        repository.observers.append(_observe)
    _watched[run_id] = _Watched(repository, datetime.now(UTC))
    flow = context.flow
    for hooks in (
        flow.on_completion_hooks,
        flow.on_failure_hooks,
        flow.on_crashed_hooks,
        flow.on_cancellation_hooks,
    ):
        if report_versions not in hooks:
            hooks.append(report_versions)


def facts() -> tuple[str | None, dict[str, Any]]:
    """Name of the flow that runs here, and what identifies the run."""
    flow, task = FlowRunContext.get(), TaskRunContext.get()
    run: dict[str, Any] = {}
    tags = {*(task.task_run.tags if task else ())}
    tags |= {*(flow.flow_run.tags if flow and flow.flow_run else ())}
    if tags:
        run["tags"] = sorted(tags)
    if task is not None:
        run |= {"task_run": str(task.task_run.id), "task_run_name": task.task_run.name}
        if task.task_run.flow_run_id:
            run["flow_run"] = str(task.task_run.flow_run_id)
    if flow is None or flow.flow_run is None:
        return None, run
    run["flow_run_name"] = flow.flow_run.name
    if flow.flow_run.deployment_id:
        run["deployment"] = str(flow.flow_run.deployment_id)
    return flow.flow.name if flow.flow else None, run


def tell_of_audit(call: Call, other: VersionRecord | None) -> None:
    """Keep what an audit found for the table; log that a value differs, and send an event."""
    assert call.found is not None
    context = TaskRunContext.get()
    if context is not None:
        _audits[str(context.task_run.id)] = other.id if other else ""
    if other is None:
        return
    emit(
        "differs",
        {
            "step": call.step.name,
            "version": call.found.id,
            "other": other.id,
            "key": call.key,
            "digest": call.found.digest,
        },
    )
    logger().error(
        "%s gave another value than version %s for the same key: it is not reproducible. The old "
        "version stays; the new value is version %s. See `versioning diff %s %s`",
        call.step.name,
        *(call.found.id[:12], other.id[:12], call.found.id[:12], other.id[:12]),
    )


def record_versions(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> None:
    """Hook: a step completed, by running or from an earlier version."""
    output = getattr(state.data, "result", state.data)
    handles = output if isinstance(output, tuple) else (output,)
    is_hit = state.name == "Cached"
    audit = _audits.pop(str(task_run.id), None)
    rows = [
        _row(task, task_run, handle, is_hit, is_first=position == 0)
        for position, handle in enumerate(handles)
        if isinstance(handle, Version)
    ]
    if audit is not None:
        rows = [_audited(row, audit) for row in rows]
    if other := _conflicts.pop(str(task_run.id), None):
        told = f"another value for the same key than version {other[:12]}"
        rows = [replace(row, status="differs", why=told) for row in rows]
    for row in rows:
        emit("committed" if row.status == "miss" else "reused", asdict(row))
    run_id = str(task_run.flow_run_id) if task_run.flow_run_id else None
    if run_id in _watched:
        _watched[run_id].rows += rows
    elif run_id and rows:
        fields = {"steps": [asdict(row) for row in rows]}
        open_repository().write_run(run_id, str(task_run.id), fields)


def _row(
    task: Task[..., Any], task_run: TaskRun, handle: Version, is_hit: bool, *, is_first: bool
) -> Row:
    began = task_run.start_time or task_run.expected_start_time
    is_old = began is not None and handle.created < began
    seconds = handle.seconds if is_first else 0.0
    return Row(
        step=handle.step if "[" in handle.step else task.name,
        status="hit" if is_hit else "miss",
        version=handle.id,
        key=handle.key,
        digest=handle.digest,
        size_bytes=handle.size_bytes,
        seconds=0.0 if is_hit else seconds,
        saved_seconds=seconds if is_hit else 0.0,
        why="always runs; same value as before" if is_old and not is_hit else "",
        task_run=str(task_run.id),
    )


def _audited(row: Row, other: str) -> Row:
    began = "run again by audit"
    if not other:
        return replace(row, status="audit", why=f"{began}: the same value")
    return replace(row, status="differs", why=f"{began}: another value; version {other[:12]}")


def report_versions(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Hook: a flow run ended; keep what ran in the repository and show it in the UI."""
    watched = _watched.pop(str(flow_run.id), None)
    if watched is None:
        return
    table = RunTable(
        str(flow_run.id), flow_run.name, flow.name, _all_rows(watched, str(flow_run.id))
    )
    explain(watched.repository, table.rows, began=watched.started)
    _label(watched.repository, table.rows)
    ended = datetime.now(UTC)
    watched.repository.write_run(
        str(flow_run.id),
        "flow",
        {
            "run": str(flow_run.id),
            "flow": flow.name,
            "name": flow_run.name,
            "state": state.name,
            "tags": sorted(flow_run.tags),
            "started": watched.started.isoformat(),
            "ended": ended.isoformat(),
            "steps": [asdict(row) for row in table.rows],
        },
    )
    _show(table, flow_run, watched.cards)


def link(run_id: str, version_id: str, address: str) -> None:
    """Let the table of a flow run that goes on here link the page that shows a version."""
    if watched := _watched.get(run_id):
        watched.cards[version_id] = address


def run_table(flow_run_id: object = None, *, repository: Repository | None = None) -> RunTable:
    """What ran and what was reused in a flow run that has ended.

    Args:
        flow_run_id: Prefect's id of the run; None for the one that ended last.
        repository: Where its versions are; the one that the settings name when None.

    Raises:
        NotFoundError: If no such run is recorded.
    """
    repository = repository or open_repository()
    return RunTable.read(repository, None if flow_run_id is None else str(flow_run_id))


def _all_rows(watched: _Watched, run_id: str) -> list[Row]:
    """Rows of this process, and those that other processes wrote."""
    elsewhere = [part for part in watched.repository.run_parts(run_id) if "ended" not in part]
    return watched.rows + [Row.from_dict(row) for part in elsewhere for row in part["steps"]]


def _label(repository: Repository, rows: list[Row]) -> None:
    found = labels(repository, [(row.version, row.step) for row in rows])
    for row in rows:
        row.trust = found.get(row.version, row.trust)


def _show(table: RunTable, flow_run: FlowRun, cards: Mapping[str, str]) -> None:
    artifact = ArtifactCreate(
        type="table",
        key="versions",
        description=table.summary(),
        flow_run_id=flow_run.id,
        data=orjson.dumps(table.cells(cards)).decode(),
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(artifact)
    logger().info("%s", table.summary())


def _observe(event: str, fields: Mapping[str, Any]) -> None:
    context = TaskRunContext.get()
    if event == "conflict" and context is not None:
        _conflicts[str(context.task_run.id)] = str(fields["other"])
    emit(event, fields)
