"""Encoder of LightGBM's boosters: the text of the model, up to the parameters it was trained with.

Those name threads and verbosity. Scikit-learn style models are estimators that hold a booster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightgbm

from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from versioning.encoding.encoder import Encoder

_PARAMETERS = "\nparameters:"
_CATEGORIES = "\npandas_categorical:"


@encodes(lightgbm.Booster, tag="lightgbm.booster", family=True)
def _booster(value: lightgbm.Booster, to: Encoder) -> None:
    text = value.model_to_string()
    model, _, rest = text.partition(_PARAMETERS)
    to.text(model)
    to.text(rest.rpartition(_CATEGORIES)[2].strip())
