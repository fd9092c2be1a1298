"""The regressor: its two losses, parity with MLPRegressor, shapes, weights, bad targets."""

import warnings
from inspect import signature

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference import ACTIVATIONS, forward
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_friedman1, make_regression
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.metrics import mean_poisson_deviance, mean_squared_error, r2_score
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core.buffers import Buffer
from skdropout._core.losses import NUMBER_LOSSES
from skdropout._network.masks import Drops, Masks
from skdropout._network.network import Network
from skdropout._network.training_pass import TrainingPass

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_regression(130, 8, n_targets=3, noise=5, random_state=0)
Y = scale(Y)
COUNTS = np.random.default_rng(0).poisson(np.exp(Y / 2))
TARGETS = {"squared_error": Y, "poisson": COUNTS.astype(float)}

over_losses = pytest.mark.parametrize("loss", TARGETS)
over_outputs = pytest.mark.parametrize("n_outputs", [1, 3])
THEIR_LOSSES = [
    "squared_error",
    pytest.param(
        "poisson",
        marks=pytest.mark.skipif(
            "loss" not in signature(MLPRegressor).parameters, reason="scikit-learn before 1.7"
        ),
    ),
]


def network(**arguments):
    defaults = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.01, "max_iter": 60, "cv": None}
    return DropoutMLPRegressor(**{**defaults, "random_state": 0, **arguments})


def targets(loss, n_outputs):
    y = TARGETS[loss]
    return y[:, 0] if n_outputs == 1 else y


# losses


def definition(loss, z, y):
    """The loss of each row: half the squared error, half the Poisson deviance."""
    if loss == "squared_error":
        return np.sum((z - y) ** 2, axis=1) / 2
    deviance = np.vectorize(lambda a, b: mean_poisson_deviance([a], [b]))(y, np.exp(z))
    return np.sum(deviance, axis=1) / 2


def value_and_gradient(loss, z, y, weight):
    dz, row = np.full_like(z, np.nan), np.full((len(z), 1), np.nan)
    share = (weight / weight.sum()).reshape(-1, 1)
    loss.gradient(z, y, share, dz, row)
    return loss.value(z, y, weight), dz


@over_losses
@over_outputs
def test_loss_is_its_definition_and_gradient_its_derivative(loss, n_outputs):
    rng = np.random.default_rng(1)
    core, y = NUMBER_LOSSES[loss], TARGETS[loss][:20, :n_outputs]
    assert loss != "poisson" or (y == 0).any()
    z, weight = rng.normal(size=y.shape), rng.uniform(0.5, 2, len(y))
    value, dz = value_and_gradient(core, z, y, weight)
    assert value == pytest.approx(np.average(definition(loss, z, y), weights=weight), rel=1e-12)
    direction = 1e-5 * rng.normal(size=z.shape)
    step = core.value(z + direction, y, weight) - core.value(z - direction, y, weight)
    assert step == pytest.approx(2 * np.sum(dz * direction), rel=1e-7)


@over_losses
def test_loss_in_float32(loss):
    rng = np.random.default_rng(1)
    core = NUMBER_LOSSES[loss]
    problem = rng.normal(size=Y.shape), TARGETS[loss], np.ones(len(Y))
    value, dz = value_and_gradient(core, *problem)
    value_32, dz_32 = value_and_gradient(core, *(a.astype(np.float32) for a in problem))
    assert dz_32.dtype == np.float32
    assert value_32 == pytest.approx(value, rel=1e-5)
    assert_allclose(dz_32, dz, atol=1e-6)


@over_losses
@over_outputs
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_pass_is_the_textbook_one(loss, n_outputs, activation):
    rng = np.random.default_rng(2)
    mean = {"squared_error": lambda z: z, "poisson": np.exp}[loss]
    y, weight = TARGETS[loss][:20, :n_outputs], rng.uniform(0.5, 2, 20)
    net = Network((8, 5, 4, n_outputs), (activation,) * 2, np.float64)
    net.initialize(rng, ("auto",) * net.n_layers)
    gradient = Buffer(net.parameters.layout, net.dtype)
    masks = Masks(net.sizes, Drops.nothing(3), 20, net.dtype, rng)
    step = TrainingPass(net, gradient, NUMBER_LOSSES[loss], 20, masks=masks)
    batch = step.batch
    batch.x[:], batch.y[:], batch.weight[:, 0] = X[:20], y, weight / weight.sum()
    value = step.loss.value(step.forward(), batch.y, batch.weight[:, 0])
    step.backward()

    _, df = ACTIVATIONS[activation]
    hs, zs = forward(net.weights, net.biases, X[:20], (activation,) * 2, [None] * 3)
    assert value == pytest.approx(np.average(definition(loss, zs[-1], y), weights=weight))
    dz = weight[:, None] / weight.sum() * (mean(zs[-1]) - y)
    for i in (2, 1, 0):
        if i < 2:
            dz = dz @ net.weights[i + 1].T * df(zs[i])
        assert_allclose(gradient[f"W{i}"], hs[i].T @ dz, atol=1e-12)
        assert_allclose(gradient[f"b{i}"], dz.sum(axis=0), atol=1e-12)


