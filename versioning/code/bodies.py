"""What is in a function, a class and a module: the parts of their digests, and where they lead."""

from __future__ import annotations

import functools
import sys
from enum import EnumType
from typing import TYPE_CHECKING, Any

from versioning.code import wrappers
from versioning.code.bytecode import code_form
from versioning.code.loaded import is_edited
from versioning.code.log import MISSING
from versioning.code.lookup import Scope
from versioning.code.objects import functions_in, is_ours
from versioning.code.places import file_of_module, is_first_party, is_runner
from versioning.code.scopes import Ref
from versioning.code.unnamed import follow_acts, follow_loads, named_in_texts
from versioning.code.values import key_default
from versioning.encoding.objects import state_of
from versioning.errors import UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FunctionType, ModuleType

    from versioning.code.definitions import Definition, Piece
    from versioning.code.walk import Walk

# What those leave in a class who read its annotations.
_MODELS = ("__dataclass_fields__", "__attrs_attrs__", "__pydantic_validator__")
# What every member of an enum has.
_OF_ENUMS = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_"})
# All that two named tuples made by a call can differ in.
_TUPLES = ("_fields", "_field_defaults")


def function_parts(walk: Walk, function: FunctionType, name: str) -> list[bytes]:
    """Of a function: what it says, decorators, default values, closure variables, its class."""
    walk.log.function(function)
    definition = walk.files.definition(function.__code__, function.__globals__)
    scope = walk.lookup.function_scope(function, name)
    follow_loads(walk, scope.top)
    parts = walk.piece(definition.own, scope)
    if definition.reads_names:
        parts += named_in_texts(walk, definition.own, scope)
    walk.reads_frames |= definition.reads_frames
    parts += _given_name(function, function.__code__.co_name)
    if walk.keeps_names:
        parts.append(repr(definition.variables).encode())
    if scope.cells:
        read = {ref.root for ref in definition.own.refs}
        parts += [walk.follow(Ref(free), scope) for free in scope.cells if free not in read]
    if definition.decorators:
        parts += _decorators(walk, definition, scope)
    if (function.__defaults__ or function.__kwdefaults__) and function is not walk.root:
        parts += _defaults(walk, function, definition, scope)
    if vars(function):
        walk.carriers.append((function, name))
    parts += _owner(walk, name, scope)
    if definition.hints:
        parts += _hints(walk, definition.hints, scope)
    return parts


def class_parts(walk: Walk, cls: type, name: str) -> list[bytes]:
    """Of a class: bases, metaclass, attributes by what they are, and the rest of its body."""
    walk.log.class_(cls)
    scope = _class_scope(walk, cls, name)
    follow_acts(walk, scope.top)
    path = scope.top.path
    has_changed = path is not None and is_edited(path)
    file = None if has_changed else scope.top.file
    codes = [code for held in vars(cls).values() if (code := getattr(held, "__code__", None))]
    definition = file.class_definition(cls.__qualname__, codes) if file else None
    parts = [walk.reach(base, name).encode() for base in (*cls.__bases__, type(cls))]
    if definition is None:
        why = "its file was edited after it was loaded" if has_changed else "it has no source"
        return parts + _made_by_a_call(walk, cls, name, why)
    written = frozenset(bound for item in definition.statements for bound in item.names)
    members = list(_members(walk, cls, name, written))
    parts += [part for _, part in members]
    parts += walk.piece(definition.own, scope) + _decorators(walk, definition, scope)
    parts += _read_hints(walk, cls, name)
    parts += _given_name(cls, cls.__qualname__.rpartition(".")[2])
    return parts + _statements(walk, definition, scope, {attribute for attribute, _ in members})


def _made_by_a_call(walk: Walk, cls: type, name: str, why: str) -> list[bytes]:
    """Of a class without source: the fields of a named tuple, members of an enum, or all it has."""
    fields = [(item, vars(cls)[item]) for item in _TUPLES if item in vars(cls)]
    if issubclass(cls, tuple) and len(fields) == len(_TUPLES):
        return [walk.reach(held, f"{name}.{item}").encode() for item, held in fields]
    if isinstance(cls, EnumType):
        written = frozenset(cls.__members__)
        return [part for item, part in _members(walk, cls, name, written) if item in written]
    walk.warn(f"{name}: {why}, so it is keyed by its attributes")
    made = _calls_that_bind(walk, cls, name)
    written = frozenset(item for item, held in vars(cls).items() if functions_in(held))
    written |= {item for item in vars(cls) if not _is_magic(item)}
    codes = [
        getattr(item, "__code__", None)
        for held in vars(cls).values()
        for item in functions_in(held)
    ]
    generated = [code_form(code) for code in codes if code and code.co_filename.startswith("<")]
    return [*made, *generated, *(part for _, part in _members(walk, cls, name, written))]


