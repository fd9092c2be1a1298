"""Copies and files: little more than the weights, the same predictions, memory of their own."""

import copy
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(100, n_features=10, random_state=0)
CLASSES = [DropoutMLPClassifier, DropoutMLPRegressor]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda network, protocol=protocol: pickle.loads(
            pickle.dumps(network, protocol)
        )
        for protocol in PROTOCOLS
    },
}

each_class = pytest.mark.parametrize("network", CLASSES)
over_norms = pytest.mark.parametrize("batch_norm", [False, True], ids=["", "normalised"])
each_copy = pytest.mark.parametrize("copy_of", COPIES.values(), ids=COPIES)


def make(network, **arguments):
    defaults = {"hidden_layer_sizes": (12,), "max_iter": 3, "batch_size": 32, "random_state": 0}
    defaults |= {"cv": None}
    return network(**{**defaults, **arguments})


def begin(network, **arguments):
    """Partially fit."""
    estimator = make(network, **arguments)
    classes = {"classes": [0, 1]} if network is DropoutMLPClassifier else {}
    return estimator.partial_fit(X, Y, **classes)


def n_bytes(estimator):
    return sum(network.parameters.flat.nbytes for network in estimator._networks)


def assert_same(one, other):
    """Parameters and running statistics are equal bit for bit."""
    for mine, its in zip(one._networks, other._networks, strict=True):
        for a, b in zip(mine.weights + mine.biases, its.weights + its.biases, strict=True):
            assert_array_equal(a, b)
        assert_array_equal(mine.memory, its.memory)


# size


@each_class
@pytest.mark.parametrize("sizes", [(), (10,), (500,), (300, 300)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("arguments", [{}, {"early_stopping": True}, {"cv": 3}], ids=str)
def test_a_pickle_holds_little_more_than_the_weights(network, sizes, dtype, arguments):
    estimator = make(network, hidden_layer_sizes=sizes, **arguments)
    estimator.fit(X.astype(dtype), Y)
    size = len(pickle.dumps(estimator))
    assert n_bytes(estimator) < size <= 1.1 * n_bytes(estimator) + 20_000


@each_class
@pytest.mark.parametrize("solver, n_blocks", [("adam", 3), ("rmsprop", 2), ("sgd", 2)])
def test_after_partial_fit_it_holds_what_the_optimizer_remembers(network, solver, n_blocks):
    estimator = begin(network, solver=solver, hidden_layer_sizes=(300, 300))
    blocks = len(pickle.dumps(estimator)) / n_bytes(estimator)
    assert n_blocks <= blocks < 1.1 * n_blocks
    estimator.fit(X, Y)
    assert len(pickle.dumps(estimator)) < 1.1 * n_bytes(estimator) + 20_000


@each_class
def test_data_and_scorers_are_not_kept(network):
    wide = np.random.default_rng(0).normal(size=(5000, 10))
    estimator = make(network, max_iter=1, early_stopping=True, scoring="neg_log_loss")
    if network is DropoutMLPRegressor:
        estimator.set_params(scoring="r2")
    estimator.fit(wide, (wide[:, 0] > 0).astype(int), np.ones(len(wide)))
    assert len(pickle.dumps(estimator)) < 20_000


# copies


@each_class
@each_copy
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"early_stopping": True},
        {"batch_norm": True},
        {"cv": 3},
        {"standardize": False},
    ],
    ids=str,
)
def test_a_copy_is_the_same_and_its_own(network, copy_of, arguments):
    estimator = make(network, **arguments).fit(X, Y)
    other = copy_of(estimator)
    check_is_fitted(other)
    assert_array_equal(other.predict(X), estimator.predict(X))
    assert_same(other, estimator)
    assert vars(other).keys() == vars(estimator).keys()
    assert other.history_ == estimator.history_
    before = estimator.predict(X)
    for mine, its in zip(estimator._networks, other._networks, strict=True):
        assert not np.shares_memory(mine.memory, its.memory)
    for one in getattr(other, "estimators_", [other]):
        one.coefs_[0][:] = 0
    assert not np.array_equal(other.predict(X), before)
    assert_array_equal(estimator.predict(X), before)


@each_class
@each_copy
def test_parameters_of_a_copy_are_live(network, copy_of):
    estimator = make(network).fit(X, Y)
    other = copy_of(estimator)
    last = other.intercepts_[-1].copy()
    other.coefs_[-1] = np.zeros((12, 1))
    expected = last[0] if network is DropoutMLPRegressor else last[0] > 0
    assert_array_equal(other.predict(X), np.full(len(X), expected))


@each_class
@each_copy
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@over_norms
def test_a_copy_goes_on_bit_for_bit(network, copy_of, solver, batch_norm):
    estimator = begin(network, dropout="bernoulli", solver=solver, batch_norm=batch_norm)
    other = copy_of(estimator)
    for _ in range(2):
        other.partial_fit(X, Y)
    assert other.t_ == 3 * estimator.t_
    for _ in range(2):
        estimator.partial_fit(X, Y)
    assert_same(other, estimator)


