"""Lazy updates: a fit to sparse rows is the same whether every weight is moved in every step."""

import pickle
import tracemalloc

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core import tuning
from skdropout._core.penalties import ElasticNet
from skdropout._training import lazy, parallel
from skdropout._training.engine import Engine
from skdropout._training.lazy import LazyRows
from skdropout.optimizers import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AMSGrad,
    NAdam,
    Optimizer,
    RMSprop,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = sparse.random_array((200, 300), density=0.02, format="csr", random_state=0)
X.data -= 0.5
Y = (X @ RNG.normal(size=300) > 0).astype(int) + (RNG.random(200) < 0.3)

EXACT, CLOSE, NEAR = 1e-10, 1e-5, 1e-4  # by epsilon in sqrt(v), which shrinks as well
INSTANCES = [
    (SGD(), EXACT),
    (SGD(nesterovs_momentum=False), EXACT),
    (SGD(momentum=1.0), EXACT),
    (Adagrad(), EXACT),
    (Adadelta(), EXACT),
    (RMSprop(), EXACT),
    (AMSGrad(), EXACT),
    (Adam(), CLOSE),
    (Adam(beta_1=0.95, beta_2=0.95), NEAR),
    (NAdam(), CLOSE),
]
over_optimizers = pytest.mark.parametrize("optimizer, tolerance", INSTANCES, ids=repr)


@over_optimizers
def test_catching_up_allocates_nothing_that_grows_with_the_units(optimizer, tolerance):
    def measure_peak(n_units):
        p, tmp = np.ones((2, 2, n_units))
        slots = [np.ones_like(p) for _ in optimizer.slots]
        n, drift = np.array([[1.0], [3.0]]), np.array([[0.1], [0.2]])
        optimizer.catch_up(p, *slots, n=n, drift=drift, tmp=tmp)
        tracemalloc.start()
        optimizer.catch_up(p, *slots, n=n, drift=drift, tmp=tmp)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    # NumPy 2.0 broadcasts through a buffer of 64 KB, whatever the size
    assert measure_peak(200_000) < measure_peak(100_000) + 10_000


class ByHand(Adam):
    """An update of one's own, which `Adam.catch_up` says nothing of."""

    def update(self, p, g, m, v, *, tmp, t, lr):
        p -= lr * g


class ByHandLazily(Optimizer):
    def update(self, p, g, *, tmp, t, lr):
        p -= lr * g

    def catch_up(self, p, *, n, drift, tmp):
        pass


@pytest.fixture
def laziness(monkeypatch):
    """Switches lazy updates on or off, whatever the data."""

    def switch(on):
        monkeypatch.setattr(tuning, "LAZY_WEIGHTS", 0 if on else 1 << 60)
        monkeypatch.setattr(tuning, "LAZY_TOUCHED", 1.0)

    return switch


@pytest.fixture
def count_lazy(monkeypatch):
    """The laziness of each engine that was made."""
    seen = []
    make = Engine.__init__

    def note(engine, members):
        make(engine, members)
        seen.append(engine.updates[0][0].lazy is not None)

    monkeypatch.setattr(Engine, "__init__", note)
    return seen


def network(estimator=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (8, 4), "max_iter": 6, "batch_size": 10, "alpha": 0.0}
    defaults |= {"cv": None, "learning_rate_init": 0.01, "dropout_rate": 0.2, "random_state": 0}
    return estimator(**(defaults | arguments))


def sums(optimizer, n, t, lr):
    """The drift of rows of which each waits for so many steps, by its definition."""
    drifts = []
    for steps in n[:, 0]:
        terms = [optimizer.drift(t + j, lr * 0.9**j) for j in range(1, steps + 1)]
        drifts.append(sum(rate * ratio**j for j, (rate, ratio) in enumerate(terms, start=1)))
    return np.array(drifts).reshape(-1, 1)


@over_optimizers
def test_catching_up_is_many_steps_without_a_gradient(optimizer, tolerance):
    rng = np.random.default_rng(0)
    n = np.array([[0], [1], [3], [60], [400]])
    p, lr, t = rng.normal(size=(5, 3)), 0.01, 5
    slots = [np.zeros_like(p) for _ in optimizer.slots]
    for i in range(1, t + 1):
        g, flat = 0.01 * rng.normal(size=15), [array.reshape(-1) for array in (p, *slots)]
        optimizer.update(flat[0], g, *flat[1:], tmp=np.empty(15), t=i, lr=lr)
    slow = [array.copy() for array in (p, *slots)]
    for row, steps in enumerate(n[:, 0]):
        for j in range(1, steps + 1):
            moved, *remembered = (array[row] for array in slow)
            step = {"tmp": np.empty(3), "t": t + j, "lr": lr * 0.9**j}
            optimizer.update(moved, np.zeros(3), *remembered, **step)
    optimizer.catch_up(p, *slots, n=n, drift=sums(optimizer, n, t, lr), tmp=np.empty_like(p))
    for mine, theirs in zip((p, *slots), slow, strict=True):
        assert_allclose(mine, theirs, rtol=tolerance, atol=1e-14)


