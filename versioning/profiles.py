"""Profiles: what two values of a step look like side by side, by kind.

`data` for tables and arrays, `metrics` for named numbers, `model` for estimators and tensors.
Libraries are recognised by the type of a value and never imported for one that is not theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

BINS = 10
# Keeps a bin that is empty on one side from making the index infinite.
FLOOR = 1e-4
SHOWN = 80


def value_differences(before: object, after: object) -> dict[str, Any]:
    """How two values differ, by kind: at most one of `data`, `metrics` and `model`."""
    old, new = _plain(before), _plain(after)
    for kind, compare, is_of in _KINDS:
        if is_of(old) and is_of(new):
            return {kind: compare(old, new)}
    return {"data": {"before": _shown(old), "after": _shown(new)}}


def _frames(before: Any, after: Any) -> dict[str, Any]:
    old, new = dict(before.dtypes.items()), dict(after.dtypes.items())
    kept = [name for name in old if name in new]
    columns = [{"column": str(name), **_column(before[name], after[name])} for name in kept]
    return {
        "rows": {"before": len(before), "after": len(after)},
        "schema": {
            "added": [str(name) for name in new if name not in old],
            "removed": [str(name) for name in old if name not in new],
            "retyped": [
                {"column": str(name), "before": str(old[name]), "after": str(new[name])}
                for name in kept
                if old[name] != new[name]
            ],
        },
        "columns": [column for column in columns if len(column) > 1],
    }


def _column(before: Any, after: Any) -> dict[str, Any]:
    """What differs between two columns; empty when nothing does."""
    if before.equals(after):
        return {}
    old, new = _moments(before), _moments(after)
    facts: dict[str, Any] = {
        name: {"before": old.get(name), "after": new.get(name)}
        for name in old | new
        if old.get(name) != new.get(name)
    }
    if "mean" in old and "mean" in new:
        facts["psi"] = _psi(before, after)
    return facts or {"values": "differ"}


def _moments(column: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"nulls": int(column.isna().sum())}
    if column.dtype.kind in "iufb":
        facts |= {name: _number(getattr(column, name)()) for name in ("mean", "std", "min", "max")}
        return facts
    try:
        return {**facts, "distinct": int(column.nunique())}
    except TypeError:  # what a cell holds cannot be told apart by hash
        return facts


def _psi(before: Any, after: Any) -> Any:
    """Population stability index over tenths of `before`, with a bin for nulls; 0 is no shift."""
    import numpy as np

    if not len(before) or not len(after) or before.isna().all():
        return None
    edges = np.unique(np.nanquantile(before.astype(float), np.linspace(0, 1, BINS + 1)[1:-1]))
    old, new = (_shares(column.astype(float).to_numpy(), edges) for column in (before, after))
    return _number(((new - old) * np.log(new / old)).sum())


def _shares(values: Any, edges: Any) -> Any:
    import numpy as np

    bins = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values))
    return np.maximum(np.bincount(bins, minlength=len(edges) + 2) / len(values), FLOOR)


def _arrays(before: Any, after: Any) -> dict[str, Any]:
    facts: dict[str, tuple[Any, Any]] = {
        "shape": (list(before.shape), list(after.shape)),
        "dtype": (str(before.dtype), str(after.dtype)),
    }
    if before.dtype.kind in "iufb" and after.dtype.kind in "iufb" and before.size and after.size:
        for name in ("mean", "std", "min", "max"):
            facts[name] = tuple(_number(getattr(v, name)()) for v in (before, after))
    return {name: {"before": b, "after": a} for name, (b, a) in facts.items() if b != a}


def _metrics(before: Any, after: Any) -> list[dict[str, Any]]:
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return [
        {"name": name, "before": old.get(name), "after": new.get(name)}
        | ({"change": _number(new[name] - old[name])} if _are_numbers(old, new, name) else {})
        for name in sorted(old | new)
        if name not in old or name not in new or not _same(old[name], new[name])
    ]


def _models(before: Any, after: Any) -> dict[str, Any]:
    facts = {"type": (type(before).__qualname__, type(after).__qualname__)}
    differs = {name: {"before": b, "after": a} for name, (b, a) in facts.items() if b != a}
    return {**differs, "facts": _metrics(_model(before), _model(after))}


def _model(value: Any) -> dict[str, Any]:
    """What a model says of itself: its settings and the sizes of what it learnt."""
    if hasattr(value, "num_trees"):
        gains = dict(zip(value.feature_name(), value.feature_importance("gain"), strict=True))
        return {"trees": value.num_trees(), "params": dict(value.params), "gain": gains}
    if hasattr(value, "num_boosted_rounds"):
        gains = value.get_score(importance_type="gain")
        return {"trees": value.num_boosted_rounds(), "gain": gains}
    learnt = {
        name: float(item) if getattr(item, "ndim", 0) == 0 else str(item.shape)
        for name, item in vars(value).items()
        if name.endswith("_") and hasattr(item, "shape")
    }
    return {"params": value.get_params(deep=True), "learnt": learnt}


def _tensors(before: Any, after: Any) -> dict[str, Any]:
    def is_same(name: str) -> bool:
        old, new = before[name], after[name]
        return bool(old.shape == new.shape and old.dtype == new.dtype and (old == new).all())

    kept = [name for name in before if name in after]
    return {
        "added": [name for name in after if name not in before],
        "removed": [name for name in before if name not in after],
        "changed": [name for name in kept if not is_same(name)],
        "same": sum(map(is_same, kept)),
    }


def _plain(value: Any) -> Any:
    """Tables of any library as pandas, which does the arithmetic here."""
    library = type(value).__module__.partition(".")[0]
    if library in {"pyarrow", "polars"} and hasattr(value, "to_pandas"):
        return value.to_pandas()
    return value.to_frame() if library == "pandas" and hasattr(value, "to_frame") else value


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The numbers and texts in nested mappings and lists, by dotted path."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _leaves(item, f"{path}[{position}]")
    else:
        yield path, _number(value) if _is_number(value) else _shown(value)


def _is_number(value: object) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, bool) and not _is_array(value)


def _number(value: Any) -> Any:
    """A number that JSON can say; None for one that it cannot."""
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number


def _are_numbers(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> bool:
    return _is_number(old.get(name)) and _is_number(new.get(name))


def _same(before: object, after: object) -> bool:
    return before == after and type(before) is type(after)


def _shown(value: object) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    return _number(value) if isinstance(value, float) else repr(value)[:SHOWN]


def _is_frame(value: object) -> bool:
    return hasattr(value, "dtypes") and hasattr(value, "columns")


def _is_array(value: object) -> bool:
    return all(hasattr(value, name) for name in ("shape", "dtype", "mean"))


def _is_model(value: object) -> bool:
    return any(hasattr(value, n) for n in ("num_trees", "num_boosted_rounds", "get_params"))


def _is_tensors(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(map(_is_array, value.values()))


_KINDS = (
    ("data", _frames, _is_frame),
    ("data", _arrays, lambda value: _is_array(value) and not _is_frame(value)),
    ("model", _models, _is_model),
    ("model", _tensors, _is_tensors),
    ("metrics", _metrics, lambda value: isinstance(value, Mapping | list | tuple)),
)
