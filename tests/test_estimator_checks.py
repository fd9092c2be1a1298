"""scikit-learn's own checks, bare for the default and over a list of configurations."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout.dropout import Batchwise
from skdropout.optimizers import SGD, Adadelta

EQUIVALENCE = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
STREAMING = (
    "check_estimators_partial_fit_n_features",
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
)

QUICK = {"max_iter": 60, "learning_rate_init": 0.005, "cv": None}


def network(**arguments):
    """A network that is quick to train; the one by default has a test of its own."""
    common = {"hidden_layer_sizes": (100,), "dropout_rate": 0.3}
    return DropoutMLPClassifier(**common | QUICK | arguments)


def regressor(**arguments):
    """The same for numbers."""
    return DropoutMLPRegressor(
        **{"hidden_layer_sizes": (50,), "dropout_rate": 0.05} | QUICK | arguments
    )


CONFIGURATIONS = [
    network(dropout="bernoulli"),
    network(dropout="batchwise", input_dropout_rate=0.2, dropout_rate=0.5),
    network(dropout=Batchwise(batches_per_mask=3)),
    network(dropout="gaussian"),
    network(dropout="alpha", activation="selu", dropout_rate=0.1),
    network(dropout="dropconnect"),
    network(dropout_schedule="linear"),
    network(batch_norm=True),
    network(dropout_rate=0),
    network(hidden_layer_sizes=(50, 30), dropout_rate=(0.1, 0.3), activation="silu"),
    network(activation="selu", weight_init="orthogonal"),
    network(solver="sgd", learning_rate_init=0.1),
    network(solver=SGD(momentum=0.5), learning_rate_init=0.2),
    network(solver="sgd", learning_rate="invscaling", learning_rate_init=0.3),
    network(solver="sgd", learning_rate="adaptive", learning_rate_init=0.1),
    network(solver="adagrad", learning_rate_init=0.05),
    network(solver="adadelta", learning_rate_init=1.0),
    network(solver=Adadelta(rho=0.9), learning_rate_init=1.0),
    network(solver="rmsprop"),
    network(solver="nadam"),
    network(solver="amsgrad"),
    network(learning_rate="one_cycle"),
    network(learning_rate="cosine", learning_rate_init=0.01),
    network(alpha=0.1, l1_ratio=0.5, bias_alpha=0.1),
    network(weight_decay=0.1),
    network(max_norm=2.0),
    network(clip_norm=1.0),
    network(label_smoothing=0.1),
    network(early_stopping=True, scoring="loss", validation_fraction=0.3),
    network(solver="lbfgs", dropout_rate=0, alpha=1.0),
    network(standardize=False),
    network(fit_intercept=False),
    network(loss="squared_error", learning_rate_init=0.02),
    network(cv=2, dropout_rate=0.5),
    network(cv=3, standardize=False, batch_norm=True),
    regressor(dropout="bernoulli"),
    regressor(batch_norm=True),
    regressor(loss="poisson"),
    regressor(solver="sgd", clip_norm=1.0),
    regressor(solver="lbfgs", dropout_rate=0),
    regressor(standardize=False),
    regressor(cv=2),
]


def expected_failures(estimator):
    if estimator.dropout in ("bernoulli", "gaussian", "alpha"):
        reason = "a sample of weight 2 has one mask, the same sample twice has two"
        return dict.fromkeys(EQUIVALENCE, reason)
    if estimator.solver == "lbfgs":
        return dict.fromkeys(EQUIVALENCE, "these set cv, for which lbfgs has no epochs to judge")
    if estimator.early_stopping:
        refused = "partial_fit refuses early stopping, as MLPClassifier's does"
        return dict.fromkeys(STREAMING, refused)
    return {}


@parametrize_with_checks([DropoutMLPClassifier(), DropoutMLPRegressor()])
def test_the_default_passes_bare(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


@parametrize_with_checks(CONFIGURATIONS, expected_failed_checks=expected_failures)
def test_configuration_passes(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)
