"""ONNX's models: each field of each message counts, but for those that no session can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError

from tests.encoding.rows.onnx_models import elsewhere, nested, small
from versioning.encoding import value_digest
from versioning.encoding.onnx_models import DEEPEST, UNKEYED
from versioning.errors import UnkeyableError

# Their meaning is that the elements are not here.
REFUSED = {"onnx.TensorProto.external_data", "onnx.TensorProto.data_location"}


def messages() -> Iterator[tuple[tuple[str, ...], Descriptor]]:
    """Every kind of message in a model, and one way to it."""
    ways: dict[str, tuple[str, ...]] = {"onnx.ModelProto": ()}
    waiting = [onnx.ModelProto.DESCRIPTOR]
    while waiting:
        kind = waiting.pop(0)
        yield ways[kind.full_name], kind
        for field in kind.fields:
            inner = field.message_type
            if inner is not None and inner.full_name not in ways:
                ways[inner.full_name] = (*ways[kind.full_name], field.name)
                waiting.append(inner)


def into(message: Any, name: str) -> Any:
    """The message in a field, which is there from now on."""
    held = getattr(message, name)
    if hasattr(held, "add"):
        return held.add()
    held.SetInParent()
    return held


def set_field(message: Any, field: FieldDescriptor) -> None:
    if field.message_type is not None:
        into(message, field.name)
        return
    value = {FieldDescriptor.TYPE_STRING: "x", FieldDescriptor.TYPE_BYTES: b"x"}.get(field.type, 1)
    if hasattr(getattr(message, field.name), "append"):
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def with_field(way: tuple[str, ...], field: FieldDescriptor | None) -> onnx.ModelProto:
    model = message = onnx.ModelProto()
    for name in way:
        message = into(message, name)
    if field is not None:
        set_field(message, field)
    return model


def test_each_field_counts_unless_no_session_can_read_it() -> None:
    digests = {}
    for way, kind in messages():
        without = value_digest(with_field(way, None))
        for field in kind.fields:
            if field.full_name in REFUSED:
                with pytest.raises(UnkeyableError, match="in another file"):
                    value_digest(with_field(way, field))
            elif field.full_name in UNKEYED:
                assert value_digest(with_field(way, field)) == without, field.full_name
            else:
                digests[field.full_name] = value_digest(with_field(way, field))
    assert len(digests) > 100
    assert len(set(digests.values())) == len(digests)


def test_a_refusal_names_the_place_in_the_model() -> None:
    with pytest.raises(UnkeyableError) as caught:
        value_digest({"scorer": elsewhere()}, path="models")
    assert caught.value.path == 'models["scorer"].graph.initializer[1]'


def test_what_is_nested_as_deep_as_may_be_can_be_parsed_and_no_deeper() -> None:
    deepest = nested(DEEPEST)
    again = onnx.ModelProto.FromString(deepest.SerializeToString())
    assert value_digest(again) == value_digest(deepest)
    with pytest.raises(DecodeError):
        onnx.ModelProto.FromString(nested(DEEPEST + 1).SerializeToString())


def test_a_name_of_two_entries_keeps_their_order() -> None:
    one, two = small(), small()
    for model, values in ((one, "12"), (two, "21")):
        for value in values:
            model.metadata_props.add(key="twice", value=value)
    assert value_digest(one) != value_digest(two)
