"""Comparing values that are not identical: within a tolerance, and models by what they predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from versioning.encoding import file_digest

# A model is asked about so many rows.
PROBE_ROWS = 512
_NAMED = 5


def difference(before: Any, after: Any, tolerance: float, tables: Sequence[Any] = ()) -> str | None:
    """How two values differ by more than `tolerance`; None when they do not.

    Numbers agree within `tolerance`, absolute or relative to the larger; NaN agrees with NaN.
    Everything else has to be equal. Models agree when they predict the same.

    Args:
        before: The recorded value.
        after: The value now.
        tolerance: From 0, which asks for equal numbers.
        tables: Tables that models may be asked about.
    """
    try:
        return _Comparison(tolerance, tables).of(before, after, "value")
    except Exception as error:  # noqa: BLE001 - values of strangers may raise anything
        return f"they cannot be compared: {type(error).__name__}: {error}"


class _Comparison:
    def __init__(self, tolerance: float, tables: Sequence[Any]) -> None:
        self._tolerance = tolerance
        self._tables = tables

    def of(self, before: Any, after: Any, path: str) -> str | None:
        if type(before) is not type(after):
            return f"{path} was a {type(before).__name__} and is a {type(after).__name__}"
        if isinstance(before, int | float | complex | np.number) and type(before) is not bool:
            return self._numbers(np.asarray(before), np.asarray(after), path)
        if isinstance(before, np.ndarray):
            return self._arrays(before, after, path)
        if hasattr(before, "columns") and hasattr(before, "dtypes"):
            return self._tables_differ(before, after, path)
        if hasattr(before, "dtype") and hasattr(before, "to_numpy"):
            return self._arrays(before.to_numpy(), after.to_numpy(), path)
        if isinstance(before, Mapping):
            return self._mappings(before, after, path)
        if isinstance(before, list | tuple):
            return self._sequences(before, after, path)
        return self._others(before, after, path)

    def _numbers(self, before: Any, after: Any, path: str) -> str | None:
        if before.shape != after.shape:
            return f"{path} had shape {before.shape} and has {after.shape}"
        same = (before == after) | ((before != before) & (after != after))  # noqa: PLR0124 - true of NaN only
        if bool(np.all(same)):
            return None
        gap = np.abs(np.where(same, 0, after) - np.where(same, 0, before))
        scale = np.maximum(1.0, np.maximum(np.abs(before), np.abs(after)))
        near = same | (gap <= self._tolerance * scale)
        if bool(np.all(near)):
            return None
        many = f"{int(np.sum(~near))} of {near.size} differ, " if near.size > 1 else ""
        known = gap[~np.isnan(gap)]
        if np.isnan(gap).any():
            many += "NaN on one side, "
        return f"{path}: {many}by {float(known.max(initial=0.0)):.3g} at most"

    def _arrays(self, before: Any, after: Any, path: str) -> str | None:
        if before.dtype != after.dtype:
            return f"{path} was of {before.dtype} and is of {after.dtype}"
        if before.dtype.kind in "fciu":
            return self._numbers(before, after, path)
        if before.shape != after.shape:
            return f"{path} had shape {before.shape} and has {after.shape}"
        pairs = zip(before.ravel(), after.ravel(), strict=True)
        count = sum(not _is_same(one, other) for one, other in pairs)
        return f"{path}: {count} of {before.size} differ" if count else None

    def _tables_differ(self, before: Any, after: Any, path: str) -> str | None:
        if list(before.columns) != list(after.columns) or len(before) != len(after):
            return f"{path} had {_shape(before)} and has {_shape(after)}"
        if hasattr(before, "index") and not before.index.equals(after.index):
            return f"the index of {path} differs"
        for name in before.columns:
            if found := self.of(before[name], after[name], f"{path}[{name!r}]"):
                return found
        return None

    def _mappings(self, before: Any, after: Any, path: str) -> str | None:
        if list(before) != list(after):
            return f"{path} had the keys {list(before)[:5]} and has {list(after)[:5]}"
        found = (self.of(before[key], after[key], f"{path}[{key!r}]") for key in before)
        return next(filter(None, found), None)

    def _sequences(self, before: Any, after: Any, path: str) -> str | None:
        if len(before) != len(after):
            return f"{path} had {len(before)} items and has {len(after)}"
        pairs = enumerate(zip(before, after, strict=True))
        found = (self.of(one, other, f"{path}[{n}]") for n, (one, other) in pairs)
        return next(filter(None, found), None)

    def _others(self, before: Any, after: Any, path: str) -> str | None:
        if isinstance(before, Path):
            return _files_differ(before, after, path)
        if hasattr(before, "state_dict"):
            return self._mappings(_state(before), _state(after), path)
        if hasattr(before, "predict"):
            return self._models(before, after, path)
        return None if _is_same(before, after) else f"{path} differs"

    def _models(self, before: Any, after: Any, path: str) -> str | None:
        for probe in self._probes(before):
            asked = "predict_proba" if hasattr(before, "predict_proba") else "predict"
            try:
                old = np.asarray(getattr(before, asked)(probe))
                new = np.asarray(getattr(after, asked)(probe))
            except Exception:  # noqa: BLE001, S112 - this probe is not for this model
                continue
            return self._arrays(old, new, f"what {path} predicts of {len(probe)} rows")
        return f"{path} differs, and no table is at hand to ask both models about"

    def _probes(self, model: Any) -> Any:
        """Tables that were read, with the columns that the model knows; then numbers by chance."""
        names = _features(model)
        for table in self._tables:
            if names and set(names) <= set(getattr(table, "columns", ())):
                chosen = table[names].head(PROBE_ROWS)
                yield chosen
                texts = {
                    n: "category"
                    for n in names
                    if chosen[n].dtype.kind in "OU" or str(chosen[n].dtype) in {"str", "string"}
                }
                yield chosen.astype(texts)
        count = getattr(model, "n_features_in_", None) or len(names)
        if count:
            yield np.random.default_rng(0).normal(size=(PROBE_ROWS, int(count)))


def _files_differ(before: Path, after: Path, path: str) -> str | None:
    old, new = _digests(before), _digests(after)
    names = [n for n in sorted(old.keys() | new.keys()) if old.get(n) != new.get(n)]
    if not names:
        return None
    more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
    return f"{path} has other files: {', '.join(names[:_NAMED])}{more}"


def _digests(place: Path) -> dict[str, str]:
    """Digests of the files of a folder, by name, or of a single file."""
    if place.is_file():
        return {"its only one": file_digest(place)}
    files = (path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix(): file_digest(path) for path in files}


def _features(model: Any) -> list[str]:
    for name in ("feature_names_in_", "feature_name", "feature_names"):
        if (found := getattr(model, name, None)) is not None:
            return [str(item) for item in (found() if callable(found) else found)]
    return []


def _state(model: Any) -> dict[str, Any]:
    return {name: np.asarray(item.detach().cpu()) for name, item in model.state_dict().items()}


def _shape(table: Any) -> str:
    return f"{len(table)} rows of {list(table.columns)[:8]}"


def _is_same(before: Any, after: Any) -> bool:
    if before is after:
        return True
    same = before == after
    if isinstance(same, bool | np.bool_) and same:
        return True
    return bool(before != before) and bool(after != after)  # noqa: PLR0124 - true of NaN only
