"""Encoder of XGBoost's boosters: the model as the library itself stores it, without its settings.

Scikit-learn style models are estimators that hold a booster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import xgboost

from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder


@encodes(xgboost.Booster, tag="xgboost.booster", family=True)
def _booster(value: xgboost.Booster, to: Encoder) -> None:
    to.data(memoryview(value.save_raw("ubj")))
