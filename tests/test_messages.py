"""Errors and warnings know what was meant, and say what to do."""

import re

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.metrics import get_scorer_names

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core.activations import ACTIVATIONS
from skdropout._core.losses import NUMBER_LOSSES
from skdropout._core.meant import ADVICE, SYNONYMS
from skdropout._estimators.arguments import LOSSES_OF_CLASSES
from skdropout.dropout import DROPOUT_SCHEMES
from skdropout.initializers import INITIALIZERS
from skdropout.optimizers import OPTIMIZERS
from skdropout.schedules import SCHEDULES

X, Y = make_classification(60, n_features=4, random_state=0)
X_VAL, Y_VAL = X[:20], Y[:20]
IMAGES = np.zeros((60, 2, 2))
HOLES = np.where(np.arange(80).reshape(20, 4) == 7, np.nan, X_VAL)
WORDS = np.full((20, 4), "a", dtype=object)


def network(estimator=DropoutMLPClassifier, **arguments):
    return estimator(**{"hidden_layer_sizes": (4,), "max_iter": 2, "cv": None, **arguments})


ARGUMENTS = [  # what was given, and how the error ends
    ({"dropout": 0.5}, "The rate is another argument: dropout_rate=0.5."),
    ({"dropout": "0.5"}, "The rate is another argument: dropout_rate=0.5."),
    ({"dropout": True}, "The rate is another argument, as in dropout_rate=0.5."),
    ({"dropout": False}, "Nothing is dropped with dropout_rate=0."),
    ({"dropout": None}, "Nothing is dropped with dropout_rate=0."),
    ({"dropout": "standard"}, "Did you mean 'bernoulli'?"),
    ({"dropout": "Bernouli"}, "Did you mean 'bernoulli'?"),
    ({"learning_rate": 0.01}, "The rate itself is another argument: learning_rate_init=0.01."),
    ({"learning_rate": "one-cycle"}, "Did you mean 'one_cycle'?"),
    ({"learning_rate": None}, "Did you mean 'constant'?"),
    (
        {"learning_rate_init": "adaptive"},
        "The schedule is another argument: learning_rate='adaptive'.",
    ),
    ({"learning_rate_init": "0.1"}, "Leave out the quotes: 0.1."),
    ({"activation": "sigmoid"}, "Did you mean 'logistic'?"),
    ({"activation": ["Sigmoid"]}, "Did you mean 'logistic'?"),
    ({"activation": "linear"}, "Did you mean 'identity'?"),
    ({"activation": None}, "Did you mean 'identity'?"),
    ({"activation": "swish"}, "Did you mean 'silu'?"),
    ({"activation": "ReLU"}, "Did you mean 'relu'?"),
    ({"activation": "LeakyReLU"}, "Did you mean 'leaky_relu'?"),
    ({"activation": "softmax"}, "the outputs have the softmax they need."),
    ({"solver": "SGD"}, "Did you mean 'sgd'?"),
    ({"solver": "ADAM"}, "Did you mean 'adam'?"),
    ({"solver": "L-BFGS"}, "Did you mean 'lbfgs'?"),
    ({"solver": "adamw"}, "It is solver='adam' with weight_decay, which is decoupled here."),
    ({"weight_init": "Xavier"}, "Did you mean 'glorot_uniform'?"),
    ({"weight_init": "kaiming_normal"}, "Did you mean 'he_normal'?"),
    ({"weight_init": "normal"}, "It is Normal(mean=0, std=1) of skdropout.initializers."),
    ({"dropout": ["inverted"]}, "Did you mean 'bernoulli'?"),
    ({"loss": "binary_crossentropy"}, "Did you mean 'log_loss'?"),
    ({"loss": "cross-entropy"}, "Did you mean 'log_loss'?"),
    ({"loss": "mse"}, "Did you mean 'squared_error'?"),
    ({"hidden_layer_sizes": "10"}, "Leave out the quotes: 10."),
    ({"hidden_layer_sizes": (10, "5")}, "Leave out the quotes: 5."),
    ({"hidden_layer_sizes": "(10, 5)"}, "Give a number or a tuple of numbers, as in (128, 64)."),
    ({"dropout_rate": "0.5"}, "Leave out the quotes: 0.5."),
    ({"max_iter": 1e3}, "Write it as 1000."),
    ({"batch_size": 32.0}, "Write it as 32."),
    ({"early_stopping": 5}, "the epochs to wait are n_iter_no_change."),
    ({"random_state": "0"}, "Leave out the quotes: 0."),
    ({"random_state": 0.0}, "Write it as 0."),
    ({"scoring": "acuracy"}, "Did you mean 'accuracy'?"),
    ({"scoring": "auc"}, "Did you mean 'roc_auc'?"),
    ({"class_weight": "balance"}, "Did you mean 'balanced'?"),
]


@pytest.mark.parametrize("given, end", ARGUMENTS, ids=lambda value: str(value)[:60])
def test_an_argument_that_is_refused_knows_what_was_meant(given, end):
    with pytest.raises((TypeError, ValueError)) as caught:
        network(**given).fit(X, Y)
    ((name, value),) = given.items()
    said = str(caught.value)
    assert said.startswith(f"{name}")
    assert f"got {value!r}" in said or isinstance(value, list | tuple)
    assert said.endswith(f" {end}")


