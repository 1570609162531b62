"""What MLflow sees of a version: a folder of two small files made when it asks for them.

`MLmodel` says that this module loads the model, `version.json` says which version it is. The bytes
of the model stay in the repository. MLflow imports this module while it starts, so its client must
not be imported here.
"""

from __future__ import annotations

import json
import platform
import posixpath
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from versioning.fields import ID_PATTERN
from versioning.integrations.mlflow.references import DESCRIPTION, REFERENCE, SCHEME


class VersionArtifactRepository(ArtifactRepository):  # type: ignore[misc] # untyped
    """Artifact repository of MLflow over one version; read only.

    MLflow hands over the whole URI, or the URI without its last part and that part as a path below
    it, so the id is looked for in both together.
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
                f"{self.artifact_uri} names no version: it should be {SCHEME}:///<version id>"
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
