"""Projections: nearest, idempotent, and nothing but what is too long is moved."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification

from skdropout import DropoutMLPClassifier, constraints
from skdropout.constraints import Constraint, MaxNorm

pytestmark = pytest.mark.filterwarnings("ignore:The fit came to nothing")  # after a few epochs

INSTANCES = [MaxNorm(), MaxNorm(0.5), MaxNorm(max_norm=40)]


def weights(n_in=6, dtype=np.float64):
    """A matrix with columns of zeros, of norms from 1/4 to 64, and one that is all but zero."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(n_in, 10))
    W *= np.array([0, 0.25, 0.5, 1, 2, 4, 8, 16, 64, 1e-9]) / np.linalg.norm(W, axis=0)
    return W.astype(dtype)


def projected(constraint, W):
    W = W.copy()
    constraint.project(W)
    return W


def test_every_constraint_is_tested():
    public = {getattr(constraints, name) for name in constraints.__all__} - {Constraint}
    assert public == {type(constraint) for constraint in INSTANCES}


@pytest.mark.parametrize("n_in", [1, 6, 100])
@pytest.mark.parametrize("constraint", INSTANCES, ids=repr)
def test_long_columns_keep_their_direction(constraint, n_in):
    W = weights(n_in)
    P, limit = projected(constraint, W), constraint.max_norm
    norms = np.linalg.norm(W, axis=0)
    assert_allclose(np.linalg.norm(P, axis=0), np.minimum(norms, limit), rtol=1e-14)
    assert_allclose(P * norms, W * np.linalg.norm(P, axis=0), rtol=1e-13)


@pytest.mark.parametrize("constraint", INSTANCES, ids=repr)
def test_short_columns_are_untouched_bit_for_bit(constraint):
    W = weights()
    short = np.linalg.norm(W, axis=0) < constraint.max_norm
    assert_array_equal(projected(constraint, W)[:, short], W[:, short])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("constraint", INSTANCES, ids=repr)
def test_twice_is_once(constraint, dtype):
    once = projected(constraint, weights(dtype=dtype))
    assert_allclose(projected(constraint, once), once, rtol=4 * np.finfo(dtype).eps)


def test_another_projection_takes_back_what_was_promised_of_the_first():
    class OfTheFirst(MaxNorm):
        def project(self, W):
            super().project(W[:, :1])

    class AndSaysSo(MaxNorm):
        equivariant = True

        def project(self, W):
            super().project(W)

    assert MaxNorm.equivariant
    assert not OfTheFirst.equivariant
    assert AndSaysSo.equivariant


@pytest.mark.parametrize("constraint", INSTANCES, ids=repr)
def test_projection_is_the_nearest_point(constraint):
    """Seen from the nearest point of a convex set, all of the set lies away from the start.

    That is, ``(w - P(w)) . (q - P(w)) <= 0`` for all allowed `q`, and for no other point.
    """
    rng = np.random.default_rng(1)
    W = weights()
    P = projected(constraint, W)
    for spread in (0, 0.01, 1, 100):
        for _ in range(50):
            Q = W + spread * rng.normal(size=W.shape)
            Q *= np.minimum(1, constraint.max_norm / np.maximum(np.linalg.norm(Q, axis=0), 1e-9))
            products = np.sum((W - P) * (Q - P), axis=0)
            assert (products <= 1e-12 * np.linalg.norm(W, axis=0)).all()


def test_float32_stays_float32():
    W = weights(dtype=np.float32)
    P = projected(MaxNorm(0.5), W)
    assert P.dtype == np.float32
    assert_allclose(P, projected(MaxNorm(0.5), weights()), rtol=1e-6)


def test_view_is_projected_in_place():
    memory = np.append(weights().ravel(), 7.0)
    MaxNorm(0.5).project(memory[:-1].reshape(6, 10))
    assert_array_equal(memory[:-1].reshape(6, 10), projected(MaxNorm(0.5), weights()))
    assert memory[-1] == 7.0


def test_base_class_projects_nothing():
    with pytest.raises(NotImplementedError, match="Constraint must implement project"):
        Constraint().project(weights())


X, Y = make_classification(80, n_features=6, n_informative=6, n_redundant=0, random_state=0)


def fit(max_norm, **arguments):
    return DropoutMLPClassifier(
        (8, 5),
        batch_size=20,
        learning_rate="cosine",
        learning_rate_init=0.03,
        max_iter=10,
        random_state=0,
        max_norm=max_norm,
        cv=None,
        **arguments,
    ).fit(X, Y)


@pytest.mark.parametrize("max_norm", [0.1, 0.3, MaxNorm(0.2)], ids=repr)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("standardize", [False, True])
def test_fit_keeps_to_the_limit(max_norm, solver, standardize):
    """Which is meant for the columns of `X` as the network sees them."""

    def norms(max_norm):
        first, *others = fit(max_norm, solver=solver, standardize=standardize).coefs_
        first = first * X.std(axis=0)[:, np.newaxis] if standardize else first
        return [np.linalg.norm(W, axis=0) for W in (first, *others)]

    limit = max_norm.max_norm if isinstance(max_norm, MaxNorm) else max_norm
    for of_layer, of_unlimited in zip(norms(max_norm), norms(None), strict=True):
        assert of_layer.max() <= limit * (1 + 1e-12)
        assert of_unlimited.max() > limit


def test_limit_that_is_never_reached_changes_nothing():
    for W, other in zip(fit(1e6).coefs_, fit(None).coefs_, strict=True):
        assert_array_equal(W, other)


def test_biases_are_free():
    assert max(abs(b).max() for b in fit(0.01).intercepts_) > 0.05


def test_constraint_of_a_users_own():
    shapes = []

    @dataclass(repr=False)
    class NonNegative(Constraint):
        def project(self, W):
            shapes.append(W.shape)
            np.maximum(W, 0, out=W)

    model = fit(NonNegative(), standardize=False)
    assert min(W.min() for W in model.coefs_) == 0
    assert shapes == 40 * [(6, 8), (8, 5), (5, 1)]  # four batches an epoch


@pytest.mark.parametrize("constraint", INSTANCES, ids=repr)
def test_copies_are_equal(constraint):
    for copy in (clone(constraint), pickle.loads(pickle.dumps(constraint))):
        assert copy is not constraint
        assert copy == constraint
    assert MaxNorm().set_params(**constraint.get_params()) == constraint
    assert [constraint == other for other in INSTANCES].count(True) == 1
    assert eval(repr(constraint)) == constraint


@pytest.mark.parametrize("max_norm", [1e-9, 1, np.float32(3)], ids=repr)
def test_good_values_pass(max_norm):
    MaxNorm(max_norm).check()


@pytest.mark.parametrize(
    "max_norm, error",
    [
        (0, ValueError),
        (-1.0, ValueError),
        (np.inf, ValueError),
        (np.nan, ValueError),
        ("3", TypeError),
        (None, TypeError),
    ],
)
def test_check_names_what_is_wrong(max_norm, error):
    with pytest.raises(error) as caught:
        MaxNorm(max_norm).check()
    message = f"max_norm must be a number in (0, inf), got {max_norm!r}."
    assert str(caught.value).startswith(message)


def test_columns_too_long_for_float32_are_scaled_and_not_lost():
    W = np.full((3, 2), 1e30, np.float32)
    MaxNorm(2.0).project(W)
    assert_allclose(np.linalg.norm(W, axis=0), 2, rtol=1e-6)