@over_losses
@over_outputs
def test_the_reported_loss_is_the_one_of_scikit_learn_s_metrics(loss, n_outputs):
    y = targets(loss, n_outputs)
    metric = {"squared_error": mean_squared_error, "poisson": mean_poisson_deviance}[loss]
    quiet = {"learning_rate_init": 1e-12, "dropout_rate": 0, "alpha": 0, "max_iter": 1}
    net = network(loss=loss, **quiet).fit(X, y)
    of_outputs = metric(y.ravel(), net.predict(X).ravel()) * n_outputs
    assert net.loss_ == pytest.approx(of_outputs / 2)


# parity


SOLVERS = [
    {"solver": "adam", "learning_rate_init": 0.01},
    {"solver": "sgd", "learning_rate_init": 0.01},
    {"solver": "sgd", "learning_rate_init": 0.02, "nesterovs_momentum": False, "momentum": 0.5},
    {"solver": "sgd", "learning_rate_init": 0.02, "learning_rate": "adaptive"},
]


@pytest.mark.parametrize("batch_size", [33, len(X)], ids="batch_{}".format)
@pytest.mark.parametrize("alpha", [0, 0.01], ids="alpha_{}".format)
@over_outputs
@pytest.mark.parametrize("loss", THEIR_LOSSES)
@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_same_steps(activation, solver, loss, n_outputs, alpha, batch_size):
    y = targets(loss, n_outputs)
    arguments = {
        "hidden_layer_sizes": (20, 10),
        "activation": activation,
        "alpha": alpha,
        "batch_size": batch_size,
        "shuffle": False,
        "random_state": 0,
        "warm_start": True,
        "learning_rate": "constant",
        **solver,
    }
    if n_outputs == 1:  # of several, their loss is the mean, whereas their gradient is of the sum
        arguments |= {"n_iter_no_change": 3, "tol": 0.01}
    else:
        arguments |= {"n_iter_no_change": 99}
    of_theirs = {} if loss == "squared_error" else {"loss": loss}
    theirs = MLPRegressor(max_iter=1, **of_theirs, **arguments)
    arguments |= {"dropout_rate": 0, "weight_decay": 0, "standardize": False}
    ours = DropoutMLPRegressor(loss=loss, max_iter=1, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, y)
        ours.fit(X, y)
        ours.coefs_, ours.intercepts_ = theirs.coefs_, theirs.intercepts_
        ours._state.patience.best = -theirs.best_loss_
        theirs.set_params(max_iter=20).fit(X, y)
        ours.set_params(max_iter=20).fit(X, y)
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_)
    assert ours.predict(X).shape == theirs.predict(X).shape
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=0, atol=1e-8)
    for mine, their in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert_allclose(mine, their, rtol=0, atol=1e-8)
    if n_outputs == 1:
        assert_allclose(ours.loss_curve_[1:], theirs.loss_curve_[1:], rtol=0, atol=1e-8)


def test_same_names_and_attributes():
    theirs, ours = MLPRegressor(max_iter=3).fit(X, Y), network(max_iter=3).fit(X, Y)
    assert set(theirs.get_params()) <= set(ours.get_params())
    public = {name for name in vars(theirs) if name.endswith("_")}
    assert {name for name in public if not hasattr(ours, name)} == set()
    assert ours.out_activation_ == theirs.out_activation_
    assert (ours.n_layers_, ours.n_outputs_) == (theirs.n_layers_, theirs.n_outputs_)


# arguments


