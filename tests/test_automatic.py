"""What "auto" stands for, once the data are known."""

from dataclasses import replace
from math import ceil
from types import SimpleNamespace

import numpy as np
import pytest
from cases import make_network
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import KFold

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._estimators import automatic
from skdropout._estimators.arguments import arguments_of, read_settings
from skdropout._estimators.automatic import choose_cv, holds_out, suit, suit_rates
from skdropout._training.member import Member
from skdropout.schedules import Constant, Cosine

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FEWEST, MOST = automatic.FEWEST_FOLDED, automatic.MOST_FOLDED
X, Y = make_classification(FEWEST + 10, 5, random_state=0)
CLASSES = [DropoutMLPClassifier, DropoutMLPRegressor]
each_class = pytest.mark.parametrize("network", CLASSES)


def make(network=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (6,), "max_iter": 2, "random_state": 0}
    return network(**{**defaults, **arguments})


def settings_of(estimator):
    return read_settings(arguments_of(estimator))


def is_ensemble(estimator):
    return hasattr(estimator, "estimators_")


# hidden_layer_sizes


@each_class
@pytest.mark.parametrize("n_features, expected", [(5_000, (256, 128)), (5_001, (64,))])
def test_wide_sparse_rows_go_through_one_narrow_layer(network, n_features, expected):
    words = sparse.random_array((20, n_features), density=0.01, format="csr", random_state=0)
    net = network(max_iter=1, random_state=0).fit(words, Y[:20])
    assert net._network.sizes[1:-1] == expected
    assert net.hidden_layer_sizes == "auto"


@each_class
def test_the_layers_remain_where_a_training_goes_on(network):
    words = sparse.random_array((20, 5_001), density=0.01, format="csr", random_state=0)
    net = network(max_iter=1, random_state=0).fit(words, Y[:20])
    net.partial_fit(words.toarray(), Y[:20])
    net.set_params(warm_start=True).fit(words.toarray(), Y[:20])
    assert net._network.sizes[1:-1] == (64,)
    net.set_params(warm_start=False).fit(words.toarray(), Y[:20])
    assert net._network.sizes[1:-1] == (256, 128)


# cv


@each_class
def test_an_ensemble_needs_fifty_rows(network):
    assert FEWEST == 50
    assert not is_ensemble(make(network).fit(X[:49], Y[:49]))
    ensemble = make(network).fit(X[:50], Y[:50])
    assert len(ensemble.estimators_) == automatic.N_FOLDS == 5
    assert ensemble.cv == "auto"


@each_class
def test_rows_without_weight_do_not_count(network):
    weight = (np.arange(len(X)) < 49).astype(float)
    assert not is_ensemble(make(network).fit(X, Y, sample_weight=weight))
    weight[49] = 1
    assert is_ensemble(make(network).fit(X, Y, sample_weight=weight))


@each_class
@pytest.mark.parametrize(
    "arguments",
    [
        {"early_stopping": True},
        {"warm_start": True},
        {"solver": "lbfgs"},
        {"cv": None},
    ],
    ids=str,
)
def test_other_wishes_make_it_a_single_network(network, arguments):
    estimator = make(network, **arguments).fit(X, Y)
    assert not is_ensemble(estimator)
    assert len(estimator.coefs_) == 2


@each_class
@pytest.mark.parametrize("cv", ["auto", 3, KFold(4)], ids=str)
def test_a_validation_set_decides_alone(network, cv):
    estimator = make(network, cv=cv).fit(X, Y, X_val=X, y_val=Y)
    assert not is_ensemble(estimator)
    assert estimator.t_ == 2 * len(X)
    assert estimator.history_["validation_loss"]


@each_class
def test_partial_fit_trains_a_single_network(network):
    classes = {"classes": [0, 1]} if network is DropoutMLPClassifier else {}
    estimator = make(network).partial_fit(X, Y, **classes)
    assert not is_ensemble(estimator)
    assert estimator.t_ == len(X)


@each_class
def test_an_explicit_cv_makes_an_ensemble_of_few_rows(network):
    assert len(make(network, cv=3).fit(X[:12], Y[:12]).estimators_) == 3


