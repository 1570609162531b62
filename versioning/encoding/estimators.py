"""Encoder of scikit-learn's estimators, and what they are made of.

An estimator is its class and its state, walked member by member: never a pickle, whose bytes vary
with threads and memory. What only says how fast it ran or how many threads it may use is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from versioning.encoding import science as _science  # noqa: F401 - encodes what they are made of
from versioning.encoding.containers import write_dict
from versioning.encoding.registry import encodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from versioning.encoding.encoder import Encoder

# Threads, progress, seconds and the library's own release: nothing that a prediction depends on.
UNKEYED = frozenset(
    {
        "n_jobs",
        "n_threads",
        "_n_threads",
        "nthread",
        "num_threads",
        "thread_count",
        "pre_dispatch",
        "verbose",
        "refit_time_",
        "mean_fit_time",
        "std_fit_time",
        "mean_score_time",
        "std_score_time",
        "_sklearn_version",
    }
)
# Dictionaries on estimators that hold parameters or timings under the same names.
_PARAMETERS = frozenset({"_other_params", "kwargs", "cv_results_"})


@encodes(BaseEstimator, tag="sklearn.estimator", family=True)
def _estimator(value: Any, to: Encoder) -> None:
    state = _keyed(value.__getstate__() or {})
    for name in _PARAMETERS & state.keys():
        if isinstance(state[name], dict):
            state[name] = _keyed(state[name])
    to.attributes(state)


def _keyed(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: held for name, held in state.items() if name not in UNKEYED}


encodes(Bunch, tag="sklearn.bunch")(write_dict)