def test_the_first_two_arguments_are_positional_as_there():
    arguments = DropoutMLPRegressor((60, 30), "tanh").get_params()
    assert arguments["hidden_layer_sizes"] == (60, 30)
    assert arguments["activation"] == "tanh"
    assert arguments["loss"] == "squared_error"
    for third in (0.5, "poisson"):
        with pytest.raises(TypeError, match="positional"):
            DropoutMLPRegressor((7,), "tanh", third)


def test_first_argument_is_the_hidden_layers():
    net = DropoutMLPRegressor((6, 3), max_iter=1, cv=None, random_state=0).fit(X, Y)
    assert [len(b) for b in net.intercepts_] == [6, 3, 3]
    with pytest.raises(TypeError, match=r"hidden_layer_sizes, .* must be an integer"):
        DropoutMLPRegressor("poisson").fit(X, Y)


def test_only_classes_have_arguments_of_their_own_and_loss_changes_the_fit():
    ours, of_classifier = DropoutMLPRegressor().get_params(), DropoutMLPClassifier().get_params()
    assert set(ours) < set(of_classifier)
    assert set(of_classifier) - set(ours) == {"class_weight", "label_smoothing"}
    first = network(loss="squared_error", max_iter=5).fit(X, COUNTS)
    second = network(loss="poisson", max_iter=5).fit(X, COUNTS)
    assert first.out_activation_ == "identity"
    assert second.out_activation_ == "exp"
    assert (first.coefs_[0] != second.coefs_[0]).any()


@pytest.mark.parametrize("loss", ["absolute_error", None, 1, ["poisson"]])
def test_an_unknown_loss_is_refused(loss):
    with pytest.raises((ValueError, TypeError), match="loss must be"):
        network(loss=loss).fit(X, Y)


# shapes and types


@over_losses
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_types(loss, dtype):
    x, y = X.astype(dtype), TARGETS[loss]
    for n_outputs in (1, 3):
        ensemble = network(loss=loss, max_iter=5, cv=2).fit(x, targets(loss, n_outputs))
        net = network(loss=loss, max_iter=5).fit(x, targets(loss, n_outputs))
        assert ensemble.predict(x).shape == net.predict(x).shape
        assert ensemble.predict(x).dtype == dtype
        assert net.predict(x).shape == ((130,) if n_outputs == 1 else (130, 3))
        assert net.predict(x[:1]).shape == ((1,) if n_outputs == 1 else (1, 3))
        assert net.predict(x).dtype == dtype
        assert {p.dtype for p in net.coefs_ + net.intercepts_} == {np.dtype(dtype)}
        assert net.n_outputs_ == n_outputs
        assert loss != "poisson" or (net.predict(x) > 0).all()
    with pytest.warns(DataConversionWarning):
        column = network(loss=loss, max_iter=5).fit(x, y[:, :1])
    assert_array_equal(column.predict(x), network(loss=loss, max_iter=5).fit(x, y[:, 0]).predict(x))


@pytest.mark.parametrize("form", [list, pd.Series, lambda y: y.astype(np.float32), np.asarray])
def test_targets_of_any_form(form):
    y = COUNTS[:, 0]
    assert_array_equal(
        network(max_iter=5).fit(X, form(y)).coefs_[0], network(max_iter=5).fit(X, y).coefs_[0]
    )


def test_float32_and_float64_tell_the_same():
    for loss in TARGETS:
        double = network(loss=loss, max_iter=10).fit(X, TARGETS[loss])
        single = network(loss=loss, max_iter=10).fit(X.astype(np.float32), TARGETS[loss])
        assert_allclose(single.predict(X), double.predict(X), rtol=1e-3, atol=1e-3)


# weights and stopping


@over_losses
@over_outputs
def test_weights_are_repetitions(loss, n_outputs):
    y = targets(loss, n_outputs)
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    net = network(loss=loss, dropout_rate=0.5, input_dropout_rate=0.2)
    weighted = clone(net).set_params(batch_size=np.count_nonzero(weight)).fit(X, y, weight)
    repeated = clone(net).set_params(batch_size=weight.sum())
    repeated.fit(X.repeat(weight, axis=0), y.repeat(weight, axis=0))
    assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-9)
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, atol=1e-9)
    assert weighted.t_ == repeated.t_
    assert (weighted.predict(X) != clone(net).fit(X, y).predict(X)).any()