@pytest.mark.parametrize("loss", ["mse", "MSE", "l2", "mean_squared_error", "squared_loss"])
def test_a_loss_is_known_by_its_other_names(loss):
    with pytest.raises(ValueError, match=r"got '\w+'\. Did you mean 'squared_error'\?$"):
        network(DropoutMLPRegressor, loss=loss).fit(X, Y)


def test_no_hint_where_nothing_is_near():
    with pytest.raises(ValueError, match=r"got 'huber'\.$"):
        network(DropoutMLPRegressor, loss="huber").fit(X, Y)


NAMES = {
    "activation": ACTIVATIONS,
    "solver": {*OPTIMIZERS, "lbfgs"},
    "dropout": DROPOUT_SCHEMES,
    "learning_rate": SCHEDULES,
    "weight_init": INITIALIZERS,
    "scoring": get_scorer_names(),
    "loss": {*NUMBER_LOSSES, *LOSSES_OF_CLASSES},
}


@pytest.mark.parametrize("argument", NAMES)
def test_synonyms_are_of_names_that_there_are(argument):
    assert set(SYNONYMS[argument].values()) <= set(NAMES[argument])
    assert not set(SYNONYMS[argument]) & set(NAMES[argument])


def test_whatever_is_known_is_of_arguments_that_there_are():
    assert set(SYNONYMS) == set(NAMES)
    assert {argument for argument, _ in ADVICE} <= set(DropoutMLPClassifier().get_params())


DATA = [  # X, y, what else `fit` is given, and what the error says
    (IMAGES, Y, {}, "X must have two dimensions, .* (60, 2, 2). .* by X.reshape(len(X), -1)."),
    (IMAGES[..., None], Y, {}, ".* got the shape (60, 2, 2, 1). .* by X.reshape(len(X), -1)."),
    ([*IMAGES], Y, {}, ".* got the shape (60, 2, 2). .* by np.asarray(X).reshape(len(X), -1)."),
    (WORDS, Y_VAL, {}, "X must hold numbers: .* 'a'. .* OneHotEncoder in front.*"),
    (X, Y_VAL, {}, "X and y must have the same number of rows, got 60 and 20."),
    (X, None, {}, "DropoutMLPClassifier requires y to be passed, but the target y is None."),
    (X, np.where(Y, 1, None), {}, "y must not have missing labels, got 30 among 60. .*dropna.*"),
    (X, np.array([1, "a"] * 30, object), {}, ".* y must hold strings or numbers, .* such as 1. .*"),
    (X, Y, {"X_val": HOLES}, "Input X_val contains NaN."),
    (X, Y, {"X_val": sparse.csr_array(HOLES)}, "Input X_val contains NaN."),
    (X, Y, {"X_val": WORDS}, "X_val must hold numbers: .* 'a'. .* OneHotEncoder in front.*"),
    (X, Y, {"X_val": X_VAL[:, :3]}, "X_val has 3 features, but X has 4."),
    (X, Y, {"X_val": X_VAL[:5]}, "X_val and y_val must have the same number of rows, got 5 .* 20."),
    (X, Y, {"X_val": X_VAL[:0], "y_val": Y[:0]}, "X_val: Found array with 0 sample.*"),
    (X, Y, {"X_val": X_VAL[0]}, "X_val: Expected 2D array, got 1D array instead:.*"),
    (X, Y, {"X_val": IMAGES[:20]}, "X_val must .* by X_val.reshape(len(X_val), -1)."),
    (X, Y, {"y_val": np.where(Y_VAL, 1.0, np.nan)}, "Input y_val contains NaN."),
    (X, Y, {"y_val": np.where(Y_VAL, 1, None)}, "y_val must not have missing labels, .*"),
    (X, Y, {"y_val": X_VAL[:, 0]}, "y_val: Unknown label type: continuous.*"),
    (X, Y, {"y_val": np.eye(2, dtype=int)[Y_VAL]}, "y_val must have the form of the first y, .*"),
]


def pattern(text):
    """A regular expression in which ``.*`` alone is special."""
    return ".*".join(map(re.escape, text.split(".*"))) + "$"


@pytest.mark.parametrize("x, y, more, text", DATA, ids=[text[:60] for *_, text in DATA])
def test_an_error_about_data_names_the_argument_and_what_to_do(x, y, more, text):
    validation = {"X_val": X_VAL, "y_val": Y_VAL} | more if more else {}
    with pytest.raises(ValueError, match=re.compile(pattern(text), re.DOTALL)):
        network().fit(x, y, **validation)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_predictions_of_images_say_how_to_make_them_rows():
    fitted = network().fit(X, Y)
    for method in (fitted.predict, fitted.predict_proba, fitted.decision_function):
        with pytest.raises(ValueError, match=r"by X\.reshape\(len\(X\), -1\)\.$"):
            method(IMAGES)


