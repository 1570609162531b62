"""`figure/1`: a figure comes back as the picture it draws."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from versioning.codecs import codec_for
from versioning.codecs.figures import Picture
from versioning.codecs.memory import MemoryParts
from versioning.encoding import value_digest


@pytest.fixture
def figure():
    figure = Figure()
    figure.subplots().plot([1, 3, 2])
    return figure


def test_a_figure_comes_back_as_a_picture_with_its_digest(again, figure):
    picture = again(figure)
    assert type(picture) is Picture
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert b"<svg" in picture.svg
    assert value_digest(picture) == value_digest(figure)


def test_a_picture_can_be_stored_again(again, figure):
    picture = again(figure)
    parts = MemoryParts()
    codec_for(picture).write(picture, parts)
    assert parts.read("figure.png") == picture.png


def test_drawing_twice_gives_the_same_bytes(figure):
    written = []
    for _ in range(2):
        parts = MemoryParts()
        codec_for(figure).write(figure, parts)
        written.append(parts.data)
    assert written[0] == written[1]
