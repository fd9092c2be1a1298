"""The fuzzer finds what is planted, and nothing in a short run; `make fuzz` runs it for longer."""

from contextlib import nullcontext

import numpy as np
import pytest
from fuzz.contract import check_error, fault, fingerprint, same
from fuzz.machine import Programs
from fuzz.run import run_batch
from fuzz.second_opinion import Opinions

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._core.losses import SquaredError
from skdropout._estimators import fitting
from skdropout._estimators.labels import Classes

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("programs", [Programs, Opinions])
def test_a_few_programs_go_through(programs):
    run_batch(programs, 1, n_programs=8)


def find(programs=Programs):
    """The violation that random programs come upon first."""
    for seed in range(10):
        try:
            run_batch(programs, seed, n_programs=20, shrinks=False)
        except Exception as found:
            return str(getattr(found, "exceptions", [found])[0])
    return "nothing"


def test_a_prediction_that_is_not_finite_is_found(monkeypatch):
    monkeypatch.setattr(Classes, "log_proba", lambda self, z: np.full_like(self.logits(z), np.nan))
    assert "not finite" in find()


def test_a_change_of_what_was_given_is_found(monkeypatch):
    read = fitting.read_rows

    def read_and_spoil(estimator, X, **options):
        rows = read(estimator, X, **options)
        if isinstance(X, np.ndarray) and X.dtype == float and X.flags.writeable:
            X[0, 0] += 1.0
        return rows

    monkeypatch.setattr(fitting, "read_rows", read_and_spoil)
    assert "inputs" in find()


def test_an_error_that_leaves_something_behind_is_found(monkeypatch):
    def leave(estimator, *arguments, **keywords):
        estimator.left_ = 1
        raise ValueError(f"X, y, n_samples and {', '.join(estimator.get_params())} are not good")

    monkeypatch.setattr(fitting, "_standardize", leave)
    monkeypatch.setattr(fitting, "all_or_nothing", nullcontext)
    assert "changed the model" in find()


def test_a_difference_to_scikit_learn_is_found(monkeypatch):
    gradient = SquaredError.gradient

    def steeper(self, z, y, weight, dz, row):
        gradient(self, z, y, weight, dz, row)
        dz *= 1.01

    monkeypatch.setattr(SquaredError, "gradient", steeper)
    assert "Not equal to tolerance" in find(Opinions)


def test_an_error_has_to_name_what_was_wrong():
    class Told:
        error = ValueError("alpha must be a number")
        warnings = ()

    check_error(Told, {"alpha"}, set(), "fit")
    with pytest.raises(AssertionError, match="names none of"):
        check_error(Told, {"beta_1"}, set(), "fit")


@pytest.mark.parametrize("at", [1, 50, 500])
def test_a_fault_strikes_where_it_is_meant_to(at):
    network = DropoutMLPRegressor((3,), max_iter=5, cv=None)
    with pytest.raises(MemoryError, match="injected"), fault(MemoryError, at):
        network.fit(np.eye(20), np.arange(20.0))
    assert not network.__sklearn_is_fitted__()


def test_a_fingerprint_tells_of_the_last_bit():
    network = DropoutMLPClassifier((3,), max_iter=5, cv=None).fit(np.eye(20), np.arange(20) % 2)
    before = fingerprint(network)
    assert fingerprint(network) == before
    W = network.coefs_[0]
    W[0, 0] = np.nextafter(W[0, 0], 9.0)
    assert fingerprint(network) != before
    assert same((1.0, np.array([np.nan])), (1.0, np.array([np.nan])))
    assert not same(np.zeros(2), np.zeros(2, np.float32))
