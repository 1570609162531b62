"""Properties that hold for any value, wherever it is keyed and however it came there."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.encoding.strategies import ARRAYS, FAST, VALUES, form, frames, tables
from versioning.codecs import codec_for, codec_named, recorded_name
from versioning.codecs.memory import MemoryParts
from versioning.encoding import value_digest

CHILD = """
import pickle, sys
from versioning.encoding import value_digest
while length := int.from_bytes(sys.stdin.buffer.read(8), "big"):
    sys.stdout.write(value_digest(pickle.loads(sys.stdin.buffer.read(length))))
    sys.stdout.flush()
"""
ANYTHING = VALUES | ARRAYS | frames() | tables()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Callable[[Any], str]]:
    """Digests values in a process with another hash seed."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        env={**os.environ, "PYTHONHASHSEED": "4242", "PYTHONPATH": str(Path.cwd())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        sent, received = child.stdin, child.stdout

        def digest(value: Any) -> str:
            data = pickle.dumps(value, protocol=5)
            sent.write(len(data).to_bytes(8, "big") + data)
            sent.flush()
            return received.read(64).decode()

        yield digest
        sent.close()


@FAST
@given(value=ANYTHING)
def test_another_process_with_another_hash_seed_agrees(
    elsewhere: Callable[[Any], str], value: Any
) -> None:
    # Pickling turns big-endian moments around, which is another array; what arrives is compared.
    arrived = pickle.loads(pickle.dumps(value, protocol=5))
    assert elsewhere(arrived) == value_digest(arrived)


@FAST
@given(value=ANYTHING)
def test_what_a_codec_brings_back_keys_as_what_went_in(value: Any) -> None:
    parts, codec = MemoryParts(), codec_for(value)
    codec.write(value, parts)
    assert value_digest(codec_named(recorded_name(codec)).read(parts)) == value_digest(value)


@FAST
@given(frame=frames(), bounds=st.tuples(st.integers(0, 6), st.integers(0, 6)))
def test_a_slice_of_a_frame_keys_as_a_copy_and_as_its_pieces(
    frame: pd.DataFrame, bounds: tuple[int, int]
) -> None:
    start, stop = sorted(bounds)
    part = frame[start:stop]
    assert value_digest(part.copy(deep=True)) == value_digest(part)
    assume(len(part) > 1)
    halves = [part[:1], part[1:]]
    again = pd.concat(halves, ignore_index=isinstance(part.index, pd.RangeIndex))
    if isinstance(part.index, pd.RangeIndex):
        again.index = part.index
    assert value_digest(again) == value_digest(part)


@FAST
@given(left=ARRAYS, right=ARRAYS)
def test_arrays_share_a_key_exactly_when_they_are_the_same(left: Any, right: Any) -> None:
    def shown(array: Any) -> object:
        return array.dtype.descr, array.shape, form(array.tolist())

    assert (value_digest(left) == value_digest(right)) == (shown(left) == shown(right))


@FAST
@given(left=frames(), right=frames())
def test_frames_share_a_key_exactly_when_they_are_the_same(
    left: pd.DataFrame, right: pd.DataFrame
) -> None:
    assert (value_digest(left) == value_digest(right)) == (shown(left) == shown(right))


def shown(frame: pd.DataFrame) -> object:
    columns = [frame.iloc[:, position] for position in range(frame.shape[1])]
    cells = [(repr(column.dtype), form(column.tolist())) for column in columns]
    return list(frame.columns), repr(frame.index), cells
