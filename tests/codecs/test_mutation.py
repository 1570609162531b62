"""Whoever changes what was loaded changes it for themselves alone, through whatever door.

Large values come back as memory that is mapped from the stored file. A write into it must go into a
copy: the next load, the next process and the file itself see nothing of it.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.steps import blob_path, commit, opened
from versioning.api import Repository
from versioning.digest import digest_bytes
from versioning.encoding import value_digest
from versioning.errors import IntegrityError
from versioning.handles import Version

ROWS = 20_000  # more than is read into memory instead of being mapped


def _array() -> Any:
    return np.arange(ROWS, dtype="i8")


def _records() -> Any:
    return np.ones(ROWS, np.dtype([("a", "i8"), ("b", "f8")]))


def _frame() -> Any:
    return pd.DataFrame(
        {
            "n": np.arange(ROWS),
            "x": np.linspace(0, 1, ROWS),
            "t": pd.date_range("2013", periods=ROWS, freq="min", tz="UTC"),
            "m": pd.array([None, *range(1, ROWS)], dtype="Int64"),
            "c": pd.Categorical(["a", "b"] * (ROWS // 2)),
            "s": pd.array(["a"] * ROWS, dtype="string[pyarrow]"),
        },
        index=pd.Index(np.arange(ROWS) * 2, name="id"),
    )


def _series() -> Any:
    return pd.Series(np.arange(ROWS), name="n")


def _index() -> Any:
    return pd.Index(np.arange(ROWS))


def _polars() -> Any:
    import polars as pl

    return pl.DataFrame({"n": np.arange(ROWS), "x": np.linspace(0, 1, ROWS)})


def _arrow() -> Any:
    import pyarrow as pa

    return pa.table({"n": np.arange(ROWS), "s": ["a"] * ROWS})


def _tensor() -> Any:
    import torch

    return torch.arange(ROWS)


def _tensors() -> Any:
    return {"weights": [_tensor(), _array()]}


def _bytes() -> Any:
    return b"a" * ROWS * 8


def overwritten(memory: Any) -> None:
    """Zeros over writable memory, or over what calls itself read-only, where Python allows it."""
    view = memoryview(memory)
    if not view.readonly:
        view.cast("B")[:] = bytes(view.nbytes)


def through_numpy(array: Any) -> None:
    for act in (
        lambda: array.fill(0),
        lambda: array.setflags(write=True),
        lambda: setattr(array.flags, "writeable", True),
        lambda: array.__setitem__(..., 0),
        lambda: array.sort(),
        lambda: np.copyto(array, 0),
        lambda: np.add(array, 1, out=array),
        lambda: overwritten(array),
        lambda: overwritten(array.data),
        lambda: through_base(array),
    ):
        with suppress(ValueError, TypeError, BufferError):
            act()


def through_base(array: Any) -> None:
    base = array.base
    while isinstance(base, np.ndarray):
        base.view("u1").fill(7)
        base = base.base
    if base is not None:
        overwritten(base)


def through_pandas(frame: Any) -> None:
    for act in (
        lambda: frame.iloc.__setitem__((slice(None), 0), 0),
        lambda: frame.loc.__setitem__((slice(None), "x"), -1.0),
        lambda: frame.__setitem__("n", 5),
        lambda: frame.at.__setitem__((0, "n"), 9),
        lambda: frame["t"].array.__setitem__(slice(None), frame["t"].iloc[0]),
    ):
        act()


def into_columns(frame: Any) -> None:
    for column in frame.columns:
        array = frame[column].array
        for name in ("_ndarray", "_data", "_mask", "_codes"):
            inner = getattr(array, name, None)
            if isinstance(inner, np.ndarray):
                through_numpy(inner)
        through_numpy(frame[column].to_numpy(copy=False))
    through_numpy(frame.index.to_numpy(copy=False))
    through_numpy(frame.values)


def through_arrow(table: Any) -> None:
    for column in table.columns:
        for chunk in column.chunks:
            for buffer in chunk.buffers():
                if buffer is not None:
                    with suppress(BufferError, TypeError):
                        overwritten(buffer)
            with suppress(ValueError):
                through_numpy(chunk.to_numpy(zero_copy_only=False))


def through_polars(frame: Any) -> None:
    for column in frame.columns:
        through_numpy(frame[column].to_numpy(allow_copy=True))
        with suppress(Exception):
            frame[0, column] = 5
    through_arrow(frame.to_arrow())


def through_torch(tensor: Any) -> None:
    tensor.zero_()
    tensor[:] = 3
    tensor.add_(1)
    tensor.untyped_storage().fill_(9)
    through_numpy(tensor.numpy())


def through_containers(value: Any) -> None:
    through_torch(value["weights"][0])
    through_numpy(value["weights"][1])
    value["weights"].clear()


def by_address(array: Any) -> None:
    """Straight into the pages, as a library written in C would: they are this process's own."""
    ctypes.memset(array.ctypes.data, 0, array.nbytes)


