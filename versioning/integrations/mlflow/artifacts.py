"""What MLflow sees of a version: a folder of two small files made when it asks for them.

`MLmodel` says that this module loads the model, `version.json` says which version it is. The bytes
of the model stay in the repository. MLflow imports this module while it starts, so its client must
not be imported here.
"""

from __future__ import annotations

import json
import platform
import posixpath
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from versioning.api import Version, open_repository
from versioning.errors import FormatError
from versioning.records import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEME = "versioning"
DESCRIPTION, REFERENCE = "MLmodel", "version.json"


def source_uri(version: Version, *, predict: str | None = None) -> str:
    """What MLflow is told to be the source of a registered model.

    Args:
        version: The model.
        predict: `module:function`, called as `function(model, data)`; None for
            `model.predict(data)`.
    """
    facts = {"repository": version.repository_url, **({"predict": predict} if predict else {})}
    return f"{SCHEME}://{version.id}?{urlencode(facts, quote_via=quote)}"


class VersionArtifactRepository(ArtifactRepository):  # type: ignore[misc]
    """Artifact repository of MLflow over one version; read only.

    MLflow splits a URI in two ways: `versioning://<id>` keeps the id, `versioning:/<id>` makes it
    the first part of the path. Both are understood.
    """

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """The two files, unless `path` is one of them."""
        version_id, name = self._split(path)
        if name:
            return []
        prefix = path or ""
        files = _files(version_id, self._facts())
        return [
            FileInfo(posixpath.join(prefix, name), False, len(text)) for name, text in files.items()
        ]

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        version_id, name = self._split(remote_file_path)
        files = _files(version_id, self._facts())
        if name not in files:
            raise MlflowException(f"{self.artifact_uri} has no file {name!r}, only {list(files)}")
        Path(local_path).write_bytes(files[name])

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Versions are never changed."""
        raise _read_only(self.artifact_uri)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Versions are never changed."""
        raise _read_only(self.artifact_uri)

    def _facts(self) -> dict[str, str]:
        query = parse_qs(urlsplit(self.artifact_uri).query)
        return {name: values[0] for name, values in query.items()}

    def _split(self, path: str | None) -> tuple[str, str]:
        """The version id and the name of a file, from the URI and the path below it together."""
        uri = urlsplit(self.artifact_uri)
        parts = [part for part in f"{uri.netloc}/{uri.path}/{path or ''}".split("/") if part]
        if not parts or not ID_PATTERN.fullmatch(parts[0]):
            raise MlflowException(
                f"{self.artifact_uri} names no version: it should be {SCHEME}://<version id>"
            )
        return parts[0], "/".join(parts[1:])


def _files(version_id: str, facts: dict[str, str]) -> dict[str, bytes]:
    from mlflow.version import VERSION

    # YAML is a superset of JSON.
    description = {
        "flavors": {
            "python_function": {
                "loader_module": "versioning.integrations.mlflow",
                "python_version": platform.python_version(),
            }
        },
        "mlflow_version": VERSION,
        "model_uuid": version_id,
    }
    reference = {"id": version_id, **facts}
    texts = {DESCRIPTION: description, REFERENCE: reference}
    return {name: json.dumps(text, indent=1).encode() for name, text in texts.items()}


def _read_only(uri: str) -> MlflowException:
    return MlflowException(
        f"{uri} is a version, which is never changed; commit another one instead"
    )


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
    """The model that the reference below `path` names; MLflow calls this by name."""
    facts = json.loads(Path(path, REFERENCE).read_bytes())
    version = open_repository(facts.get("repository")).get(facts["id"])
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
