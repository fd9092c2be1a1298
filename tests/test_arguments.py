"""Every constructor argument changes the fit, and every bad value is refused by name."""

from math import inf, nan

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import KFold, ShuffleSplit

from skdropout import DropoutMLPClassifier
from skdropout.constraints import MaxNorm
from skdropout.dropout import Alpha, Batchwise, Bernoulli, DropConnect, Gaussian
from skdropout.initializers import Normal, Orthogonal, Uniform, VarianceScaling
from skdropout.optimizers import SGD, Adam
from skdropout.schedules import Cosine, Early, InverseTime, Late, Linear, Schedule

X, Y = make_classification(120, n_features=12, n_informative=6, weights=[0.7], random_state=0)

BASE = {"hidden_layer_sizes": (8, 6), "max_iter": 12, "batch_size": 32, "random_state": 0}
BASE |= {"dropout_rate": 0.3, "cv": None}

# argument: (the rest that makes it count, a first value, a second value)
CHANGES = {
    "hidden_layer_sizes": ({}, (8, 6), (8, 7)),
    "activation": ({}, "relu", ("relu", "tanh")),
    "dropout_rate": ({"hidden_layer_sizes": (40, 6)}, "auto", (0.2, 0.5)),
    "input_dropout_rate": ({}, 0.0, 0.2),
    "dropout": ({}, "batchwise", "bernoulli"),
    "dropout_schedule": ({}, "constant", "linear"),
    "solver": ({}, "adam", "rmsprop"),
    "alpha": ({}, 0.0, 1.0),
    "l1_ratio": ({"alpha": 1.0}, 0.0, 1.0),
    "bias_alpha": ({}, 0.0, 1.0),
    "weight_decay": ({}, 0.0, 1.0),
    "max_norm": ({}, None, 0.5),
    "clip_norm": ({"solver": "sgd"}, None, 0.01),
    "batch_norm": ({}, False, True),
    "fit_intercept": ({}, True, False),
    "weight_init": ({}, "auto", "glorot_normal"),
    "batch_size": ({}, 32, 40),
    "learning_rate": ({"early_stopping": True}, "auto", "constant"),
    "learning_rate_init": ({}, 1e-3, 2e-3),
    "power_t": ({"learning_rate": "invscaling"}, 0.5, 0.1),
    "max_iter": ({}, 12, 13),
    "shuffle": ({}, True, False),
    "random_state": ({}, 0, 1),
    "tol": ({"n_iter_no_change": 2, "learning_rate": "constant"}, 0.0, 10.0),
    "momentum": ({"solver": "sgd"}, 0.9, 0.5),
    "nesterovs_momentum": ({"solver": "sgd"}, True, False),
    "beta_1": ({}, 0.9, 0.5),
    "beta_2": ({}, 0.999, 0.9),
    "epsilon": ({}, 1e-8, 1e-2),
    "early_stopping": ({}, False, True),
    "validation_fraction": ({"early_stopping": True}, 0.1, 0.3),
    "scoring": ({"early_stopping": True, "validation_fraction": 0.3}, None, "accuracy"),
    "n_iter_no_change": ({"tol": 10.0, "learning_rate": "constant"}, 2, 4),
    "standardize": ({}, True, False),
    "cv": ({}, None, 3),
    "loss": ({}, "log_loss", "squared_error"),
    "label_smoothing": ({}, 0.0, 0.1),
    "class_weight": ({}, None, "balanced"),
    "max_fun": ({"solver": "lbfgs", "dropout_rate": 0}, 15000, 3),
}

SELU = {"activation": "selu"}

# tested on their own: what they print, what a second fit starts from, and who trains the networks
ELSEWHERE = {"verbose", "warm_start", "n_jobs"}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_no_argument_is_forgotten():
    assert set(CHANGES) | ELSEWHERE == set(DropoutMLPClassifier().get_params())


@pytest.mark.parametrize("name", CHANGES)
def test_argument_changes_the_fit(name):
    others, first, second = CHANGES[name]
    network = DropoutMLPClassifier(**{**BASE, **others, name: first}).fit(X, Y)
    same = clone(network).fit(X, Y)
    other = clone(network).set_params(**{name: second}).fit(X, Y)
    logits = network.decision_function(X)
    np.testing.assert_array_equal(same.decision_function(X), logits)
    assert np.abs(other.decision_function(X) - logits).max() > 1e-6