@pytest.mark.parametrize("n_rows, cv", [(1, None), (FEWEST - 1, None), (FEWEST, 5), (MOST, 5)])
def test_choice_of_cv(n_rows, cv):
    assert choose_cv("auto", n_rows, alone=False) == cv
    assert choose_cv("auto", n_rows, alone=True) is None
    assert choose_cv(7, n_rows, alone=True) == 7


def test_only_large_tables_that_nothing_else_judges_hold_some_rows_out():
    assert choose_cv("auto", MOST + 1, alone=False) is None
    assert holds_out("auto", MOST + 1, alone=False)
    assert not holds_out("auto", MOST, alone=False)
    assert not holds_out("auto", MOST + 1, alone=True)
    assert not holds_out(None, MOST + 1, alone=False)


@each_class
def test_a_large_table_holds_out_a_part(network, monkeypatch):
    monkeypatch.setattr(automatic, "MOST_FOLDED", 55)
    estimator = make(network).fit(X, Y)
    assert not is_ensemble(estimator)
    assert estimator.t_ == 2 * 0.9 * len(X)
    assert len(estimator.history_["validation_loss"]) == 2
    assert make(network, cv=None).fit(X, Y).t_ == 2 * len(X)
    assert make(network, warm_start=True).fit(X, Y).t_ == 2 * len(X)


def test_a_large_table_holds_out_as_much_as_asked_for(monkeypatch):
    monkeypatch.setattr(automatic, "MOST_FOLDED", 55)
    assert make(validation_fraction=0.25).fit(X, Y).t_ == 2 * 0.75 * len(X)


# dropout_rate


def test_half_of_wide_layers_is_dropped_and_nothing_of_narrow_ones():
    assert suit_rates([1000, 64, 48, 33, 32, 2], "adam") == pytest.approx(
        [0.5, 0.5, 1 / 3, 1 / 33, 0, 0]
    )
    assert suit_rates([], "adam") == []
    assert suit_rates([1000, 8], "lbfgs") == [0, 0]


@each_class
def test_the_rates_are_those_that_are_trained_with(network):
    estimator = make(network, hidden_layer_sizes=(80, 48, 8), dropout_rate="auto", cv=None)
    told = clone(estimator).fit(X, Y).history_["dropout_rate"][0]
    assert told == pytest.approx((0.5, 1 / 3, 0))
    by_hand = estimator.set_params(dropout_rate=suit_rates([80, 48, 8], "adam")).fit(X, Y)
    assert_array_equal(by_hand.history_["dropout_rate"][0], told)


def test_lbfgs_takes_wide_layers():
    estimator = make(hidden_layer_sizes=(80,), solver="lbfgs", dropout_rate="auto").fit(X, Y)
    assert estimator.dropout_rate == "auto"


@pytest.mark.parametrize("rate", ["half", None, [0.5, "auto"]], ids=str)
def test_no_other_word_is_a_rate(rate):
    with pytest.raises((TypeError, ValueError), match="dropout_rate"):
        make(hidden_layer_sizes=(6, 6), dropout_rate=rate).fit(X, Y)


# batch size and patience


@pytest.mark.parametrize("n_rows", [1, 30, 64])
def test_a_batch_holds_all_of_few_rows(n_rows):
    assert suit(settings_of(make()), n_rows, judged=False).batch_size == n_rows


@pytest.mark.parametrize("n_rows", [200, 20_000, 10**7])
def test_a_batch_of_many_rows_is_neither_tiny_nor_huge(n_rows):
    assert 32 <= suit(settings_of(make()), n_rows, judged=False).batch_size <= 256


def test_lbfgs_has_all_rows_in_a_batch():
    settings = settings_of(make(solver="lbfgs", batch_size=10))
    assert suit(settings, 5000, judged=False).batch_size == 5000


@pytest.mark.parametrize("n_rows, batch_size", [(100, 10), (95, 10), (20, 20), (10**6, 100)])
def test_patience_with_a_validation_is_counted_in_steps(n_rows, batch_size):
    suited = suit(settings_of(make(batch_size=batch_size)), n_rows, judged=True)
    n_batches = ceil(n_rows / batch_size)
    n_steps = automatic.PATIENCE if n_batches > 1 else automatic.PATIENCE_AT_ONCE
    assert suited.n_iter_no_change == max(5, ceil(n_steps / n_batches))
    few = n_rows <= automatic.MOST_FOLDED
    assert suited.patience_growth == (automatic.PATIENCE_GROWTH if few else 0)


