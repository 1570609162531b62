"""MLflow: registered models whose source is a version, loaded straight from its repository.

`mlflow.pyfunc.load_model("models:/flight-delays@champion")` reads the version where it lies;
MLflow's own artifact folders hold no copy of it.
"""

from versioning.integrations.mlflow.artifacts import (
    ServedVersion,
    VersionArtifactRepository,
    _load_pyfunc,
    source_uri,
)
from versioning.integrations.mlflow.registry import (
    CHALLENGER,
    CHAMPION,
    Registered,
    register,
    registered_as,
    set_alias,
    tracking_uri,
)

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "Registered",
    "ServedVersion",
    "VersionArtifactRepository",
    "_load_pyfunc",
    "register",
    "registered_as",
    "set_alias",
    "source_uri",
    "tracking_uri",
]
