"""ONNX's models: one small one, told in other ways and changed in every part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.encoding.rows.row import Refused, Row
from versioning.encoding.onnx_models import STACK_TRACE

WEIGHTS = np.array([[0.5, -1.0], [np.nan, 2.0]], "<f4")


def small() -> onnx.ModelProto:
    """`y = relu(x @ w + b)`."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["xw"], name="product"),
            helper.make_node("Add", ["xw", "b"], ["sum"], name="sum"),
            helper.make_node("LeakyRelu", ["sum"], ["y"], name="last", alpha=0.25),
        ],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [
            numpy_helper.from_array(WEIGHTS, "w"),
            numpy_helper.from_array(np.array([1, -1], "<f4"), "b"),
        ],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="tests")
    helper.set_model_props(model, {"a": "1", "b": "2"})
    return model


def changed(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    model = small()
    change(model)
    return model


def backwards(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model from bytes in which every field comes before those that usually precede it."""
    graph = [onnx.ModelProto(graph=piece) for piece in pieces(model.graph)]
    rest = [piece for piece in pieces(model) if not piece.HasField("graph")]
    data = b"".join(piece.SerializeToString() for piece in reversed([*rest, *graph]))
    assert data != model.SerializeToString(deterministic=True)
    return onnx.ModelProto.FromString(data)


def pieces(message: Any) -> list[Any]:
    """Messages with one of its fields each."""
    found = []
    for kept, _ in message.ListFields():
        piece = type(message)()
        piece.CopyFrom(message)
        for field, _ in message.ListFields():
            if field.name != kept.name:
                piece.ClearField(field.name)
        found.append(piece)
    return found


def reverse(entries: Any) -> None:
    taken = list(reversed(entries))
    del entries[:]
    entries.extend(taken)


def with_typed_weights(model: onnx.ModelProto) -> None:
    weights = model.graph.initializer[0]
    weights.float_data.extend(WEIGHTS.ravel().tolist())
    weights.ClearField("raw_data")


def with_notes(model: onnx.ModelProto) -> None:
    model.producer_version = "2.13"
    model.graph.node[0].doc_string = "line 7"
    model.graph.node[0].metadata_props.add(key=STACK_TRACE, value="line 7")
    model.graph.node[2].attribute[0].doc_string = "how steep"
    model.graph.input[0].doc_string = "any rows"
    model.graph.initializer[0].doc_string = "learnt"
    model.graph.initializer[0].data_location = TensorProto.DEFAULT


def with_metadata(message: Any, key: str) -> None:
    message.metadata_props.add(key=key, value="line 7")


def with_weight_bits(model: onnx.ModelProto) -> None:
    bits = np.frombuffer(model.graph.initializer[0].raw_data, "<u4").copy()
    bits[2] += 1
    assert np.isnan(bits.view("<f4")[2])
    model.graph.initializer[0].raw_data = bits.tobytes()


def with_both_forms(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].float_data.append(1)


def with_branch(model: onnx.ModelProto, name: str = "inner") -> None:
    branch = helper.make_graph([helper.make_node("Identity", ["b"], ["z"])], name, [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=branch))


def with_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Neg", ["a"], ["b"])
    model.functions.append(
        helper.make_function("own", "negate", ["a"], ["b"], [node], [helper.make_opsetid("", 21)])
    )


def set_to(path: str, value: object) -> onnx.ModelProto:
    """The small model with one thing in it set, as `graph.node[0].name`."""
    model = small()
    exec(f"model.{path} = value", {"model": model, "value": value})
    return model


def of_tensor(tensor: TensorProto) -> onnx.ModelProto:
    return helper.make_model(helper.make_graph([], "constant", [], [], [tensor]), ir_version=10)


def elements(kind: int, values: list[Any], *, raw: bool) -> onnx.ModelProto:
    if not raw:
        return of_tensor(helper.make_tensor("t", kind, [len(values)], values))
    array = np.array(values, helper.tensor_dtype_to_np_dtype(kind))
    return of_tensor(numpy_helper.from_array(array, "t"))


def in_both_forms(kind: int, values: list[Any]) -> Row:
    return Row(
        f"ONNX tensor of {TensorProto.DataType.Name(kind)}",
        lambda: [elements(kind, values, raw=raw) for raw in (True, False)],
        lambda: [elements(kind, values[::-1], raw=True)],
        is_stored=True,
    )


SIGNED = [TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64]
UNSIGNED = [TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64]
FLOATS = [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE]


def int8(value: int) -> onnx.ModelProto:
    return of_tensor(TensorProto(name="t", data_type=TensorProto.INT8, int32_data=[value]))


ROWS = [
    Row(
        "ONNX model",
        lambda: [
            small(),
            onnx.ModelProto.FromString(small().SerializeToString()),
            backwards(small()),
            changed(with_typed_weights),
            changed(with_notes),
            changed(lambda model: reverse(model.opset_import)),
            changed(lambda model: reverse(model.metadata_props)),
        ],
        lambda: [
            small().SerializeToString(),
            *(changed(with_weight_bits), changed(with_both_forms), changed(with_function)),
            *(changed(with_branch), changed(lambda model: with_branch(model, "other"))),
            changed(lambda model: reverse(model.graph.node)),
            changed(lambda model: reverse(model.graph.initializer)),
            changed(lambda model: model.graph.initializer.pop()),
            changed(lambda model: with_metadata(model, STACK_TRACE)),
            changed(lambda model: with_metadata(model.graph.node[0], "layer_ann")),
            set_to("ir_version", 9),
            set_to("producer_name", "others"),
            set_to("producer_name", ""),
            set_to("doc_string", "what it is for"),
            set_to("model_version", 1),
            set_to("opset_import[0].version", 22),
            set_to("opset_import[1].domain", "own"),
            set_to("metadata_props[0].value", "2"),
            set_to("graph.name", "large"),
            set_to("graph.doc_string", "what it is for"),
            set_to("graph.node[2].attribute[0].f", 0.5),
            set_to("graph.node[2].attribute[0].name", "beta"),
            set_to("graph.node[2].op_type", "ThresholdedRelu"),
            set_to("graph.node[2].input[0]", "xw"),
            set_to("graph.node[2].name", "first"),
            set_to("graph.node[2].domain", "own"),
            set_to("graph.input[0].type.tensor_type.shape.dim[0].dim_param", "m"),
            set_to("graph.input[0].type.tensor_type.shape.dim[0].dim_value", 1),
            set_to("graph.initializer[0].name", "v"),
            set_to("graph.initializer[0].dims[0]", 4),
            set_to("graph.initializer[0].data_type", TensorProto.INT32),
            set_to("graph.initializer[1].raw_data", np.array([1, -2], "<f4").tobytes()),
        ],
        is_stored=True,
    ),
    *(in_both_forms(kind, [0, 1, -1, 100]) for kind in SIGNED),
    *(in_both_forms(kind, [0, 1, 200]) for kind in UNSIGNED),
    *(in_both_forms(kind, [0.0, -1.5, np.inf]) for kind in FLOATS),
    in_both_forms(TensorProto.BOOL, [True, False]),
    in_both_forms(TensorProto.COMPLEX64, [1 + 2j, -1j]),
    in_both_forms(TensorProto.COMPLEX128, [1 + 2j, -1j]),
    Row(
        "ONNX tensor without elements",
        lambda: [elements(TensorProto.FLOAT, [], raw=raw) for raw in (True, False)],
        lambda: [
            elements(TensorProto.INT32, [], raw=False),
            elements(TensorProto.STRING, [b"a", b"b"], raw=False),
            elements(TensorProto.STRING, [b"ab"], raw=False),
        ],
        is_stored=True,
    ),
    Row("ONNX model without a graph", lambda: [onnx.ModelProto(), onnx.ModelProto()]),
    Row("ONNX tensor with what it cannot hold", lambda: [int8(256)], lambda: [int8(0), int8(512)]),
]


def with_a_newer_field() -> onnx.ModelProto:
    # Field 999, of one byte.
    return onnx.ModelProto.FromString(small().SerializeToString() + b"\xba\x3e\x01x")


def elsewhere() -> onnx.ModelProto:
    model = small()
    onnx.external_data_helper.set_external_data(model.graph.initializer[1], "weights.bin")
    return model


def nested(levels: int) -> onnx.ModelProto:
    """A model whose innermost message is so many levels below it."""
    model = onnx.ModelProto(ir_version=10)
    held = model.graph.input.add().type
    for _ in range((levels - 3) // 2):
        held = held.sequence_type.elem_type
    if levels % 2 == 0:
        held = held.sequence_type
    held.SetInParent()
    return model


REFUSED = [
    Refused("ONNX model of a newer release", with_a_newer_field, "upgrade onnx"),
    Refused("ONNX model with weights elsewhere", elsewhere, "onnx.load"),
    Refused("ONNX model that nests too deep", lambda: nested(101), "100 deep"),
    Refused("part of an ONNX model", lambda: small().graph),
]
