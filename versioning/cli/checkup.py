"""The examination that `doctor` makes: one function a check, each an answer and never an error."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from versioning.api import Repository
from versioning.encoding.preview import without_passwords
from versioning.envelope import FORMAT_VERSION
from versioning.errors import NotFoundError, VersioningError
from versioning.storage import Store
from versioning.units import size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from versioning.settings import Settings

OK, NOTE, BAD, UNREACHABLE = "ok", "note", "bad", "unreachable"
HTTP_SECONDS = 5.0
LITTLE_BYTES = 5_000_000_000
PACKAGES = (
    "prefect-versioning",
    "prefect",
    "fastapi",
    "sqlalchemy",
    "fsspec",
    "s3fs",
    "pandas",
    "pyarrow",
    "numpy",
    "pandera",
    "mlflow-skinny",
    "lightgbm",
    "scikit-learn",
    "torch",
    "onnx",
)
# Releases from which on Prefect 3.8 does not do all it should.
BREAKS_PREFECT = (
    ("fastapi", "0.155", "fails at import"),
    ("sqlalchemy", "2.1", "starts no scheduled run"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What.
        state: `ok`, `note` (no harm), `bad`, or `unreachable` for a store that cannot be used.
        found: What was found.
        advice: What to do; empty when nothing is to be done.
    """

    name: str
    state: str
    found: str
    advice: str = ""


def checkup(url: str | None, settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    """Every check, in the order in which one would look.

    Args:
        url: Repository to examine; the one that `settings` name when None.
        settings: Settings in force.
        environ: Variables that say where Prefect and MLflow are.
    """
    url = url or settings.repository_url(environ)
    return [
        *_software(),
        *_store(url),
        *_repository(url, settings),
        _cache(settings),
        _service("Prefect", environ.get("PREFECT_API_URL"), "PREFECT_API_URL"),
        _service("MLflow", environ.get("MLFLOW_TRACKING_URI"), "MLFLOW_TRACKING_URI"),
    ]


def _software() -> Iterator[Check]:
    is_new = sys.version_info >= (3, 11)
    advice = "" if is_new else "use Python 3.11 or later"
    yield Check("python", OK if is_new else BAD, platform.python_version(), advice)
    found = {name: version for name in PACKAGES if (version := _version(name))}
    yield Check("packages", OK, ", ".join(f"{name} {v}" for name, v in found.items()))
    prefect = found.get("prefect")
    if prefect is None:
        yield Check("prefect", NOTE, "not installed", "versioned tasks need it: install prefect")
        return
    for name, bound, breaks in BREAKS_PREFECT:
        other = found.get(name)
        if other and _numbers(other) >= _numbers(bound) and _numbers(prefect) < (3, 9):
            advice = f"install '{name}<{bound}', or its server {breaks}"
            yield Check("prefect", BAD, f"{prefect} beside {name} {other}", advice)


def _store(url: str) -> Iterator[Check]:
    try:
        store = Store.open(url)
        store.self_test()
    except VersioningError as error:
        yield Check("store", UNREACHABLE, f"{url}: {error}", "see its message")
        return
    yield Check("store", OK, f"{store.url}: of many who write one name, one wins")


def _repository(url: str, settings: Settings) -> Iterator[Check]:
    try:
        repository = Repository.open(url, settings=settings, read_only=True)
        count = sum(1 for _ in repository.ids())
    except NotFoundError:
        yield Check("repository", NOTE, f"none at {url} yet", "the first run creates it")
    except VersioningError as error:
        yield Check("repository", UNREACHABLE, str(error), "see its message")
    else:
        found = f"{repository.id}, format {FORMAT_VERSION}, {count} versions"
        yield Check("repository", OK, found)
        yield from _vanished(repository)


def _vanished(repository: Repository) -> Iterator[Check]:
    if gone := repository.catalog.gone():
        newest = max(created for _, created in gone.values())
        found = (
            f"{len(gone)} versions that were seen from here are gone, made up to {newest:%F %H:%M}"
        )
        yield Check("witness", BAD, found, "`versioning verify` names them")


def _cache(settings: Settings) -> Check:
    folder = next(path for path in (settings.cache, *settings.cache.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{settings.cache}, {size(free)} free"
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        advice = "give yourself write access, or set VERSIONING_CACHE to a folder of your own"
        return Check("cache", NOTE, f"{settings.cache} cannot be written", advice)
    if free < LITTLE_BYTES:
        return Check("cache", NOTE, found, "free space, or set VERSIONING_CACHE to a larger disk")
    return Check("cache", OK, found)


def _service(name: str, url: str | None, variable: str) -> Check:
    if not url:
        return Check(name, NOTE, f"{variable} is not set", "")
    # What is said here is pasted into reports.
    shown = without_passwords(url)
    if not url.startswith(("http://", "https://")):
        return Check(name, OK, f"{shown}, which is no server")
    try:
        with urlopen(url.rstrip("/") + "/health", timeout=HTTP_SECONDS) as answer:  # noqa: S310 - HTTP, as checked above
            return Check(name, OK, f"{shown} answers {answer.status}")
    except HTTPError as error:
        state = BAD if error.code >= 500 else NOTE
        return Check(name, state, f"{shown} answers {error.code}", "check address and credentials")
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        return Check(name, BAD, f"{shown}: {reason}", f"start it, or correct {variable}")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
