"""Which encoder serves which class.

A class is served, in this order, by the encoder registered for exactly it, by its own
`__versioning_digest__`, by an encoder registered for a whole family, or by the structure it has
(dataclass, attrs, NamedTuple, a builtin with new methods). Subclasses write
their qualified name, so they never share a digest with their base.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from versioning.encoding import named

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder

Encode = Callable[[Any, "Encoder"], None]

# An item is its kind, the length of its payload in bytes, and the payload.
ITEM = struct.Struct("<cQ")

# Encoders of optional libraries load with the first value whose class descends from one of theirs.
LIBRARIES = {
    "lightgbm": "lightgbm_models",
    "matplotlib": "figures",
    "numpy": "numeric",
    "onnx": "onnx_models",
    "pandas": "frames",
    "polars": "polar",
    "pyarrow": "arrow",
    "pydantic": "schemas",
    "pydantic_core": "schemas",
    "scipy": "science",
    "sklearn": "estimators",
    "torch": "tensors",
    "xgboost": "xgboost_models",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """How one class is encoded.

    Attributes:
        tag: What the class is called in the encoding.
        encode: Writes a value's content, all of it.
        family: Whether subclasses are encoded in the same way, apart from their name.
        is_atomic: Whether values hold no other values, so they cannot be part of a cycle.
        header: What precedes the content: the tag, and the name of the class where the tag does not
            say it.
    """

    tag: str
    encode: Encode
    family: bool = False
    is_atomic: bool = False
    header: bytes = b""


_rules: dict[type, Rule] = {}
_structures: list[tuple[Callable[[type], bool], Rule]] = []
_rest: list[Rule] = []
_told: list[Callable[[type], None]] = []
_owners: dict[str, str] = {}


def register_encoder(cls: type, tag: str, encode: Encode, *, subclasses: bool = False) -> None:
    """Make values of `cls` keyable.

    Args:
        cls: The class; a second registration replaces the first.
        tag: What distinguishes it from every other class; part of the digest, so never change it.
        encode: Writes everything that makes two values differ, in an order that does not vary.
        subclasses: Serve subclasses too, which then differ from `cls` and each other by name.
            Without it they are refused, since `encode` cannot know what they add.

    Raises:
        ValueError: If another class has the tag already.
    """
    owner = qualified_name(cls)
    if _owners.setdefault(tag, owner) != owner:
        raise ValueError(
            f"the tag {tag!r} belongs to {_owners[tag]}; choose another, such as {owner!r}"
        )
    add_rule(cls, Rule(tag, encode, family=subclasses, header=header(tag)))


def encodes(
    *classes: type, tag: str, family: bool = False, is_atomic: bool = False
) -> Callable[[Encode], Encode]:
    """Decorator: the function encodes these classes, which are told apart by name if several."""

    def register(encode: Encode) -> Encode:
        _owners[tag] = "versioning"
        for cls in classes:
            name = qualified_name(cls) if len(classes) > 1 else None
            add_rule(cls, Rule(tag, encode, family, is_atomic, header(tag, name)))
        return encode

    return register


def encodes_structure(predicate: Callable[[type], bool], *, tag: str) -> Callable[[Encode], Encode]:
    """Decorator: the function encodes every class that `predicate` accepts, under its name."""

    def register(encode: Encode) -> Encode:
        _owners[tag] = "versioning"
        _structures.append((predicate, Rule(tag, encode)))
        return encode

    return register


def encodes_rest(encode: Encode, *, tag: str) -> None:
    """Let `encode` serve, or refuse, every class that nothing else serves, each under its name."""
    _owners[tag] = "versioning"
    _rest[:] = [Rule(tag, encode)]
    rule_for.cache_clear()


def tells_classes(tell: Callable[[type], None]) -> None:
    """Let `tell` hear of the class of each value that is written under the name of its class."""
    _told.append(tell)


def add_rule(cls: type, rule: Rule) -> None:
    """Serve `cls` by `rule`."""
    _rules[cls] = rule
    rule_for.cache_clear()


def registered(cls: type) -> Rule | None:
    """The rule for exactly `cls`."""
    return _rules.get(cls)


@lru_cache(maxsize=4096)
def rule_for(cls: type) -> Rule | None:
    """The rule that encodes instances of `cls`, or None when nothing does."""
    _load_libraries(cls)
    rule = _rules.get(cls) or _stand_in(cls) or _inherited(cls) or _structural(cls)
    if rule is None and _rest:
        rule = _named(_rest[0], cls)
    return _by_name_or(rule) if issubclass(cls, named.KINDS) else rule


def header(tag: str, class_name: str | None = None) -> bytes:
    """The items that open a value."""
    opening = b"(" + _text_item(b"t", tag)
    return opening if class_name is None else opening + _text_item(b"c", class_name)


def qualified_name(cls: type) -> str:
    """Of a class, as `module:qualified.name`."""
    return f"{cls.__module__}:{cls.__qualname__}"


def _stand_in(cls: type) -> Rule | None:
    if not hasattr(cls, "__versioning_digest__"):
        return None
    return Rule("digest", _delegate, header=header("digest"))


def _delegate(value: Any, to: Encoder) -> None:
    if (reason := to.trail.misplaced.get(type(value))) is not None:
        raise to.refusal(value, reason)
    to.delegate(*value.__versioning_digest__())


def _structural(cls: type) -> Rule | None:
    for predicate, rule in _structures:
        if predicate(cls):
            return _named(rule, cls)
    return None


def _inherited(cls: type) -> Rule | None:
    for base in cls.__mro__[1:]:
        rule = _rules.get(base)
        if rule is not None and rule.family:
            return _named(rule, cls)
    return None


def _named(rule: Rule, cls: type) -> Rule:
    opening = header(rule.tag, qualified_name(cls))

    def encode(value: Any, to: Encoder) -> None:
        for tell in _told:
            tell(cls)
        rule.encode(value, to)

    return Rule(rule.tag, encode, rule.family, rule.is_atomic, opening)


def _by_name_or(rule: Rule | None) -> Rule:
    def encode(value: object, to: Encoder) -> None:
        name = named.library_name(value)
        if name is not None:
            to.text(name)
        elif rule is not None:
            to.apply(rule, value)
        else:
            raise to.refusal(value, "code is not data; call it outside and pass what it returns")

    return Rule("name", encode, header=header("name"))


def _load_libraries(cls: type) -> None:
    for base in cls.__mro__:
        module = LIBRARIES.get(base.__module__.partition(".")[0])
        if module is not None:
            importlib.import_module(f"versioning.encoding.{module}")


def _text_item(kind: bytes, text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return ITEM.pack(kind, len(data)) + data
