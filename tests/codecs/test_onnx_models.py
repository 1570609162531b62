"""`onnx/1`: models of ONNX come back whole, and hostile bytes do nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from onnx.reference import ReferenceEvaluator

from tests.encoding.rows.onnx_models import small, with_a_newer_field, with_notes
from tests.steps import commit, opened
from versioning.codecs import codec_for, codec_named
from versioning.codecs.memory import MemoryParts
from versioning.encoding import value_digest
from versioning.errors import FormatError, UnkeyableError

X = np.array([[1, -2], [0, 3]], "<f4")


def test_a_model_comes_back_with_the_notes_that_its_digest_leaves_out(again, parts):
    model = small()
    with_notes(model)
    loaded = again(model)
    assert loaded == model
    assert parts.parts == ["model.onnx"]


def test_a_model_computes_the_same(again):
    def answers(model):
        return ReferenceEvaluator(model).run(None, {"x": X})[0]

    assert np.array_equal(answers(again(small())), answers(small()), equal_nan=True)


def test_a_version_of_a_model_is_a_file_for_any_runtime(tmp_path: Path):
    version = commit(opened(tmp_path), small())
    assert onnx.load(version.path()) == small()
    assert version.load() == small()
    assert version.digest == value_digest(small())


def test_a_model_whose_weights_lay_elsewhere_is_the_model_once_they_are_read(tmp_path: Path):
    path = tmp_path / "model.onnx"
    onnx.save(small(), path, save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(UnkeyableError, match=r"onnx\.load"):
        value_digest(onnx.load(path, load_external_data=False))
    assert value_digest(onnx.load(path)) == value_digest(small())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 20,
        b"{}",
        b"PK\x03\x04" + bytes(30),
        small().SerializeToString()[:-5],
        with_a_newer_field().SerializeToString(),
        onnx.ModelProto(ir_version=10).SerializeToString(),
    ],
    ids=["nothing", "noise", "json", "zip", "half", "newer", "no graph"],
)
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(FormatError, match="versioning verify"):
        codec_named("onnx/1").read(MemoryParts({"model.onnx": data}))


def test_a_model_without_a_graph_is_refused():
    with pytest.raises(UnkeyableError, match="without a graph"):
        codec_for(onnx.ModelProto()).write(onnx.ModelProto(), MemoryParts())


@pytest.mark.slow
@pytest.mark.skipif(psutil.virtual_memory().available < 12e9, reason="takes 5 GB of memory")
def test_a_model_of_more_than_2_gb_is_refused_with_advice():
    model = small()
    for _ in range(2):
        model.graph.initializer.add(data_type=onnx.TensorProto.INT8).raw_data = bytes(1_100_000_000)
    parts = MemoryParts()
    with pytest.raises(UnkeyableError, match="save_as_external_data"):
        codec_for(model).write(model, parts)
    assert parts.parts == []
