"""The machine and the interpreter: facts that may change a result and are no part of a key."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

from versioning.encoding.preview import without_passwords

# What may be written down of the environment: never the whole of it, which holds secrets.
VARIABLES = (
    "OMP_NUM_THREADS", "OMP_DYNAMIC", "OMP_SCHEDULE", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE",
    "MKL_NUM_THREADS", "MKL_CBWR", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES",
    "TF_DETERMINISTIC_OPS", "PYTHONOPTIMIZE", "PYTHONUTF8", "TZ", "LANG", "LC_ALL", "LC_COLLATE",
    "LC_NUMERIC", "LC_TIME",
)  # fmt: skip
# Where podman tells a container what it is; Docker and Kubernetes tell it nothing.
_CONTAINER = Path("/run/.containerenv")
HASH_SEED = "PYTHONHASHSEED"
_CPU_INFO = Path("/proc/cpuinfo")
# Those that numerical libraries choose their kernels by.
_FEATURES = ("sse4_2", "avx", "avx2", "avx512f", "avx512bw", "avx512vl", "fma", "asimd", "sve")


def machine(image: str | None = None) -> dict[str, Any]:
    """Interpreter, platform, processor, numerical libraries, threads and variables, as JSON.

    Args:
        image: Digest of the container image, as it is set; else what the container is told.
    """
    image = image or container_image()
    return {
        **_fixed(),
        "processors": os.cpu_count(),
        "numerics": _numerics(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "hash_seed": os.environ.get(HASH_SEED, "random"),
        **({"image": without_passwords(image)} if image else {}),
    }


def container_image(told: Path = _CONTAINER) -> str | None:
    """Digest of the container image that this process runs in, where podman says so in `told`."""
    try:
        lines = told.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    facts = dict(line.partition("=")[::2] for line in lines)
    return facts.get("imageid", "").strip('"') or None


@cache
def _fixed() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "build": " ".join(platform.python_build()),
        "implementation": platform.python_implementation(),
        "platform": sys.platform,
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "cpu": _cpu(),
    }


def _cpu() -> dict[str, Any]:
    try:
        lines = _CPU_INFO.read_text("utf-8", "replace").partition("\n\n")[0].splitlines()
    except OSError:
        return {"model": platform.processor()}
    facts = {name.strip(): fact.strip() for name, _, fact in (n.partition(":") for n in lines)}
    has = set(facts.get("flags", facts.get("Features", "")).split())
    model = facts.get("model name", platform.processor())
    return {"model": model, "features": [name for name in _FEATURES if name in has]}


def _numerics() -> list[dict[str, Any]]:
    """The numerical libraries that are loaded by now, with their kernels and threads."""
    if "numpy" not in sys.modules:
        return []
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    kept = ("internal_api", "version", "num_threads", "threading_layer", "architecture")
    found = [
        {name: item.get(name) for name in kept if item.get(name)}
        for item in _asked(threadpool_info)
    ]
    return sorted(found, key=str)


def _asked(ask: Any) -> list[dict[str, Any]]:
    try:
        return list(ask())
    except (OSError, RuntimeError):
        return []
