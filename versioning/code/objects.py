"""What kind of thing an object is, for code that follows it: wrapped, a container, unchanging."""

from __future__ import annotations

import functools
import operator
import sys
import types
from collections import deque
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from versioning.code.places import is_first_party
from versioning.encoding import file_digest
from versioning.encoding.objects import attributes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})
_NO_PATHS = ATOMS - {str}
BUILTINS = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
# What estimators and modules of libraries have, which are made of parts that may be ours.
_COMPOSED = ("get_params", "named_modules")
_CONTAINERS = (list, tuple, set, frozenset, deque)
_PLAIN = frozenset({dict, list, tuple, set, frozenset})
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller, slice)
# Where wrappers of other libraries keep the function: Prefect, functools, numba, pydantic.
_INSIDE = ("fn", "__wrapped__", "py_func", "wrapped")


def unwrapped(value: Any) -> Any:
    """The function in a wrapper that adds nothing to its result, or `value` itself."""
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__
    if isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001 - it has no public name
        return value.__wrapped__
    return value


def inner_function(value: Any) -> Any:
    """The function that another library's object (a Prefect task) was made of, or None."""
    held = getattr(value, "__dict__", {})
    found = (held[name] for name in _INSIDE if name in held)
    return next((item for item in found if isinstance(item, FunctionType | MethodType)), None)


def functions_in(held: Any) -> list[Any]:
    """The functions that an attribute of a class consists of; empty when it is data."""
    held = unwrapped(held)
    if isinstance(held, FunctionType):
        return [held]
    if isinstance(held, property):
        return [item for item in (held.fget, held.fset, held.fdel) if item is not None]
    if isinstance(held, functools.cached_property | functools.partialmethod):
        return [held.func]
    if isinstance(held, functools.singledispatchmethod):
        return [held.func, *held.dispatcher.registry.values()]
    wrapped = getattr(held, "wrapped", None) or inner_function(held)
    return [] if wrapped is None or isinstance(held, type) else functions_in(wrapped)


def is_unchanging(value: Any) -> bool:
    """Whether `value` can never become another value."""
    if type(value) in ATOMS:
        return True
    return type(value) in {tuple, frozenset} and all(map(is_unchanging, value))


Contents: TypeAlias = list[tuple[Any, list[Any]]]


def containers_in(value: Any) -> Contents | None:
    """The containers that `value` is made of, with what each holds now; none if it cannot change.

    None when it is made of anything else that can change: then they do not tell whether it has.
    """
    found: dict[int, tuple[Any, list[Any]]] = {}
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if is_unchanging(item) or id(item) in found:
            continue
        if type(item) not in _PLAIN:
            return None
        held = held_by(item)
        found[id(item)] = (item, held)
        waiting += held
    return list(found.values())


def held_by(container: Any) -> list[Any]:
    """What a dict (with its keys), a list, a tuple or a set holds."""
    return [*container, *container.values()] if type(container) is dict else [*container]


def parts_of(value: Any) -> Iterator[Any]:
    """What a value directly holds, when it is a container or an object with attributes."""
    if isinstance(value, dict | types.MappingProxyType):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, _CONTAINERS):
        yield from value
    elif isinstance(value, functools.partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, _GETTERS):
        yield from value.__reduce__()[1]
    yield from (held for _, held in attributes_of(value))


def is_ours(cls: type) -> bool:
    """Whether `cls` belongs to the project, or was made by a call that left no trace of whose."""
    return is_first_party(cls.__module__, None) or is_nameless(cls)


def is_nameless(cls: type) -> bool:
    """Whether `types.new_class` made `cls`, as `make_dataclass` does, and calls it its own."""
    return cls.__module__ == "types" and not is_offered(cls, types)


