"""An edit of a real package as data: the leaves that it changes, and another that changes none."""

from textwrap import dedent
from typing import NamedTuple


class Case(NamedTuple):
    """Modules of a package, and edits of them.

    Attributes:
        claim: What is edited.
        files: Modules by name.
        edit: Module, text that is there, text instead.
        changes: The leaves of `step` that this changes.
        spares: Another edit, which changes no leaf.
    """

    claim: str
    files: dict[str, str]
    edit: tuple[str, str, str]
    changes: set[str]
    spares: tuple[str, str, str] | None = None


def edited(project, case: Case) -> tuple[set[str], set[str]]:
    """Make the edits: the leaves that each of the two changes."""
    project.write(**{name: dedent(text) for name, text in case.files.items()})
    changed = project.change(*case.edit)
    return changed, project.change(*case.spares) if case.spares else set()
