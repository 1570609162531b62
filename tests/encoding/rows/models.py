"""Models and tensors: scikit-learn, LightGBM, XGBoost, torch."""

from __future__ import annotations

import functools
import pickle

import lightgbm
import numpy as np
import pandas as pd
import torch
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import Bunch

from tests.encoding.rows.row import Refused, Row

CHANCE = np.random.default_rng(0)
X = CHANCE.random((80, 3))
Y = (X[:, 0] + CHANCE.random(80) > 1).astype(int)


class Scaled(LogisticRegression):
    """A model of the project."""


def logistic(**parameters):
    return LogisticRegression(**parameters).fit(X, Y)


def forest(**parameters):
    return RandomForestClassifier(3, **{"random_state": 0, **parameters}).fit(X, Y)


def pipeline(*, fit=True, **parameters):
    steps = make_pipeline(StandardScaler(), LogisticRegression(**parameters))
    return steps.fit(X, Y) if fit else steps


@functools.cache
def light(**parameters):
    settings = {"verbose": -1, "objective": "binary", "deterministic": True, "force_col_wise": True}
    names = pd.DataFrame(X, columns=["a", "b", "c"])
    return lightgbm.train({**settings, **parameters}, lightgbm.Dataset(names, Y), 4)


def with_best(iteration, trees=4):
    """A booster of so many trees whose predictions stop at one of them."""
    text = light().model_to_string(num_iteration=trees)
    booster = lightgbm.Booster(model_str=text)
    booster.best_iteration = iteration
    return booster


def reread(booster):
    return lightgbm.Booster(model_str=booster.model_to_string())


@functools.cache
def extreme(**parameters):
    settings = {"objective": "binary:logistic", **parameters}
    return xgboost.train(settings, xgboost.DMatrix(X, Y), 3)


def with_note(booster):
    booster = booster.copy()
    booster.set_attr(note="x")
    return booster


TENSOR = torch.arange(12.0).reshape(3, 4)
TORCH_DTYPES = [
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16),
    *(torch.float16, torch.bfloat16, torch.float64, torch.complex64, torch.complex128),
    *(torch.float8_e4m3fn, torch.float8_e5m2),
]


class Net(torch.nn.Module):
    def __init__(self, width=2, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layer = torch.nn.Linear(width, 2)
        self.register_buffer("mean", torch.zeros(width))
        self.rate = 0.1


def evaluated(module):
    return module.eval()


def with_rate(module):
    module.rate = 0.2
    return module


def frozen(module):
    module.layer.weight.requires_grad_(requires_grad=False)
    return module


def lstm(seed):
    torch.manual_seed(seed)
    return torch.nn.LSTM(2, 3)


ROWS = [
    Row(
        "estimator",
        lambda: [logistic(), logistic(), pickle.loads(pickle.dumps(logistic()))],
        lambda: [
            *(logistic(C=2), LogisticRegression(), LogisticRegression(C=2), LinearRegression()),
            *(Scaled().fit(X, Y), LogisticRegression(class_weight={0: 1, 1: 2})),
            *(FunctionTransformer(np.log1p), FunctionTransformer(np.mean), Bunch(a=1), Bunch(a=2)),
        ],
    ),
    Row(
        "forest",
        lambda: [forest(), forest(n_jobs=2), forest(verbose=0)],
        lambda: [forest(random_state=1), forest(max_depth=1)],
    ),
    Row(
        "pipeline",
        lambda: [pipeline(), pipeline()],
        lambda: [
            *(pipeline(C=2), pipeline(fit=False)),
            Pipeline([("scale", StandardScaler()), ("last", LogisticRegression())]).fit(X, Y),
        ],
    ),
    Row(
        "LightGBM booster",
        lambda: [light(), light(num_threads=1), reread(light())],
        lambda: [light(learning_rate=0.2), with_best(2), with_best(3), with_best(0, trees=2)],
        is_stored=True,
        is_copied=False,  # LightGBM's copies forget their best iteration.
    ),
    Row(
        "XGBoost booster",
        lambda: [extreme(), extreme(nthread=1), extreme().copy()],
        lambda: [extreme(eta=0.1), with_note(extreme()), extreme()[:2]],
        is_stored=True,
    ),
    Row(
        "tensor",
        lambda: [
            TENSOR,
            TENSOR.clone(),
            TENSOR.T.contiguous().T,
            torch.cat([TENSOR, TENSOR])[3:],
            torch.stack([TENSOR, -TENSOR], dim=-1)[..., 0],
            torch.as_strided(TENSOR, (3, 4), (4, 1)),
        ],
        lambda: [
            *(TENSOR.T, TENSOR.flatten(), TENSOR + 1, TENSOR.clone().requires_grad_()),
            TENSOR.numpy(),
            *(torch.nn.Parameter(TENSOR), torch.nn.Parameter(TENSOR, requires_grad=False)),
            *(torch.zeros(0), torch.zeros(1, 0), torch.tensor(0.0), torch.tensor(-0.0)),
            *(TENSOR.shape, torch.float32, torch.device("cpu"), torch.strided),
        ],
    ),
    Row(
        "tensor of every dtype",
        lambda: [torch.ones(2), torch.ones(4)[::2]],
        lambda: [torch.ones(2).to(dtype) for dtype in TORCH_DTYPES],
    ),
    Row(
        "sparse tensor",
        lambda: [TENSOR.to_sparse(), TENSOR.to_sparse()],
        lambda: [TENSOR.to_sparse_csr(), TENSOR.to_sparse_csc(), TENSOR[:2].to_sparse()],
        is_copied=False,
    ),
    Row("element of a tensor", lambda: [TENSOR[:1, 1:2], TENSOR.T[1:2, :1], torch.tensor([[1.0]])]),
    Row("NaN of a tensor", lambda: [torch.tensor([torch.nan]), -torch.tensor([torch.nan])]),
    Row(
        "conjugate",
        lambda: [torch.tensor([1 + 2j]).conj(), torch.tensor([1 - 2j])],
        lambda: [torch.tensor([1 + 2j]), torch.tensor([1 + 2j]).imag],
    ),
    Row(
        "module",
        lambda: [Net(), Net()],
        lambda: [
            *(Net(seed=1), Net(width=3), evaluated(Net()), with_rate(Net()), frozen(Net())),
            *(lstm(0), lstm(1), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Dropout(0.2)),
        ],
    ),
    Row(
        "state dict",
        lambda: [Net().state_dict(), Net().state_dict()],
        lambda: [Net(seed=1).state_dict(), dict(Net().state_dict())],
        is_stored=True,
    ),
    Row(
        "torch generator",
        lambda: [torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)],
        lambda: [torch.Generator().manual_seed(2)],
        is_copied=False,
    ),
]

REFUSED = [
    Refused("meta tensor", lambda: torch.empty(3, device="meta"), "dequantize"),
    Refused(
        "quantized tensor",
        lambda: torch.quantize_per_tensor(TENSOR, 0.1, 0, torch.qint8),
        "dequantize",
    ),
    Refused("optimizer", lambda: torch.optim.SGD(Net().parameters(), 0.1)),
    Refused("object in a model", lambda: with_held(LogisticRegression())),
]


def with_held(model):
    model.held = object()
    return model
