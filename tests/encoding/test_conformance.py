"""Every type that can be keyed, held to the same rules; `rows` says which types there are."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections import defaultdict
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from tests.encoding import rows
from versioning.codecs import codec_for, codec_named, recorded_name
from versioning.codecs.memory import MemoryParts
from versioning.encoding import preview, value_digest
from versioning.errors import UnkeyableError

pytestmark = [
    pytest.mark.filterwarnings("ignore:Sparse CSR tensor support"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor"),
]
ROWS = pytest.mark.parametrize("row", rows.ROWS, ids=lambda row: row.kind)


@ROWS
def test_equal_values_key_equally(row: rows.Row) -> None:
    one, *more = map(value_digest, row.same())
    assert more == [one] * len(more)
    assert value_digest(row.same()[0]) == one


@ROWS
def test_a_copy_keys_the_same(row: rows.Row) -> None:
    for value in row.values():
        if row.is_copied:
            assert value_digest(copy.deepcopy(value)) == value_digest(value), repr(value)


def test_values_that_differ_in_any_facet_differ() -> None:
    sharing: dict[str, list[str]] = defaultdict(list)
    for name, digest in rows.digests().items():
        sharing[digest].append(name)
    assert [names for names in sharing.values() if len(names) > 1] == []


@pytest.mark.slow
def test_every_key_is_the_same_in_a_process_with_another_hash_seed() -> None:
    here = rows.digests()
    done = subprocess.run(
        [sys.executable, "-c", "from tests.encoding import rows; rows.main()"],
        env={**os.environ, "PYTHONHASHSEED": "4242", "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
    )
    there = json.loads(done.stdout)
    assert {name: there[name] for name in here if there[name] != here[name]} == {}


@ROWS
def test_what_a_codec_brings_back_keys_as_what_went_in(row: rows.Row) -> None:
    for value in (*row.same(), *row.others()):
        try:
            again = stored_and_loaded(value)
        except UnkeyableError:
            assert not row.is_stored, repr(value)
        else:
            assert value_digest(again) == value_digest(value), repr(value)


def stored_and_loaded(value: object) -> object:
    parts, codec = MemoryParts(), codec_for(value)
    codec.write(value, parts)
    return codec_named(recorded_name(codec)).read(parts)


@ROWS
def test_every_value_has_a_preview_that_fits(row: rows.Row) -> None:
    for value in row.values():
        assert len(preview(value) or "") <= 80


@pytest.mark.parametrize("row", rows.REFUSED, ids=lambda row: row.kind)
def test_a_refusal_names_the_path_and_what_to_do(row: rows.Refused) -> None:
    value = row.make()
    end = closing(value) if hasattr(value, "close") else nullcontext()
    with end, pytest.raises(UnkeyableError) as caught:
        value_digest({"a": [0, 1, 2, value]}, path="config")
    assert str(caught.value).startswith('config["a"][3]')
    assert caught.value.path.startswith('config["a"][3]')
    assert row.advice in str(caught.value)