@each_class
@each_copy
def test_a_copy_of_an_ensemble_goes_on_bit_for_bit(network, copy_of):
    estimator = make(network, cv=3).fit(X, Y)
    other = copy_of(estimator).partial_fit(X, Y)
    assert len(estimator.history_["loss"]) == 3
    estimator.partial_fit(X, Y)
    assert_same(copy_of(other).partial_fit(X, Y), estimator.partial_fit(X, Y))
    assert estimator.history_ == estimator.estimators_[0].history_
    assert len(estimator.history_["loss"]) == 5


@each_class
@each_copy
@over_norms
def test_a_copy_goes_on_warm(network, copy_of, batch_norm):
    estimator = make(network, warm_start=True, batch_norm=batch_norm).fit(X, Y)
    other = copy_of(estimator).fit(X, Y)
    assert len(estimator.loss_curve_) == 3
    assert_same(estimator.fit(X, Y), other)


@each_class
@each_copy
def test_what_a_copy_learns_stays_with_it(network, copy_of):
    estimator = begin(network)
    before = copy.deepcopy(estimator.history_)
    copy_of(estimator).partial_fit(X, Y)
    assert estimator.history_ == before
    assert estimator.loss_curve_ == before["loss"]


@each_class
@each_copy
def test_a_copy_of_the_unfitted_is_unfitted(network, copy_of):
    other = copy_of(make(network))
    with pytest.raises(NotFittedError):
        check_is_fitted(other)
    assert other.get_params() == make(network).get_params()


# files


@each_class
@pytest.mark.parametrize("mmap_mode", [None, "r", "c"])
@over_norms
def test_joblib(network, mmap_mode, batch_norm, tmp_path):
    estimator = begin(network, batch_norm=batch_norm)
    joblib.dump(estimator, tmp_path / "network.joblib")
    other = joblib.load(tmp_path / "network.joblib", mmap_mode=mmap_mode)
    assert_array_equal(other.predict(X), estimator.predict(X))
    assert_same(other.partial_fit(X, Y), estimator.partial_fit(X, Y))


MADE_ELSEWHERE = """
import pickle, sys
from sklearn.datasets import make_classification
from skdropout import {name}
X, y = make_classification(100, n_features=10, random_state=0)
network = {name}(
    hidden_layer_sizes=(12,), dropout="bernoulli", batch_size=32, random_state=0
)
network.partial_fit(X, y{classes})
sys.stdout.buffer.write(pickle.dumps(network))
"""


@each_class
def test_a_pickle_made_in_another_process(network):
    classes = ", classes=[0, 1]" if network is DropoutMLPClassifier else ""
    program = MADE_ELSEWHERE.format(name=network.__name__, classes=classes)
    made = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout
    other, estimator = pickle.loads(made), begin(network, dropout="bernoulli")
    np.testing.assert_allclose(other.predict(X), estimator.predict(X), rtol=1e-10)
    np.testing.assert_allclose(
        other.partial_fit(X, Y).coefs_[0], estimator.partial_fit(X, Y).coefs_[0], rtol=1e-10
    )


@each_class
@pytest.mark.parametrize("labels", ["numbers", "strings"])
@pytest.mark.parametrize("cv", [None, 3], ids=["", "ensemble"])
def test_skops_trusts_with_our_class_alone(network, labels, cv):
    skops = pytest.importorskip("skops.io")
    is_string = labels == "strings" and network is DropoutMLPClassifier
    y = np.array(["no", "yes"])[Y] if is_string else Y
    estimator = make(network, early_stopping=True, learning_rate="cosine", cv=cv).fit(X, y)
    data = skops.dumps(estimator)
    untrusted = skops.get_untrusted_types(data=data)
    assert untrusted == [f"{network.__module__}.{network.__name__}"]
    other = skops.loads(data, trusted=untrusted)
    assert type(other) is network
    assert_array_equal(other.predict(X), estimator.predict(X))
    assert other.history_ == estimator.history_
    with pytest.raises(Exception, match=network.__name__):
        skops.loads(data, trusted=[])


@each_class
@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop"])
@over_norms
def test_skops_goes_on_bit_for_bit(network, solver, batch_norm):
    skops = pytest.importorskip("skops.io")
    estimator = begin(network, solver=solver, dropout="bernoulli", batch_norm=batch_norm)
    data = skops.dumps(estimator)
    untrusted = skops.get_untrusted_types(data=data)
    assert untrusted == [f"{network.__module__}.{network.__name__}"]
    other = skops.loads(data, trusted=untrusted)
    for _ in range(2):
        estimator.partial_fit(X, Y)
        other.partial_fit(X, Y)
    assert_same(other, estimator)


@pytest.mark.parametrize("keep", [-3, -1, None], ids=str)
@each_class
def test_a_curve_that_its_owner_has_shortened_goes_through_a_pickle(network, keep):
    stream = make(network)
    more = {"classes": [0, 1]} if network is DropoutMLPClassifier else {}
    for _ in range(6):
        stream.partial_fit(X, Y, **more)
    del stream.loss_curve_[:keep]
    restored = pickle.loads(pickle.dumps(stream))
    for each in (stream, restored):
        each.partial_fit(X, Y)
    assert restored.history_ == stream.history_
    assert len(restored.loss_curve_) == 1 - (keep or 0)