def _read_hints(walk: Walk, cls: type, name: str) -> list[bytes]:
    """The annotations of a plain class of which a call, not a decorator, made a model."""
    held = vars(cls)
    if cls.__bases__ != (object,) or not any(marker in held for marker in _MODELS):
        return []
    hints = held.get("__annotations__", {}).items()
    return [f"{item}: {walk.reach(hint, f'{name}.{item}')}".encode() for item, hint in hints]


def _calls_that_bind(walk: Walk, cls: type, name: str) -> list[bytes]:
    """What its module does to make a class by a call, such as a model of pydantic's."""
    scope = _class_scope(walk, cls, name)
    bound = sorted(item for item, held in scope.top.globals.items() if held is cls)
    file = scope.top.file
    pieces = [file.call(item) for item in bound] if file else []
    return [part for piece in pieces if piece for part in walk.piece(piece, scope)]


def module_parts(walk: Walk, module: ModuleType, name: str) -> list[bytes]:
    """Of a module that is used whole: all its names."""
    walk.log.read_all(vars(module))
    scope = walk.lookup.module_scope(module)
    follow_acts(walk, scope.top, is_whole=True)
    bound = sorted(name for name in vars(module) if not _is_magic(name))
    parts = [name.encode(), *(walk.follow(Ref(item), scope) for item in bound)]
    if is_ours(type(module)):
        parts.append(walk.reach(type(module), name).encode())
    return parts


def file_of_class(cls: type) -> str | None:
    """The file that defines a class; in a notebook or a loaded script its methods know."""
    files = [item.__code__.co_filename for item in _methods(cls)]
    own = next((file for file in files if not file.startswith("<string")), None)
    return own or file_of_module(sys.modules.get(cls.__module__))


def _defaults(
    walk: Walk, function: FunctionType, definition: Definition, scope: Scope
) -> list[bytes]:
    code, given = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(given) : code.co_argcount]
    parts: list[bytes] = []
    held = [*zip(names, given, strict=True), *(function.__kwdefaults__ or {}).items()]
    for parameter, value in held:
        piece = definition.defaults.get(parameter)
        parts += key_default(walk, value, f"{scope.owner}({parameter})", piece, scope)
    return parts


def _decorators(walk: Walk, definition: Definition, scope: Scope) -> list[bytes]:
    parts: list[bytes] = []
    for decorator in definition.decorators:
        head = decorator.head and walk.lookup.find(decorator.head, scope)
        # What a library's module offers is not looked up, and so has a label only.
        held = head.value if head and head.value is not MISSING else None
        module = getattr(held, "__module__", None) or (head and head.label)
        if not is_runner(str(module).replace(":", ".")):
            parts += walk.piece(decorator.piece, scope)
    return parts


def _owner(walk: Walk, name: str, scope: Scope) -> list[bytes]:
    """The class of a method, for its bases and for what `self` has."""
    owner = name.partition(":")[2].rpartition(".")[0]
    if not owner or "<locals>" in owner:
        return []
    ref = Ref(owner.partition(".")[0])
    is_class = isinstance(walk.lookup.find(ref, scope).value, type)
    return [walk.follow(ref, scope)] if is_class else []


def _hints(walk: Walk, hints: Piece, scope: Scope) -> list[bytes]:
    """Annotations, where something may read them; what is passed uses the libraries they name."""
    for hint in hints.refs:
        found = walk.lookup.find(hint, scope)
        module = getattr(found.value, "__module__", None)
        if found.value is MISSING or not isinstance(module, str):
            continue
        if not is_first_party(module, None):
            walk.uses(module)
    return walk.piece(hints, scope) if walk.keeps_hints else []


def _statements(walk: Walk, definition: Definition, scope: Scope, keyed: set[str]) -> list[bytes]:
    parts: list[bytes] = []
    for statement in definition.statements:
        is_keyed = bool(statement.names) and statement.names <= keyed
        if is_keyed and statement.is_definition:
            continue
        piece = statement.target if is_keyed and statement.target else statement.piece
        parts += walk.piece(piece, scope)
    return parts


