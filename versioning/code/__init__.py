"""Code as leaves: what a function can reach, told apart from what only looks different."""

from versioning.code.closure import CodeClosure, behaviour, code_leaves
from versioning.code.encoders import register

__all__ = ["CodeClosure", "behaviour", "code_leaves"]

register(code_leaves)
