"""What a fit makes of a dropout scheme: rates and layers, penalties, extremes, sparse inputs."""

import pickle
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from cases import SCHEMES
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_classification

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor, dropout
from skdropout._estimators.conventions import spawn_streams
from skdropout._network.training_pass import TrainingPass
from skdropout.dropout import (
    DROPOUT_SCHEMES,
    Alpha,
    Batchwise,
    Bernoulli,
    DropConnect,
    DropoutScheme,
    Gaussian,
)
from skdropout.optimizers import OPTIMIZERS

pytestmark = pytest.mark.filterwarnings("ignore:The fit came to nothing")  # after a few epochs

BINARY = [scheme for scheme in SCHEMES if not isinstance(scheme, Gaussian)]  # zero or one value
OPTIONAL = [Batchwise(batches_per_mask=3), DropConnect(batches_per_mask=2)]
over_schemes = pytest.mark.parametrize("scheme", SCHEMES, ids=repr)

# 40 rows are batches of 16, 16 and 8.

X, Y = make_classification(40, n_features=4, random_state=0)
FITTED = [*SCHEMES, *OPTIONAL]
over_fitted = pytest.mark.parametrize("scheme", FITTED, ids=repr)


def network(estimator=DropoutMLPClassifier, **arguments):
    defaults = {"batch_size": 16, "learning_rate": "cosine", "max_iter": 4, "random_state": 0}
    defaults |= {"cv": None}
    return estimator(**{"hidden_layer_sizes": (5, 3), **defaults, **arguments})


def fit(X=X, y=Y, **arguments):
    return network(**arguments).fit(X, y)


def fit_selu(X=X, y=Y, **arguments):
    """A fit that any scheme can take part in, with dropout everywhere."""
    rates = {"dropout_rate": 0.4, "input_dropout_rate": 0.2}
    return fit(X, y, **{"activation": "selu", **rates, **arguments})


def assert_same_network(first, second):
    for array, other in zip(
        first.coefs_ + first.intercepts_, second.coefs_ + second.intercepts_, strict=True
    ):
        assert_array_equal(array, other)
    assert first.loss_curve_ == second.loss_curve_


def distance(first, second):
    """The largest difference of any weight."""
    pairs = zip(first.coefs_, second.coefs_, strict=True)
    return max(np.abs(array - other).max() for array, other in pairs)


def assert_finite(net, X=X):
    for p in net.coefs_ + net.intercepts_:
        assert np.isfinite(p).all()
    assert np.isfinite(net.loss_curve_).all()
    assert np.isfinite(net.decision_function(X)).all()


def recorder(scheme=None):
    """A scheme of the kind of another one, and the list of all that it is asked for."""
    calls, kind = [], DropoutScheme if scheme is None else type(scheme)

    @dataclass(repr=False)
    class Recorder(kind):
        independent = kind.independent

        def draw(self, rng, rate, out):
            calls.append((rate, out.shape))
            if kind is not DropoutScheme:
                return super().draw(rng, rate, out)
            out[:] = (rng.random(out.shape) >= rate) / (1 - rate)

    return Recorder(**({} if scheme is None else scheme.get_params())), calls


def test_scheme_of_a_users_own():
    scheme, calls = recorder()
    fit(dropout=scheme, input_dropout_rate=0.1, dropout_rate=(0.2, 0.3))
    of_an_epoch = [
        (rate, (n_rows, n_units))
        for n_rows in (16, 16, 8)
        for rate, n_units in ((0.1, 4), (0.2, 5), (0.3, 3))
    ]
    assert calls == 4 * of_an_epoch


@pytest.mark.parametrize(
    "scheme, shapes",
    [
        (Batchwise(), {n_rows: [(1, 4), (1, 5), (1, 3)] for n_rows in (16, 8)}),
        *[
            (scheme, {n_rows: [(n_rows, 4), (n_rows, 5), (n_rows, 3)] for n_rows in (16, 8)})
            for scheme in (Bernoulli(), Gaussian(), Alpha())
        ],
        (DropConnect(), {n_rows: [(4, 5), (5, 3), (3, 1)] for n_rows in (16, 8)}),
    ],
    ids=lambda value: repr(value) if isinstance(value, DropoutScheme) else "",
)
def test_each_layer_has_its_rate_and_its_mask(scheme, shapes):
    scheme, calls = recorder(scheme)
    fit(dropout=scheme, activation="selu", input_dropout_rate=0.1, dropout_rate=(0.2, 0.3))
    rates = [0.1, 0.2, 0.3]
    of_an_epoch = [
        (rate, (n_batches * n, n_units))  # drawn for all batches of a size at once
        for n_rows, n_batches in {16: 2, 8: 1}.items()
        for rate, (n, n_units) in zip(rates, shapes[n_rows], strict=True)
    ]
    assert calls == 4 * of_an_epoch


