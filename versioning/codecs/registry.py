"""Which codec stores a value, which codec reads a version.

Built-in codecs are found by the name of the module that defines a value's type, so a library is
never imported for a value that is not of it. Codecs that were registered are asked first.
"""

from __future__ import annotations

from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING

from versioning.codecs.protocol import Codec, recorded_name
from versioning.errors import FormatError, UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Codec name -> the module below this package whose CODECS holds it.
_HOMES = {
    "json": "documents",
    "bytes": "octets",
    "npy": "arrays",
    "arrow": "tables",
    "safetensors": "tensors",
    "lightgbm": "boosters",
    "xgboost": "boosters",
    "onnx": "onnx_models",
    "sklearn": "estimators",
    "figure": "figures",
    "file": "files",
    "tree": "files",
    "pickle": "pickles",
}

# Top-level module of a type -> the codecs to ask, in order.
_BY_LIBRARY = {
    "pandas": ("arrow",),
    "pyarrow": ("arrow",),
    "polars": ("arrow",),
    "numpy": ("npy", "json"),
    "torch": ("safetensors",),
    "lightgbm": ("lightgbm", "sklearn"),
    "xgboost": ("xgboost", "sklearn"),
    "sklearn": ("sklearn",),
    "onnx": ("onnx",),
    "matplotlib": ("figure",),
    "versioning": ("figure",),
    "pathlib": ("file", "tree"),
    "builtins": ("bytes", "json"),
}

_registered: list[Codec] = []


def register_codec(codec: Codec) -> None:
    """Let `codec` store the values it accepts; it is asked before all that are known already.

    A process that reads such versions must register it too.

    Raises:
        ValueError: If a built-in codec, or another one registered with this version, has its name.
    """
    if codec.name in _HOMES:
        raise ValueError(f"{codec.name!r} is built in; give the codec another name")
    taken = next((c for c in _registered if recorded_name(c) == recorded_name(codec)), None)
    if taken is not None and type(taken) is not type(codec):
        raise ValueError(f"{recorded_name(codec)} is registered as {taken!r}; raise its version")
    if taken is not None:
        _registered.remove(taken)
    _registered.insert(0, codec)


def codec_for(value: object, *, name: str | None = None) -> Codec:
    """The codec to store `value` with; `name` (as `pickle`, or `arrow/1`) chooses it outright.

    Raises:
        UnkeyableError: If no codec accepts it; says how to choose or register one.
        FormatError: If there is no codec of that name.
    """
    candidates = _candidates(value) if name is None else iter([_named(name)])
    for codec in candidates:
        if codec.accepts(value):
            return codec
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if name is not None:
        raise UnkeyableError(
            f"codec {name!r} does not store values of type {kind}; leave `codec=` out"
        )
    raise UnkeyableError(
        f"no codec stores values of type {kind}: {_advice(value)}register one with "
        '`versioning.codecs.register_codec`, or ask for `codec="pickle"` where every writer is '
        "trusted",
        type=kind,
    )


def codec_named(name: str, *, allow_pickle: bool = False) -> Codec:
    """The codec that a version names, as `arrow/1`.

    Raises:
        FormatError: If this release knows no such codec, or it is pickle and that is not allowed.
    """
    if name.partition("/")[0] == "pickle" and not allow_pickle:
        raise FormatError(
            "this version is a pickle: loading it runs whatever its writer put there; "
            "set `allow_pickle` (VERSIONING_ALLOW_PICKLE=1) if you trust all who write here"
        )
    return _named(name)


def _candidates(value: object) -> Iterator[Codec]:
    yield from _registered
    asked = set()
    for cls in type(value).__mro__:
        for name in _BY_LIBRARY.get(cls.__module__.partition(".")[0], ()):
            if name not in asked:
                asked.add(name)
                yield _built_in(name)


def _named(text: str) -> Codec:
    name, _, version = text.partition("/")
    known = list(_registered)
    if name in _HOMES:
        known.append(_built_in(name))
    for codec in known:
        if codec.name == name and version in {"", str(codec.version)}:
            return codec
    versions = ", ".join(recorded_name(codec) for codec in known if codec.name == name)
    hint = f"this release reads {versions}" if versions else "register it with `register_codec`"
    raise FormatError(
        f"there is no codec {text[:80]!r} here; {hint}, or use a newer release", codec=text
    )


def _built_in(name: str) -> Codec:
    try:
        module = import_module(f"versioning.codecs.{_HOMES[name]}")
    except ImportError as error:
        raise FormatError(
            f"codec {name!r} needs the module {error.name!r}, which is not installed; install it",
            codec=name,
        ) from error
    codecs: tuple[Codec, ...] = module.CODECS
    return next(codec for codec in codecs if codec.name == name)


def _advice(value: object) -> str:
    """What to return instead, for types that people return often."""
    if hasattr(type(value), "model_dump"):
        return "return its `.model_dump()`, "
    if hasattr(type(value), "__dataclass_fields__"):
        return "return its `dataclasses.asdict()`, "
    if hasattr(type(value), "_asdict"):
        return "return its `._asdict()`, "
    if hasattr(type(value), "state_dict"):
        return "return its `.state_dict()`, "
    if hasattr(type(value), "detach"):
        return "return its `.detach()`, "
    if isinstance(value, Enum):
        return "return its `.value`, "
    if hasattr(type(value), "collect") and type(value).__module__.startswith("polars"):
        return "return its `.collect()`, "
    return ""
