"""`figure/1`: matplotlib figures, as the pictures they draw.

A figure comes back as a `Picture`: what was drawn, not what could be drawn again.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from versioning.codecs.protocol import Reader, Writer
    from versioning.encoding.encoder import Encoder


@dataclass(frozen=True, slots=True)
class Picture:
    """What a figure looked like; its digest is the figure's.

    Attributes:
        png: As pixels.
        svg: As lines and text.
    """

    png: bytes
    svg: bytes

    def __repr__(self) -> str:
        return f"Picture(png={len(self.png)} bytes, svg={len(self.svg)} bytes)"

    def _repr_png_(self) -> bytes:
        return self.png


@encodes(Picture, tag="matplotlib.figure")
def _picture(value: Picture, to: Encoder) -> None:
    to.data(value.svg)


class _FigureCodec:
    name = "figure"
    version = 1

    def accepts(self, value: object) -> bool:
        if type(value) is Picture:
            return True
        return f"{type(value).__module__}.{type(value).__name__}" == "matplotlib.figure.Figure"

    def write(self, value: Any, writer: Writer) -> None:
        picture = value if type(value) is Picture else _drawn(value)
        with writer.part("figure.png") as stream:
            stream.write(picture.png)
        with writer.part("figure.svg") as stream:
            stream.write(picture.svg)

    def read(self, reader: Reader) -> Picture:
        return Picture(reader.read("figure.png"), reader.read("figure.svg"))


def _drawn(figure: Any) -> Picture:
    import matplotlib as mpl

    png, svg = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    # The same settings as the figure's encoder, so that picture and figure have one digest.
    with mpl.rc_context({"svg.hashsalt": "versioning"}):
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return Picture(png.getvalue(), svg.getvalue())


CODECS = (_FigureCodec(),)
