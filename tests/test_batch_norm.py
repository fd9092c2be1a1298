"""Batch normalisation as users meet it: running statistics, weights, small batches, going on."""

import copy
import pickle

import numpy as np
import pytest
import reference
from cases import PENALTIES, make_network, make_update
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._network.network import Network
from skdropout.constraints import MaxNorm
from skdropout.optimizers import OPTIMIZERS, SGD

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(120, n_features=12, n_informative=6, n_classes=3, random_state=0)
NUMBERS = Y + X[:, 0]
X_LABELS, Y_LABELS = make_multilabel_classification(120, 12, n_classes=4, random_state=0)
TARGETS = {DropoutMLPClassifier: Y, DropoutMLPRegressor: NUMBERS}
WEIGHT = np.random.default_rng(0).uniform(0.2, 3, 120)
REST = {"learning_rate_init": 1e-300, "dropout_rate": 0, "shuffle": False}  # nothing moves

over_estimators = pytest.mark.parametrize("estimator", TARGETS)
over_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
over_standardize = pytest.mark.parametrize("standardize", [False, True], ids=["raw", "scaled"])
over_weights = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])


def network(estimator=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (9, 8), "learning_rate_init": 0.01, "max_iter": 20}
    defaults |= {"batch_size": 40, "batch_norm": True, "random_state": 0}
    defaults |= {"dropout_rate": 0.2 * (estimator is DropoutMLPClassifier)}
    defaults |= {"learning_rate": "constant", "standardize": False, "cv": None}
    return estimator(**{**defaults, **arguments})


def go_on(net, n_calls=1, X=X, y=None, **more):
    """Call `partial_fit` so many times, with the classes where they are known."""
    y = TARGETS[type(net)] if y is None else y
    if isinstance(net, DropoutMLPClassifier):
        more = {"classes": [0, 1, 2], **more}
    for _ in range(n_calls):
        net.partial_fit(X, y, **more)
    return net


def memory(net):
    """All parameters and running statistics."""
    return net._network.memory.copy()


def n_batches(net):
    """The number of batches that the running statistics have seen."""
    return net._network.statistics["n0"].item()


def raw(net, X):
    """Raw predictions, a column an output."""
    return net._network.predict(X)


# the reference


@over_weights
def test_derivative_of_the_reference_equals_complex_step(weight):
    weight = np.ones(120) if weight is None else weight
    derivative = reference.dstandardised(X, weight)
    for i in (0, 7, 119):
        moved = X.astype(complex)
        moved[i] += 1e-30j
        expected = reference.standardised(moved, weight).imag / 1e-30
        assert_allclose(derivative[:, i], expected, rtol=1e-11, atol=1e-14)


# running statistics


def layers_of_batch(net, X, weight):
    """What the two hidden layers of a network normalise."""
    W0, W1, _ = net.coefs_
    u = X @ W0
    return u, np.maximum(reference.standardised(u, weight), 0) @ W1


@over_weights
@pytest.mark.parametrize("n_epochs", [1, 2, 4, 9])
def test_running_statistics_are_a_mean_and_then_a_moving_average(n_epochs, weight):
    """Three batches an epoch: the mean over the first ten, then each new one weighs a tenth."""
    net = network(**REST, max_iter=n_epochs).fit(X, Y, weight)
    weight = np.ones(120) if weight is None else weight
    seen = [[], []]
    for _ in range(n_epochs):
        for start in (0, 40, 80):
            rows = slice(start, start + 40)
            for of_layer, u in zip(seen, layers_of_batch(net, X[rows], weight[rows]), strict=True):
                mean = np.average(u, axis=0, weights=weight[rows])
                of_layer.append((mean, np.average((u - mean) ** 2, axis=0, weights=weight[rows])))
    for i, of_layer in enumerate(seen):
        running = np.mean(of_layer[:10], axis=0)
        for statistics in of_layer[10:]:
            running = 0.9 * running + 0.1 * np.array(statistics)
        found = net._network.statistics
        assert_allclose(found[f"mean{i}"][0], running[0], rtol=1e-10, atol=1e-12)
        assert_allclose(found[f"variance{i}"][0], running[1], rtol=1e-10)
        assert found[f"n{i}"] == 3 * n_epochs


def by_hand(net, X):
    """Raw predictions by the running statistics, written out."""
    network, h = net._network, X
    for i, name in enumerate(network.activations):
        f, _ = reference.ACTIVATIONS[name]
        mean, variance = network.statistics[f"mean{i}"], network.statistics[f"variance{i}"]
        n = (h @ net.coefs_[i] - mean) / np.sqrt(variance + 1e-5)
        h = f(n * network.parameters[f"scale{i}"] + net.intercepts_[i])
    return h @ net.coefs_[-1] + net.intercepts_[-1]