def code_in(value: Any) -> Iterator[Any]:
    """The functions and classes in a value, classes of what it holds included, at any depth."""
    waiting = [value]
    seen: dict[int, Any] = {}
    while waiting:
        item = waiting.pop()
        cls = type(item)
        if cls in ATOMS or id(item) in seen:
            continue
        seen[id(item)] = item
        if isinstance(item, FunctionType | type):
            yield item
        elif not isinstance(item, (ModuleType, *BUILTINS)):
            yield cls
            is_standard = cls.__module__.partition(".")[0] in sys.stdlib_module_names
            if is_ours(cls) or is_standard or any(hasattr(cls, name) for name in _COMPOSED):
                waiting.extend(reversed(list(parts_of(item))))
            waiting.extend(_objects_in(item))


def _objects_in(value: Any) -> list[Any]:
    """What an array or table of a library holds that is more than numbers and text."""
    cls = type(value)
    if hasattr(cls, "iloc"):
        held = [value.index, getattr(value, "attrs", None)]
        if not hasattr(cls, "columns"):
            return [*held, getattr(value, "name", None), *_elements(value)]
        columns = [
            value.iloc[:, place] for place, kind in enumerate(value.dtypes) if _holds_objects(kind)
        ]
        return [*held, value.columns, *(item for one in columns for item in _elements(one))]
    if hasattr(cls, "codes") and hasattr(cls, "levels"):
        return [*value.levels]
    return _elements(value) if hasattr(cls, "dtype") else []


def _elements(column: Any) -> list[Any]:
    """Of an array, series or index the elements that are objects; of a categorical one, of all."""
    kind = column.dtype
    if not _holds_objects(kind):
        return []
    held = getattr(kind, "categories", column)
    return [] if held is None else [item for item in held.tolist() if type(item) not in ATOMS]


def _holds_objects(kind: Any) -> bool:
    """Whether what has the dtype `kind` may hold anything."""
    if getattr(kind, "hasobject", False) or "object" in str(kind):
        return True
    categories = getattr(kind, "categories", None)
    return categories is not None and _holds_objects(getattr(categories, "dtype", None))


def is_typing(value: object) -> bool:
    """Whether `value` is an annotation (`list[int]`, `int | None`, a type variable)."""
    if isinstance(value, type):
        # The metaclass of protocols and of typed dictionaries is one of `typing`.
        return False
    kinds = (types.GenericAlias, types.UnionType)
    return isinstance(value, kinds) or type(value).__module__ in {"typing", "typing_extensions"}


def qualified_name(value: Any) -> str:
    """`module:qualified.name`, as the object itself says."""
    module = getattr(value, "__module__", None) or getattr(
        getattr(value, "__objclass__", None), "__module__", "builtins"
    )
    return f"{module}:{getattr(value, '__qualname__', None) or getattr(value, '__name__', '')}"


def is_offered(value: Any, module: ModuleType | None) -> bool:
    """Whether `module` has `value` under its own qualified name."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if module is None or not isinstance(name, str):
        return False
    found: object = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


class Place(NamedTuple):
    """A path as a constant of code: where it is below the root of its package, and what is there.

    Attributes:
        text: The path, `/`-separated; below the root it begins with a dot.
        content: Digest of the file, None for a folder or what is not there.
    """

    text: str
    content: str | None


def portable(value: Any, root: str | None) -> Any:
    """`value`; of a path, also one in containers, what is the same in another checkout."""
    try:
        return _portable(value, root)
    except RecursionError:
        # What contains itself cannot be keyed, which is said where it is.
        return value


def _portable(value: Any, root: str | None) -> Any:
    kind = type(value)
    if kind is str and (root is None or not value.startswith(root)):
        return value
    if kind in _PLAIN:
        held = held_by(value)
        # Nearly all of a large table.
        kept = [item if type(item) in _NO_PATHS else _portable(item, root) for item in held]
        if all(map(operator.is_, kept, held)):
            return value
        return dict(zip(kept, kept[len(value) :], strict=False)) if kind is dict else kind(kept)
    is_text = type(value) is str and root is not None and _below(value, root) != value
    if not is_text and not isinstance(value, Path):
        return value
    path = Path(value)
    content = file_digest(path) if path.is_file() else None
    return Place(_below(value if is_text else path.as_posix(), root), content)


def _below(text: str, root: str | None) -> str:
    if root is None or not (text == root or text.startswith(root + "/")):
        return text
    return "." + text[len(root) :]