@over_losses
@over_outputs
def test_default_score_of_early_stopping_is_r2(loss, n_outputs):
    y, seen = targets(loss, n_outputs), []

    def scorer(estimator, X_val, y_val, sample_weight):
        seen.append(len(X_val))
        return r2_score(y_val, estimator.predict(X_val), sample_weight=sample_weight)

    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    net = network(loss=loss, early_stopping=True, max_iter=20)
    default = clone(net).fit(X, y, weight)
    by_hand = clone(net).set_params(scoring=scorer).fit(X, y, weight)
    assert set(seen) == {13}
    if loss == "poisson":
        assert_allclose(default.validation_scores_, by_hand.validation_scores_, rtol=1e-12)
    elif n_outputs == 1:  # with its slope, where the loss decides
        gains = np.subtract(default.validation_scores_, by_hand.validation_scores_)
        assert (gains > -1e-9).all()
    assert default.best_validation_score_ == max(default.validation_scores_)
    assert default.best_loss_ is None


# bad targets

NAN, NEGATIVE = Y.copy(), COUNTS.copy()
NAN[3, 1] = np.nan
NEGATIVE[3, 1] = -1
BAD_TARGETS = {
    "negative": ("poisson", NEGATIVE, "loss='poisson' needs y that is not negative, got -1"),
    "NaN": ("squared_error", NAN, "Input y contains NaN"),
    "infinity": ("squared_error", np.where(np.isnan(NAN), np.inf, Y), "Input y contains inf"),
    "text": ("squared_error", np.full(130, "a"), "could not convert string to float"),
    "three axes": ("squared_error", np.zeros((130, 2, 2)), "dim 3"),
    "too few": ("squared_error", Y[:-1], "the same number of rows, got 130 and 129"),
    "none": ("squared_error", None, "requires y to be passed"),
    "complex": ("squared_error", Y * 1j, "Complex data not supported"),
}


@pytest.mark.parametrize("name", BAD_TARGETS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_targets_are_refused_and_harm_nothing(name, method):
    loss, y, message = BAD_TARGETS[name]
    fitted = network(loss=loss, max_iter=3).fit(X, TARGETS[loss])
    before, attributes = fitted.predict(X), set(vars(fitted))
    for net in (fitted, network(loss=loss)):
        with pytest.raises(ValueError, match=message):
            getattr(net, method)(X, y)
    assert set(vars(fitted)) == attributes
    assert_array_equal(fitted.predict(X), before)


# going on


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_goes_on_only_with_the_loss_it_began_with(method):
    """A network that predicts means is no start for one that predicts their logarithms."""
    net = network(loss="squared_error", max_iter=3, warm_start=True).fit(X, COUNTS)
    before = net.predict(X)
    net.set_params(loss="poisson")
    with pytest.raises(ValueError, match="loss"):
        getattr(net, method)(X, COUNTS)
    assert_array_equal(net.predict(X), before)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_goes_on_only_with_as_many_outputs(method):
    net = network(max_iter=3, warm_start=True).fit(X, Y)
    before = net.predict(X)
    with pytest.raises(ValueError, match="can only go on with the network"):
        getattr(net, method)(X, Y[:, :2])
    assert_array_equal(net.predict(X), before)


# what it is for


def test_it_learns_friedman1():
    x, y = make_friedman1(400, noise=1.0, random_state=0)
    model = make_pipeline(StandardScaler(), network(hidden_layer_sizes=(50,), batch_size=32))
    assert cross_val_score(model, x, scale(y), cv=3).mean() > 0.8


def test_poisson_is_better_than_squared_error_on_counts_of_a_log_linear_rate():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 4))
    rate = np.exp(x @ [0.8, -0.5, 0.3, 0] - 0.5)
    y = rng.poisson(rate)
    net = network(hidden_layer_sizes=(), alpha=0, dropout_rate=0, batch_size=200)
    poisson = clone(net).set_params(loss="poisson").fit(x, y)
    assert_allclose(poisson.coefs_[0].ravel(), [0.8, -0.5, 0.3, 0], atol=0.06)
    assert r2_score(rate, poisson.predict(x)) > 0.97 > r2_score(rate, net.fit(x, y).predict(x))


def test_frames_in_a_pipeline():
    frame, y = load_diabetes(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), network(max_iter=100))
    assert cross_val_score(model, frame, scale(y), cv=3).mean() > 0.4
    assert_array_equal(model.fit(frame, y)[-1].feature_names_in_, frame.columns)
