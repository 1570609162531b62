"""Functions and classes as values: keyed by what they would do, wherever they are passed or held.

Inside a walk they are written by the name of the leaf that says it. Elsewhere, as a parameter, they
are written as the key of their whole closure.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextvars import ContextVar
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from versioning.code.log import NAMES
from versioning.code.objects import BUILTINS, qualified_name
from versioning.code.places import file_of_module, is_first_party
from versioning.encoding import register_encoder
from versioning.encoding.objects import state_of
from versioning.keys import root_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from versioning.code.closure import CodeClosure
    from versioning.encoding import Encoder

_HEAP_TYPE = 1 << 9
_STATELESS = (type(threading.Lock()), type(threading.RLock()), threading.local)


def register(close: Callable[[Any], CodeClosure]) -> None:
    """Teach the encoding about code.

    Args:
        close: Works out the closure of a function or class.
    """

    def code(value: Any, to: Encoder) -> None:
        names = NAMES.get()
        if names is not None:
            to.text(names.name_of(value))
            return
        closure = close(value)
        to.text(root_key(closure.leaves))
        to.attributes(dict(closure.distributions))

    register_encoder(FunctionType, "function", code)
    register_encoder(type, "class", code, subclasses=True)
    register_encoder(ModuleType, "module", code)
    for kind in BUILTINS:
        register_encoder(kind, f"builtin {kind.__name__}", _builtin)
    register_encoder(logging.Logger, "logger", lambda value, to: to.text(value.name))
    register_encoder(ContextVar, "context variable", lambda value, to: to.text(value.name))
    register_encoder(object, "object", _instance, subclasses=True)


def _builtin(value: Any, to: Encoder) -> None:
    owner = getattr(value, "__self__", None)
    to.text(qualified_name(value))
    to.attribute("__self__", None if isinstance(owner, ModuleType) else owner)


def _instance(value: object, to: Encoder) -> None:
    """An object of a class written in Python is its class and its attributes."""
    cls = type(value)
    if NAMES.get() is not None and (cls is object or isinstance(value, _STATELESS)):
        return
    if not all(_holds_attributes_only(base) for base in cls.__mro__[:-1]) or cls is object:
        raise to.refusal(value)
    to.attributes(state_of(value))


def _holds_attributes_only(cls: type) -> bool:
    if not cls.__flags__ & _HEAP_TYPE:
        return False
    if is_first_party(cls.__module__, None):
        return True
    file = file_of_module(sys.modules.get(cls.__module__))
    return cls.__module__ in {"abc", "typing", "collections.abc"} or bool(
        file
        and file.endswith(".py")
        and cls.__module__.partition(".")[0] in sys.stdlib_module_names
    )
