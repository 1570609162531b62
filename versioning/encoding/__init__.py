"""Values as digests: equal for equal values, everywhere; different for different ones, always."""

from versioning.encoding import containers, files, objects, scalars  # noqa: F401 - register
from versioning.encoding.encoder import Encoder, value_digest
from versioning.encoding.files import file_digest
from versioning.encoding.preview import preview
from versioning.encoding.registry import register_encoder

__all__ = ["Encoder", "file_digest", "preview", "register_encoder", "value_digest"]
