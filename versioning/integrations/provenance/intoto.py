"""in-toto: a statement with SLSA provenance of how a version was made, signed on request.

Its subjects are the stored files of a version, by SHA-256 where their bytes are there, and the
version itself. Two digests are this library's own, in lowercase hexadecimal:
`prefectVersioningValue` is the `digest` of a version as `FORMAT.md` defines it, and
`prefectVersioningRecord` what tells the files of an installed distribution.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from versioning import layout
from versioning.errors import IntegrityError, NotFoundError
from versioning.integrations.provenance.facts import (
    PRODUCT,
    PRODUCT_URI,
    began,
    moment,
    origin_of,
    parameters_of,
    purl_of,
    url_of,
)
from versioning.references import captured
from versioning.repository import PATH_CODECS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from versioning.api import Repository
    from versioning.integrations.provenance.facts import Facts
    from versioning.records import Blob, VersionRecord

STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
PAYLOAD = "application/vnd.in-toto+json"
BUILD_TYPE = f"urn:{PRODUCT}:step:1"
VALUE, RECORD = "prefectVersioningValue", "prefectVersioningRecord"
PIECE_BYTES = 4 * 1024 * 1024
_MACHINE = ("python", "implementation", "platform", "machine", "libc", "image", "hash_seed",
            "variables")  # fmt: skip


def document(facts: Facts) -> dict[str, Any]:
    """The statement."""
    return {
        "_type": STATEMENT,
        "subject": list(_subjects(facts)),
        "predicateType": PREDICATE,
        "predicate": {"buildDefinition": _definition(facts), "runDetails": _run(facts)},
    }


def _subjects(facts: Facts) -> Iterator[dict[str, Any]]:
    record = facts.record
    is_path = record.codec.partition("/")[0] in PATH_CODECS
    for blob in record.manifest:
        # Of a path, a part says first what it is: `file/a.csv`, `executable/run.sh`, `folder/b`.
        kind, _, place = blob.part.partition("/") if is_path else ("file", "", blob.part)
        if kind != "folder":
            sha256 = _sha256(facts.repository, blob)
            yield {"name": place, "digest": {**sha256, "blake3": blob.digest}}
    yield {
        "name": record.step,
        "uri": facts.urn(record.id),
        "digest": {VALUE: record.digest},
        "annotations": {"codec": record.codec, "seal": record.seal, **facts.warnings},
    }


def _sha256(repository: Repository, blob: Blob) -> dict[str, str]:
    """SHA-256 of stored bytes, which are read piece by piece; none where they are gone.

    Raises:
        IntegrityError: If they are not those written.
    """
    sha256, again = hashlib.sha256(), blake3()
    try:
        if blob.inline is not None:
            source: Any = io.BytesIO(blob.inline)
        else:
            source = repository.store.stream(layout.blob(blob.name)) if blob.name else None
    except NotFoundError:
        source = None
    if source is None:
        return {}
    with source:
        while piece := source.read(PIECE_BYTES):
            sha256.update(piece)
            again.update(piece)
    if again.hexdigest() != blob.digest:
        raise IntegrityError(
            f"part {blob.part!r} has other bytes than were written, so nothing is stated of it: "
            "run `versioning verify`",
            digest=blob.digest,
        )
    return {"sha256": sha256.hexdigest()}


def _definition(facts: Facts) -> dict[str, Any]:
    record = facts.record
    machine = {name: facts.machine[name] for name in _MACHINE if facts.machine.get(name)}
    return {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "step": record.step,
            "function": record.function,
            "parameters": parameters_of(record),
            "inputs": {item.name: facts.urn(item.id) for item in record.inputs},
        },
        "internalParameters": {"key": record.key, "machine": machine},
        "resolvedDependencies": list(_dependencies(facts)),
    }


def _dependencies(facts: Facts) -> Iterator[dict[str, Any]]:
    if origin_of(facts.record):
        yield _outside(facts.record)
    for item in (*facts.record.inputs, *captured(facts.record)):
        yield {"name": item.name, "uri": facts.urn(item.id), "digest": {VALUE: item.digest}}
        record = facts.read(item.id)
        if record is not None and origin_of(record):
            yield _outside(record)
    git, remote = facts.git, url_of(str(facts.git.get("remote") or ""))
    if git.get("commit"):
        yield {
            "name": "git",
            **({"uri": f"git+{remote}"} if remote else {}),
            "digest": {"gitCommit": git["commit"]},
            "annotations": {name: git[name] for name in ("branch", "dirty") if name in git},
        }
    for distribution in facts.distributions:
        # What stands in a checkout is in the source.
        if not distribution.get("editable"):
            known = distribution.get("record")
            yield {"uri": purl_of(distribution), **({"digest": {RECORD: known}} if known else {})}


def _outside(record: VersionRecord) -> dict[str, Any]:
    """The file or folder outside that a source was read from."""
    digests = [blob.digest for blob in record.manifest]
    digest = {"digest": {"blake3": digests[0]}} if len(digests) == 1 else {}
    return {"name": record.step, "uri": origin_of(record), **digest}


def _run(facts: Facts) -> dict[str, Any]:
    versions = facts.versions
    known = {name: versions[name] for name in (PRODUCT, "prefect") if name in versions}
    return {
        "builder": {"id": PRODUCT_URI, **({"version": known} if known else {})},
        "metadata": {
            "invocationId": str(facts.run.get("task_run") or facts.urn(facts.record.id)),
            "startedOn": moment(began(facts.record)),
            "finishedOn": moment(facts.record.created),
        },
    }
