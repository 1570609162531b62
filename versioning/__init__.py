"""Version every output of a Prefect task by the digest of its inputs.

Names are imported when they are first used, so `import versioning` is quick and needs no Prefect.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from versioning.adapters import adapter
    from versioning.api import Repository, open_repository
    from versioning.codecs import register_codec
    from versioning.determinism import deterministic, lightgbm_parameters
    from versioning.encoding import register_encoder
    from versioning.errors import (
        ConflictError,
        FormatError,
        IntegrityError,
        NotFoundError,
        ReadOnlyError,
        RefusedError,
        StorageError,
        UnkeyableError,
        VersioningError,
    )
    from versioning.handles import Version
    from versioning.integrations.prefect import versioned
    from versioning.settings import Settings
    from versioning.sources import Source

__all__ = [
    "ConflictError",
    "FormatError",
    "IntegrityError",
    "NotFoundError",
    "ReadOnlyError",
    "RefusedError",
    "Repository",
    "Settings",
    "Source",
    "StorageError",
    "UnkeyableError",
    "Version",
    "VersioningError",
    "adapter",
    "deterministic",
    "lightgbm_parameters",
    "open_repository",
    "register_codec",
    "register_encoder",
    "versioned",
]

_HOMES = {
    "Repository": "api",
    "Settings": "settings",
    "Source": "sources",
    "Version": "handles",
    "adapter": "adapters",
    "deterministic": "determinism",
    "lightgbm_parameters": "determinism",
    "open_repository": "api",
    "register_codec": "codecs",
    "register_encoder": "encoding",
    "versioned": "integrations.prefect",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'versioning' has no attribute {name!r}")
    value = getattr(import_module(f"versioning.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
