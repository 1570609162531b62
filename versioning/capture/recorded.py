"""What was captured, as the record of a version says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from versioning.errors import FormatError, NotFoundError
from versioning.references import captured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from versioning.records import Input, VersionRecord


@dataclass(frozen=True, slots=True)
class Captured:
    """What a rerun of a version needs.

    Attributes:
        kept: The versions that hold source, environment, files and parameters, by name.
        parameters: Each parameter as `parameters.kept` tells it.
        paths: Folders of the source from which modules are imported.
        folders: Where the folders of the source were.
        cwd: The working folder, in the source; None when it was elsewhere.
        left_out: Files that were not kept, and why.
        edited: Files that were edited after they were imported: what ran is not what is kept.
    """

    kept: Mapping[str, Input]
    parameters: Mapping[str, Any]
    paths: tuple[str, ...] = ()
    folders: Mapping[str, str] | None = None
    cwd: str | None = None
    left_out: Mapping[str, str] | None = None
    edited: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: VersionRecord) -> Self:
        """What the record says.

        Raises:
            NotFoundError: If nothing was captured.
            FormatError: If it is not of its form.
        """
        facts = record.meta.get("capture")
        what = f"{record.step} {record.id[:12]}"
        if not facts:
            raise NotFoundError(
                f"nothing was captured with version {what}, so it cannot be run again: run its "
                "flow; versions made from now on, with VERSIONING_CAPTURE on, can be"
            )
        if "failed" in facts:
            raise NotFoundError(
                f"capture failed when version {what} was made ({facts['failed']}), so it cannot be "
                "run again: run its flow"
            )
        kept = {item.name: item for item in captured(record)}
        if not {"source", "environment"} <= kept.keys():
            raise FormatError(f"version {what} does not say what its source was: run its flow")
        return cls(
            kept,
            dict(facts.get("parameters", {})),
            tuple(facts.get("paths", ())),
            dict(facts.get("folders", {})),
            facts.get("cwd"),
            dict(facts.get("left_out", {})),
            tuple(facts.get("edited", ())),
        )