@pytest.mark.parametrize(
    "arguments",
    [
        *({"solver": solver} for solver in OPTIMIZERS),
        {"solver": ByHandLazily()},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "solver": "sgd"},
        {"clip_norm": 0.05},
        {"batch_norm": True},
        {"input_dropout_rate": 0.3},
        {"input_dropout_rate": 0.3, "dropout": "batchwise"},
        {"dropout_schedule": "linear"},
        {"learning_rate": "invscaling"},
        {"learning_rate": "one_cycle"},
        {"bias_alpha": 0.1},
        {"standardize": False},
        {"early_stopping": True},
        {"cv": 3},
        {"batch_size": 200, "shuffle": False},
    ],
    ids=repr,
)
def test_a_lazy_fit_is_the_fit(arguments, laziness, count_lazy):
    fits = []
    for on in (False, True):
        laziness(on)
        fits.append(network(**arguments).fit(X, Y))
        assert count_lazy == [on] * len(count_lazy)
        count_lazy.clear()
    dense, waiting = fits
    assert_allclose(waiting.predict_proba(X), dense.predict_proba(X), atol=1e-4)
    assert_allclose(waiting.loss_curve_, dense.loss_curve_, rtol=1e-5)
    nets = (getattr(net, "estimators_", [net]) for net in fits)
    for theirs, mine in zip(*nets, strict=True):
        for W, V in zip(mine.coefs_, theirs.coefs_, strict=True):
            assert_allclose(W, V, atol=1e-3 * np.abs(V).max())


def test_it_is_so_for_numbers_in_single_precision(laziness):
    fits = []
    for on in (False, True):
        laziness(on)
        fits.append(network(DropoutMLPRegressor).fit(X.astype(np.float32), Y.astype(float)))
    dense, waiting = (net.predict(X.astype(np.float32)) for net in fits)
    assert waiting.dtype == np.float32
    assert_allclose(waiting, dense, atol=1e-3)