@over_dtypes
@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_prediction_goes_by_the_running_statistics(activation, dtype):
    net = network(activation=activation, max_iter=5).fit(X.astype(dtype), Y)
    z = raw(net, X.astype(dtype))
    assert z.dtype == dtype
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    assert_allclose(z, by_hand(net, X.astype(dtype)), rtol=0, atol=tolerance * np.abs(z).max())
    folded = net._network.fold()
    assert not folded.batch_norm
    assert folded.dtype == dtype
    assert_allclose(folded.predict(X.astype(dtype)), z, rtol=1e-12)
    assert_array_equal(net.predict(X.astype(dtype)[:1]), net.predict(X.astype(dtype))[:1])


def test_a_network_without_it_folds_into_itself():
    plain = network(batch_norm=False, max_iter=1).fit(X, Y)._network
    assert plain.fold() is plain


def test_folding_leaves_the_network_alone():
    net = network(max_iter=2).fit(X, Y)
    before = memory(net)
    net._network.fold().memory.fill(0.0)
    assert_array_equal(memory(net), before)


@over_estimators
def test_random_predictions_go_by_the_running_statistics(estimator):
    """At a rate so small that nothing is dropped they are the predictions."""
    net = network(estimator, dropout="bernoulli").fit(X, TARGETS[estimator])
    net.set_params(dropout_rate=1e-9)
    if estimator is DropoutMLPClassifier:
        samples, expected = net.predict_proba_samples(X, 3, 0), net.predict_proba(X)
    else:
        samples, expected = net.predict_samples(X, 3, 0), net.predict(X)
    assert_allclose(samples, [expected] * 3, rtol=1e-10, atol=1e-12)


@over_estimators
@over_dtypes
@over_standardize
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_types_are_kept(estimator, dtype, standardize, form):
    net = network(estimator, standardize=standardize, max_iter=2)
    net.fit(form(X.astype(dtype)), TARGETS[estimator])
    assert memory(net).dtype == dtype
    assert raw(net, X.astype(dtype)).dtype == dtype
    go_on(net, X=form(X.astype(dtype)))
    assert memory(net).dtype == dtype


def test_early_stopping_goes_back_to_the_statistics_of_the_best_epoch():
    seen = []

    def scorer(estimator, X, y):
        seen.append(memory(estimator))
        return -np.square(estimator.predict_proba(X) - np.eye(3)[y]).sum()

    net = network(early_stopping=True, scoring=scorer, learning_rate_init=0.1, max_iter=200)
    net.fit(X, Y)
    best = np.argmax(net.validation_scores_)
    assert best < net.n_iter_ - 1
    assert_array_equal(memory(net), seen[best])
    assert n_batches(net) == 3 * (best + 1)


# inputs that leave nothing to divide by

HARD = {
    "constant columns": (np.where(np.arange(12) < 8, 7.0, X), {}),
    "only constant columns": (np.full(X.shape, 3.0), {}),
    "two rows that differ": (np.where(np.arange(120)[:, None] < 2, X, 0.0), {"batch_size": 120}),
    "saturated": (1e3 * X, {"activation": "logistic", "learning_rate_init": 10.0}),
    "one unit": (X, {"hidden_layer_sizes": (1,)}),
    "one unit in each layer": (X, {"hidden_layer_sizes": (1, 1, 1)}),
    "no hidden layer": (X, {"hidden_layer_sizes": ()}),
    "all but one unit dropped": (X, {"dropout_rate": 0.99, "input_dropout_rate": 0.99}),
    "large": (1e15 * X, {}),
    "small": (1e-15 * X, {}),
    "far away": (X + 1e6, {}),
}


@over_estimators
@over_dtypes
@over_standardize
@pytest.mark.parametrize("name", HARD)
def test_hard_inputs_stay_finite(estimator, name, standardize, dtype):
    hard, arguments = HARD[name]
    hard = hard.astype(dtype)
    net = network(estimator, standardize=standardize, **arguments)
    net.fit(hard, TARGETS[estimator])
    assert np.isfinite(memory(net)).all()
    assert np.isfinite(raw(net, hard)).all()
    assert np.isfinite(net.loss_curve_).all()
    go_on(net, X=hard)
    assert np.isfinite(memory(net)).all()


