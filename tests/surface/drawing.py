"""Steps and functions that draw, with a seed and without."""

from __future__ import annotations

import numpy as np

from versioning import deterministic, versioned


@versioned
def unseeded(count: int) -> list[float]:
    return np.random.rand(count).tolist()


@versioned
def ignores_its_seed(seed: int) -> float:
    return float(np.random.rand())


@versioned
def seeded(seed: int) -> float:
    with deterministic(seed):
        return float(np.random.rand())


def forest(rows: object) -> object:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=3).fit(rows, rows)


def seeded_forest(rows: object, seed: int) -> object:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=3, random_state=seed).fit(rows, rows)


def of_its_own(count: int, seed: int) -> object:
    return np.random.default_rng(seed).normal(size=count)


def given(rng: np.random.Generator) -> object:
    return np.asarray(rng.normal(size=3))


@versioned
def summed(numbers: list[float]) -> float:
    return plain(numbers)


def plain(numbers: list[float]) -> float:
    return float(np.asarray(numbers).sum())
