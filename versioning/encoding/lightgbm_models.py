"""Encoder of LightGBM's boosters: the text of the model, and what training found out.

The parameters of the training are left out: they name threads and verbosity. Scikit-learn style
models are estimators that hold a booster.
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
    text = value.model_to_string(num_iteration=-1)  # All trees, not those up to the best one.
    model, _, rest = text.partition(_PARAMETERS)
    to.text(model)
    to.text(rest.rpartition(_CATEGORIES)[2].strip())
    # What predictions stop at; unknown is 0 or -1, as it happens.
    to.integer(max(value.best_iteration, 0))
    to.attributes({data: dict(scores) for data, scores in value.best_score.items()})
