"""Code as leaves: what a function can reach, told apart from what only looks different."""

from versioning.code.closure import CodeClosure, behaviour, code_leaves
from versioning.code.encoders import register
from versioning.code.loaded import note_loaded

__all__ = ["CodeClosure", "behaviour", "code_leaves", "note_loaded"]

register(code_leaves)
