"""The command, and what holds for every format."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.provenance.documents import SECRET, exported
from tests.provenance.test_intoto import check, key_file
from tests.provenance.test_mlbom import bill
from tests.provenance.test_openlineage import read_back
from tests.provenance.test_prov import said
from tests.repositories import LARGE
from tests.steps import blob_path, commit
from versioning.api import Repository
from versioning.cli.app import run
from versioning.errors import FormatError
from versioning.expiry import Cause, Expiry
from versioning.handles import Version
from versioning.integrations.provenance import FORMATS, export
from versioning.integrations.provenance.facts import began
from versioning.settings import Settings

NEEDS = {
    "openlineage": "openlineage",
    "mlbom": "cyclonedx",
    "prov": "prov",
    "intoto": "cryptography",
}
HERE = "versioning.integrations.provenance"


def every(version: Version) -> str:
    """The documents of a version in all formats, each accepted by those who know it."""
    read_back(exported(version, "openlineage"))
    check(exported(version, "intoto"))
    bill(version)
    said(version)
    return json.dumps([exported(version, format_) for format_ in FORMATS])


@pytest.fixture
def shell(
    model: Version, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Runs a command; gives its exit code and what it said."""
    monkeypatch.setenv("VERSIONING_REPOSITORY", model.repository_url)
    monkeypatch.setenv("VERSIONING_CACHE", str(place / "cache"))

    def command(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run(arguments)
        out, err = capsys.readouterr()
        return code, out + err

    return command


@pytest.mark.parametrize("format_", FORMATS)
def test_the_command_prints_one_document_or_writes_it_to_a_file(
    shell: Any, model: Version, tmp_path: Path, format_: str
) -> None:
    asked = ("export", "wine@champion", "--as", format_)
    code, printed = shell(*asked)
    assert code == 0
    assert json.loads(printed) == exported(model, format_)
    assert shell(*asked, "--json") == (0, printed)
    path = tmp_path / "document.json"
    told = f"the {format_} of {model.id[:12]} is at {path}\n"
    assert shell(*asked, "-o", str(path)) == (0, told)
    assert path.read_text("utf-8") == printed
    code, facts = shell(*asked, "-o", str(path), "--json")
    assert json.loads(facts) == {"id": model.id, "as": format_, "path": str(path)}


def test_the_command_signs_statements_and_nothing_else(
    shell: Any, model: Version, tmp_path: Path
) -> None:
    key = key_file(tmp_path)
    code, printed = shell("export", model.id, "--as", "intoto", "--sign", str(key))
    assert code == 0
    assert json.loads(printed) == export(model.repository, model, "intoto", sign=key)
    for format_ in ("card", "mlbom"):
        code, told = shell("export", model.id, "--as", format_, "--sign", str(key))
        assert (code, "no signature" in told) == (2, True)
    code, told = shell("export", model.id, "--as", "intoto", "--sign", str(tmp_path))
    assert code == 2
    assert "Traceback" not in told


def test_an_unknown_format_is_wrong_use(shell: Any, table: Version) -> None:
    code, told = shell("export", "train", "--as", "spdx")
    assert code == 2
    assert "mlbom" in told
    with pytest.raises(FormatError, match="choose openlineage, intoto, mlbom, prov"):
        exported(table, "spdx")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_library_that_is_missing_is_named_with_what_installs_it(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    library = NEEDS[format_]
    for name in [n for n in sys.modules if n.startswith((f"{library}.", f"{HERE}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    sign = ("--sign", str(key_file(tmp_path))) if format_ == "intoto" else ()
    code, told = shell("export", "train", "--as", format_, *sign)
    assert (code, library in told) == (2, True)
    assert "pip install 'prefect-versioning[provenance]'" in told


@pytest.mark.parametrize("format_", FORMATS)
def test_a_version_gives_the_same_bytes_on_every_machine(
    model: Version, tmp_path: Path, format_: str
) -> None:
    elsewhere = Repository.open(model.repository_url, settings=Settings(cache=tmp_path / "cache"))
    again = export(elsewhere, model.id, format_)
    assert json.dumps(again) == json.dumps(exported(model, format_))


def test_no_secret_is_exported(model: Version) -> None:
    assert SECRET not in every(model)


def test_a_repository_with_a_password_in_its_address_is_told_without(
    table: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table.repository, "url", f"s3://ann:{SECRET}@bucket/wine?token={SECRET}")
    assert SECRET not in "".join(
        json.dumps(export(table.repository, table.id, format_)) for format_ in FORMATS
    )


@pytest.mark.parametrize("kept", [None, {"distributions": [{}], "machine": {}}, {"machine": 1}])
def test_an_environment_that_is_none_is_left_to_what_the_key_names(
    plain: Repository, kept: Any
) -> None:
    of = commit(plain, kept, "captured:environment")
    facts = {"id": of.id, "digest": of.digest, "seal": of.seal}
    model = commit(plain, 1, "train", meta={"capture": {"environment": facts}})
    document = bill(model)
    assert [c["type"] for c in document["components"] if c["type"] != "data"] == ["platform"]
    every(model)


def test_plain_versions_have_documents(table: Version) -> None:
    for value in (1, b"x", "text", {"a": [1.5, None]}, LARGE):
        every(commit(table.repository, value, "step", given=value))
    every(table)


def test_what_is_invalid_says_so_everywhere(plain: Repository, table: Version) -> None:
    plain.invalidate(table, reason="wrong export", apply=True)
    for format_ in FORMATS:
        assert "wrong export" in json.dumps(exported(table, format_)), format_
    every(table)


def test_what_has_expired_is_told_without_its_bytes(plain: Repository) -> None:
    gone = commit(plain, pd.DataFrame({"n": range(20_000)}), "clean")
    cause = Cause("plan", "rule", "tests", datetime(2026, 1, 9, tzinfo=UTC))
    Expiry(plain).trash(gone.id, cause)
    assert '"trashed"' in every(gone)
    blob_path(plain, gone).unlink()
    assert '"expired"' in every(gone)
    subject = exported(gone, "intoto")["subject"][0]
    assert subject["digest"] == {"blake3": gone.record.manifest[0].digest}
    assert "schema" not in exported(gone, "openlineage")["outputs"][0]["facets"]


def test_what_was_erased_is_told_without_its_values(plain: Repository) -> None:
    person = commit(plain, {"name": "Ann Example"}, "person", name="Ann Example")
    reader = commit(plain, 1, "count", reads={"who": person})
    plain.invalidate(person, erase=True, reason="GDPR 17", apply=True)
    written = every(person) + every(reader)
    assert "Ann Example" not in written
    assert '"erased"' in written


def test_what_others_wrote_is_read_back_as_it_was(plain: Repository) -> None:
    odd = "größe: 'x' <b> \\ \n\x07 \u202e"
    version = commit(plain, 1, odd, reads={f"in[{odd}]": commit(plain, 2, odd)}, **{odd: odd})
    assert "<b>" in every(version)


@pytest.mark.parametrize("seconds", [1e300, -1e300])
def test_a_run_of_impossible_length_begins_when_it_ends(plain: Repository, seconds: float) -> None:
    record = commit(plain, 1, "train").record
    assert began(replace(record, seconds=seconds)) == record.created


def test_records_of_strangers_end_in_documents(plain: Repository) -> None:
    strange: list[dict[str, Any]] = [
        {"environment": {"git": {"commit": 7}}, "run": "r", "value": ["x"]},
        {"source": "no mapping"},
        {"source": {"url": "http://[x/"}},
        {"environment": None, "run": {"flow_run": 7}},
    ]
    for n, meta in enumerate(strange):
        version = commit(plain, n, "strange", n=n, meta=meta)
        every(version)
        every(commit(plain, n, "reader", n=n, reads={"it": version}))