def test_units_of_measurement_do_not_matter():
    """Up to epsilon, which is small beside the variance of large numbers."""
    quiet = {"dropout_rate": 0, "max_iter": 10}
    some, more = (network(**quiet).fit(scale * X, Y) for scale in (1e3, 1e9))
    assert_allclose(more.predict_proba(1e9 * X), some.predict_proba(1e3 * X), atol=1e-5)
    plain = network(**quiet, batch_norm=False).fit(1e3 * X, Y)
    assert np.abs(plain.predict_proba(1e3 * X) - some.predict_proba(1e3 * X)).max() > 0.1


@over_estimators
@over_weights
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("way", ["fit", "partial_fit"])
def test_standardising_inside_is_standardising_before(estimator, weight, batch_norm, way):
    """The network for the data as given takes the shift into the running means, or the biases."""
    scaled, raw_data = StandardScaler().fit_transform(X, sample_weight=weight), 100 * X + 7e3
    nets = []
    for x in (raw_data, scaled):
        net = network(estimator, standardize=True, batch_norm=batch_norm, activation="tanh")
        if way == "fit":
            net.fit(x, TARGETS[estimator], weight)
        nets.append(go_on(net, 3, X=x, sample_weight=weight))
    inside, before = nets
    assert_allclose(raw(inside, raw_data), raw(before, scaled), rtol=1e-6, atol=1e-8)


# weights


def samples_of(kind):
    return {
        "binary": (DropoutMLPClassifier, X, (Y > 0).astype(int)),
        "multiclass": (DropoutMLPClassifier, X, Y),
        "multilabel": (DropoutMLPClassifier, X_LABELS, Y_LABELS),
        "numbers": (DropoutMLPRegressor, X, NUMBERS),
    }[kind]


over_kinds = pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "numbers"])
over_rates = pytest.mark.parametrize(
    "rates",
    [{"dropout_rate": 0}, {"dropout_rate": 0.5, "input_dropout_rate": 0.2}],
    ids=["", "batchwise dropout"],
)


@over_kinds
@over_rates
def test_weights_are_repetitions(kind, rates):
    estimator, x, y = samples_of(kind)
    weight = np.random.default_rng(0).integers(0, 3, 120)
    net = network(estimator, **rates, activation="tanh", max_iter=30)
    weighted = clone(net).set_params(batch_size=np.count_nonzero(weight)).fit(x, y, weight)
    repeated = clone(net).set_params(batch_size=weight.sum())
    repeated.fit(x.repeat(weight, axis=0), y.repeat(weight, axis=0))
    assert n_batches(weighted) == n_batches(repeated) == 30  # a batch holds all rows
    assert_allclose(memory(weighted), memory(repeated), rtol=1e-8, atol=1e-8)
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)
    assert weighted.t_ == repeated.t_


@over_kinds
@over_rates
def test_rows_of_weight_zero_are_left_out(kind, rates):
    estimator, x, y = samples_of(kind)
    weight = np.where(np.arange(120) % 5 < 2, 0, WEIGHT)
    x = np.where(weight[:, None] > 0, x, 1e9)
    net = network(estimator, **rates, batch_size=20)
    weighted = clone(net).fit(x, y, weight)
    kept = weight > 0
    assert_array_equal(memory(weighted), memory(clone(net).fit(x[kept], y[kept], weight[kept])))


@over_rates
def test_only_the_proportions_of_weights_matter(rates):
    """But for the penalty, which is divided by their sum."""
    net = network(**rates, alpha=0, activation="tanh")
    one, many = (clone(net).fit(X, Y, factor * WEIGHT) for factor in (1, 1000))
    assert_allclose(memory(many), memory(one), rtol=1e-7, atol=1e-9)


# batches that are too small


@pytest.mark.parametrize(
    "n, batch_size, n_expected",
    [(41, 40, 1), (42, 40, 2), (81, 40, 2), (9, 4, 2), (3, 2, 1), (2, 2, 1), (5, 5, 1)],
)
@over_estimators
def test_a_last_row_joins_the_batch_before(estimator, n, batch_size, n_expected):
    y = np.arange(n) % 2
    net = network(estimator, batch_size=batch_size, max_iter=3).fit(X[:n], y)
    assert n_batches(net) == 3 * n_expected
    assert net.t_ == 3 * n
    assert np.isfinite(memory(net)).all()


@over_estimators
@pytest.mark.parametrize(
    "n, arguments, weight",
    [
        (120, {"batch_size": 1}, None),
        (2, {"batch_size": 1}, None),
        (3, {"batch_size": 1}, [1, 1, 0]),
    ],
)
def test_batches_of_one_row_are_refused(estimator, n, arguments, weight):
    net = network(estimator, **arguments)
    message = r"batch_norm=True needs batches of at least two samples, got batch_size=1 and "
    with pytest.raises(ValueError, match=message):
        net.fit(X[:n], np.arange(n) % 2, weight)
    assert set(vars(net)) == set(vars(clone(net)))


