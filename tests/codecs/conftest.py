"""What every test of a codec needs: store a value, load it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from versioning.codecs import codec_for, codec_named, recorded_name
from versioning.codecs.memory import MemoryParts


@pytest.fixture
def parts() -> MemoryParts:
    return MemoryParts()


@pytest.fixture
def again(parts: MemoryParts) -> Callable[[Any], Any]:
    """Stores a value with the codec for its type, and loads it by the name that was recorded."""

    def store_and_load(value: Any) -> Any:
        codec = codec_for(value)
        codec.write(value, parts)
        return codec_named(recorded_name(codec)).read(parts)

    return store_and_load
