"""A network as scikit-learn's own class: the same predictions, and a way to ONNX."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout.optimizers import Adam
from skdropout.schedules import Cosine

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])
X_LABELS, Y_LABELS = make_multilabel_classification(120, 6, n_classes=3, random_state=0)
KNOWS_POISSON = "loss" in inspect.signature(MLPRegressor).parameters

# name: (class, arguments, X, y)
TARGETS = {
    "binary": (DropoutMLPClassifier, {}, X[:100], Y[:100]),
    "binary strings": (DropoutMLPClassifier, {}, X[:100], NAMES[Y[:100]]),
    "multiclass": (DropoutMLPClassifier, {}, X, 10 * Y - 3),
    "multiclass strings": (DropoutMLPClassifier, {}, X, NAMES[Y]),
    "multilabel": (DropoutMLPClassifier, {}, X_LABELS, Y_LABELS),
    "numbers": (DropoutMLPRegressor, {}, X[:, :3], X[:, 3]),
    "columns of numbers": (DropoutMLPRegressor, {}, X[:, :2], X[:, 2:]),
    "poisson": (DropoutMLPRegressor, {"loss": "poisson"}, X[:, :3], X[:, 3]),
}
if not KNOWS_POISSON:
    del TARGETS["poisson"]

SEVERAL = ["multilabel", "columns of numbers"]
"""Those of several outputs, which a vote does not know."""

each_target = pytest.mark.parametrize("kind", TARGETS)


def make(kind, dtype=np.float64, **arguments):
    """A fitted network with the data it was fitted to."""
    network, own, X, y = TARGETS[kind]
    X = X.astype(dtype)
    defaults = {
        "hidden_layer_sizes": (12, 7),
        "max_iter": 30,
        "batch_size": 32,
        "learning_rate_init": 0.01,
        "random_state": 0,
        "cv": None,
    }
    return network(**{**defaults, **own, **arguments}).fit(X, y), X, y


@each_target
@pytest.mark.parametrize("dtype, atol", [(np.float32, 1e-6), (np.float64, 1e-12)])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_predictions_are_the_same(kind, dtype, atol, activation):
    ours, X, y = make(kind, dtype, activation=activation)
    theirs = ours.to_sklearn()
    check_is_fitted(theirs)
    assert {W.dtype for W in theirs.coefs_ + theirs.intercepts_} == {np.dtype(dtype)}
    if isinstance(ours, DropoutMLPRegressor):
        assert type(theirs) is MLPRegressor
        assert_allclose(theirs.predict(X), ours.predict(X), rtol=atol, atol=atol)
        assert_allclose(theirs.score(X, y), ours.score(X, y), atol=1e-5)
    else:
        assert type(theirs) is MLPClassifier
        assert_allclose(theirs.predict_proba(X), ours.predict_proba(X), atol=atol)
        assert_array_equal(theirs.classes_, ours.classes_)
        assert_array_equal(theirs.predict(X), ours.predict(X))
        assert theirs.predict(X).dtype.kind == ours.predict(X).dtype.kind
        assert theirs.score(X, y) == ours.score(X, y)


@each_target
@pytest.mark.parametrize("dtype, atol", [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_batch_normalisation_becomes_weights_and_biases(kind, dtype, atol, activation):
    ours, X, y = make(kind, dtype, activation=activation, batch_norm=True, max_iter=10)
    theirs = ours.to_sklearn()
    assert {W.dtype for W in theirs.coefs_ + theirs.intercepts_} == {np.dtype(dtype)}
    assert np.abs(theirs.coefs_[0] - ours.coefs_[0]).max() > 0.01
    if isinstance(ours, DropoutMLPRegressor):
        assert_allclose(theirs.predict(X), ours.predict(X), rtol=atol, atol=atol)
    else:
        assert_allclose(theirs.predict_proba(X), ours.predict_proba(X), atol=atol)
        assert theirs.score(X, y) == ours.score(X, y)
    before = ours.predict(X)
    for array in theirs.coefs_ + theirs.intercepts_:
        array[:] = 0
    assert_array_equal(ours.predict(X), before)


@pytest.mark.parametrize("solver", [{"solver": "lbfgs", "dropout_rate": 0}, {"solver": "sgd"}])
@pytest.mark.parametrize("stopping", [{}, {"early_stopping": True}], ids=str)
def test_fitted_attributes_are_the_same(solver, stopping):
    if solver["solver"] == "lbfgs" and stopping:
        stopping = {}
    ours, X, _ = make("multiclass strings", **solver, **stopping)
    theirs = ours.to_sklearn()
    for name in ("n_iter_", "t_", "loss_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(theirs, name) == getattr(ours, name), name
    assert list(theirs.loss_curve_) == ours.loss_curve_
    assert theirs.n_features_in_ == X.shape[1]
    assert not hasattr(theirs, "history_")


def test_feature_names_are_kept():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    for cv in (None, 3):
        theirs = DropoutMLPClassifier((5,), max_iter=2, cv=cv).fit(frame, Y).to_sklearn()
        assert theirs.predict(frame).shape == Y.shape
        with pytest.raises(ValueError, match="feature names"):
            theirs.predict(frame[list("dcba")])


@each_target
def test_it_can_be_cloned_and_fitted_anew(kind):
    ours, X, y = make(kind)
    anew = clone(ours.to_sklearn())
    with pytest.raises(NotFittedError):
        check_is_fitted(anew)
    anew.fit(X, y)
    assert [W.shape for W in anew.coefs_] == [W.shape for W in ours.coefs_]


@each_target
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_it_goes_on_with_early_stopping(kind):
    if "strings" in kind and not KNOWS_POISSON:
        pytest.skip("scikit-learn before 1.7 takes no strings with early stopping")
    ours, X, y = make(kind, early_stopping=True, max_iter=3, validation_fraction=0.2)
    theirs = ours.to_sklearn().set_params(warm_start=True, max_iter=2, learning_rate_init=1e-5)
    theirs.fit(X, y)
    for W, ours_W in zip(theirs.coefs_, ours.coefs_, strict=True):
        assert_allclose(W, ours_W, atol=1e-2)


@each_target
@pytest.mark.parametrize("way", ["partial_fit", "warm_start"])
def test_it_goes_on_learning_and_leaves_ours_alone(kind, way):
    ours, X, y = make(kind, max_iter=3, n_iter_no_change=2)
    before, curve = ours.predict(X), list(ours.loss_curve_)
    weights = [W.copy() for W in ours.coefs_]
    theirs = ours.to_sklearn()
    if way == "partial_fit":
        theirs.partial_fit(X, y)
    else:
        theirs.set_params(warm_start=True).fit(X, y)
    moved = [np.abs(W - ours_W).max() for W, ours_W in zip(theirs.coefs_, ours.coefs_, strict=True)]
    assert 0 < min(moved) < max(moved) < 1  # on from where it was
    for W, was in zip(ours.coefs_, weights, strict=True):
        assert_array_equal(W, was)
    assert_array_equal(ours.predict(X), before)
    assert ours.loss_curve_ == curve
    assert len(ours.history_["learning_rate"]) == len(curve)


@each_target
def test_writing_into_one_leaves_the_other_alone(kind):
    ours, X, _ = make(kind, max_iter=2)
    theirs = ours.to_sklearn()
    before = ours.predict(X)
    for array in theirs.coefs_ + theirs.intercepts_:
        array[:] = 0
    assert_array_equal(ours.predict(X), before)
    other = ours.to_sklearn()
    expected = other.predict(X)
    ours.coefs_[0][:] = 0
    assert_array_equal(other.predict(X), expected)


@pytest.mark.parametrize("kind", ["multiclass", "numbers"])
@pytest.mark.parametrize(
    "arguments, named",
    [
        *[({"activation": name}, name) for name in ("leaky_relu", "elu", "selu", "gelu", "silu")],
        ({"activation": ("relu", "tanh")}, r"'relu', 'tanh'"),
        ({"hidden_layer_sizes": ()}, "at least one hidden layer"),
    ],
)
def test_what_it_has_no_word_for_is_refused(kind, arguments, named):
    ours, *_ = make(kind, **arguments, max_iter=1)
    with pytest.raises(ValueError, match=named):
        ours.to_sklearn()


@pytest.mark.skipif(KNOWS_POISSON, reason="for a scikit-learn that does not know it")
def test_poisson_needs_a_newer_scikit_learn():
    ours = DropoutMLPRegressor(loss="poisson", max_iter=1).fit(X, Y)
    with pytest.raises(ValueError, match=r"loss='poisson' needs scikit-learn 1\.7"):
        ours.to_sklearn()


@pytest.mark.parametrize("network", [DropoutMLPClassifier, DropoutMLPRegressor])
def test_the_unfitted_is_refused(network):
    with pytest.raises(NotFittedError):
        network().to_sklearn()


SHARED = {
    "alpha": 0.3,
    "batch_size": 17,
    "learning_rate_init": 0.02,
    "power_t": 0.7,
    "max_iter": 4,
    "shuffle": False,
    "random_state": 3,
    "tol": 1e-3,
    "warm_start": True,
    "momentum": 0.5,
    "nesterovs_momentum": False,
    "beta_1": 0.8,
    "beta_2": 0.9,
    "epsilon": 1e-6,
    "early_stopping": True,
    "validation_fraction": 0.2,
    "n_iter_no_change": 3,
    "max_fun": 77,
    "solver": "sgd",
    "learning_rate": "invscaling",
}


@pytest.mark.parametrize("kind", ["multiclass", "numbers"])
def test_shared_arguments_arrive(kind):
    ours, *_ = make(kind, **SHARED, activation=("tanh", "tanh"))
    theirs = ours.to_sklearn().get_params()
    assert {name: theirs[name] for name in SHARED} == SHARED
    assert theirs["activation"] == "tanh"
    assert theirs["hidden_layer_sizes"] == (12, 7)
    left = set(theirs) - set(SHARED) - {"activation", "hidden_layer_sizes", "verbose", "loss"}
    assert left == set()


@pytest.mark.parametrize("kind", ["multiclass", "numbers"])
@pytest.mark.parametrize(
    "arguments",
    [{"solver": Adam(beta_1=0.5)}, {"solver": "rmsprop"}, {"learning_rate": Cosine()}],
    ids=str,
)
def test_recipes_that_it_does_not_know_stay_behind(kind, arguments):
    ours, X, y = make(kind, **arguments)
    theirs = ours.to_sklearn()
    ((name, value),) = arguments.items()
    assert getattr(theirs, name) == getattr(type(theirs)(), name) != value
    assert theirs.partial_fit(X, y).t_ > ours.t_  # it takes its own


@pytest.mark.parametrize("cv", [None, 3])
def test_a_single_class_stays_here(cv):
    ours = DropoutMLPClassifier((5,), max_iter=2, cv=cv).fit(X, np.full(len(X), "rose"))
    with pytest.raises(ValueError, match=r"whose only class is .*rose"):
        ours.to_sklearn()


# ensembles


@pytest.mark.parametrize("kind", [kind for kind in TARGETS if kind not in SEVERAL])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["", "normalised"])
def test_an_ensemble_becomes_a_vote(kind, batch_norm):
    ours, X, y = make(kind, cv=3, batch_norm=batch_norm)
    theirs = ours.to_sklearn()
    check_is_fitted(theirs)
    assert theirs.n_features_in_ == X.shape[1]
    if isinstance(ours, DropoutMLPRegressor):
        assert type(theirs) is VotingRegressor
        assert_allclose(theirs.predict(X), ours.predict(X), rtol=1e-10)
    else:
        assert type(theirs) is VotingClassifier
        assert_allclose(theirs.predict_proba(X), ours.predict_proba(X), atol=1e-12)
        assert_array_equal(theirs.predict(X), ours.predict(X))
        assert theirs.score(X, y) == ours.score(X, y)
    anew = clone(theirs).fit(X, y)
    assert anew.predict(X).dtype.kind == ours.predict(X).dtype.kind


@pytest.mark.parametrize("kind", SEVERAL)
def test_votes_of_several_outputs_are_refused(kind):
    ours, X, _ = make(kind, cv=3)
    with pytest.raises(ValueError, match=r"does not know .* convert each of estimators_"):
        ours.to_sklearn()
    each = [member.to_sklearn() for member in ours.estimators_]
    if kind == "multilabel":
        mean = np.mean([network.predict_proba(X) for network in each], axis=0)
        assert_allclose(mean, ours.predict_proba(X), atol=1e-12)
    else:
        mean = np.mean([network.predict(X) for network in each], axis=0)
        assert_allclose(mean, ours.predict(X), rtol=1e-10)


# ONNX


def run_onnx(model, X):
    """What onnxruntime predicts: labels or numbers, then probabilities if there are any."""
    skl2onnx = pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else {}
    graph = skl2onnx.to_onnx(model, X[:1], options=options)
    session = runtime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {session.get_inputs()[0].name: X})


CONVERTED = [
    (kind, arguments)
    for kind in TARGETS
    for arguments in ({}, {"batch_norm": True}, {"cv": 3})
    if kind != "poisson" and not (kind in SEVERAL and "cv" in arguments)
]


@pytest.mark.parametrize("kind, arguments", CONVERTED, ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("scaled", [False, True], ids=["alone", "in a pipeline"])
def test_onnx_predicts_the_same(kind, activation, scaled, arguments):
    *_, X, y = TARGETS[kind]
    X = X.astype(np.float32)
    scaler = StandardScaler().fit(X)
    ours, *_ = make(kind, np.float32, activation=activation, **arguments)
    model = ours.to_sklearn()
    if scaled:
        ours.fit(scaler.transform(X), y)
        model = make_pipeline(scaler, ours.to_sklearn())
    inputs = scaler.transform(X) if scaled else X
    found = run_onnx(model, X)
    if isinstance(ours, DropoutMLPRegressor):
        assert_allclose(
            found[0].reshape(len(X), -1),
            ours.predict(inputs).reshape(len(X), -1),
            rtol=1e-5,
            atol=1e-5,
        )
    else:
        assert_array_equal(found[0], ours.predict(inputs))
        assert_allclose(found[1], ours.predict_proba(inputs), atol=1e-5)
