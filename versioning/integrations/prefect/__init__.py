"""Prefect's surface: one decorator; Prefect runs, retries, schedules and displays."""

from versioning.integrations.prefect.cards import show_card
from versioning.integrations.prefect.runs import run_table
from versioning.integrations.prefect.tables import RunTable
from versioning.integrations.prefect.task import VersionedTask, versioned

__all__ = ["RunTable", "VersionedTask", "run_table", "show_card", "versioned"]
