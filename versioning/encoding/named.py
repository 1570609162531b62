"""Classes and functions of the standard library and of known libraries: keyed by their name.

What such a name means is fixed by the release of Python or of the library, which is a leaf of its
own. Classes and functions of anybody else are code, and left to whoever registers an encoder for
them.
"""

from __future__ import annotations

import functools
import sys
import sysconfig
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)

LIBRARIES = frozenset({
    "lightgbm", "matplotlib", "numpy", "onnx", "pandas", "polars", "pyarrow", "pydantic", "scipy",
    "sklearn", "torch", "xgboost",
})  # fmt: skip

KINDS = (type, FunctionType, BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)


def library_name(value: object) -> str | None:
    """The `module:qualified.name` under which a known library offers `value`, or None."""
    name = getattr(value, "__qualname__", None)
    module = _module_name(value)
    if name is None or module is None or not is_known(module):
        return None
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}:{name}" if found is value else None


def is_known(module: str) -> bool:
    """Whether `module` is part of Python or a known library, and not a file that shadows it."""
    package = module.partition(".")[0]
    return package in LIBRARIES or (package in sys.stdlib_module_names and _is_installed(package))


@functools.cache
def _is_installed(package: str) -> bool:
    module: ModuleType | None = sys.modules.get(package)
    source = getattr(module, "__file__", None)
    folders = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    return source is None or source.startswith(folders)


def _module_name(value: object) -> str | None:
    module = getattr(value, "__module__", None)
    if module is None:
        module = getattr(getattr(value, "__objclass__", None), "__module__", None)
    return module if isinstance(module, str) else None
