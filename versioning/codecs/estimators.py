"""`sklearn/1`: fitted estimators and pipelines, by skops, without pickle.

A skops file names the types it is made of. Only those of scikit-learn, and the models of LightGBM
and XGBoost, are built; any other is refused before anything of it runs. Its bytes differ from one
writing to the next (ids and times), so equal models share a value digest but no blob.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import skops.io
from sklearn.base import BaseEstimator
from skops.io.exceptions import UnsupportedTypeException

from versioning.codecs.octets import chunked, write_all
from versioning.codecs.protocol import Reader, Writer, refuse_damage
from versioning.errors import FormatError, UnkeyableError

if TYPE_CHECKING:
    from collections.abc import Iterable

PART = "model.skops"

_CLASSES = re.compile(
    r"collections\.OrderedDict"
    r"|sklearn\.(?!datasets\.|externals\.|utils\._testing).+"
    r"|lightgbm\.basic\.Booster|lightgbm\.sklearn\.LGBM\w+"
    r"|xgboost\.core\.Booster|xgboost\.sklearn\.XGB\w+"
)
# Scores and metrics that estimators hold; functions elsewhere may read files or run text.
_FUNCTIONS = re.compile(r"sklearn\.(metrics|feature_selection)\..+")


class _EstimatorCodec:
    name = "sklearn"
    version = 1

    def accepts(self, value: object) -> bool:
        return isinstance(value, BaseEstimator)

    def write(self, value: object, writer: Writer) -> None:
        try:
            data = skops.io.dumps(value)
        except (UnsupportedTypeException, TypeError, AttributeError) as error:
            raise UnkeyableError(f"this model has a part that is not stored: {error}") from error
        strangers = _strangers(skops.io.get_untrusted_types(data=data))
        if strangers:
            raise UnkeyableError(
                f"this model holds {', '.join(strangers)}, which loading would have to run: "
                'keep it out of the model, or ask for `codec="pickle"`'
            )
        with writer.part(PART) as stream:
            write_all(chunked(memoryview(data)), stream)

    def read(self, reader: Reader) -> Any:
        with refuse_damage(self):
            data = reader.read(PART)
            names = skops.io.get_untrusted_types(data=data)
            strangers = _strangers(names)
            if strangers:
                raise FormatError(f"this model would run {', '.join(strangers)}: do not load it")
            return skops.io.loads(data, trusted=names)


def _strangers(names: Iterable[str]) -> list[str]:
    return [name for name in names if not _is_known(name)]


def _is_known(dotted: str) -> bool:
    """Whether a name means a class or function that the library it names defines itself."""
    if not (_CLASSES.fullmatch(dotted) or _FUNCTIONS.fullmatch(dotted)):
        return False
    module, _, name = dotted.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        return False
    is_own = getattr(found, "__module__", "").partition(".")[0] == dotted.partition(".")[0]
    return is_own and (isinstance(found, type) or _FUNCTIONS.fullmatch(dotted) is not None)


CODECS = (_EstimatorCodec(),)