@pytest.mark.parametrize("weight", [None, [0.0, 2.0]])
def test_a_single_row_to_train_on_is_refused(weight):
    n = 1 if weight is None else 2
    net = network(DropoutMLPRegressor, batch_size="auto")
    with pytest.raises(ValueError, match=r"at least two samples, .* n_samples=1 to train on"):
        net.fit(X[:n], NUMBERS[:n], weight)
    assert network(DropoutMLPRegressor, batch_norm=False, batch_size="auto").fit(
        X[:n], NUMBERS[:n], weight
    )


@over_estimators
def test_a_call_with_one_row_is_refused_and_loses_nothing(estimator):
    net = network(estimator, batch_size="auto", dropout_rate=0.5)
    with pytest.raises(ValueError, match=r"at least two samples, .* n_samples=1 to train on"):
        go_on(net, X=X[:1], y=TARGETS[estimator][:1])
    assert set(vars(net)) == set(vars(clone(net)))
    go_on(net, 2)
    straight = copy.deepcopy(net)
    attributes, before, history = set(vars(net)), memory(net), copy.deepcopy(net.history_)
    with pytest.raises(ValueError, match="n_samples=1 to train on"):
        go_on(net, X=X[:1], y=TARGETS[estimator][:1])
    assert set(vars(net)) == attributes
    assert net.history_ == history
    assert_array_equal(memory(net), before)
    assert_array_equal(memory(go_on(net)), memory(go_on(straight)))


# going on


@over_estimators
def test_warm_starts_go_on_with_the_statistics(estimator):
    y = TARGETS[estimator]
    net = network(estimator, **REST, solver="sgd", momentum=0)  # with nothing to forget
    warm = clone(net).set_params(warm_start=True, max_iter=4).fit(X, y).fit(X, y)
    assert n_batches(warm) == 3 * 8
    assert_array_equal(memory(warm), memory(net.set_params(max_iter=8).fit(X, y)))
    moving = network(estimator, warm_start=True, max_iter=4).fit(X, y)
    before = memory(moving)
    assert n_batches(moving.fit(X, y)) == 3 * 8
    assert (memory(moving) != before).any()
    assert n_batches(moving.set_params(warm_start=False).fit(X, y)) == 3 * 4


@over_estimators
@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli", "gaussian", "dropconnect"])
def test_calls_are_epochs_of_fit(estimator, dropout):
    net = network(estimator, dropout=dropout, dropout_rate=0.3, n_iter_no_change=99)
    called = go_on(clone(net), 5)
    fitted = clone(net).set_params(max_iter=5).fit(X, TARGETS[estimator])
    assert_array_equal(memory(called), memory(fitted))
    assert called.history_ == fitted.history_


@over_estimators
def test_a_file_goes_on_bit_for_bit(estimator):
    net = network(estimator, dropout="bernoulli", dropout_rate=0.5)
    straight = go_on(clone(net), 5)
    other = pickle.loads(pickle.dumps(go_on(net, 2)))
    assert_array_equal(memory(other), memory(net))
    assert_array_equal(memory(go_on(other, 3)), memory(straight))


@over_estimators
@pytest.mark.parametrize("way", ["partial_fit", "warm start"])
@pytest.mark.parametrize("first", [False, True])
def test_switching_it_between_is_refused(estimator, way, first):
    net = network(estimator, batch_norm=first, warm_start=way == "warm start", max_iter=2)
    go_on(net, 2)
    before, attributes = memory(net), set(vars(net))
    net.set_params(batch_norm=not first)
    with pytest.raises(ValueError, match=f"batch_norm={first} .*; got .*, {not first} and True"):
        go_on(net) if way == "partial_fit" else net.fit(X, TARGETS[estimator])
    assert set(vars(net)) == attributes
    assert_array_equal(memory(net), before)
    assert np.isfinite(net.predict(X)).all()  # by the network there is
    if way == "warm start":
        net.set_params(warm_start=False)
        assert len(memory(net.fit(X, TARGETS[estimator]))) != len(before)


# with everything else


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array])
@over_rates
@over_estimators
def test_sparse_is_dense(estimator, rates, form, weight):
    x = np.where(np.random.default_rng(0).random(X.shape) < 0.4, X, 0.0)
    x[:, 3] = 0.0
    net = network(estimator, **rates)
    of_dense = clone(net).fit(x, TARGETS[estimator], weight)
    of_sparse = clone(net).fit(form(x), TARGETS[estimator], weight)
    assert_allclose(memory(of_sparse), memory(of_dense), rtol=1e-8, atol=1e-9)
    assert_allclose(raw(of_sparse, x), raw(of_dense, x), rtol=1e-8, atol=1e-9)


