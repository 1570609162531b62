"""in-toto: what its own library accepts, verifies, and refuses once somebody edited it."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from tests.provenance.documents import TASK_RUN, exported, step, urn
from tests.repositories import LARGE
from tests.steps import blob_path, commit, overwrite
from versioning.api import Repository
from versioning.errors import FormatError, IntegrityError, NotFoundError
from versioning.handles import Version
from versioning.integrations.provenance import export

VALUE = "prefectVersioningValue"


def key_file(folder: Path, key: Any = None, password: bytes | None = None) -> Path:
    path = folder / "key.pem"
    hidden = pem.BestAvailableEncryption(password) if password else pem.NoEncryption()
    key = key or Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, hidden))
    return path


def public(path: Path) -> SSlibKey:
    private = pem.load_pem_private_key(path.read_bytes(), None)
    return SSlibKey.from_crypto(private.public_key())


def statement(version: Version) -> dict[str, Any]:
    return exported(version, "intoto")


def check(document: dict[str, Any]) -> None:
    """As the library of in-toto reads it: a field that it does not know is an error."""
    parsed = json_format.ParseDict(document, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    predicate = json_format.ParseDict(document["predicate"], provenance_pb2.Provenance())
    assert predicate.build_definition.build_type
    assert predicate.run_details.builder.id


def dependencies(document: dict[str, Any]) -> list[dict[str, Any]]:
    return document["predicate"]["buildDefinition"]["resolvedDependencies"]


def test_a_statement_of_a_model_is_one_of_slsa_provenance(model: Version) -> None:
    document = statement(model)
    check(document)
    assert document["predicateType"] == "https://slsa.dev/provenance/v1"
    definition, run = (document["predicate"][name] for name in ("buildDefinition", "runDetails"))
    asked = definition["externalParameters"]
    assert (asked["step"], asked["parameters"]["seed"]) == ("train", "7")
    assert run["metadata"]["invocationId"] == TASK_RUN
    assert run["metadata"]["finishedOn"] > run["metadata"]["startedOn"]


def test_its_first_subject_is_the_file_that_people_get(model: Version) -> None:
    subject = statement(model)["subject"][0]
    assert subject["name"] == "model.skops"
    assert subject["digest"]["sha256"] == hashlib.sha256(model.path().read_bytes()).hexdigest()


def test_what_it_was_made_from_is_the_subject_of_statements(
    model: Version, repository: Repository, place: Path
) -> None:
    table = step(repository, "bottles")
    found = {item["name"]: item for item in dependencies(statement(model)) if "name" in item}
    made = statement(table)["subject"][-1]
    assert found["table"]["digest"] == made["digest"] == {VALUE: table.digest}
    assert found["table"]["uri"] == made["uri"] == urn(table)
    assert {"source", "environment"} <= found.keys()
    outside = [item for item in dependencies(statement(table)) if item.get("uri", "")[:4] == "file"]
    assert [item["uri"] for item in outside] == [(place / "bottles.csv").as_uri()]


def test_what_was_installed_is_told_and_no_checkout(model: Version) -> None:
    uris = [item["uri"] for item in dependencies(statement(model)) if "uri" in item]
    assert any(uri.startswith("pkg:pypi/scikit-learn@") for uri in uris)
    assert not any(uri.startswith("pkg:pypi/prefect-versioning") for uri in uris)


def test_the_commit_is_told_with_its_place(plain: Repository) -> None:
    git = {"commit": "c0ffee", "dirty": True, "remote": "https://host.example/b.git"}
    document = statement(commit(plain, 1, "train", meta={"environment": {"git": git}}))
    check(document)
    assert dependencies(document) == [
        {
            "name": "git",
            "uri": "git+https://host.example/b.git",
            "digest": {"gitCommit": "c0ffee"},
            "annotations": {"dirty": True},
        }
    ]


def test_each_file_of_a_folder_is_a_subject_under_its_own_name(
    plain: Repository, tmp_path: Path
) -> None:
    folder = tmp_path / "given"
    (folder / "empty").mkdir(parents=True)
    (folder / "a").mkdir()
    (folder / "a" / "b.csv").write_bytes(LARGE)
    (folder / "run.sh").write_text("true")
    (folder / "run.sh").chmod(0o755)
    document = statement(commit(plain, folder, "unpack"))
    check(document)
    sums = {item["name"]: item["digest"].get("sha256") for item in document["subject"]}
    assert sums == {
        "a/b.csv": hashlib.sha256(LARGE).hexdigest(),
        "run.sh": hashlib.sha256(b"true").hexdigest(),
        "unpack": None,
    }


def test_of_damaged_bytes_nothing_is_stated(plain: Repository) -> None:
    damaged = commit(plain, LARGE, "load")
    overwrite(blob_path(plain, damaged), LARGE[::-1])
    with pytest.raises(IntegrityError, match="other bytes than were written"):
        statement(damaged)


def test_a_signed_statement_is_verified_by_its_key_alone(model: Version, tmp_path: Path) -> None:
    key = key_file(tmp_path)
    signed = export(model.repository, model, "intoto", sign=key)
    assert signed == export(model.repository, model, "intoto", sign=key)
    envelope = Envelope.from_dict(copy.deepcopy(signed))
    envelope.verify([public(key)], 1)
    assert envelope.payload_type == "application/vnd.in-toto+json"
    assert json.loads(envelope.payload) == statement(model)
    (tmp_path / "other").mkdir()
    with pytest.raises(VerificationError):
        envelope.verify([public(key_file(tmp_path / "other"))], 1)


@pytest.mark.parametrize("part", ["payload", "payloadType", "sig"])
def test_a_tampered_envelope_is_refused(model: Version, tmp_path: Path, part: str) -> None:
    key = key_file(tmp_path)
    signed = export(model.repository, model, "intoto", sign=key)
    if part == "payload":
        text = base64.b64decode(signed["payload"]).replace(b'"train"', b'"tra1n"')
        signed["payload"] = base64.b64encode(text).decode()
    elif part == "payloadType":
        signed["payloadType"] = "application/json"
    else:
        signed["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    with pytest.raises(VerificationError):
        Envelope.from_dict(signed).verify([public(key)], 1)


def test_what_is_no_ed25519_key_is_refused_with_how_to_make_one(
    plain: Repository, table: Version, tmp_path: Path
) -> None:
    def refused(error: type[Exception], key: Path) -> None:
        with pytest.raises(error, match="openssl genpkey -algorithm ed25519"):
            export(plain, table, "intoto", sign=key)

    refused(NotFoundError, tmp_path / "none.pem")
    refused(FormatError, key_file(tmp_path, generate_private_key(65537, 2048)))
    refused(FormatError, key_file(tmp_path, password=b"word"))
    (tmp_path / "key.pem").write_text("-----BEGIN NOTHING-----")
    refused(FormatError, tmp_path / "key.pem")


@pytest.mark.parametrize("format_", ["openlineage", "mlbom", "prov"])
def test_only_a_statement_is_signed(table: Version, tmp_path: Path, format_: str) -> None:
    with pytest.raises(FormatError, match="choose intoto"):
        export(table.repository, table, format_, sign=key_file(tmp_path))