@pytest.mark.parametrize("kind", ["datetime64[ns]", "timedelta64[ns]"])
def test_dates_beside_numbers_are_told_what_to_become(kind):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"day": np.arange(60).astype(kind), "x": X[:, 0]})
    with pytest.raises(ValueError, match=r"X must hold numbers: .* by taking weekday, month and"):
        network().fit(frame, Y)


def test_numbers_that_are_words_name_the_classifier():
    with pytest.raises(ValueError, match=r"y must hold numbers: .* are for DropoutMLPClassifier"):
        network(DropoutMLPRegressor).fit(X, np.where(Y, "yes", "no"))


def test_feature_names_of_the_validation_are_told_from_those_of_x():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    other = frame[:20].rename(columns={"d": "e"})
    with pytest.raises(ValueError, match=r"(?s)X_val: The feature names .*- e\n.*- d\n"):
        network().fit(frame, Y, X_val=other, y_val=Y_VAL)


@pytest.mark.parametrize("classes", [{0, 1}, {0: "no", 1: "yes"}.keys(), 2, "ab", [[0, 1]]])
def test_classes_have_an_order_and_one_dimension(classes):
    fitted = network().partial_fit(X, Y, classes=[0, 1])
    for one in (network(), fitted):
        with pytest.raises(ValueError, match=r"classes must be a list .* got .* by sorted\(clas"):
            one.partial_fit(X, Y, classes=classes)


def test_classes_that_are_none_are_told_from_y():
    with pytest.raises(ValueError, match=r"classes must not have missing labels, got 1 among 2"):
        network().partial_fit(X, Y, classes=[0, None])


ONE_HOT = np.eye(3, dtype=int)[np.arange(120) % 3]
MANY_ROWS = np.arange(480.0).reshape(120, 4)
HINT = r"exactly one 1 in 3 columns, .* give one column: y\.argmax\(axis=1\), or y\.idxmax"


@pytest.mark.parametrize("more", [{}, {"cv": 3}, {"early_stopping": True}], ids=str)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_classes_in_columns_are_told_to_be_one_column(more):
    with pytest.warns(UserWarning, match=HINT):
        network(**more).fit(MANY_ROWS, ONE_HOT)


def test_a_stream_is_told_so_once():
    net = network()
    with pytest.warns(UserWarning, match=HINT):
        net.partial_fit(MANY_ROWS, ONE_HOT)
    net.partial_fit(MANY_ROWS, ONE_HOT)  # warnings are errors here


@pytest.mark.parametrize("rows", [slice(0, 99), slice(0, 120)], ids=["few rows", "another label"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_many_labels_are_not_taken_for_classes(rows):
    y = ONE_HOT[rows].copy()
    y[-1] = 1 if len(y) > 99 else y[-1]
    network().fit(MANY_ROWS[rows], y)
    network(DropoutMLPRegressor).fit(MANY_ROWS, ONE_HOT)


@pytest.mark.parametrize("weight", [["heavy"] * 60, [[1.0], [1.0, 2.0]], np.full(60, None)])
def test_weights_that_are_no_numbers_are_told_of_by_name(weight):
    with pytest.raises((TypeError, ValueError), match="sample_weight"):
        network().fit(X, Y, sample_weight=weight)


TOO_LARGE = 10**400


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"alpha": TOO_LARGE}, r"alpha must be a number in \[0, inf\), got more than float64"),
        ({"clip_norm": TOO_LARGE}, "clip_norm must be .* more than float64"),
        ({"learning_rate_init": TOO_LARGE}, "learning_rate_init must be .* more than float64"),
        ({"class_weight": {0: TOO_LARGE}}, r"class_weight\[0\] must be .* more than float64"),
        ({"hidden_layer_sizes": (4, 10**30)}, "hidden_layer_sizes must be at most 2147483648, got"),
        ({"random_state": 2**32}, r"random_state must be .* got 4294967296\.$"),
        ({"max_iter": 2.0}, r"Write it as 2\.$"),
    ],
    ids=str,
)
def test_numbers_are_told_of_that_are_too_large(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        network(**arguments).fit(X, Y)


@pytest.mark.parametrize("weight", [TOO_LARGE, [TOO_LARGE] * 60], ids=["one", "each"])
def test_weights_are_told_of_that_are_too_large(weight):
    with pytest.raises(ValueError, match=r"^sample_weight: int too large"):
        network().fit(X, Y, sample_weight=weight)


@pytest.mark.filterwarnings("ignore:The fit came to nothing")
def test_a_number_of_epochs_may_be_beyond_all_bounds():
    patient = network(max_iter=TOO_LARGE, learning_rate="constant", n_iter_no_change=2, tol=1e9)
    assert patient.fit(X, Y).n_iter_ < 9
    assert network(n_iter_no_change=TOO_LARGE, max_iter=3).fit(X, Y).n_iter_ == 3


@pytest.mark.parametrize("value", [np.array([]), np.array([0.1, 0.2]), 1, None], ids=repr)
def test_warm_start_is_a_flag(value):
    with pytest.raises(TypeError, match="warm_start must be True or False"):
        network(warm_start=value).fit(X, Y)