DOORS: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "an array": (_array, through_numpy),
    "an array, by its address": (_array, by_address),
    "an array of fields": (_records, lambda array: through_numpy(array["a"])),
    "a frame": (_frame, through_pandas),
    "the columns of a frame": (_frame, into_columns),
    "a series": (_series, lambda series: through_numpy(series.to_numpy(copy=False))),
    "an index": (_index, lambda index: through_numpy(index.to_numpy(copy=False))),
    "a polars frame": (_polars, through_polars),
    "an arrow table": (_arrow, through_arrow),
    "a tensor": (_tensor, through_torch),
    "a container": (_tensors, through_containers),
    "bytes": (_bytes, lambda data: overwritten(data)),
}
SAFE_AT_REST = {"bytes", "an arrow table", "a polars frame"}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return opened(tmp_path)


def files(repository: Repository) -> dict[str, str]:
    paths = [path for path in Path(repository.url, "blobs").rglob("*") if path.is_file()]
    return {path.name: digest_bytes(path.read_bytes()) for path in paths}


@pytest.mark.parametrize("what", DOORS)
def test_a_write_into_a_loaded_value_stays_with_the_writer(
    repository: Repository, what: str
) -> None:
    make, write = DOORS[what]
    version = commit(repository, make())
    before, digest = files(repository), value_digest(make())
    assert before
    neighbour = version.load()
    mine = version.load()
    write(mine)
    # The test would say nothing if no door were open.
    assert what in SAFE_AT_REST or value_digest(mine) != digest
    assert value_digest(neighbour) == digest
    assert value_digest(version.load()) == digest
    assert files(repository) == before
    assert repository.verify().is_sound


@pytest.mark.slow
def test_another_process_sees_nothing_of_it(repository: Repository, tmp_path: Path) -> None:
    kept: dict[str, tuple[Version, str]] = {}
    loaded = []
    for what, (make, write) in DOORS.items():
        version = commit(repository, make(), what)
        kept[what] = (version, value_digest(make()))
        loaded.append(version.load())
        write(loaded[-1])
    (tmp_path / "handles").write_bytes(pickle.dumps(kept))
    code = (
        "import pickle, sys\n"
        "from versioning.encoding import value_digest\n"
        "kept = pickle.load(open(sys.argv[1], 'rb'))\n"
        "wrong = [w for w, (v, d) in kept.items() if value_digest(v.load()) != d]\n"
        "sys.exit(str(wrong) if wrong else 0)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "handles")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_stored_files_cannot_be_written_by_whoever_is_given_their_path(
    repository: Repository,
) -> None:
    version = commit(repository, _bytes())
    assert version.path().stat().st_mode & 0o222 == 0
    assert blob_path(repository, version).stat().st_mode & 0o222 == 0


def test_a_file_that_was_handed_out_is_a_copy(repository: Repository, tmp_path: Path) -> None:
    source = tmp_path / "day.csv"
    source.write_bytes(b"1" * ROWS * 8)
    version = commit(repository, source)
    version.load().unlink()
    path = version.load()
    path.chmod(0o644)
    path.write_bytes(b"2" * ROWS * 8)
    assert version.load().read_bytes() == source.read_bytes()


def test_a_stored_file_that_was_written_all_the_same_is_refused(repository: Repository) -> None:
    version = commit(repository, _bytes())
    path = version.path()
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(_bytes().upper())
    # Whoever sets the clock of the file back sets the time of that change, too.
    os.utime(blob_path(repository, version), ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(IntegrityError, match="set aside"):
        version.load()