@over_fitted
def test_every_rate_changes_the_fit(scheme):
    nets = [
        fit_selu(dropout=scheme, input_dropout_rate=of_inputs, dropout_rate=of_layers)
        for of_inputs, of_layers in [
            (0, 0),
            (0.5, 0),
            (0, (0.5, 0)),
            (0, (0, 0.5)),
            (0.25, (0.75, 0.5)),
        ]
    ]
    for first, second in combinations(nets, 2):
        assert distance(first, second) > 1e-6


@pytest.mark.parametrize("scheme", [None, *SCHEMES], ids=repr)
def test_only_layers_with_a_rate_are_asked(scheme):
    scheme, calls = recorder(scheme)
    fit(dropout=scheme, activation=("relu", "selu"), dropout_rate=(0, 0.3))
    assert {rate for rate, _ in calls} == {0.3}
    assert 3 in {n for _, shape in calls for n in shape}  # units of the second layer
    of_an_epoch = 3 if type(scheme).__bases__ == (DropoutScheme,) else 2  # batches, or their sizes
    assert len(calls) == 4 * of_an_epoch


def test_shape_of_a_users_mask_is_broadcast():
    @dataclass(repr=False)
    class DropSamples(DropoutScheme):
        def mask_shape(self, n_rows, n_units):
            return n_rows, 1

        def draw(self, rng, rate, out):
            assert out.shape[1] == 1
            out[:] = (rng.random(out.shape) >= rate) / (1 - rate)

    by_sample, plain = fit(dropout=DropSamples(), dropout_rate=0.5), fit(dropout_rate=0)
    assert abs(by_sample.decision_function(X) - plain.decision_function(X)).max() > 1e-6


def test_users_scheme_may_drop_weights_for_several_batches():
    shapes = []

    class DropInputsOfUnits(DropoutScheme):
        """All units of a layer lose the same inputs."""

        drops_weights = True
        batches_per_mask = 4

        def mask_shape(self, n_inputs, n_units):
            return n_inputs, 1

        def draw(self, rng, rate, out):
            shapes.append(out.shape)
            out[:] = (rng.random(out.shape) >= rate) / (1 - rate)

    net = fit(dropout=DropInputsOfUnits(), dropout_rate=0.5, input_dropout_rate=0.5)
    assert shapes == 3 * [(4, 1), (5, 1), (3, 1)]  # 12 batches
    assert distance(net, fit(dropout_rate=0)) > 1e-6


def test_users_scheme_may_saturate():
    """One that always keeps everything changes nothing but for rounding, wherever it saturates."""

    class KeepAll(DropoutScheme):
        saturation = -3.0

        def draw(self, rng, rate, out):
            out[:] = 1

    kept = fit(dropout=KeepAll(), dropout_rate=0.5, input_dropout_rate=0.5)
    plain = fit(dropout_rate=0)
    assert_allclose(kept.decision_function(X), plain.decision_function(X), rtol=1e-9)


@pytest.mark.parametrize("scheme", [*FITTED, *DROPOUT_SCHEMES, DropoutScheme()], ids=repr)
def test_rate_zero_asks_no_scheme(scheme):
    """Not even one that could not draw, or one for other activations."""
    rates = {"input_dropout_rate": 0, "dropout_rate": (0, 0.0)}
    assert_same_network(fit(dropout=scheme, **rates), fit(dropout_rate=0))


@pytest.mark.parametrize("scheme", BINARY, ids=repr)
def test_rate_that_rounds_to_zero_gives_the_network_without_dropout(scheme):
    net = fit_selu(dropout=scheme, dropout_rate=1e-6, input_dropout_rate=1e-9)
    plain = fit_selu(dropout_rate=0, input_dropout_rate=0)
    if not isinstance(scheme, Alpha):  # which rounds (x - s) + s
        assert_same_network(net, plain)
    assert distance(net, plain) < 1e-9


@pytest.mark.parametrize("shuffle", [True, False])
def test_dropout_changes_neither_start_nor_order(shuffle):
    """A scheme that draws, and then keeps everything, gives the network without dropout."""

    @dataclass(repr=False)
    class KeepAll(DropoutScheme):
        def draw(self, rng, rate, out):
            rng.random(out.size)
            out[:] = 1

    kept = fit(dropout=KeepAll(), input_dropout_rate=0.5, dropout_rate=0.5, shuffle=shuffle)
    assert_same_network(kept, fit(dropout_rate=0, shuffle=shuffle))


