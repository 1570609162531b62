"""What every format says of a version, as the repository knows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from versioning.envelope import UNREADABLE
from versioning.errors import NotFoundError
from versioning.evaluations import newest_evaluation
from versioning.references import captured
from versioning.standing import standing
from versioning.status import LIVE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from versioning.api import Repository
    from versioning.evaluations import Evaluation
    from versioning.invalidations import Invalidation
    from versioning.records import VersionRecord

    _Environment = tuple[list[dict[str, Any]], dict[str, Any]]

PRODUCT = "prefect-versioning"
PRODUCT_URI = f"pkg:pypi/{PRODUCT}"
MODEL_CODECS = frozenset({"sklearn", "lightgbm", "xgboost", "onnx", "safetensors"})
_PARAMETER = "params/"
_PLACE = re.compile(r"[.\[]")
# What a path of a URL may hold as it is.
_PATH = "/%:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a version.

    Attributes:
        repository: Where it is.
        record: Its record.
        status: `live`, or what it is else.
        invalid: Why it is never to be a hit again, or None.
        distributions: What was installed when it was made: `name`, `version` and, where known,
            `record`, `url` and `editable`. Where nothing was captured, what its key names.
        machine: Interpreter and platform, where they are known.
        is_captured: Whether that is all that was installed.
    """

    repository: Repository
    record: VersionRecord
    status: str
    invalid: Invalidation | None
    distributions: tuple[Mapping[str, Any], ...]
    machine: Mapping[str, Any]
    is_captured: bool

    @classmethod
    def of(cls, repository: Repository, record: VersionRecord) -> Facts:
        """What the repository knows of the version of `record`."""
        environment = _captured(repository, record)
        distributions, machine = environment or _keyed(record)
        return cls(
            repository,
            record,
            standing(repository, record),
            repository.invalidations.of(record.id),
            tuple(distributions),
            machine,
            environment is not None,
        )

    def urn(self, version_id: str) -> str:
        """The name of a version of this repository, wherever a copy of it lies."""
        return f"urn:{PRODUCT}:{self.repository.id}:{version_id}"

    @property
    def home(self) -> str:
        """Address of the repository, as a URL without a password."""
        return url_of(self.repository.url) or self.repository.url

    @property
    def git(self) -> Mapping[str, Any]:
        """Commit, branch, remote and whether files differed; empty where it is not known."""
        git = _mapping(_mapping(self.record.meta, "environment"), "git")
        return {name: fact for name, fact in git.items() if isinstance(fact, str | bool)}

    @property
    def run(self) -> Mapping[str, Any]:
        """Ids of the flow run and task run that made it."""
        return _mapping(self.record.meta, "run")

    @property
    def warnings(self) -> dict[str, str]:
        """What speaks against using it: that it is not live, and why it is invalid."""
        said = {} if self.status == LIVE else {"status": self.status}
        return said if self.invalid is None else {**said, "invalid": str(self.invalid)}

    @property
    def versions(self) -> dict[str, str]:
        """The version of each distribution, by name."""
        return {item["name"]: item["version"] for item in self.distributions}

    @property
    def value(self) -> str:
        """The value in a few characters; empty where nobody said."""
        value = self.record.meta.get("value")
        return value if isinstance(value, str) else ""

    @property
    def evaluation(self) -> Evaluation | None:
        """How good it was found to be last."""
        return newest_evaluation(self.repository, self.repository.catalog, self.record.id)

    @property
    def kind(self) -> str:
        """As `kind_of`; what was evaluated is a model, whatever it is stored as."""
        return kind_of(self.record) if self.evaluation is None else "model"

    def read(self, version_id: str) -> VersionRecord | None:
        """The record of another version; None when it is not here, or cannot be read."""
        try:
            return self.repository.record(version_id)
        except (NotFoundError, *UNREADABLE):
            return None


def began(record: VersionRecord) -> datetime:
    """When the body began to run, as far as its seconds can be believed."""
    try:
        return record.created - timedelta(seconds=record.seconds)
    except (OverflowError, ValueError):
        return record.created


def parameters_of(record: VersionRecord) -> dict[str, str]:
    """Each parameter and the seed as people read it; what has no preview, by its digest."""
    # What holds versions is told by what was read.
    read = {f"{_PARAMETER}{_PLACE.split(item.name)[0]}" for item in record.inputs}
    return {
        leaf.name.removeprefix(_PARAMETER): leaf.value or f"digest {leaf.digest[:12]}"
        for leaf in record.leaves
        if leaf.name.startswith((_PARAMETER, "seed")) and leaf.name not in read
    }


def kind_of(record: VersionRecord) -> str:
    """`table`, `model`, `file` or, of anything else, `value`, as its codec tells."""
    codec = record.codec.partition("/")[0]
    kinds = {"arrow": "table", "file": "file", "tree": "file"}
    return "model" if codec in MODEL_CODECS else kinds.get(codec, "value")


def origin_of(record: VersionRecord) -> str | None:
    """URL of the outside file or folder that a source was read from; None for anything else."""
    return url_of(str(_mapping(record.meta, "source").get("url", "")))


def url_of(place: str) -> str | None:
    """A place as a URL without user, password or signature; None for what is none."""
    if "://" not in place:
        return f"file://{quote(place)}" if place.startswith("/") else None
    try:
        parts = urlsplit(place)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{quote(parts.path, safe=_PATH)}"


def purl_of(distribution: Mapping[str, Any]) -> str:
    """The name of a distribution as a package URL."""
    named = f"pkg:pypi/{quote(distribution['name'])}@{quote(distribution['version'])}"
    url = str(distribution.get("url") or "")
    if not url.startswith(("http", "git+")):
        return named
    qualifier = "vcs_url" if url.startswith("git+") else "download_url"
    return f"{named}?{qualifier}={quote(url, safe='/:')}"


def moment(when: datetime) -> str:
    """A moment as RFC 3339 has it, in UTC."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _captured(repository: Repository, record: VersionRecord) -> _Environment | None:
    """What was captured of the environment; None when nothing was, or it cannot be read."""
    try:
        kept = {item.name: item for item in captured(record)}
        found = repository.load(repository.record(kept["environment"].id))
        distributions = [
            {**item, "name": str(item["name"]), "version": str(item["version"])}
            for item in found["distributions"]
        ]
        return distributions, dict(found["machine"])
    except (KeyError, NotFoundError, *UNREADABLE, TypeError, ValueError):
        return None


def _keyed(record: VersionRecord) -> _Environment:
    """What the record itself says: the distributions that the code uses, the machine."""
    keyed = {
        leaf.name.removeprefix("env/"): str(leaf.value)
        for leaf in record.leaves
        if leaf.name.startswith("env/") and leaf.name != "env/python"
    }
    distributions = [{"name": name, "version": keyed[name]} for name in sorted(keyed)]
    return distributions, _mapping(record.meta, "environment")


def _mapping(within: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What stands there, if it is a mapping: facts for people may have any form."""
    found = within.get(name)
    return found if isinstance(found, dict) else {}
