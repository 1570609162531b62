"""`pickle/1`: anything, for those who asked for it and trust all who can write the repository.

Large buffers (the data of arrays and frames) are parts of their own, so an array that did not
change is not stored again. Loading a pickle runs code of its writer's choice: `codec_named`
refuses unless told.
"""

from __future__ import annotations

import pickle  # noqa: TID251 - here it is allowed
from typing import Any

from versioning.codecs.arrays import mapped
from versioning.codecs.octets import chunked, write_all
from versioning.codecs.protocol import Reader, Writer, refuse_damage
from versioning.errors import UnkeyableError


class _PickleCodec:
    name = "pickle"
    version = 1

    def accepts(self, value: object) -> bool:
        return True

    def write(self, value: object, writer: Writer) -> None:
        buffers: list[pickle.PickleBuffer] = []
        try:
            data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
            raise UnkeyableError(f"this value cannot be pickled: {error}; return data") from error
        with writer.part("data.pickle") as stream:
            stream.write(data)
        for number, buffer in enumerate(buffers):
            with writer.part(f"buffers/{number}") as stream, buffer.raw() as raw:
                write_all(chunked(raw), stream)

    def read(self, reader: Reader) -> Any:
        with refuse_damage(self):
            buffers = [mapped(reader, part) for part in reader.parts if part != "data.pickle"]
            return pickle.loads(reader.read("data.pickle"), buffers=buffers)  # noqa: S301 - whoever asked for it knows


CODECS = (_PickleCodec(),)