def _members(
    walk: Walk, cls: type, name: str, written: frozenset[str]
) -> Iterator[tuple[str, bytes]]:
    """The attributes of a class that are keyed by what they are, those set from outside included.

    What libraries put there for themselves (magic and private names that the body does not write,
    generated methods) follows from the rest.
    """
    is_plain = type(cls) is type and all(base is object or is_ours(base) for base in cls.__mro__)
    for attribute, held in _attributes(walk, cls).items():
        is_hidden = attribute.startswith("_") and attribute not in written
        if is_plain and not _is_magic(attribute) and not functions_in(held):
            # No library keeps anything there.
            is_hidden = False
        functions = functions_in(held)
        if functions or isinstance(held, type):
            if not is_hidden or not _is_made_elsewhere(attribute, functions):
                wires = [walk.reach(item, name) for item in functions or [held]]
                is_written = attribute in written
                wires += _beside_functions(walk, held, f"{name}.{attribute}", is_written=is_written)
                yield attribute, f"{attribute}={wires}".encode()
        elif not is_hidden and not _is_magic(attribute):
            label = f"{name}.{attribute}"
            if _is_data(held) and _is_keyable(walk, held, label):
                yield attribute, f"{attribute}={label}".encode()


def _beside_functions(walk: Walk, held: object, label: str, *, is_written: bool) -> list[str]:
    """What an attribute that is made of functions says besides, and the body does not tell."""
    if isinstance(held, functools.partialmethod) and not is_written:
        return [walk.reach((held.args, held.keywords), label)]
    if isinstance(held, functools.singledispatchmethod):
        return [wrappers.registry(walk, held.dispatcher, f"{label}[registry]")]
    return []


def _attributes(walk: Walk, cls: type) -> dict[str, Any]:
    """What a class holds; of an enum, the values of its members."""
    members: Mapping[str, Any] = cls.__members__ if isinstance(cls, EnumType) else {}
    for member in members.values():
        walk.log.read_all(getattr(member, "__dict__", {}))
    return {**vars(cls), **{name: _said_by(member) for name, member in members.items()}}


def _said_by(member: Any) -> Any:
    """The value of a member of an enum, and the attributes that it was given beside it."""
    value = getattr(member, "_value_", member)
    given = {name: held for name, held in state_of(member).items() if name not in _OF_ENUMS}
    return (value, given) if given else value


def _is_data(held: object) -> bool:
    return is_ours(type(held)) or not hasattr(type(held), "__get__")


def _is_keyable(walk: Walk, held: object, label: str) -> bool:
    """Key `held` by its value; fields of schemas cannot be, and are keyed by their source."""
    try:
        walk.reach(held, label)
    except UnkeyableError:
        return False
    return True


def _is_made_elsewhere(attribute: str, functions: list[Any]) -> bool:
    """Whether functions that a class does not write are generated, or a library's magic."""
    codes = [code for item in functions if (code := getattr(item, "__code__", None))]
    if all(code.co_filename.startswith("<") for code in codes):
        return True
    is_ours = any(is_first_party("", code.co_filename) for code in codes)
    return _is_magic(attribute) and not is_ours


def _given_name(value: FunctionType | type, written: str) -> list[bytes]:
    """The name of a function or class that was given another one: tables name columns by it."""
    name = value.__name__
    return [] if name == written else [name.encode("utf-8", "surrogatepass")]


def _is_magic(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _methods(cls: type) -> list[Any]:
    """The functions of a class that were written in its module, not made for it elsewhere."""
    functions = (item for held in vars(cls).values() for item in functions_in(held))
    return [
        item
        for item in functions
        if getattr(item, "__globals__", {}).get("__name__") == cls.__module__
        and item.__code__.co_qualname.startswith(f"{cls.__qualname__}.")
    ]


def _class_scope(walk: Walk, cls: type, name: str) -> Scope:
    module = sys.modules.get(cls.__module__)
    methods = _methods(cls)
    if module is None or cls.__qualname__.partition(".")[0] not in vars(module):
        namespace = next((item.__globals__ for item in methods), vars(module) if module else {})
    else:
        namespace = vars(module)
    return Scope(walk.lookup.top(namespace, name.partition(":")[0], file_of_class(cls)), {}, name)
