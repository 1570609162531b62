"""How errors name the place of a value inside another: `config["a"][3]`, `model.layers[0]`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_LABEL = 60
_MOST_STEPS = 20


class Label(str):
    """A step of a path that is shown as it stands, such as `.name`."""

    __slots__ = ()


class Trail:
    """The way from the outermost value to the current one, shared by all encoders of a digest.

    Attributes:
        root: What the outermost value is called.
        labels: The steps below it; a `Label`, or what stands between brackets.
        active: Identities of the containers on the way, to notice one that contains itself.
        misplaced: Classes whose objects may not stand in for a value here, and why.
    """

    __slots__ = ("active", "labels", "misplaced", "root")

    def __init__(self, root: str, misplaced: Mapping[type, str] | None = None) -> None:
        self.root = root
        self.misplaced = misplaced or {}
        self.labels: list[object] = []
        self.active: set[int] = set()

    def __str__(self) -> str:
        steps = [_step(label) for label in self.labels]
        if len(steps) > _MOST_STEPS:
            steps[_MOST_STEPS // 2 : -_MOST_STEPS // 2] = ["…"]
        return self.root + "".join(steps)


def _step(label: object) -> str:
    return str(label) if isinstance(label, Label) else f"[{_key(label)}]"


def _key(key: object) -> str:
    if type(key) is str:
        return json.dumps(key[:_LONGEST_LABEL], ensure_ascii=False)
    if key is None or type(key) in (bool, int, float, bytes):
        return repr(key)[:_LONGEST_LABEL]
    # The repr of anything else may be long, costly, or a secret.
    return f"<{type(key).__qualname__}>"
