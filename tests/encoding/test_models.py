"""Models: what they predict by counts; threads, verbosity and how they are pickled do not."""

import copy
import pickle
from types import SimpleNamespace

import lightgbm
import numpy as np
import pandas as pd
import pytest
import torch
import xgboost
from matplotlib import pyplot
from sklearn import (
    decomposition,
    ensemble,
    linear_model,
    model_selection,
    neighbors,
    pipeline,
    preprocessing,
    svm,
)

from versioning.encoding import value_digest
from versioning.errors import UnkeyableError

RNG = np.random.default_rng(0)
X = RNG.random((200, 4))
Y = (X[:, 0] + RNG.random(200) > 1).astype(int)


def sklearn_models():
    logistic = linear_model.LogisticRegression
    return {
        "logistic": logistic(),
        "forest": ensemble.RandomForestClassifier(5, random_state=0),
        "boosting": ensemble.HistGradientBoostingClassifier(max_iter=5, random_state=0),
        "isolation": ensemble.IsolationForest(n_estimators=5, random_state=0),
        "stacking": ensemble.StackingClassifier([("a", logistic())]),
        "search": model_selection.GridSearchCV(logistic(), {"C": [1, 2]}),
        "pipeline": pipeline.make_pipeline(preprocessing.StandardScaler(), logistic()),
        "function": preprocessing.FunctionTransformer(np.log1p),
        "encoder": preprocessing.OneHotEncoder(),
        "spline": preprocessing.SplineTransformer(),
        "neighbors": neighbors.KNeighborsClassifier(algorithm="kd_tree"),
        "svm": svm.SVC(),
        "components": decomposition.PCA(2),
    }


@pytest.mark.parametrize("name", sklearn_models())
def test_an_estimator_fitted_twice_or_pickled_keys_the_same(name):
    model = sklearn_models()[name]
    unfitted = value_digest(model)
    first = value_digest(copy.deepcopy(model).fit(X, Y))
    fitted = model.fit(X, Y)
    assert value_digest(fitted) == first
    assert value_digest(pickle.loads(pickle.dumps(fitted))) == first
    assert first != unfitted or name == "function"


def test_threads_of_an_estimator_do_not_count_and_parameters_do():
    from sklearn.ensemble import RandomForestClassifier

    def fitted(**parameters):
        return value_digest(RandomForestClassifier(5, **parameters).fit(X, Y))

    assert fitted(random_state=0) == fitted(random_state=0, n_jobs=2)
    assert fitted(random_state=0) != fitted(random_state=1)
    assert fitted(random_state=0) != fitted(random_state=0, max_depth=2)


def test_padding_in_the_nodes_of_a_tree_does_not_count():
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(random_state=0).fit(X, Y)
    before = value_digest(tree)
    state = tree.tree_.__getstate__()
    nodes = state["nodes"].copy()
    used = {offset + i for t, offset, *_ in nodes.dtype.fields.values() for i in range(t.itemsize)}
    padding = [i for i in range(nodes.dtype.itemsize) if i not in used]
    assert padding
    nodes.view("u1").reshape(len(nodes), -1)[:, padding] = 7
    assert value_digest(nodes) == value_digest(state["nodes"])
    assert value_digest(tree) == before


def booster(**parameters):
    settings = {"verbose": -1, "objective": "binary", "deterministic": True, **parameters}
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical((X[:, 1] * 4).astype(int))})
    return lightgbm.train({**settings, "force_col_wise": True}, lightgbm.Dataset(frame, Y), 5)


def test_a_lightgbm_booster_survives_its_own_text():
    model = booster()
    again = lightgbm.Booster(model_str=model.model_to_string())
    assert value_digest(again) == value_digest(model) == value_digest(copy.deepcopy(model))


def test_threads_of_a_lightgbm_booster_do_not_count_and_trees_do():
    assert value_digest(booster(num_threads=1)) == value_digest(booster(num_threads=2))
    assert value_digest(booster()) != value_digest(booster(learning_rate=0.2))


def test_a_lightgbm_classifier_is_an_estimator():
    def fitted(**parameters):
        model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, **parameters)
        return value_digest(model.fit(X, Y))

    assert fitted(n_jobs=1) == fitted(n_jobs=2)
    assert fitted() != fitted(num_leaves=3)


def xgboost_booster(**parameters):
    settings = {"objective": "binary:logistic", **parameters}
    return xgboost.train(settings, xgboost.DMatrix(X, Y), 3)


def test_an_xgboost_booster_survives_its_own_json_whatever_the_threads():
    model = xgboost_booster(nthread=1)
    again = xgboost.Booster(model_file=bytearray(model.save_raw("json")))
    assert value_digest(again) == value_digest(model) == value_digest(xgboost_booster(nthread=2))
    assert value_digest(model) != value_digest(xgboost_booster(eta=0.1))


def test_an_xgboost_classifier_is_an_estimator():
    one, two = (xgboost.XGBClassifier(n_estimators=3, n_jobs=n).fit(X, Y) for n in (1, 2))
    assert value_digest(one) == value_digest(two)


def test_tensors_count_by_dtype_shape_and_elements():
    tensor = torch.arange(12.0).reshape(3, 4)
    different = [
        tensor,
        tensor.T,
        tensor.flatten(),
        tensor + 1,
        tensor.double(),
        tensor.bfloat16(),
        tensor.to_sparse(),
        tensor.clone().requires_grad_(),
        torch.nn.Parameter(tensor),
        tensor.numpy(),
        tensor > 1,
        torch.zeros(0),
        torch.tensor(1 + 2j),
        torch.float32,
        torch.float64,
        torch.device("cpu"),
        torch.Size([1]),
    ]
    assert len({value_digest(value) for value in different}) == len(different)


def test_storage_and_strides_of_a_tensor_do_not_count():
    tensor = torch.arange(12.0).reshape(3, 4)
    for same in (tensor.clone(), tensor.T.contiguous().T, torch.cat([tensor, tensor])[3:]):
        assert value_digest(same) == value_digest(tensor)
    nan = torch.tensor([float("nan")])
    assert value_digest(nan) == value_digest(-nan)


def test_modules_count_by_class_weights_and_settings():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Dropout(0.1))
    again = copy.deepcopy(model)
    assert value_digest(model) == value_digest(again)
    assert value_digest(model.state_dict()) == value_digest(again.state_dict())
    again[2].p = 0.2
    assert value_digest(model) != value_digest(again)
    assert value_digest(model) != value_digest(copy.deepcopy(model).eval())


def test_meta_tensors_are_refused():
    with pytest.raises(UnkeyableError, match="meta"):
        value_digest(torch.empty(3, device="meta"))


def figure(height):
    drawn, axes = pyplot.subplots()
    axes.plot([1, 2, height])
    axes.fill_between([1, 2], [1, height])
    pyplot.close(drawn)
    return drawn


def test_figures_count_by_what_they_show():
    assert value_digest(figure(3)) == value_digest(figure(3))
    assert value_digest(figure(3)) != value_digest(figure(4))


def test_a_refusal_inside_a_model_names_the_attribute():
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression()
    model.extra = SimpleNamespace(x=[object()])
    with pytest.raises(UnkeyableError) as caught:
        value_digest(model, path="model")
    assert caught.value.path == "model.extra.x[0]"