@over_estimators
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_every_optimizer_learns(estimator, solver):
    net = network(estimator, solver=solver, dropout_rate=0, max_iter=30)
    net.fit(X, TARGETS[estimator])
    assert np.isfinite(memory(net)).all()
    assert net.loss_ < net.loss_curve_[0]


def test_lbfgs_is_refused():
    with pytest.raises(ValueError, match="solver='lbfgs' does not know batch_norm, got True"):
        network(solver="lbfgs", dropout_rate=0).fit(X, Y)


@over_kinds
@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 3.0},
        {"alpha": 3.0, "l1_ratio": 1.0},
        {"alpha": 3.0, "l1_ratio": 0.5, "bias_alpha": 2.0},
        {"weight_decay": 0.5},
        {"max_norm": 0.1},
        {"clip_norm": 1e-3, "solver": "sgd"},
    ],
    ids=str,
)
def test_penalties_and_bounds_act_on_what_they_are_for(kind, arguments):
    estimator, x, y = samples_of(kind)
    net = network(estimator, **arguments).fit(x, y)
    plain = network(estimator, solver=net.solver, alpha=0).fit(x, y)
    assert np.isfinite(memory(net)).all()
    sizes, sizes_of_plain = (
        np.linalg.norm(np.concatenate([W.ravel() for W in one.coefs_])) for one in (net, plain)
    )
    if "clip_norm" in arguments:
        start = network(estimator, **REST, max_iter=1).fit(x, y)
        moved, moved_of_plain = (
            np.abs(one._network.parameters.flat - start._network.parameters.flat).max()
            for one in (net, plain)
        )
        assert 0 < moved < 0.1 * moved_of_plain
    else:
        assert sizes < 0.95 * sizes_of_plain
    if "max_norm" in arguments:
        assert all(np.linalg.norm(W, axis=0).max() <= 0.1 + 1e-12 for W in net.coefs_)
        scales = net._network.parameters.flat[net._network.biases_span.stop :]
        assert scales.min() > 0.1


def test_penalties_and_decay_leave_the_scales_alone():
    net = make_network((4, 3, 5, 2), batch_norm=True)
    net.statistics.flat[:] = np.random.default_rng(0).normal(size=net.statistics.flat.size)
    before = net.copy()
    update = make_update(
        net,
        SGD(momentum=0.0, nesterovs_momentum=False),
        penalties=PENALTIES,
        weight_decay=0.5,
        constraint=MaxNorm(0.5),
    )
    update.step(0.1, 1.0)
    for name in net.parameters.layout:
        moves = not name.startswith("scale")
        assert (net.parameters[name] != before.parameters[name]).any() == moves, name
    assert_array_equal(net.statistics.flat, before.statistics.flat)


def test_the_norm_of_the_gradient_counts_the_scales():
    net = Network((4, 3, 2), ("relu",), np.float64, batch_norm=True)
    optimizer = SGD(momentum=0.0, nesterovs_momentum=False)
    update = make_update(net, optimizer, clip_norm=1.0)
    update.gradient["scale0"][:] = [30.0, 0.0, 0.0]
    update.gradient["b1"][:] = [0.0, 40.0]
    update.step(1.0, 1.0)
    assert_allclose(net.parameters["scale0"], [-0.6, 0, 0], rtol=1e-12)
    assert_allclose(net.parameters["b1"], [0, -0.8], rtol=1e-12)


@over_kinds
def test_it_learns(kind):
    """Faster than without at the same small rate of learning."""
    estimator, x, y = samples_of(kind)
    quiet = {"dropout_rate": 0, "learning_rate_init": 1e-3, "max_iter": 40}
    normalised = network(estimator, **quiet).fit(1e-2 * x, y)
    plain = network(estimator, **quiet, batch_norm=False).fit(1e-2 * x, y)
    assert normalised.score(1e-2 * x, y) > plain.score(1e-2 * x, y)


def test_without_hidden_layers_there_is_nothing_to_normalise():
    net = DropoutMLPClassifier((), batch_norm=True, batch_size=1, max_iter=2, random_state=0)
    twin = clone(net).set_params(batch_norm=False)
    for each in (net, twin):
        each.set_params(learning_rate="cosine").fit(X[:20], Y[:20])
    assert_array_equal(net.coefs_[0], twin.coefs_[0])
