"""A problem's plain functions as versioned steps."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from versioning import versioned

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def step(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as a step: keyed by its own code, wherever it is called from."""
    task: Callable[..., Any] = versioned(function)
    return task
