"""`lightgbm/1` and `xgboost/1`: boosters in the formats of their libraries.

Both libraries trust what they parse: a model made by an attacker runs no code of theirs by design,
but it may crash the process. Bytes are held against their digest before they come here, so damage
never gets this far; only who may write versions can send such a model. Models in the style of
scikit-learn (`LGBMClassifier`) are estimators.
"""

from __future__ import annotations

from typing import Any

import orjson

from versioning.codecs.documents import pack, unpack
from versioning.codecs.protocol import Reader, Writer, refuse_damage
from versioning.errors import FormatError

# What training leaves on a LightGBM booster beside the model text.
_FACTS = ("params", "best_iteration", "best_score")


class _LightgbmCodec:
    name = "lightgbm"
    version = 1

    def accepts(self, value: object) -> bool:
        import lightgbm

        return type(value) is lightgbm.Booster

    def write(self, value: Any, writer: Writer) -> None:
        facts = {name: getattr(value, name) for name in _FACTS}
        # Training leaves a defaultdict of OrderedDicts.
        facts["best_score"] = {data: dict(found) for data, found in value.best_score.items()}
        document = orjson.dumps(pack(facts, path="the booster"))
        with writer.part("model.txt") as stream:
            # All trees, not only those up to the best iteration.
            stream.write(value.model_to_string(num_iteration=-1).encode())
        with writer.part("training.json") as stream:
            stream.write(document)

    def read(self, reader: Reader) -> Any:
        import lightgbm

        with refuse_damage(self):
            booster = lightgbm.Booster(model_str=reader.read("model.txt").decode())
            facts = unpack(orjson.loads(reader.read("training.json")))
            for name in _FACTS:
                setattr(booster, name, facts[name])
            return booster


class _XgboostCodec:
    name = "xgboost"
    version = 1

    def accepts(self, value: object) -> bool:
        import xgboost

        return type(value) is xgboost.Booster

    def write(self, value: Any, writer: Writer) -> None:
        with writer.part("model.ubj") as stream:
            stream.write(value.save_raw("ubj"))

    def read(self, reader: Reader) -> Any:
        import xgboost

        with refuse_damage(self):
            data = bytearray(reader.read("model.ubj"))
            if not data:
                raise FormatError("an empty model, over which XGBoost would end the process")
            booster = xgboost.Booster()
            booster.load_model(data)
            return booster


CODECS: tuple[Any, ...] = (_LightgbmCodec(), _XgboostCodec())
