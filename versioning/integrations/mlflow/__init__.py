"""MLflow: registered models whose source is a version, loaded straight from its repository.

`mlflow.pyfunc.load_model("models:/flight-delays@champion")` reads the version where it lies;
MLflow's own artifact folders hold no copy of it.

Names are imported when they are first used: MLflow asks for `VersionArtifactRepository` in the
midst of its own import, which a module that imports MLflow would have begun.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from versioning.integrations.mlflow.artifacts import VersionArtifactRepository
    from versioning.integrations.mlflow.following import Difference, differences, follow, mend
    from versioning.integrations.mlflow.references import source_uri
    from versioning.integrations.mlflow.registry import (
        CHALLENGER,
        CHAMPION,
        Registered,
        aliases_of,
        all_registered,
        is_there,
        register,
        registered_as,
        set_alias,
        tracking_uri,
    )
    from versioning.integrations.mlflow.serving import ServedVersion, _load_pyfunc

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "Difference",
    "Registered",
    "ServedVersion",
    "VersionArtifactRepository",
    "_load_pyfunc",
    "aliases_of",
    "all_registered",
    "differences",
    "follow",
    "is_there",
    "mend",
    "register",
    "registered_as",
    "set_alias",
    "source_uri",
    "tracking_uri",
]

_HOMES = {
    "VersionArtifactRepository": "artifacts",
    "Difference": "following",
    "differences": "following",
    "follow": "following",
    "mend": "following",
    "source_uri": "references",
    "ServedVersion": "serving",
    "_load_pyfunc": "serving",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "registry")
    if home == "artifacts":
        import_module("mlflow")
    return getattr(import_module(f"{__name__}.{home}"), name)
