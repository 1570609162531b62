"""Codecs: how values become bytes and come back, equal in type and content; no pickle unasked."""

from versioning.codecs.protocol import Codec, Reader, Writer, recorded_name
from versioning.codecs.registry import codec_for, codec_named, register_codec

__all__ = [
    "Codec",
    "Reader",
    "Writer",
    "codec_for",
    "codec_named",
    "recorded_name",
    "register_codec",
]
