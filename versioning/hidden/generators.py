"""The generators that a process shares, compared before a body and after it.

NumPy's and torch's draw numbers out of sight, so their states tell. Whose draw it was they do not
tell where two bodies ran at once: then it was the one whose code draws, if none seeds.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SEEDERS = frozenset({
    "seed", "set_state", "manual_seed", "set_rng_state", "set_seed", "seed_everything",
    "deterministic",
})  # fmt: skip
NUMPY, TORCH = "numpy.random", "torch"
_DRAWERS = {
    NUMPY: frozenset({
        "rand", "randn", "randint", "random_sample", "shuffle", "permutation", "choice",
        "normal", "uniform", "standard_normal", "binomial", "poisson", "exponential", "beta",
        "gamma", "multivariate_normal", "sample",
    }),
    TORCH: frozenset({
        "rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "rand_like",
        "randn_like", "Linear", "Conv1d", "Conv2d", "Embedding", "LSTM", "GRU", "Transformer",
        "Dropout", "DataLoader", "dropout",
    }),
}  # fmt: skip


def states() -> dict[str, Any]:
    """The state of each shared generator that is loaded, by what to call it."""
    found: dict[str, Any] = {}
    numpy, torch = sys.modules.get("numpy.random"), sys.modules.get("torch")
    if numpy is not None and hasattr(numpy, "get_state"):
        kind, key, position, *rest = numpy.get_state()
        found[NUMPY] = (kind, key.tobytes(), position, *rest)
    if torch is not None and hasattr(torch, "get_rng_state"):
        found[TORCH] = torch.get_rng_state().numpy().tobytes()
    return found


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Which generators were drawn from, or seeded; one that was loaded meanwhile is new."""
    return [name for name in before if after.get(name) != before[name]]


def may_seed(code: Any) -> bool:
    """Whether a code object, or one inside it, names what seeds a generator."""
    inner = (item for item in code.co_consts if hasattr(item, "co_consts"))
    return not _SEEDERS.isdisjoint(code.co_names) or any(map(may_seed, inner))


def may_draw(code: Any, names: Mapping[str, Any], generator: str) -> bool:
    """Whether a code object, or one inside it, names what draws from a shared generator.

    Args:
        code: The code object.
        names: The globals that it reads.
        generator: `numpy.random` or `torch`.
    """
    inner = (item for item in code.co_consts if hasattr(item, "co_consts"))
    if any(may_draw(item, names, generator) for item in inner):
        return True
    known = _DRAWERS[generator].intersection(code.co_names)
    if known and generator in set(_modules(code, names)) and _OWN.isdisjoint(code.co_names):
        return True
    return generator == NUMPY and any(_is_unseeded(item, code) for item in _meant(code, names))


# Who makes a generator draws from that one.
_OWN = frozenset({"default_rng", "RandomState", "Generator", "SeedSequence"})


def _modules(code: Any, names: Mapping[str, Any]) -> Iterator[str]:
    """The modules that are imported in a body, or whose objects it names."""
    for name in code.co_names:
        found = names.get(name)
        module = found.__name__ if inspect.ismodule(found) else getattr(found, "__module__", None)
        told = module if isinstance(module, str) else name
        yield from (told, told.partition(".")[0])
        if told == "numpy" and "random" in code.co_names:
            yield NUMPY
        if type(getattr(found, "__self__", None)).__name__ == "RandomState":
            yield NUMPY


def _meant(code: Any, names: Mapping[str, Any]) -> Iterator[Any]:
    """Classes and functions that a body names, by itself or in modules that it imports or names."""
    modules = [sys.modules[n] for n in code.co_names if n in sys.modules]
    modules += [names[n] for n in code.co_names if inspect.ismodule(names.get(n))]
    for name in code.co_names:
        yield names.get(name)
        yield from (vars(module).get(name) for module in modules)


def _is_unseeded(found: Any, code: Any) -> bool:
    """Whether something takes a `random_state`, draws without one, and is given none."""
    if not callable(found) or "random_state" in code.co_names + code.co_varnames:
        return False
    if any(isinstance(item, tuple) and "random_state" in item for item in code.co_consts):
        return False
    try:
        taken = inspect.signature(found).parameters.get("random_state")
    except (TypeError, ValueError):
        return False
    return taken is not None and taken.default is None
