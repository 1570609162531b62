"""Code as leaves: what a function can reach, told apart from what only looks different."""

from versioning.code.closure import CodeClosure, code_leaves
from versioning.code.encoders import register

__all__ = ["CodeClosure", "code_leaves"]

register(code_leaves)