def test_the_number_of_workers_changes_nothing():
    ensemble = DropoutMLPClassifier(**{**BASE, "cv": 3}).fit(X, Y)
    with parallel_config("threading"):
        shared = clone(ensemble).set_params(n_jobs=2).fit(X, Y)
    np.testing.assert_array_equal(shared.decision_function(X), ensemble.decision_function(X))
    assert shared.history_ == ensemble.history_


def draw_normal(rng, fan_in, fan_out):
    return rng.normal(0.0, 0.1, (fan_in, fan_out))


@pytest.mark.parametrize(
    "by_name, by_object",
    [
        ({"solver": "sgd", "momentum": 0.7}, {"solver": SGD(momentum=0.7)}),
        ({"solver": "adam", "beta_2": 0.95}, {"solver": Adam(beta_2=0.95)}),
        ({"dropout": "batchwise"}, {"dropout": Batchwise(batches_per_mask=1)}),
        ({"dropout": "bernoulli"}, {"dropout": Bernoulli()}),
        ({"dropout": "gaussian"}, {"dropout": Gaussian()}),
        ({"dropout": "dropconnect"}, {"dropout": DropConnect()}),
        ({"dropout": "alpha", **SELU}, {"dropout": Alpha(), **SELU}),
        ({"dropout_schedule": "linear"}, {"dropout_schedule": Linear()}),
        ({"dropout_schedule": "early"}, {"dropout_schedule": Early(end=0.5)}),
        ({"learning_rate": "inverse_time"}, {"learning_rate": InverseTime()}),
        ({"learning_rate": "cosine"}, {"learning_rate": Cosine()}),
        ({"max_norm": 0.5}, {"max_norm": MaxNorm(0.5)}),
        ({"max_norm": 0.5}, {"max_norm": [0.5, MaxNorm(0.5), 0.5]}),
        ({"alpha": 0.3}, {"alpha": (0.3, 0.3, 0.3)}),
        ({"alpha": 0.3, "l1_ratio": 0.2}, {"alpha": 0.3, "l1_ratio": np.full(3, 0.2)}),
        ({"bias_alpha": 0.3}, {"bias_alpha": [0.3, 0.3, 0.3]}),
        ({"dropout": "bernoulli"}, {"dropout": ["bernoulli", Bernoulli()]}),
        ({"dropout": "batchwise"}, {"dropout": ("batchwise", "batchwise")}),
        (
            {"weight_init": "he_normal"},
            {"weight_init": VarianceScaling(2.0, distribution="normal")},
        ),
        (
            {"weight_init": "orthogonal"},
            {"weight_init": ["orthogonal", Orthogonal(), "orthogonal"]},
        ),
        ({"weight_init": Normal(std=0.1)}, {"weight_init": draw_normal}),
        ({"hidden_layer_sizes": 8}, {"hidden_layer_sizes": (8,)}),
        ({"dropout_rate": 0.3}, {"dropout_rate": [0.3, 0.3]}),
        ({"dropout_rate": "auto"}, {"dropout_rate": 0}),  # of so few units
        ({"early_stopping": True, "scoring": None}, {"early_stopping": True, "scoring": "loss"}),
        ({"cv": KFold(3)}, {"cv": list(KFold(3).split(X))}),
        ({"cv": 3}, {"cv": np.int64(3)}),
        ({"activation": "tanh"}, {"activation": ["tanh", "tanh"]}),
        ({"class_weight": {0: 1, 1: 3}}, {"class_weight": {1: 3}}),
    ],
)
def test_a_name_and_its_object_are_the_same(by_name, by_object):
    first = DropoutMLPClassifier(**{**BASE, **by_name}).fit(X, Y)
    second = DropoutMLPClassifier(**{**BASE, **by_object}).fit(X, Y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


@pytest.mark.parametrize(
    "name, before, after",
    [
        ("solver__beta_1", Adam(), Adam(beta_1=0.5)),
        ("dropout__batches_per_mask", Batchwise(), Batchwise(batches_per_mask=3)),
        ("dropout__batches_per_mask", DropConnect(), DropConnect(batches_per_mask=3)),
        ("dropout_schedule__end", Early(), Early(end=0.2)),
        ("dropout_schedule__start", Late(), Late(start=0.2)),
        ("max_norm__max_norm", MaxNorm(2.0), MaxNorm(0.3)),
        ("weight_init__std", Normal(), Normal(std=0.2)),
    ],
    ids=str,
)
def test_arguments_of_recipes_can_be_searched_and_change_the_fit(name, before, after):
    argument, of_recipe = name.split("__")
    network = DropoutMLPClassifier(**BASE, **{argument: before})
    assert network.get_params()[name] == getattr(before, of_recipe)
    other = clone(network).set_params(**{name: getattr(after, of_recipe)})
    assert getattr(other, argument) == after
    assert getattr(network, argument) == before
    logits = network.fit(X, Y).decision_function(X)
    assert np.abs(other.fit(X, Y).decision_function(X) - logits).max() > 1e-6


def test_fit_changes_no_argument():
    network = DropoutMLPClassifier(
        **BASE, solver=Adam(), dropout=DropConnect(), dropout_schedule=Late(), batch_norm=True
    )
    before = {name: repr(value) for name, value in network.get_params().items()}
    network.fit(X, Y)
    assert {name: repr(value) for name, value in network.get_params().items()} == before


BAD = [
    (
        {"hidden_layer_sizes": 0},
        ValueError,
        r"hidden_layer_sizes, .* must be an integer in \[1, inf\)",
    ),
    ({"hidden_layer_sizes": (8, -1)}, ValueError, r"hidden_layer_sizes, .* got -1"),
    ({"hidden_layer_sizes": (8, 2.5)}, TypeError, r"hidden_layer_sizes, .* got 2.5"),
    ({"hidden_layer_sizes": "8"}, TypeError, r"hidden_layer_sizes, .* got '8'"),
    ({"activation": "rleu"}, ValueError, r"activation must be one of 'identity', .* got 'rleu'"),
    ({"activation": ["relu"]}, ValueError, r"activation .* each of the 2 hidden layers, got 1"),
    ({"activation": None}, TypeError, r"activation must be one of .* got None"),
    ({"dropout_rate": 1.0}, ValueError, r"dropout_rate, .* \[0, 1\), got 1.0"),
    ({"dropout_rate": -0.1}, ValueError, r"dropout_rate, .* \[0, 1\), got -0.1"),
    ({"dropout_rate": nan}, ValueError, r"dropout_rate, .* \[0, 1\), got nan"),
    ({"dropout_rate": "0.5"}, TypeError, r"dropout_rate, .* \[0, 1\), got '0.5'"),
    ({"dropout_rate": (0.1, 0.2, 0.3)}, ValueError, r"dropout_rate .* 2 hidden layers, got 3"),
    ({"input_dropout_rate": 1}, ValueError, r"input_dropout_rate .* \[0, 1\), got 1"),
    ({"dropout": "batchwsie"}, ValueError, r"dropout must be one of 'batchwise'.* got 'batchwsie'"),
    ({"dropout": 0.5}, TypeError, r"dropout must be one of .* class DropoutScheme of skdropout"),
    ({"dropout": Bernoulli}, TypeError, r"dropout must be one of .* class DropoutScheme"),
    ({"dropout": Linear()}, TypeError, r"dropout must be one of .* got Linear\(\)"),
    ({"dropout": Batchwise(0)}, ValueError, r"batches_per_mask must be an integer .* got 0"),
    ({"dropout": DropConnect(1.0)}, TypeError, r"batches_per_mask must be an integer .* got 1.0"),
    ({"dropout": "alpha"}, ValueError, r"dropout='alpha' needs activation='selu' .* got 'relu'"),
    ({"dropout": Alpha()}, ValueError, r"dropout='alpha' needs activation='selu' .* got 'relu'"),
    ({"dropout_schedule": "cosine"}, ValueError, r"dropout_schedule must be one of 'constant'"),
    ({"dropout_schedule": "liner"}, ValueError, r"dropout_schedule .* 'linear', .* got 'liner'"),
    ({"dropout_schedule": 0.5}, TypeError, r"dropout_schedule .* class Schedule of skdropout"),
    ({"dropout_schedule": None}, TypeError, r"dropout_schedule must be one of .* got None"),
    ({"dropout_schedule": Linear}, TypeError, r"dropout_schedule must be one of"),
    ({"dropout_schedule": Early(end=0)}, ValueError, r"end must be a number in \(0, 1\], got 0"),
    ({"batch_norm": 1}, TypeError, r"batch_norm must be True or False, got 1"),
    ({"batch_norm": "yes"}, TypeError, r"batch_norm must be True or False, got 'yes'"),
    ({"batch_norm": None}, TypeError, r"batch_norm must be True or False, got None"),
    ({"batch_norm": True, "batch_size": 1}, ValueError, r"batch_norm=True .* batch_size=1"),
    ({"solver": "adma"}, ValueError, r"solver must be one of .* class Optimizer of skdropout"),
    ({"solver": Adam(beta_1=1.0)}, ValueError, r"beta_1 must be a number in \[0, 1\), got 1.0"),
    ({"solver": Adam}, TypeError, r"solver must be one of"),
    ({"alpha": -1}, ValueError, r"alpha must be a number in \[0, inf\), got -1"),
    ({"l1_ratio": 1.1}, ValueError, r"l1_ratio must be a number in \[0, 1\], got 1.1"),
    ({"bias_alpha": -1}, ValueError, r"bias_alpha .* got -1"),
    ({"weight_decay": inf}, ValueError, r"weight_decay, if it is not 'auto', must be .* got inf"),
    ({"weight_decay": 11, "learning_rate_init": 0.1}, ValueError, r"at most 1.* got 11 times 0.1"),
    ({"weight_decay": "small"}, TypeError, r"weight_decay, if it is not 'auto', .* got 'small'"),
    ({"max_norm": 0}, ValueError, r"max_norm must be a number in \(0, inf\), got 0"),
    ({"max_norm": MaxNorm(-1)}, ValueError, r"max_norm must be a number in \(0, inf\), got -1"),
    ({"max_norm": "3"}, TypeError, r"max_norm must be a number in \(0, inf\)"),
    ({"alpha": [1, 2]}, ValueError, r"alpha must be one value or one for each of the 3 layers.* 2"),
    ({"alpha": [1, 2, -3]}, ValueError, r"alpha must be a number in \[0, inf\), got -3"),
    ({"bias_alpha": [1, 2, "3"]}, TypeError, r"bias_alpha must be a number .* got '3'"),
    ({"l1_ratio": [0, 1, 2]}, ValueError, r"l1_ratio must be a number in \[0, 1\], got 2"),
    ({"max_norm": [1, None]}, ValueError, r"max_norm must be .* each of the 3 layers.* got 2"),
    ({"max_norm": [1, None, 0]}, ValueError, r"max_norm must be a number in \(0, inf\), got 0"),
    ({"dropout": ["bernoulli"]}, ValueError, r"dropout must be .* each of the 2 hidden layers"),
    ({"dropout": ["bernoulli", "soft"]}, ValueError, r"dropout must be one of .* got 'soft'"),
    (
        {"dropout": [Batchwise(2), "bernoulli"]},
        ValueError,
        r"schemes of dropout=.* must have the same batches_per_mask",
    ),
    (
        {"dropout": ["alpha", "bernoulli"]},
        ValueError,
        r"dropout='alpha' needs activation='selu' .* got 'relu'",
    ),
    ({"clip_norm": 0}, ValueError, r"clip_norm must be a number in \(0, inf\), got 0"),
    ({"weight_init": "xavier"}, ValueError, r"weight_init must be one of 'auto'.* got 'xavier'"),
    ({"weight_init": 0.1}, TypeError, r"weight_init must be .* a function .* got 0.1"),
    ({"weight_init": ["auto"]}, ValueError, r"weight_init must be .* each of the 3 layers.* got 1"),
    ({"weight_init": ["auto", "auto", "xavier"]}, ValueError, r"weight_init .* got 'xavier'"),
    ({"weight_init": Normal(std=-1)}, ValueError, r"std must be a number in \[0, inf\), got -1"),
    ({"weight_init": Uniform(1, 1)}, ValueError, r"high must be a number in \(1, inf\), got 1"),
    ({"fit_intercept": 1}, TypeError, r"fit_intercept must be True or False, got 1"),
    ({"fit_intercept": False, "batch_norm": True}, ValueError, r"batch_norm=True .* fit_intercept"),
    ({"batch_size": 0}, ValueError, r"batch_size.*'auto'.* must be .* \[1, inf\), got 0"),
    ({"batch_size": "all"}, TypeError, r"batch_size.*'auto'.* must be .* got 'all'"),
    ({"learning_rate": "cosin"}, ValueError, r"learning_rate must be one of .* got 'cosin'"),
    ({"learning_rate": 0.1}, TypeError, r"learning_rate must be one of .* got 0.1"),
    ({"learning_rate_init": 0}, ValueError, r"learning_rate_init .* \(0, inf\), got 0"),
    ({"power_t": -1}, ValueError, r"power_t .* got -1"),
    ({"max_iter": 0}, ValueError, r"max_iter must be an integer in \[1, inf\), got 0"),
    ({"max_iter": 2.0}, TypeError, r"max_iter must be an integer in \[1, inf\), got 2.0"),
    ({"shuffle": "yes"}, TypeError, r"shuffle must be True or False, got 'yes'"),
    ({"random_state": "a"}, ValueError, r"random_state must be an integer .* got 'a'"),
    ({"tol": -1}, ValueError, r"tol must be a number in \[0, inf\), got -1"),
    ({"verbose": "no"}, TypeError, r"verbose .* got 'no'"),
    ({"warm_start": 1}, TypeError, r"warm_start must be True or False, got 1"),
    ({"momentum": 1.5}, ValueError, r"momentum must be a number in \[0, 1\], got 1.5"),
    ({"nesterovs_momentum": None}, TypeError, r"nesterovs_momentum must be True or False"),
    ({"beta_1": 1}, ValueError, r"beta_1 must be a number in \[0, 1\), got 1"),
    ({"beta_2": -0.1}, ValueError, r"beta_2 .* got -0.1"),
    ({"epsilon": 0}, ValueError, r"epsilon must be a number in \(0, inf\), got 0"),
    (
        {"early_stopping": "loss"},
        TypeError,
        r"early_stopping, if it is not 'monitor', .* got 'loss'",
    ),
    ({"validation_fraction": 1}, ValueError, r"validation_fraction .* \[0, 1\), got 1"),
    ({"scoring": "acuracy"}, ValueError, r"(?s)scoring.*'acuracy'"),
    ({"scoring": 3}, TypeError, r"scoring .* got 3"),
    ({"n_iter_no_change": 0}, ValueError, r"n_iter_no_change.*inf.* got 0"),
    ({"n_iter_no_change": 2.5}, TypeError, r"n_iter_no_change, if it is not 'auto',.* got 2.5"),
    ({"n_iter_no_change": "never"}, TypeError, r"n_iter_no_change, .* 'auto',.* got 'never'"),
    ({"standardize": 1}, TypeError, r"standardize must be True or False, got 1"),
    ({"standardize": None}, TypeError, r"standardize must be True or False, got None"),
    ({"cv": 1}, ValueError, r"cv, if it is not 'auto', None, .* must be .* \[2, inf\), got 1"),
    ({"cv": 2.0}, TypeError, r"cv, if it is not .* must be an integer .* got 2.0"),
    ({"cv": True}, TypeError, r"cv, if it is not .* must be an integer .* got True"),
    ({"cv": "five"}, TypeError, r"cv, if it is not .* must be an integer .* got 'five'"),
    ({"cv": zip()}, TypeError, r"cv must not be an iterator, which the first fit uses up"),
    ({"cv": 121}, ValueError, r"cv=121 needs as many samples, got n_samples=120"),
    ({"cv": []}, ValueError, r"cv=\[\] gives 0 split: an ensemble needs two or more"),
    ({"cv": [(range(60), range(60, 120))]}, ValueError, r"cv=.* gives 1 split"),
    ({"cv": [(range(60), []), ([], range(60))]}, ValueError, r"60 rows to train on and 0 held out"),
    ({"cv": [1, 2]}, TypeError, r"cv: cannot unpack non-iterable int"),
    ({"cv": [([0], [1], [2])] * 2}, ValueError, r"cv: too many values to unpack"),
    ({"cv": [([0], [200])] * 2}, ValueError, r"cv must give pairs.* index 200 is out of bounds"),
    ({"cv": [([0.5], [1])] * 2}, ValueError, r"cv must give pairs of row numbers"),
    ({"cv": ShuffleSplit(1)}, ValueError, r"cv=ShuffleSplit.* gives 1 split"),
    ({"n_jobs": 0}, ValueError, r"n_jobs must not be 0"),
    ({"n_jobs": 1.0}, TypeError, r"n_jobs, if it is not None, must be an integer .* got 1.0"),
    ({"n_jobs": "all"}, TypeError, r"n_jobs, if it is not None, must be an integer .* got 'all'"),
    ({"max_fun": 0}, ValueError, r"max_fun must be an integer in \[1, inf\), got 0"),
    ({"solver": "lbfgs"}, ValueError, r"lbfgs.*Set dropout_rate=0 and input_dropout_rate=0"),
    ({"solver": "lbfgs", "dropout_rate": 0, "max_norm": 3}, ValueError, "lbfgs.*max_norm, got 3"),
    (
        {"solver": "lbfgs", "dropout_rate": 0, "batch_norm": True},
        ValueError,
        "lbfgs.*batch_norm, got True",
    ),
    ({"solver": "lbfgs", "dropout_rate": 0, "cv": 3}, ValueError, "lbfgs.* needs cv=None"),
    ({"hidden_layer_sizes": (), "dropout_rate": 1.5}, ValueError, r"dropout_rate, .* got 1.5"),
    ({"hidden_layer_sizes": (), "activation": "rleu"}, ValueError, r"activation .* got 'rleu'"),
    ({"batch_size": np.array([1, 2])}, TypeError, r"batch_size.* got array"),
    ({"hidden_layer_sizes": {8}}, TypeError, r"hidden_layer_sizes, .* got \{8\}"),
    ({"loss": "mse"}, ValueError, r"loss must be one of 'log_loss', 'squared_error', got 'mse'"),
    ({"label_smoothing": 1}, ValueError, r"label_smoothing .* \[0, 1\), got 1"),
    ({"class_weight": "balance"}, ValueError, r"class_weight must be .*'balanced'.*'balance'"),
    (
        {"class_weight": {2: 1}},
        ValueError,
        r"class_weight .* \[2\], which are no classes.* \[0, 1\]",
    ),
    ({"class_weight": {0: 1, 2: 1}}, ValueError, r"class_weight .* \[2\], .* none for \[1\]"),
    ({"class_weight": {0: -1}}, ValueError, r"class_weight\[0\] must be .* got -1"),
]


@pytest.mark.parametrize(
    "bad, error, message", BAD, ids=lambda value: str(value).partition(" object at")[0][:60]
)
def test_bad_argument_is_refused_before_any_work(bad, error, message, monkeypatch):
    monkeypatch.setattr(
        "skdropout._estimators.fitting.Training", None
    )  # nothing must come that far
    network = DropoutMLPClassifier(**{**BASE, **bad})
    with pytest.raises(error, match=message):
        network.fit(X, Y)
    assert set(vars(network)) == set(network.get_params(deep=False))


def test_every_argument_has_a_bad_value():
    assert {name for bad, *_ in BAD for name in bad} == set(DropoutMLPClassifier().get_params())


def test_recipes_compare_by_value():
    class Table(Schedule):
        at: tuple = ()

        def __call__(self, progress):
            return 1.0

    long = tuple(range(100))
    assert Table(long) == Table(tuple(range(100)))
    assert Table(long) != Table((*long[:50], -1, *long[51:]))
    assert Table(np.arange(2000)) != Table(np.r_[:1000, 0, 1001:2000])
    assert Adam(beta_1=0.5) == Adam(beta_1=0.5) != Adam() != SGD()
    assert len({Adam(), Adam(), Adam(beta_1=0.5)}) == 2
