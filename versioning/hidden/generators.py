"""The generators that a process shares, compared before a body and after it.

NumPy's and torch's draw numbers out of sight, so their states tell. Whose draw it was cannot be
told where two bodies ran at once: nothing is said then.
"""

from __future__ import annotations

import sys
from typing import Any

_SEEDERS = frozenset({
    "seed", "set_state", "manual_seed", "set_rng_state", "set_seed", "seed_everything",
})  # fmt: skip


def states() -> dict[str, Any]:
    """The state of each shared generator that is loaded, by what to call it."""
    found: dict[str, Any] = {}
    numpy, torch = sys.modules.get("numpy.random"), sys.modules.get("torch")
    if numpy is not None and hasattr(numpy, "get_state"):
        kind, key, position, *rest = numpy.get_state()
        found["numpy.random"] = (kind, key.tobytes(), position, *rest)
    if torch is not None and hasattr(torch, "get_rng_state"):
        found["torch"] = torch.get_rng_state().numpy().tobytes()
    return found


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Which generators were drawn from, or seeded; one that was loaded meanwhile is new."""
    return [name for name in before if after.get(name) != before[name]]


def may_seed(code: Any) -> bool:
    """Whether a code object, or one inside it, names what seeds a generator."""
    inner = (item for item in code.co_consts if hasattr(item, "co_consts"))
    return not _SEEDERS.isdisjoint(code.co_names) or any(map(may_seed, inner))