@pytest.mark.parametrize("estimator", [DropoutMLPClassifier, DropoutMLPRegressor])
@over_fitted
def test_random_state_decides(scheme, estimator):
    nets = [fit_selu(estimator=estimator, dropout=scheme, random_state=seed) for seed in (0, 0, 1)]
    assert_same_network(*nets[:2])
    assert distance(nets[0], nets[2]) > 1e-6


@pytest.mark.parametrize("name", DROPOUT_SCHEMES)
def test_a_name_stands_for_its_scheme(name):
    assert_same_network(fit_selu(dropout=name), fit_selu(dropout=DROPOUT_SCHEMES[name]()))


@pytest.mark.parametrize("first, second", combinations(FITTED, 2), ids=repr)
def test_schemes_train_different_networks(first, second):
    assert distance(fit_selu(dropout=first), fit_selu(dropout=second)) > 1e-6


@over_fitted
def test_precision_of_a_fit_is_that_of_the_data(scheme):
    for dtype in (np.float32, np.float64):
        net = fit_selu(X.astype(dtype), dropout=scheme)
        assert {p.dtype for p in net.coefs_ + net.intercepts_} == {np.dtype(dtype)}


@over_schemes
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_every_optimizer_takes_every_scheme(solver, scheme, monkeypatch):
    """The masks count, and nothing else is random."""
    arguments = {"dropout": scheme, "solver": solver, "learning_rate_init": 0.01}
    net = fit_selu(**arguments)
    assert_finite(net)

    def with_other_masks(rng):
        return spawn_streams(rng) | {"dropout": np.random.default_rng(99)}

    monkeypatch.setattr("skdropout._estimators.fitting.spawn_streams", with_other_masks)
    other = fit_selu(**arguments)
    assert_finite(other)
    assert distance(net, other) > 1e-7
    plain = fit(solver=solver, dropout_rate=0)
    monkeypatch.undo()
    assert_same_network(plain, fit(solver=solver, dropout_rate=0))


PENALTIES = {
    "alpha": {"alpha": 1.0},
    "l1_ratio": {"alpha": 1.0, "l1_ratio": 0.5},
    "bias_alpha": {"bias_alpha": 1.0, "learning_rate_init": 0.05},
    "weight_decay": {"weight_decay": 1.0},
    "max_norm": {"max_norm": 0.5, "standardize": False},
    "clip_norm": {"clip_norm": 0.01, "solver": "sgd"},
    "label_smoothing": {"label_smoothing": 0.2},
}


@over_schemes
@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_takes_every_scheme(name, scheme):
    """It counts with dropout, and dropout counts with it."""
    arguments = PENALTIES[name]
    others = {other: value for other, value in arguments.items() if other != name}
    net = fit_selu(dropout=scheme, **arguments)
    assert_finite(net)
    assert distance(net, fit_selu(dropout=scheme, **others)) > 1e-6
    assert distance(net, fit_selu(dropout_rate=0, input_dropout_rate=0, **arguments)) > 1e-6
    if name == "max_norm":
        assert max(np.linalg.norm(W, axis=0).max() for W in net.coefs_) < 0.5 + 1e-12


EXTREMES = {
    "rate of .99": {"dropout_rate": 0.99, "input_dropout_rate": 0.99},
    "rate of almost 1": {"dropout_rate": 1 - 1e-12, "input_dropout_rate": 1 - 1e-12},
    "tiny rate": {"dropout_rate": 1e-300, "input_dropout_rate": 1e-9},
    "one row a batch": {"batch_size": 1},
    "one unit": {"hidden_layer_sizes": (1, 1), "dropout_rate": 0.99},
    "one unit, one row": {"hidden_layer_sizes": 1, "dropout_rate": 0.99, "batch_size": 1},
    "no hidden layer": {"hidden_layer_sizes": (), "input_dropout_rate": 0.99},
}
WIDE = make_classification(40, n_features=6, n_redundant=0, random_state=1)[0]
DATA = {
    "plain": X,
    "saturated": 1e3 * WIDE,
    "constant column": np.c_[np.zeros(40), X[:, 0], np.full(40, 5.0)],
    "one column": X[:, :1],
}


