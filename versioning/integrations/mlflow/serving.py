"""A version behind MLflow's `predict`, read from the repository where it lies."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from versioning.api import Version, open_repository
from versioning.errors import FormatError, IntegrityError
from versioning.integrations.mlflow.references import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable


class ServedVersion:
    """A model behind MLflow's `predict`.

    Attributes:
        version: Handle of the model.
        model: Its value.
    """

    def __init__(self, version: Version, predict: Callable[[Any, Any], Any] | None = None) -> None:
        self.version = version
        self.model = version.load()
        self._predict = predict

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model says of `model_input`, a table as for training."""
        if self._predict is None:
            return self.model.predict(model_input)
        return self._predict(self.model, model_input)


def _load_pyfunc(path: str) -> ServedVersion:
    """The model that the reference below `path` names; MLflow calls this by name.

    Raises:
        IntegrityError: If the version is not what it was when it was registered.
    """
    facts = json.loads(Path(path, REFERENCE).read_bytes())
    version = open_repository(facts.get("repository")).get(facts["id"])
    if (seal := facts.get("seal")) not in {None, version.seal}:
        raise IntegrityError(
            f"version {version.id} says something else than when it was registered: it was edited; "
            "register the model again, and run `versioning verify`",
            id=version.id,
            seal=seal,
        )
    predict = facts.get("predict")
    return ServedVersion(version, _function(predict) if predict else None)


def _function(name: str) -> Callable[[Any, Any], Any]:
    module, _, attribute = name.partition(":")
    try:
        function: Callable[[Any, Any], Any] = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise FormatError(
            f"the model is served by {name}, which cannot be imported here ({error}); "
            "install the project that registered it",
            predict=name,
        ) from error
    return function
