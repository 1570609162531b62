"""`safetensors/1`, `lightgbm/1`, `xgboost/1`, `sklearn/1`: models predict what they did."""

from __future__ import annotations

import io
import json
import zipfile

import lightgbm
import numpy as np
import pytest
import skops.io
import torch
import xgboost
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from versioning.codecs import codec_for, codec_named
from versioning.codecs.memory import MemoryParts
from versioning.encoding import value_digest
from versioning.errors import FormatError, UnkeyableError

RANDOM = np.random.default_rng(7)
X = np.abs(RANDOM.normal(size=(80, 3)))
Y = (X[:, 0] > 0.6).astype(int)

ESTIMATORS = {
    "unfitted": LogisticRegression(C=0.5),
    "forest": RandomForestClassifier(5, random_state=0),
    "histogram": HistGradientBoostingClassifier(max_iter=5),
    "neighbours": KNeighborsClassifier(algorithm="kd_tree"),
    "calibrated": CalibratedClassifierCV(SVC(), cv=2),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2, scoring="roc_auc"),
    "pipeline": make_pipeline(
        make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(), [2])),
        SelectKBest(f_classif, k=3),
        FunctionTransformer(np.abs),
        LogisticRegression(random_state=np.random.RandomState(1)),
    ),
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1),
    "xgboost": xgboost.XGBClassifier(n_estimators=3, n_jobs=1),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_predicts_the_same(again, name):
    model = ESTIMATORS[name]
    data = np.round(X) if name == "pipeline" else X
    if name != "unfitted":
        model.fit(data, Y)
    loaded = again(model)
    assert type(loaded) is type(model)
    assert value_digest(loaded) == value_digest(model)
    if name != "unfitted":
        assert np.array_equal(loaded.predict(data), model.predict(data))


class Own(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


def helper(values):
    return values


@pytest.mark.parametrize("step", [Own(), FunctionTransformer(helper)], ids=["class", "function"])
def test_an_estimator_with_code_of_ours_is_refused(step):
    model = make_pipeline(step, LogisticRegression())
    with pytest.raises(UnkeyableError, match=r"this model holds .*(Own|helper)"):
        codec_for(model).write(model, MemoryParts())


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "sklearn.utils._testing.os",
        "sklearn.metrics.os",
        "sklearn.datasets.fetch_openml",
        "sklearn.externals.array_api_compat.numpy.memmap",
        "numpy.testing._private.utils.runstring",
        "numpy.memmap",
        "xgboost.tracker.RabitTracker",
        "lightgbm.basic.Dataset",
        "versioning.codecs.codec_for",
    ],
)
def test_a_model_that_names_other_code_is_refused_and_nothing_runs(name):
    data = skops.io.dumps(FunctionTransformer(np.abs))
    with pytest.raises(FormatError):
        codec_named("sklearn/1").read(MemoryParts({"model.skops": with_function(data, name)}))


def with_function(data, dotted):
    """The skops file, with another function in the place of `numpy.abs`."""
    module, _, name = dotted.rpartition(".")
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        schema = json.loads(old.read("schema.json"))
        function = schema["content"]["content"]["func"]
        function["__module__"], function["__class__"] = module, name
        new.writestr("schema.json", json.dumps(schema))
    return out.getvalue()


@pytest.mark.parametrize("data", [b"", b"PK", b"x" * 100])
def test_bytes_that_are_no_model_are_refused(data):
    for codec, part in [("sklearn/1", "model.skops"), ("xgboost/1", "model.ubj")]:
        with pytest.raises(FormatError):
            codec_named(codec).read(MemoryParts({part: data}))


@pytest.fixture
def booster():
    train = lightgbm.Dataset(X, Y, feature_name=["a", "b", "c"], free_raw_data=False)
    return lightgbm.train(
        {"objective": "binary", "metric": "auc", "verbose": -1, "num_threads": 1},
        train,
        num_boost_round=30,
        valid_sets=[lightgbm.Dataset(X[::2], Y[::2], reference=train)],
        callbacks=[lightgbm.early_stopping(2, verbose=False)],
    )


def test_a_lightgbm_booster_keeps_its_trees_and_its_training(again, parts, booster):
    loaded = again(booster)
    assert np.array_equal(loaded.predict(X), booster.predict(X))
    assert value_digest(loaded) == value_digest(booster)
    assert loaded.num_trees() == booster.num_trees()
    assert (loaded.params, loaded.best_iteration) == (booster.params, booster.best_iteration)
    assert loaded.best_score == booster.best_score
    assert parts.parts == ["model.txt", "training.json"]


def test_an_xgboost_booster_predicts_the_same(again):
    data = xgboost.DMatrix(X, Y, feature_names=["a", "b", "c"])
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 3)
    booster.set_attr(note="kept")
    loaded = again(booster)
    assert np.array_equal(loaded.predict(data), booster.predict(data))
    assert loaded.attr("note") == "kept"
    assert value_digest(loaded) == value_digest(booster)


TENSORS = [
    torch.zeros(()),
    torch.empty(0, 3),
    torch.arange(6, dtype=torch.int16).reshape(2, 3).T,
    torch.tensor([float("nan"), -0.0], dtype=torch.bfloat16),
    torch.tensor([True, False]),
    torch.tensor([1 + 2j]).conj(),
    torch.randn(200, 300),
]


@pytest.mark.parametrize("tensor", TENSORS, ids=lambda t: f"{t.dtype}-{tuple(t.shape)}")
def test_a_tensor_comes_back_with_dtype_and_shape(again, tensor):
    loaded = again(tensor)
    assert (loaded.dtype, loaded.shape) == (tensor.dtype, tensor.shape)
    assert value_digest(loaded) == value_digest(tensor)


def test_a_state_dict_is_a_part_per_tensor(again, parts):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    state = module.state_dict()
    loaded = again(state)
    assert len(parts.parts) == len(state) + 1
    assert type(loaded) is type(state)
    assert loaded._metadata == state._metadata
    assert value_digest(loaded) == value_digest(state)
    torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).load_state_dict(loaded)


def test_a_tensor_that_stands_twice_is_stored_once(again, parts):
    tensor = torch.randn(3)
    loaded = again({"a": tensor, "b": tensor})
    assert len(parts.parts) == 2
    assert loaded["a"] is loaded["b"]


def test_changing_a_mapped_tensor_changes_nothing_that_is_stored(again, parts):
    tensor = torch.zeros(100_000)
    loaded = again(tensor)
    loaded += 1
    assert codec_named("safetensors/1").read(parts).sum() == 0


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (torch.nn.Linear(2, 2), "state_dict"),
        (torch.nn.Parameter(torch.zeros(2)), "detach"),
        (torch.zeros(2, requires_grad=True), "detach"),
        (torch.zeros(2).to_sparse(), "dense"),
        (torch.zeros(2, dtype=torch.complex128), "cast"),
    ],
    ids=["module", "parameter", "gradient", "sparse", "complex128"],
)
def test_what_is_no_plain_tensor_is_refused_with_advice(value, advice):
    with pytest.raises(UnkeyableError, match=advice):
        codec_for(value).write(value, MemoryParts())


@pytest.mark.parametrize("data", [b"", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0{}"])
def test_bytes_that_are_no_tensor_are_refused(data):
    with pytest.raises(FormatError):
        codec_named("safetensors/1").read(MemoryParts({"tensor.safetensors": data}))
