"""Prefect's surface: one decorator, and Prefect runs, retries, schedules, distributes and displays."""

from versioning.integrations.prefect.runs import RunTable, run_table
from versioning.integrations.prefect.task import VersionedTask, versioned

__all__ = ["RunTable", "VersionedTask", "run_table", "versioned"]