def test_it_is_so_for_partial_fit_and_a_pickle_in_between(laziness):
    fits = []
    for on in (False, True):
        laziness(on)
        net = network()
        for start in range(0, 200, 40):
            part = slice(start, start + 40)
            net.partial_fit(X[part], Y[part], classes=[0, 1, 2])
            net = pickle.loads(pickle.dumps(net))
        fits.append(net)
    dense, waiting = fits
    assert_allclose(waiting.predict_proba(X), dense.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("n_steps", [7, 8], ids=["", "and at its end"])  # of the 40 of an epoch
def test_it_is_so_where_all_rows_rest_in_the_midst_of_an_epoch(n_steps, laziness, monkeypatch):
    laziness(True)
    seldom = network(batch_size=5).fit(X, Y).predict_proba(X)
    monkeypatch.setattr(lazy, "MOST_MOMENTS", n_steps)
    assert_allclose(network(batch_size=5).fit(X, Y).predict_proba(X), seldom, atol=1e-4)


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_it_is_so_where_batches_have_no_entries(solver, laziness):
    empty = X.copy()
    empty.data[:] = 0.0
    empty[:60] = X[:60]
    empty.eliminate_zeros()
    fits = []
    for on in (False, True):
        laziness(on)
        net = network(solver=solver, shuffle=False).fit(empty, Y)
        fits.append(net.partial_fit(sparse.csr_array((10, 300)), Y[:10]))
    dense, waiting = fits
    assert_allclose(waiting.predict_proba(X), dense.predict_proba(X), atol=1e-4)


@pytest.mark.filterwarnings("ignore:Training interrupted by user")
@pytest.mark.parametrize("n_calls", [*range(100, 130)])
def test_who_stops_in_the_midst_of_a_step_keeps_the_epochs_before(n_calls, laziness):
    laziness(True)
    calls = iter(range(n_calls))

    class Stops(Adam):
        def update(self, p, g, m, v, *, tmp, t, lr):
            if next(calls, None) is None and t < 10_000:
                raise KeyboardInterrupt
            super().update(p, g, m, v, tmp=tmp, t=t, lr=lr)

        drift, catch_up = Adam.drift, Adam.catch_up

    net = network(solver=Stops()).fit(X, Y)
    assert 1 <= net.n_iter_ < 6
    assert np.isfinite(net.predict_proba(X)).all()


def test_rows_that_every_batch_needs_feel_a_penalty_as_always(laziness):
    full = sparse.csr_array(np.random.default_rng(0).normal(size=(200, 12)))
    fits = []
    for on in (False, True):
        laziness(on)
        fits.append(network(alpha=0.1).fit(full, Y))
    dense, waiting = fits
    assert_allclose(waiting.predict_proba(full), dense.predict_proba(full), atol=1e-6)
    assert_allclose(waiting.loss_curve_, dense.loss_curve_, rtol=1e-2)  # measured now and then


def test_a_row_feels_the_penalty_of_the_steps_that_it_waited_for():
    W = np.random.default_rng(0).normal(size=(4, 3))
    rows = LazyRows(W, (np.zeros_like(W),), SGD(), 0.0, ElasticNet(0.1, 0.0))
    value = rows.penalise(0.5) / 0.5
    assert value == pytest.approx(0.05 * np.sum(W**2))
    rows.gather(np.array([1]))
    rows.g = np.zeros_like(rows.gathered[0])
    rows.penalise(0.25)
    rows.step(1, 0.0)
    rows.gather(np.array([1, 3]))
    rows.g = np.zeros_like(rows.gathered[0])
    rows.penalise(2.0)
    assert_allclose(rows.g, 0.1 * np.array([[2.0], [2.75]]) * W[[1, 3]])


def test_what_somebody_sees_between_epochs_has_been_moved(laziness):
    seen = {True: [], False: []}
    for on, told in seen.items():
        laziness(on)
        net = network(max_iter=3, warm_start=True)
        for _ in range(3):
            told.append(net.fit(X, Y).coefs_[0].copy())
    for mine, theirs in zip(*seen.values(), strict=True):
        assert_allclose(mine, theirs, atol=1e-3 * np.abs(theirs).max())


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 0.1, "l1_ratio": 0.5},
        {"alpha": 0.1, "solver": "sgd"},
        {"alpha": 0.1, "solver": ByHandLazily()},
        {"max_norm": 2.0},
        {"dropout": "dropconnect", "input_dropout_rate": 0.2},
        {"solver": ByHand()},
        {"solver": Adam(beta_1=0.9, beta_2=0.5)},
    ],
    ids=repr,
)
def test_every_row_is_moved_where_none_may_wait(arguments, laziness, count_lazy):
    laziness(True)
    network(**arguments).fit(X, Y)
    assert count_lazy == [False]


@pytest.mark.parametrize(
    "n_features, density, expected", [(40_000, 0.001, True), (40_000, 0.1, False)]
)
def test_a_fit_is_lazy_where_a_batch_has_few_of_many_features(
    n_features, density, expected, count_lazy
):
    wide = sparse.random_array((60, n_features), density=density, format="csr", random_state=0)
    network(max_iter=1).fit(wide, Y[:60])
    assert count_lazy == [expected]


def test_an_optimizer_of_ones_own_is_lazy_if_it_says_how():
    assert ByHandLazily().is_lazy
    assert not ByHand().is_lazy
    assert clone(Adam()).is_lazy
    with pytest.raises(NotImplementedError, match="catch_up"):
        ByHand().catch_up(np.zeros((1, 1)))


@pytest.mark.parametrize("arguments", [{}, {"solver": "nadam"}, {"weight_decay": 0.1}], ids=repr)
def test_a_lazy_ensemble_is_the_same_for_any_number_of_workers(arguments, laziness, monkeypatch):
    laziness(True)
    monkeypatch.setattr(parallel, "N_STEPS", 20)  # an engine serves so many, and another goes on
    ensemble = network(cv=3, max_iter=7, alpha=0.1, **arguments)
    alone = ensemble.fit(X, Y).predict_proba(X)
    with parallel_config("threading", n_jobs=2):
        assert_array_equal(clone(ensemble).fit(X, Y).predict_proba(X), alone)


def test_a_penalty_that_is_due_survives_a_pickle(laziness):
    laziness(True)
    first, then = X[:100], X[100:]
    net = network(alpha=0.5).partial_fit(first, Y[:100], classes=[0, 1, 2])
    restored = pickle.loads(pickle.dumps(net))
    for one in (net, restored):
        one.partial_fit(then, Y[100:])
    assert_array_equal(net.coefs_[0], restored.coefs_[0])
    forgetful = network(alpha=0.5).partial_fit(first, Y[:100], classes=[0, 1, 2])
    forgetful._state.optimizer.due = None
    assert not np.array_equal(forgetful.partial_fit(then, Y[100:]).coefs_[0], net.coefs_[0])
