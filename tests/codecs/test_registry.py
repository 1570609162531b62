"""Which codec is chosen, and what that imports."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from versioning.codecs import codec_for, codec_named, recorded_name, register_codec, registry
from versioning.codecs.memory import MemoryParts
from versioning.errors import FormatError, UnkeyableError


class Celsius:
    def __init__(self, degrees):
        self.degrees = degrees


class CelsiusCodec:
    name = "celsius"
    version = 2

    def accepts(self, value):
        return type(value) is Celsius

    def write(self, value, writer):
        with writer.part("degrees") as stream:
            stream.write(str(value.degrees).encode())

    def read(self, reader):
        return Celsius(int(reader.read("degrees")))


@pytest.fixture
def celsius():
    register_codec(CelsiusCodec())
    yield
    registry._registered.clear()


def test_a_registered_codec_stores_values_alone_and_inside_others(celsius):
    parts = MemoryParts()
    codec_for([]).write([Celsius(3)], parts)
    assert codec_named("json/1").read(parts)[0].degrees == 3
    assert recorded_name(codec_for(Celsius(1))) == "celsius/2"


def test_a_codec_can_be_registered_again_but_not_replaced_by_another(celsius):
    register_codec(CelsiusCodec())
    assert len(registry._registered) == 1
    with pytest.raises(ValueError, match="raise its version"):
        register_codec(type("Other", (CelsiusCodec,), {})())


def test_the_name_of_a_built_in_codec_is_taken():
    with pytest.raises(ValueError, match="built in"):
        register_codec(type("Mine", (CelsiusCodec,), {"name": "json"})())


@pytest.mark.parametrize(
    "name", ["nothing/1", "json/2", "json/x", "arrow/1/2", "", "/1", "celsius/1"]
)
def test_a_codec_that_is_not_here_is_named_in_the_error(name):
    with pytest.raises(FormatError, match="there is no codec"):
        codec_named(name)


def test_a_version_that_is_not_here_says_which_are():
    with pytest.raises(FormatError, match="this release reads json/1"):
        codec_named("json/9")


def test_a_codec_can_be_asked_for_by_name():
    assert codec_for([1], name="json").name == "json"
    assert codec_for([1], name="json/1").name == "json"
    with pytest.raises(UnkeyableError, match="does not store"):
        codec_for([1], name="npy")


def test_pickle_is_written_when_asked_for_and_read_when_allowed():
    value = {"model": Celsius(1), "weights": np.arange(100_000)}
    parts = MemoryParts()
    codec_for(value, name="pickle").write(value, parts)
    assert list(parts.parts) == ["data.pickle", "buffers/0"]
    with pytest.raises(FormatError, match="allow_pickle"):
        codec_named("pickle/1")
    loaded = codec_named("pickle/1", allow_pickle=True).read(parts)
    assert loaded["model"].degrees == 1
    loaded["weights"] += 1
    again = codec_named("pickle/1", allow_pickle=True).read(parts)
    assert np.array_equal(again["weights"], value["weights"])


def test_a_pickle_inside_a_document_is_refused():
    parts = MemoryParts({"value.json": b'{"part": ["pickle/1", "0"]}', "0/data.pickle": b"x"})
    with pytest.raises(FormatError, match="allow_pickle"):
        codec_named("json/1").read(parts)


def test_what_cannot_be_pickled_is_refused():
    with pytest.raises(UnkeyableError, match="cannot be pickled"):
        codec_for(0, name="pickle").write(lambda: 0, MemoryParts())


def test_plain_values_import_no_library_of_data():
    code = (
        "import sys; from versioning.codecs import codec_for, codec_named\n"
        "from versioning.codecs.memory import MemoryParts\n"
        "for value in (600, 'x', [1.5], {'a': (1, None)}):\n"
        "    parts = MemoryParts(); codec = codec_for(value); codec.write(value, parts)\n"
        "    assert codec.read(parts) == value\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'polars', 'torch', 'sklearn', 'matplotlib'}\n"
        "print(*(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("\n", "")