@over_fitted
@pytest.mark.parametrize("extreme", EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_extremes_stay_finite(data, extreme, scheme):
    arguments = {"activation": "selu", "dropout_rate": 0.4, "input_dropout_rate": 0.2, **extreme}
    sizes = arguments.pop("hidden_layer_sizes", (5, 3))
    net = network(dropout=scheme, max_iter=2).set_params(hidden_layer_sizes=sizes, **arguments)
    assert_finite(net.fit(data, Y), data)


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize(
    "scheme", [scheme for scheme in FITTED if not isinstance(scheme, Alpha)], ids=repr
)
def test_saturated_units_stay_finite(scheme, activation):
    net = fit(1e6 * X, dropout=scheme, dropout_rate=0.5, activation=activation)
    assert_finite(net, 1e6 * X)


@pytest.mark.parametrize("scheme", [Batchwise(), Batchwise(batches_per_mask=3)], ids=repr)
@pytest.mark.parametrize("sizes", [(1,), (1, 1), (5, 3)], ids=str)
def test_thinned_network_is_never_empty(sizes, scheme, monkeypatch):
    masks = record_masks(monkeypatch)
    net = network(dropout=scheme, dropout_rate=0.99, input_dropout_rate=0.99)
    net.set_params(hidden_layer_sizes=sizes).fit(X, Y)
    assert len(masks) == 12
    for of_batch in masks:
        assert [np.count_nonzero(mask) for mask in of_batch] == [1] * (len(sizes) + 1)


# Masks for several batches.


def record_masks(monkeypatch):
    """The list of the masks in each training step to come."""
    masks, forward = [], TrainingPass.forward

    def recording_forward(step):
        dropping = [i for i, rate in enumerate(step.drops.rates) if rate]
        masks.append([step.masks[i].copy() for i in dropping])
        return forward(step)

    monkeypatch.setattr(TrainingPass, "forward", recording_forward)
    return masks


def groups(masks):
    """For how many steps each mask stayed the same."""
    lengths, last = [], None
    for of_batch in masks:
        now = [mask.tobytes() for mask in of_batch]
        if now == last:
            lengths[-1] += 1
        else:
            lengths.append(1)
        last = now
    return lengths


@pytest.mark.parametrize("kind", [Batchwise, DropConnect])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "n, lengths",
    [(1, [1] * 12), (2, [2] * 6), (3, [3] * 4), (5, [5, 5, 2]), (12, [12]), (10**9, [12])],
)
def test_masks_stay_for_so_many_batches(kind, n, lengths, dtype, monkeypatch):
    """Across the smaller, last batch and across epochs: 12 batches in all."""
    masks = record_masks(monkeypatch)
    scheme = kind(batches_per_mask=n)
    net = network(dropout=scheme, dropout_rate=0.5, input_dropout_rate=0.4)
    net.set_params(hidden_layer_sizes=(20, 15)).fit(X.astype(dtype), Y)
    assert groups(masks) == lengths
    assert all((mask == 0).any() for of_batch in masks for mask in of_batch)


def test_batches_per_mask_of_one_is_the_default():
    for kind in (Batchwise, DropConnect):
        assert_same_network(fit_selu(dropout=kind(batches_per_mask=1)), fit_selu(dropout=kind()))


@pytest.mark.parametrize("kind", [Batchwise, DropConnect])
def test_a_call_of_partial_fit_begins_with_new_masks(kind, monkeypatch):
    masks = record_masks(monkeypatch)
    net = network(dropout=kind(batches_per_mask=2), dropout_rate=0.5)
    net.set_params(hidden_layer_sizes=(20, 15))
    for _ in range(3):
        net.partial_fit(X, Y, classes=[0, 1])
    assert groups(masks) == [2, 1] * 3


@pytest.mark.parametrize("kind", [Batchwise, DropConnect])
def test_masks_of_other_rates_are_new(kind, monkeypatch):
    masks = record_masks(monkeypatch)
    net = network(dropout=kind(batches_per_mask=100), dropout_rate=0.5, dropout_schedule="linear")
    net.set_params(hidden_layer_sizes=(20, 15)).fit(X, Y)
    assert groups(masks) == [3] * 4


@pytest.mark.parametrize(
    "n, error", [(0, ValueError), (-1, ValueError), (1.5, TypeError), (None, TypeError)], ids=str
)
@pytest.mark.parametrize("kind", [Batchwise, DropConnect])
def test_bad_batches_per_mask_is_refused(kind, n, error):
    message = rf"batches_per_mask must be an integer in \[1, inf\), got {n}"
    with pytest.raises(error, match=message):
        fit(dropout=kind(batches_per_mask=n))


