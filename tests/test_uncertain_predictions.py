"""`predict` returns what it does not know where it is asked to, through a pipeline too."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FLOWERS, KINDS = load_iris(return_X_y=True)
PATIENTS, PROGRESS = load_diabetes(return_X_y=True)
LABELS = np.column_stack([KINDS > 0, KINDS < 2]).astype(int)
ASKED = {"n_samples": 6, "random_state": 0}


def classifier(**arguments):
    return DropoutMLPClassifier((64, 40), **{"max_iter": 8, "random_state": 0} | arguments)


def regressor(**arguments):
    defaults = {"dropout_rate": 0.2, "max_iter": 8, "random_state": 0}
    return DropoutMLPRegressor((64, 40), **defaults | arguments)


def several_numbers():
    return regressor().fit(PATIENTS, np.column_stack([PROGRESS, -PROGRESS]))


FITTED = {
    "classes": lambda: (classifier(cv=None).fit(FLOWERS, KINDS), FLOWERS),
    "ensemble": lambda: (classifier(cv=3).fit(FLOWERS, KINDS), FLOWERS),
    "labels": lambda: (classifier().fit(FLOWERS, LABELS), FLOWERS),
    "numbers": lambda: (regressor(cv=None).fit(PATIENTS, PROGRESS), PATIENTS),
    "ensemble of numbers": lambda: (regressor(cv=3).fit(PATIENTS, PROGRESS), PATIENTS),
    "several numbers": lambda: (several_numbers(), PATIENTS),
}


def flag_of(network):
    kinds = {"return_uncertainty": DropoutMLPClassifier, "return_std": DropoutMLPRegressor}
    return {name: True for name, kind in kinds.items() if isinstance(network, kind)}


def assert_same_uncertainty(first, second):
    if isinstance(second, dict):
        assert first.keys() == second.keys()
        for name in second:
            assert_array_equal(first[name], second[name], err_msg=name)
    else:
        assert_array_equal(first, second)


@pytest.mark.parametrize("kind", FITTED)
def test_predictions_are_the_same_with_and_without_the_flag(kind):
    network, X = FITTED[kind]()
    y, _ = network.predict(X, **flag_of(network), **ASKED)
    assert_array_equal(y, network.predict(X))
    assert_array_equal(y, network.predict(X, False))


@pytest.mark.parametrize("kind", ["classes", "ensemble", "labels"])
@pytest.mark.parametrize("consistent", [False, True])
def test_what_comes_with_the_labels_is_what_predict_uncertainty_measures(kind, consistent):
    network, X = FITTED[kind]()
    network.set_params(dropout="bernoulli")
    asked = ASKED | {"consistent": consistent}
    _, uncertainty = network.predict(X, return_uncertainty=True, **asked)
    assert_same_uncertainty(uncertainty, network.predict_uncertainty(X, **asked))


@pytest.mark.parametrize("kind", FITTED)
@pytest.mark.parametrize("routing", [False, True])
def test_a_pipeline_hands_the_flag_on(kind, routing):
    network, X = FITTED[kind]()
    y = PROGRESS if X is PATIENTS else KINDS
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            asked = dict.fromkeys([*flag_of(network), *ASKED], True)
            network.set_predict_request(**asked)
        model = make_pipeline(MaxAbsScaler(), network).fit(X, y)
        predicted, uncertainty = model.predict(X, **flag_of(network), **ASKED)
    scaled = model[0].transform(X)
    expected, measured = model[-1].predict(scaled, **flag_of(network), **ASKED)
    assert_array_equal(predicted, expected)
    assert_same_uncertainty(uncertainty, measured)


def test_with_routing_a_flag_that_nobody_asked_for_is_refused():
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(MaxAbsScaler(), classifier(cv=None)).fit(FLOWERS, KINDS)
        with pytest.raises(ValueError, match="return_uncertainty"):
            model.predict(FLOWERS, return_uncertainty=True)


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
@pytest.mark.parametrize(
    "network, X, y", [(classifier(), FLOWERS, KINDS), (regressor(), PATIENTS, PROGRESS)]
)
def test_the_best_pipeline_of_a_search_hands_the_flag_on(search, network, X, y):
    name = f"{type(network).__name__.lower()}__alpha"
    options = {"n_iter": 2, "random_state": 0} if search is RandomizedSearchCV else {}
    model = make_pipeline(MaxAbsScaler(), network.set_params(cv=None))
    found = search(model, {name: [0.0, 0.1]}, cv=2, **options).fit(X, y)
    predicted, uncertainty = found.best_estimator_.predict(X, **flag_of(network), **ASKED)
    assert_array_equal(predicted, found.predict(X))
    largest = uncertainty if X is PATIENTS else uncertainty.mutual_information
    assert largest.max() > 0


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("unit", [1e-3, 1e4])
def test_the_standard_deviation_is_in_the_units_of_y(unit, cv):
    _, std = regressor(cv=cv).fit(PATIENTS, PROGRESS).predict(PATIENTS, True, **ASKED)
    changed = regressor(cv=cv).fit(PATIENTS, 7.0 + unit * PROGRESS)
    _, in_other_units = changed.predict(PATIENTS, True, **ASKED)
    np.testing.assert_allclose(in_other_units, unit * std, rtol=1e-6)


@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_return_uncertainty_is_a_flag(value):
    network, X = FITTED["classes"]()
    with pytest.raises(TypeError, match=f"return_uncertainty must be True or False, got {value!r}"):
        network.predict(X, return_uncertainty=value)


@pytest.mark.parametrize("flag", [False, True])
def test_a_number_of_samples_that_is_none_is_refused(flag):
    network, X = FITTED["classes"]()
    with pytest.raises(ValueError, match="n_samples must be an integer in"):
        network.predict(X, flag, n_samples=0)


def test_without_dropout_there_is_no_uncertainty_and_there_are_labels():
    network = classifier(dropout_rate=0, cv=None).fit(FLOWERS, KINDS)
    assert network.predict(FLOWERS).shape == KINDS.shape
    with pytest.raises(ValueError, match="Without dropout all predictions are the same"):
        network.predict(FLOWERS, return_uncertainty=True)


def test_a_network_that_is_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        classifier().predict(FLOWERS, return_uncertainty=True)
