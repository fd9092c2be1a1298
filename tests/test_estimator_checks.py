"""scikit-learn's own checks, bare for the default and over a list of configurations."""

import warnings

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from skdropout import DropoutMLPClassifier
from skdropout.optimizers import SGD, Adadelta

EQUIVALENCE = "check_sample_weight_equivalence_on_dense_data"
REASONS = {
    "bernoulli": "a sample of weight 2 has one mask, the same sample twice has two",
    "early_stopping": "the hold-out split draws rows, and a row of weight 2 is one row",
}

CONFIGURATIONS = [
    DropoutMLPClassifier(dropout="bernoulli"),
    DropoutMLPClassifier(dropout="batchwise", input_dropout_rate=0.2, dropout_rate=0.5),
    DropoutMLPClassifier(dropout_rate=0),
    DropoutMLPClassifier(hidden_layer_sizes=(50, 30), dropout_rate=(0.1, 0.3), activation="silu"),
    DropoutMLPClassifier(activation="selu", weight_init="orthogonal"),
    DropoutMLPClassifier(solver="sgd", learning_rate_init=0.1),
    DropoutMLPClassifier(solver=SGD(momentum=0.5), learning_rate_init=0.2),
    DropoutMLPClassifier(solver="sgd", learning_rate="invscaling", learning_rate_init=1.0),
    DropoutMLPClassifier(solver="sgd", learning_rate="adaptive", learning_rate_init=0.1),
    DropoutMLPClassifier(solver="adagrad", learning_rate_init=0.05),
    DropoutMLPClassifier(solver="adadelta", learning_rate_init=1.0),
    DropoutMLPClassifier(solver=Adadelta(rho=0.9), learning_rate_init=1.0),
    DropoutMLPClassifier(solver="rmsprop"),
    DropoutMLPClassifier(solver="nadam"),
    DropoutMLPClassifier(solver="amsgrad"),
    DropoutMLPClassifier(learning_rate="one_cycle"),
    DropoutMLPClassifier(learning_rate="cosine", learning_rate_init=0.01),
    DropoutMLPClassifier(alpha=0.1, l1_ratio=0.5, bias_alpha=0.1),
    DropoutMLPClassifier(weight_decay=0.1),
    DropoutMLPClassifier(max_norm=2.0),
    DropoutMLPClassifier(clip_norm=1.0),
    DropoutMLPClassifier(label_smoothing=0.1),
    DropoutMLPClassifier(class_weight="balanced"),
    DropoutMLPClassifier(early_stopping=True, scoring="loss", validation_fraction=0.3),
]


def expected_failures(estimator):
    reasons = []
    if estimator.dropout == "bernoulli":
        reasons.append(REASONS["bernoulli"])
    if estimator.early_stopping:
        reasons.append(REASONS["early_stopping"])
    return {EQUIVALENCE: "; ".join(reasons)} if reasons else {}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Skipping check:sklearn.exceptions.SkipTestWarning")
def test_the_default_passes_bare():
    check_estimator(DropoutMLPClassifier())


@parametrize_with_checks(CONFIGURATIONS, expected_failed_checks=expected_failures)
def test_configuration_passes(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)