@pytest.mark.parametrize("kind", [Batchwise, DropConnect])
def test_batches_per_mask_can_be_searched_over(kind):
    net = network(dropout=kind())
    assert net.get_params()["dropout__batches_per_mask"] == 1
    assert net.set_params(dropout__batches_per_mask=7).dropout == kind(batches_per_mask=7)


# Sparse inputs, which are not centred: so nothing is standardised where they equal dense ones.


@pytest.mark.parametrize(
    "scheme", [scheme for scheme in FITTED if not scheme.draws_per_row], ids=repr
)
def test_sparse_is_dense_where_a_batch_has_one_mask(scheme):
    arguments = {"dropout": scheme, "standardize": False}
    sparse, dense = (fit_selu(x, **arguments) for x in (csr_array(X * (X > 0)), X * (X > 0)))
    assert distance(sparse, dense) < 1e-12
    assert_allclose(sparse.loss_curve_, dense.loss_curve_, rtol=1e-12)


@over_fitted
def test_sparse_is_dense_where_no_input_is_dropped(scheme):
    arguments = {"dropout": scheme, "input_dropout_rate": 0, "standardize": False}
    sparse, dense = (fit_selu(x, **arguments) for x in (csr_array(X * (X > 0)), X * (X > 0)))
    assert distance(sparse, dense) < 1e-12


@pytest.mark.parametrize("scheme", [Bernoulli(), Gaussian()], ids=repr)
def test_empty_rows_of_sparse_inputs_do_no_harm(scheme):
    x = csr_array(X * (X > 0) * (np.arange(40) % 3 == 0)[:, None])
    assert_finite(fit_selu(x, dropout=scheme, batch_size=1), x)


@pytest.mark.parametrize("schedule", ["constant", "late"])
def test_alpha_dropout_of_sparse_inputs_is_refused(schedule, monkeypatch):
    before = fit_selu(dropout="alpha").set_params(dropout_schedule=schedule)
    attributes = vars(before).copy()
    monkeypatch.setattr(
        "skdropout._estimators.fitting.Training", None
    )  # nothing must come that far
    with pytest.raises(ValueError, match=r"dropout=Alpha\(\) .* set input_dropout_rate=0"):
        before.fit(csr_array(X), Y)
    assert vars(before) == attributes


# Where alpha dropout belongs.


@pytest.mark.parametrize("dropout", ["alpha", Alpha()], ids=repr)
@pytest.mark.parametrize(
    "activation, rate, named",
    [
        ("relu", 0.2, "'relu'"),
        (("selu", "tanh"), 0.2, "'tanh'"),
        (("tanh", "relu"), 0.2, "'relu', 'tanh'"),
        (("elu", "selu"), (0.1, 0), "'elu'"),
    ],
)
def test_alpha_without_selu_is_refused(dropout, activation, rate, named):
    message = f"dropout='alpha' needs activation='selu' in every layer .* got {named}"
    for net in (network(), network(DropoutMLPRegressor)):
        net.set_params(dropout=dropout, activation=activation, dropout_rate=rate)
        for method in (net.fit, net.partial_fit):
            with pytest.raises(ValueError, match=message):
                method(X, Y)
        assert set(vars(net)) == set(net.get_params(deep=False))


def test_alpha_beside_other_activations_is_fine_where_these_drop_nothing():
    net = fit(dropout="alpha", activation=("relu", "selu"), dropout_rate=(0, 0.3))
    assert distance(net, fit(activation=("relu", "selu"), dropout_rate=0)) > 1e-6
    assert_finite(fit(dropout="alpha", activation="relu", dropout_rate=0, input_dropout_rate=0.1))


# A scheme is a recipe.


@over_fitted
def test_copies_are_equal(scheme):
    for copy in (clone(scheme), pickle.loads(pickle.dumps(scheme))):
        assert copy is not scheme
        assert copy == scheme
    assert [scheme == other for other in FITTED].count(True) == 1
    names = {name: getattr(dropout, name) for name in dropout.__all__}
    assert eval(repr(scheme), names) == scheme


def test_masks_for_each_row_cannot_last_for_several_batches():
    class Lasting(Bernoulli):
        batches_per_mask = 3

    with pytest.raises(ValueError, match="batches_per_mask=3, but draws a mask for each row"):
        fit(dropout=Lasting(), dropout_rate=0.5)


def test_number_of_batches_per_mask_of_a_users_scheme_is_checked():
    class Never(Batchwise):
        batches_per_mask: int = 1

        def check(self):
            pass

    with pytest.raises(ValueError, match="batches_per_mask"):
        fit(dropout=Never(batches_per_mask=0), dropout_rate=0.5)
