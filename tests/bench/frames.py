"""Large frames as flows have them: a mix of numbers, text, categories and moments."""

from __future__ import annotations

import numpy as np
import pandas as pd

MEGABYTES = 200


def mixed(megabytes: int = MEGABYTES, seed: int = 1) -> pd.DataFrame:
    """A frame of `megabytes`: 6 columns of numbers, 2 of text, 2 of categories, 2 of moments."""
    sample = _rows(10_000, seed)
    rows = int(megabytes * 10_000 * 1e6 / size_bytes(sample))
    return _rows(rows, seed)


def size_bytes(frame: pd.DataFrame) -> int:
    """Bytes of memory the frame takes."""
    return int(frame.memory_usage(deep=True, index=False).sum())


def _rows(rows: int, seed: int) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    numbers = {f"x{n}": chance.normal(size=rows) for n in range(4)}
    numbers["x0"][chance.random(rows) < 0.02] = np.nan
    counts = {"count": chance.integers(0, 1000, rows), "code": chance.integers(0, 9, rows, "i4")}
    tails = np.char.add("N", chance.integers(10_000, 99_999, rows).astype(str))
    words = np.array(["delayed by weather", "on time", "cancelled", ""])
    texts = {"tail": tails, "remark": words[chance.integers(0, 4, rows)]}
    names = np.char.add("airport ", np.arange(200).astype(str))
    return pd.DataFrame(
        {
            **numbers,
            **counts,
            **{name: pd.Series(text, dtype="str") for name, text in texts.items()},
            "origin": pd.Categorical.from_codes(chance.integers(0, 3, rows), ["EWR", "JFK", "LGA"]),
            "dest": pd.Categorical.from_codes(chance.integers(0, 200, rows), names),
            "scheduled": pd.Timestamp("2013-01-01") + pd.to_timedelta(counts["count"], "h"),
            "departed": pd.date_range("2013-01-01", periods=rows, freq="s", tz="America/New_York"),
        }
    )