def test_patience_without_a_validation_is_that_of_scikit_learn():
    assert suit(settings_of(make()), 1000, judged=False).n_iter_no_change == 10


@pytest.mark.parametrize("judged", [False, True])
def test_what_is_given_is_left_alone(judged):
    estimator = make(batch_size=7, n_iter_no_change=3, learning_rate="invscaling", max_iter=9)
    settings = settings_of(estimator)
    suited = suit(settings, 1000, judged=judged)
    assert suited == replace(settings, batch_size=7, n_iter_no_change=3)
    assert not suited.averages
    assert suited.max_iter == 9


# learning_rate


def test_a_training_that_nothing_judges_anneals_over_so_many_steps():
    suited = suit(settings_of(make(max_iter=10**6, batch_size=10)), 95, judged=False)
    assert suited.schedule == Cosine()
    assert suited.max_iter == ceil(automatic.N_STEPS / 10)
    assert not suited.averages
    short = suit(settings_of(make(max_iter=3)), 95, judged=False)
    assert short.max_iter == 3


def test_a_training_that_is_judged_is_constant_and_averages():
    suited = suit(settings_of(make(max_iter=500)), 95, judged=True)
    assert suited.schedule == Constant()
    assert suited.max_iter == 500
    assert suited.averages


def test_partial_fit_neither_anneals_nor_averages():
    settings = settings_of(make(max_iter=500))
    suited = suit(settings, 95, judged=False, incremental=True)
    assert suited.schedule == Constant()
    assert suited.max_iter == 500
    assert not suited.averages


@each_class
@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_single_network_ends_with_a_rate_of_almost_nothing(network):
    """And its last epoch is no reason for a warning."""
    estimator = make(network, cv=None, max_iter=20, learning_rate_init=0.05).fit(X, X[:, 0] > 0)
    rates = estimator.history_["learning_rate"]
    assert len(rates) == estimator.n_iter_ == 20
    assert rates[0] == pytest.approx(0.05, rel=0.01)
    assert rates[-1] < 0.01 * rates[0]
    assert_array_equal(rates, sorted(rates, reverse=True))


@pytest.mark.parametrize("arguments", [{"cv": 2}, {"early_stopping": True}], ids=str)
def test_a_judged_network_keeps_its_rate_and_is_an_average(arguments):
    asked = {**arguments, "max_iter": 6, "n_iter_no_change": 100, "learning_rate_init": 0.05}
    auto, constant = (make(learning_rate=name, **asked).fit(X, Y) for name in ("auto", "constant"))
    assert auto.history_["learning_rate"] == constant.history_["learning_rate"] == [0.05] * 6
    assert auto.loss_curve_ == constant.loss_curve_  # it trains the same network
    assert auto.history_["validation_loss"][0] == constant.history_["validation_loss"][0]
    assert auto.history_["validation_loss"][1:] != constant.history_["validation_loss"][1:]


def test_the_average_is_over_the_late_epochs():
    """The weight of epoch t grows as t (t + 1) ... (t + 7)."""
    state = SimpleNamespace(network=make_network((2, 3, 1)))
    member = Member(SimpleNamespace(averages=True), state, None, None)
    rng, n_epochs = np.random.default_rng(0), 12
    memories = rng.normal(size=(n_epochs, member.network.memory.size))
    for memory in memories:
        member.network.memory[:] = memory
        member.average()
    t = np.arange(1, n_epochs + 1)
    weight = np.prod([t + k for k in range(8)], axis=0).astype(float)
    assert_allclose(member.judged.memory, np.average(memories, axis=0, weights=weight))
    assert_array_equal(member.network.memory, memories[-1])


def test_without_an_average_the_network_itself_is_judged():
    state = SimpleNamespace(network=make_network((2, 3, 1)))
    member = Member(SimpleNamespace(averages=False), state, None, None)
    before = member.network.memory.copy()
    member.average()
    assert member.judged is member.network
    assert_array_equal(member.network.memory, before)
