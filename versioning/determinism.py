"""Determinism: seeds, threads and kernels for a body that shall give the same value again.

    @versioned
    def train(table: pd.DataFrame, seed: int = 7):
        with deterministic(seed, threads=2):
            return RandomForestClassifier().fit(table[INPUTS], table[TARGET])

What was set is written into the record of the version that the body makes.
"""

from __future__ import annotations

import os
import random
import sys
from contextlib import ExitStack, contextmanager
from types import BuiltinMethodType, MethodType
from typing import TYPE_CHECKING, Any

from versioning.code.places import file_of_module, is_first_party
from versioning.errors import FormatError
from versioning.hidden.watch import current

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

# What NumPy takes; of a larger number it would take a part.
MOST = 2**32 - 1
_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
# What talks to servers while a body computes. It draws from Python's shared generator when it waits
# and pings, as Prefect's connection for events does every 20 seconds.
_BESIDE = frozenset({
    "aiohttp", "azure", "botocore", "coolname", "distributed", "docket", "gcsfs", "google",
    "mlflow", "opentelemetry", "prefect", "redis", "tenacity", "tornado", "urllib3", "websockets",
})  # fmt: skip


class _Own(random.Random):
    """A generator that a library takes for the module `random`."""

    Random = random.Random
    SystemRandom = random.SystemRandom


_own = _Own()
_SHARED: Any = random.random.__self__  # type: ignore[attr-defined] # a bound method
_METHODS = (MethodType, BuiltinMethodType)
# Modules that were looked at.
_apart: set[str] = set()


@contextmanager
def deterministic(seed: int, *, threads: int = 1) -> Iterator[None]:
    """Seed the generators that the process shares, pin threads, and let torch be deterministic.

    Afterwards all of it is as it was. It holds for the whole process: bodies that run at once in
    threads of it share the generators, and give the same only when they run in processes. What
    talks to servers beside a body, as Prefect does, gets a generator of its own.

    Args:
        seed: Of Python's, NumPy's and torch's shared generators; from 0, below 2**32.
        threads: How many the numerical libraries may use: sums depend on it.

    Raises:
        FormatError: If one of them is out of range.
        RuntimeError: In the body, by torch, where an operation has no deterministic form.
    """
    if type(seed) is not int or not 0 <= seed <= MOST:
        raise FormatError(f"seed {seed!r} is no whole number from 0 to {MOST}: choose one")
    if type(threads) is not int or threads < 1:
        raise FormatError(f"threads {threads!r} is no whole number from 1: choose one")
    with ExitStack() as stack:
        for enter in (_python, _numpy, _torch):
            stack.enter_context(enter(seed))
        is_limited = stack.enter_context(_limited(threads))
        if (watch := current()) is not None:
            watch.determinism = {
                "seed": seed,
                "threads": threads if is_limited else None,
                "libraries": ["python", *(n for n in ("numpy", "torch") if n in sys.modules)],
            }
        yield


def lightgbm_parameters(seed: int, *, threads: int = 1) -> dict[str, Any]:
    """What LightGBM needs to grow the same trees again, on as many threads.

    `deterministic` alone is not enough: which of its two ways to build histograms is taken would
    be measured anew each time.
    """
    return {
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": threads,
    }


@contextmanager
def _python(seed: int) -> Iterator[None]:
    for name in sys.modules.keys() - _apart:
        module = sys.modules.get(name)
        # One that another thread is importing is looked at the next time.
        if module is not None and not getattr(
            getattr(module, "__spec__", None), "_initializing", False
        ):
            _set_apart(name, module)
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _set_apart(name: str, module: ModuleType) -> None:
    """Let a module that works beside bodies draw from a generator of its own.

    For good: other threads may be in the midst of it when the body ends. A package of the project
    may have the name of such a library, or a part in its namespace.
    """
    _apart.add(name)
    if name.partition(".")[0] not in _BESIDE or is_first_party(name, file_of_module(module)):
        return
    for attribute, held in list(vars(module).items()):
        if held is random:
            vars(module)[attribute] = _own
        elif isinstance(held, _METHODS) and held.__self__ is _SHARED:
            vars(module)[attribute] = getattr(_own, held.__name__)


@contextmanager
def _numpy(seed: int) -> Iterator[None]:
    try:
        from numpy import random as generator
    except ImportError:
        yield
        return
    state = generator.get_state()
    generator.seed(seed)
    try:
        yield
    finally:
        generator.set_state(state)


@contextmanager
def _torch(seed: int) -> Iterator[None]:
    """Only where it is loaded: importing it takes seconds."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        yield
        return
    cudnn = torch.backends.cudnn
    flags = torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    variable = os.environ.get(_CUBLAS)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        os.environ.setdefault(_CUBLAS, ":4096:8")
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        cudnn.deterministic, cudnn.benchmark = True, False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(flags[0], warn_only=warns)
            cudnn.deterministic, cudnn.benchmark = flags[1:]
            if variable is None:
                os.environ.pop(_CUBLAS, None)


@contextmanager
def _limited(threads: int) -> Iterator[bool]:
    """Limit the threads of BLAS, OpenMP and torch; whether that could be done."""
    torch: Any = sys.modules.get("torch")
    with ExitStack() as stack:
        if torch is not None:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        try:
            from threadpoolctl import threadpool_limits
        except ImportError:
            is_limited = False
        else:
            is_limited = True
            stack.enter_context(threadpool_limits(limits=threads))
        yield is_limited
