"""The format as FORMAT.md has it, read with `json` and `blake3` alone; the golden repository."""

from __future__ import annotations

import base64
import filecmp
import json
import re
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from tests.golden import write_repository as golden
from tests.repositories import opened, resealed
from versioning.digest import Digest, Key
from versioning.errors import FormatError, NotFoundError

GOLDEN = Path(__file__).parent / "golden" / "repository-1"
FORMAT = Path(__file__).parents[1] / "versioning" / "FORMAT.md"


def read_record(path: Path, kind: str) -> dict[str, Any]:
    data = path.read_bytes()
    record = json.loads(data)
    assert [*list(record)[:2], list(record)[-1]] == ["kind", "format", "seal"]
    assert (record["kind"], record["format"]) == (kind, 1)
    assert record["seal"] == blake3(data.rpartition(b',"seal":')[0]).hexdigest()
    return record


def root_key(leaves: list[dict[str, str]]) -> str:
    hasher = blake3(b"prefect-versioning key 1\n")
    for leaf in sorted(leaves, key=lambda leaf: leaf["name"]):
        name = leaf["name"].encode()
        hasher.update(b"%d:" % len(name) + name + leaf["digest"].encode())
    return hasher.hexdigest()


def read_parts(root: Path, version: dict[str, Any]) -> dict[str, bytes] | None:
    """The bytes of a version by part, or None when it is not live."""
    parts = {}
    for part in version["manifest"]:
        if "inline" in part:
            data = base64.b64decode(part["inline"])
        elif (path := root / "blobs" / part["name"]).exists():
            data = path.read_bytes()
        else:
            return None
        assert len(data) == part["size_bytes"]
        assert blake3(data).hexdigest() == part["digest"]
        parts[part["part"]] = data
    return parts


def read_bindings(root: Path) -> dict[str, dict[str, bytes] | None]:
    """What each step's key answers."""
    found = {}
    for path in (root / "keys").glob("*/*"):
        version = read_record(path, "version")
        assert path.name == version["key"] == root_key(version["leaves"])
        assert path.parent.name == path.name[:2]
        stored = root / "versions" / version["id"][:2] / version["id"]
        assert stored.read_bytes() == path.read_bytes()
        found[version["step"]] = read_parts(root, version)
    return found


def binding(root: Path, step: str) -> Path:
    paths = (root / "keys").glob("*/*")
    return next(path for path in paths if json.loads(path.read_bytes())["step"] == step)


EXPECTED = {
    "parameters": {"value.json": b'{"dict":{"max_delay":600,"carriers":["AA","UA"],"ratio":0.5}}'},
    "load": {"data.bin": golden.TABLE},
    "clean": {"data.bin": golden.TABLE},
    "volatile": {"value.json": b'"after"'},
    "configured": {"value.json": b"0.5"},
    "damaged": None,
}


def test_the_golden_repository_is_read_without_this_library() -> None:
    assert len(read_record(GOLDEN / "repository.json", "repository")["id"]) == 32
    assert read_bindings(GOLDEN) == EXPECTED


def test_what_is_written_today_is_read_without_this_library(tmp_path: Path) -> None:
    golden.write(tmp_path / "r")
    assert read_bindings(tmp_path / "r") == EXPECTED


def test_the_golden_repository_is_read_by_this_release(tmp_path: Path) -> None:
    repository = opened(GOLDEN, tmp_path, read_only=True)
    found = {step: repository.lookup(golden.draft(step).key) for step in ("parameters", "volatile")}
    values = {step: repository.load(record) for step, record in found.items() if record}
    assert values == {"parameters": golden.PARAMETERS, "volatile": "after"}
    by_step = {repository.record(id_).step: repository.record(id_) for id_ in committed(repository)}
    assert repository.load(by_step["clean"]) == golden.TABLE
    assert by_step["clean"].inputs[0].id == by_step["load"].id
    assert not repository.is_live(by_step["damaged"])
    assert repository.pins() == {by_step["load"].id: "audit 2026"}
    assert [entry["id"] for entry in repository.name_history("delays")] == [
        by_step["load"].id,
        None,
    ]
    assert repository.run_parts("0b5c1f6e")[0]["flow"] == "retrain"


def committed(repository: Any) -> list[str]:
    ids = []
    for version_id in repository.ids():
        try:
            ids.append(repository.record(version_id).id)
        except NotFoundError:
            assert version_id == "f" * 32
    return ids


def test_what_is_written_today_is_the_golden_repository(tmp_path: Path) -> None:
    golden.write(tmp_path / "r")
    expected = {path.relative_to(GOLDEN) for path in GOLDEN.rglob("*") if path.is_file()}
    written = {p.relative_to(tmp_path / "r") for p in (tmp_path / "r").rglob("*") if p.is_file()}
    # If this fails what is stored has changed: is it a new format version?
    assert written == expected
    _, differ, errors = filecmp.cmpfiles(tmp_path / "r", GOLDEN, map(str, expected), shallow=False)
    assert (differ, errors) == ([], [])


def test_every_example_on_the_page_is_in_the_golden_repository() -> None:
    blocks = re.findall(r"```json\n(.*?)\n```", FORMAT.read_text("utf-8"), re.DOTALL)
    stored = {
        path.read_text("utf-8")
        for path in GOLDEN.rglob("*")
        if path.is_file() and not {"blobs", "quarantine"} & set(path.parts)
    }
    assert set(blocks) <= stored
    kinds = {json.loads(text)["kind"] for text in stored}
    assert {json.loads(block)["kind"] for block in blocks} == kinds


def test_the_page_and_the_module_list_the_same_names() -> None:
    from versioning import layout

    pattern = r"^ +([a-z]+)(?:/|\.json)"
    on_page = set(re.findall(pattern, FORMAT.read_text("utf-8"), re.MULTILINE))
    in_module = {
        value.rstrip("/").removesuffix(".json")
        for name, value in vars(layout).items()
        if name.isupper() and isinstance(value, str)
    }
    assert on_page == in_module


def test_a_reader_ignores_fields_it_does_not_know(tmp_path: Path) -> None:
    golden.write(tmp_path / "r")
    for path in [*(tmp_path / "r").rglob("keys/*/*"), tmp_path / "r" / "repository.json"]:
        path.chmod(0o644)
        path.write_bytes(resealed(path.read_bytes(), added_later=[1, 2]))
    repository = opened(tmp_path / "r", tmp_path)
    record = repository.lookup(Key(Digest(binding(tmp_path / "r", "clean").name)))
    assert record is not None
    assert repository.load(record) == golden.TABLE


@pytest.mark.parametrize("place", ["repository.json", "keys", "versions"])
def test_records_of_a_newer_format_are_refused_by_name(tmp_path: Path, place: str) -> None:
    golden.write(tmp_path / "r")
    bound = binding(tmp_path / "r", "clean")
    version = json.loads(bound.read_bytes())["id"]
    path = {
        "repository.json": tmp_path / "r" / "repository.json",
        "keys": bound,
        "versions": tmp_path / "r" / "versions" / version[:2] / version,
    }[place]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":2'))
    if place == "repository.json":
        with pytest.raises(FormatError, match=r"has format 2.*upgrade prefect-versioning"):
            opened(tmp_path / "r", tmp_path)
        return
    repository = opened(tmp_path / "r", tmp_path)
    if place == "keys":
        assert repository.lookup(Key(Digest(bound.name))) is None
    else:
        with pytest.raises(FormatError, match=r"has format 2.*upgrade prefect-versioning"):
            repository.record(version)
