"""What every codec must do, run against each of them."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from versioning.codecs import Codec, codec_for, codec_named, recorded_name
from versioning.codecs.memory import MemoryParts
from versioning.digest import Digest
from versioning.encoding import file_digest, value_digest
from versioning.errors import FormatError, IntegrityError
from versioning.records import is_part

DAMAGES = 60


def stored(value: Any) -> MemoryParts:
    parts = MemoryParts()
    codec_for(value).write(value, parts)
    return parts


class CodecContract(ABC):
    """A subclass names the codec and makes a value for it, the same each time."""

    recorded: str
    is_stable = True

    @abstractmethod
    def make(self) -> Any: ...

    def digest(self, value: Any) -> Digest:
        return value_digest(value)

    @pytest.fixture
    def value(self) -> Any:
        return self.make()

    @pytest.fixture
    def parts(self, value: Any) -> MemoryParts:
        return stored(value)

    @pytest.fixture
    def codec(self) -> Codec:
        return codec_named(self.recorded)

    def test_it_is_chosen_for_its_values(self, value: Any) -> None:
        assert recorded_name(codec_for(value)) == self.recorded

    def test_it_says_what_it_is(self, codec: Codec) -> None:
        assert isinstance(codec, Codec)
        assert recorded_name(codec) == self.recorded

    def test_what_comes_back_has_the_digest_of_what_went_in(self, value, codec, parts) -> None:
        assert self.digest(codec.read(parts)) == self.digest(value)

    def test_it_can_be_read_twice(self, value, codec, parts) -> None:
        first, second = codec.read(parts), codec.read(parts)
        del first
        gc.collect()
        assert self.digest(second) == self.digest(value)

    def test_what_was_loaded_can_be_stored_again(self, value, codec, parts) -> None:
        loaded = codec.read(parts)
        assert self.digest(codec.read(stored(loaded))) == self.digest(value)

    def test_equal_values_give_equal_bytes(self, parts) -> None:
        if not self.is_stable:
            pytest.skip("the library writes ids and times")
        assert stored(self.make()).data == parts.data

    def test_writing_does_not_change_the_value(self, value) -> None:
        before = self.digest(value)
        stored(value)
        assert self.digest(value) == before

    def test_its_parts_have_names_that_a_repository_takes(self, parts) -> None:
        assert parts.parts
        assert all(is_part(name) for name in parts.parts)

    def test_nothing_it_writes_is_a_pickle(self, parts) -> None:
        assert not any(data.startswith((b"\x80\x04", b"\x80\x05")) for data in parts.data.values())

    def test_a_missing_part_is_refused(self, codec, parts) -> None:
        with pytest.raises((FormatError, IntegrityError)):
            codec.read(MemoryParts())

    def test_damage_is_refused_or_gives_another_value(self, codec, parts) -> None:
        """Damage is caught by digests above; here it may do anything but crash or run code."""
        choose = random.Random(7)
        for _ in range(DAMAGES):
            damaged = dict(parts.data)
            name = choose.choice(list(damaged))
            damaged[name] = spoiled(damaged[name], choose)
            with suppress(FormatError, IntegrityError):
                codec.read(MemoryParts(damaged))


def spoiled(data: bytes, choose: random.Random) -> bytes:
    position = choose.randrange(len(data) + 1)
    kind = choose.randrange(3)
    if kind == 0:
        return data[:position]
    if kind == 1:
        return data[:position] + bytes([choose.randrange(256)]) + data[position + 1 :]
    return data[:position] + b"\xff" * 8 + data[position:]


class TestJson(CodecContract):
    recorded = "json/1"

    def make(self) -> Any:
        return {"auc": 0.5, 1: (None, {1, 2}), "b": b"x", "a": np.arange(3), "i": np.float32(1)}


class TestJsonWithParts(CodecContract):
    recorded = "json/1"

    def make(self) -> Any:
        import pandas as pd

        return {"weights": [np.arange(5000), np.ones(5000)], "frame": pd.DataFrame({"a": [1]})}


class TestBytes(CodecContract):
    recorded = "bytes/1"

    def make(self) -> Any:
        return b"\0abc" * 1000


class TestNpy(CodecContract):
    recorded = "npy/1"

    def make(self) -> Any:
        return np.arange(30_000.0).reshape(3, -1)


class TestPandas(CodecContract):
    recorded = "arrow/1"

    def make(self) -> Any:
        import pandas as pd

        return pd.DataFrame(
            {
                "n": range(3),
                "s": ["a", None, "b"],
                "c": pd.Categorical(list("aba")),
                "t": pd.date_range("2013", periods=3, tz="UTC"),
                "o": pd.Series([1, "a", None], dtype=object),
            }
        )


class TestPolars(CodecContract):
    recorded = "arrow/1"

    def make(self) -> Any:
        import polars as pl

        return pl.DataFrame({"n": [1, None], "s": ["a", "b"], "l": [[1], []]})


class TestPyarrow(CodecContract):
    recorded = "arrow/1"

    def make(self) -> Any:
        import pyarrow as pa

        return pa.table({"n": [1, None], "s": ["a", "b"]})


class TestTensor(CodecContract):
    recorded = "safetensors/1"

    def make(self) -> Any:
        import torch

        return torch.arange(20_000, dtype=torch.float32)


class TestLightgbm(CodecContract):
    recorded = "lightgbm/1"

    def make(self) -> Any:
        import lightgbm

        x, y = points()
        settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "deterministic": True}
        return lightgbm.train(settings, lightgbm.Dataset(x, y), 3)

    @pytest.mark.skip("LightGBM trusts the text of its models")
    def test_damage_is_refused_or_gives_another_value(self) -> None: ...


class TestXgboost(CodecContract):
    recorded = "xgboost/1"

    def make(self) -> Any:
        import xgboost

        settings = {"objective": "binary:logistic", "nthread": 1}
        return xgboost.train(settings, xgboost.DMatrix(*points()), 3)

    @pytest.mark.skip("XGBoost trusts the bytes of its models")
    def test_damage_is_refused_or_gives_another_value(self) -> None: ...


class TestOnnx(CodecContract):
    recorded = "onnx/1"

    def make(self) -> Any:
        from tests.encoding.rows.onnx_models import small

        return small()


class TestSklearn(CodecContract):
    recorded = "sklearn/1"
    is_stable = False

    def make(self) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression()).fit(*points())


class TestFigure(CodecContract):
    recorded = "figure/1"

    def make(self) -> Any:
        from matplotlib.figure import Figure

        figure = Figure()
        figure.subplots().plot([1, 3, 2])
        return figure


class TestFile(CodecContract):
    recorded = "file/1"

    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make(self) -> Any:
        path = self.folder / "day.csv"
        path.write_bytes(b"1,2\n")
        return path

    def digest(self, value: Any) -> Digest:
        return file_digest(value)


class TestTree(TestFile):
    recorded = "tree/1"

    def make(self) -> Any:
        (self.folder / "model" / "deep").mkdir(parents=True, exist_ok=True)
        (self.folder / "model" / "deep" / "a").write_bytes(b"x")
        return self.folder / "model"

    def test_a_missing_part_is_refused(self) -> None:
        """A tree without parts is an empty tree."""


def points() -> tuple[Any, Any]:
    x = np.random.default_rng(7).normal(size=(60, 3))
    return x, (x[:, 0] > 0).astype(int)


@pytest.mark.slow
def test_another_process_writes_the_same_bytes() -> None:
    code = (
        "import sys, polars, pandas as pd, numpy as np, torch\n"
        "from versioning.codecs import codec_for\n"
        "from versioning.codecs.memory import MemoryParts\n"
        "from versioning.digest import digest_bytes\n"
        "names = [f'name {n}' for n in range(40)]\n"
        "for value in (set(names), {n: {n} for n in names}, pd.DataFrame({'a': names}).astype("
        "'category'), polars.DataFrame({'a': names}), {'w': torch.arange(9000)}, np.arange(9)):\n"
        "    parts = MemoryParts(); codec_for(value).write(value, parts)\n"
        "    print(*(digest_bytes(data) for data in parts.data.values()))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].split()) >= 6
