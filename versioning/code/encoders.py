"""Functions and classes as values: keyed by what they would do, wherever they are passed or held.

Inside a walk they are written by the name of the leaf that says it. Elsewhere, as a parameter, they
are written as the key of their whole closure.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from contextvars import ContextVar
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from versioning.code.log import NAMES
from versioning.code.objects import BUILTINS, is_offered, is_ours, qualified_name
from versioning.code.places import file_of_module, is_first_party
from versioning.encoding import register_encoder
from versioning.encoding.objects import has_hidden_room, state_of
from versioning.encoding.registry import encodes_rest, registered, tells_classes
from versioning.keys import root_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from versioning.code.closure import CodeClosure
    from versioning.encoding import Encoder

_HEAP_TYPE = 1 << 9
_STANDARD = sys.stdlib_module_names | {"typing_extensions"}
# The environment is an input of the run, not code: what is read of it is noticed when it is read.
_STATELESS = (type(threading.Lock()), type(threading.RLock()), threading.local, type(os.environ))


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
        # Code of a library is its release, which two functions of one library share.
        to.text(value.__name__ if isinstance(value, ModuleType) else qualified_name(value))
        to.text(root_key(closure.leaves))
        to.attributes(dict(closure.distributions))

    register_encoder(FunctionType, "function", code)
    register_encoder(type, "class", code, subclasses=True)
    register_encoder(ModuleType, "module", code)
    for kind in BUILTINS:
        register_encoder(kind, f"builtin {kind.__name__}", _builtin)
    register_encoder(logging.Logger, "logger", lambda value, to: to.text(value.name))
    register_encoder(ContextVar, "context variable", _variable)
    encodes_rest(_instance, tag="object")
    tells_classes(_follow)


def _follow(cls: type) -> None:
    """Let the walk follow what objects do, wherever they are held: in an array, in a table."""
    names = NAMES.get()
    if names is not None and is_ours(cls):
        names.name_of(cls)


def _builtin(value: Any, to: Encoder) -> None:
    """A function written in C is its name; a method of a value is one only where code holds it."""
    owner = getattr(value, "__self__", None)
    is_free = owner is None or isinstance(owner, ModuleType | type)
    if not is_free and NAMES.get() is None:
        raise to.refusal(value, "code is not data; call it outside and pass what it returns")
    to.text(qualified_name(value))
    to.attribute("__self__", None if isinstance(owner, ModuleType) else owner)


def _variable(value: ContextVar[Any], to: Encoder) -> None:
    """What it stands for where the step is called."""
    to.text(value.name)
    try:
        held = value.get()
    except LookupError:
        return
    to.attribute("value", held)


def _settings(value: Any) -> dict[str, Any] | None:
    """What a `ConfigParser` says; a section of it holds the parser, so its state is a circle."""
    module = sys.modules.get("configparser")
    if module is None or not isinstance(value, module.RawConfigParser):
        return None
    sections = {name: value.items(name, raw=True) for name in value.sections()}
    interpolation = getattr(value, "_interpolation", None)
    return {
        "defaults": dict(value.defaults()),
        "sections": sections,
        "kind": [qualified_name(type(value)), qualified_name(type(interpolation))],
    }


def _instance(value: object, to: Encoder) -> None:
    """What else code may hold; of that, only objects of the project's own classes may be passed.

    An object of a class written in Python is its class and its attributes. What a library offers by
    name is that name. What only serves to run code, such as a lock, is the same as any other.
    """
    cls = type(value)
    if NAMES.get() is None:
        if cls is object or not all(
            is_ours(base) or _adds_nothing(base) for base in cls.__mro__[:-1]
        ):
            raise to.refusal(value)
        to.attributes(state_of(value))
        return
    if cls is object or isinstance(value, _STATELESS):
        return
    settings = _settings(value)
    if settings is not None:
        to.attributes(settings)
    elif _is_of_a_library(value):
        to.text(qualified_name(value))
    elif all(map(_holds_attributes_only, cls.__mro__[:-1])):
        to.attributes(state_of(value))
    else:
        raise to.refusal(value)


def _adds_nothing(cls: type) -> bool:
    """Whether `cls` is a base of Python's own that gives its objects no state, such as `ABC`."""
    is_standard = cls.__module__.partition(".")[0] in _STANDARD
    return is_standard and vars(cls).get("__slots__") == () and not has_hidden_room(cls)


def _is_of_a_library(value: object) -> bool:
    """Whether a library offers `value` by name; what a module of the project binds may change."""
    name = str(getattr(value, "__module__", None))
    return not is_first_party(name, None) and is_offered(value, sys.modules.get(name))


def _holds_attributes_only(cls: type) -> bool:
    """Whether `cls` was written in Python, by the project or for the standard library."""
    if not cls.__flags__ & _HEAP_TYPE or registered(cls) or has_hidden_room(cls):
        return False
    file = file_of_module(sys.modules.get(cls.__module__)) or ""
    is_standard = cls.__module__.partition(".")[0] in sys.stdlib_module_names
    return is_ours(cls) or (is_standard and file.endswith(".py"))
