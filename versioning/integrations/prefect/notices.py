"""What is told of a step at once: lines of the run's log, and one event for each thing."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from prefect.events import emit_event
from prefect.exceptions import MissingContextError
from prefect.logging import get_logger, get_run_logger

from versioning.hidden.reads import advice, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from versioning.calls import Call

HOOKS = "'record_versions'", "'report_versions'"
_warned: set[str] = set()


def warn(call: Call) -> None:
    """Log, once a process, what the closure of a step could not follow."""
    for text in call.code.warnings:
        if text not in _warned:
            _warned.add(text)
            logger().warning("%s: %s", call.step.name, text)


def warn_of_hidden(call: Call) -> None:
    """Log what a body read that its key cannot see, once a process in the same words."""
    if not (hidden := call.hidden):
        return
    emit("hidden", {"step": call.step.name, "key": call.key, "reads": [asdict(r) for r in hidden]})
    lacks = f". {call.step.name} has no parameter that is a seed" if call.lacks_seed else ""
    text = (
        f"{call.step.name} read what its key cannot see: {told(hidden)}. A later run will not "
        f"notice a change of it; pass it on instead ({advice(hidden)}){lacks}"
    )
    if text not in _warned:
        _warned.add(text)
        logger().warning("%s", text)


def warn_of_changed(call: Call) -> None:
    """Log, once a process, that a body changed what it was given: who goes on with it is misled."""
    for name in call.changed:
        text = (
            f"{call.step.name} changes its parameter {name} in place, and a hit will not: the code "
            "after it would see another value then. Let it copy what it changes, and return it"
        )
        if text not in _warned:
            _warned.add(text)
            logger().warning("%s", text)


def emit(event: str, fields: Mapping[str, Any]) -> None:
    """Send an event about the version that its facts name."""
    version = str(fields.get("version") or fields.get("id") or fields.get("blob") or "unknown")
    emit_event(
        event=f"versioning.{event}",
        resource={
            "prefect.resource.id": f"versioning.version.{version}",
            "prefect.resource.name": str(fields.get("step", version)),
        },
        payload=orjson.loads(orjson.dumps(dict(fields), default=str)),
    )


def logger() -> logging.Logger | logging.LoggerAdapter[Any]:
    """The log of the run that goes on here."""
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("versioning")


def _is_worth_reading(line: logging.LogRecord) -> bool:
    # Prefect logs two lines for every hook; ours say nothing that the state or the table does not.
    text = line.getMessage()
    return not any(hook in text for hook in HOOKS)


for _name in ("prefect.task_runs", "prefect.flow_runs"):
    logging.getLogger(_name).addFilter(_is_worth_reading)
