"""Subclasses with a constructor of their own: they train and predict as what they stand for."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_classification(60, n_features=6, random_state=0)
SETTINGS = {"dropout_rate": 0.3, "batch_size": 16, "max_iter": 4}


class Fewer(DropoutMLPClassifier):
    """Hands a few arguments on, and decides the rest."""

    def __init__(self, hidden_layer_sizes=(8, 4), random_state=0):
        super().__init__(hidden_layer_sizes, random_state=random_state, **SETTINGS)


class FewerNumbers(DropoutMLPRegressor):
    """The same for numbers."""

    def __init__(self, hidden_layer_sizes=(8, 4), random_state=0):
        super().__init__(hidden_layer_sizes, random_state=random_state, **SETTINGS)


class Renamed(DropoutMLPClassifier):
    """Calls no other constructor; its arguments have other names."""

    def __init__(self, width=4, depth=2, seed=0):
        self.width = width
        self.depth = depth
        self.seed = seed

    @property
    def hidden_layer_sizes(self):
        return tuple(self.width * 2**i for i in reversed(range(self.depth)))

    @property
    def random_state(self):
        return self.seed

    dropout_rate = 0.3
    batch_size = 16
    max_iter = 4


class RenamedNumbers(DropoutMLPRegressor):
    """The same for numbers, by attributes instead of properties."""

    def __init__(self, width=4, seed=0):
        self.width = width
        self.seed = seed

    hidden_layer_sizes = (8, 4)
    random_state = 0
    dropout_rate = 0.3
    batch_size = 16
    max_iter = 4


class Keywords(DropoutMLPClassifier):
    """Takes whatever the base takes, under its names, and tells of it."""

    def __init__(self, name="", **others):
        super().__init__(**{"hidden_layer_sizes": (8, 4), "random_state": 0, **SETTINGS, **others})
        self.name = name
        self.others = others

    def get_params(self, deep=True):
        return {"name": self.name} | self.others

    def set_params(self, **values):
        for name, value in values.items():
            if name != "name":
                self.others[name] = value
            setattr(self, name, value)
        return self


class Forgetful(DropoutMLPClassifier):
    """Stores some arguments, and leaves others to the defaults of the base."""

    def __init__(self, hidden_layer_sizes=(8, 4), *, max_iter=4, dropout_rate=0.3, batch_size=16):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.max_iter = max_iter
        self.dropout_rate = dropout_rate
        self.batch_size = batch_size
        self.random_state = 0


class Nothing(DropoutMLPRegressor):
    """Takes nothing at all."""

    def __init__(self):
        super().__init__((8, 4), random_state=0, **SETTINGS)


@dataclass(eq=False, repr=False, kw_only=True)
class Declared(DropoutMLPClassifier):
    """Made a dataclass as the base is, with an argument more and other defaults."""

    hidden_layer_sizes: tuple = (8, 4)
    random_state: int = 0
    dropout_rate: float = 0.3
    batch_size: int = 16
    max_iter: int = 4
    name: str = ""


CLASSES = [Fewer, FewerNumbers, Renamed, RenamedNumbers, Keywords, Forgetful, Nothing, Declared]
CLASSIFIERS = [kind for kind in CLASSES if issubclass(kind, DropoutMLPClassifier)]
REGRESSORS = [kind for kind in CLASSES if issubclass(kind, DropoutMLPRegressor)]

each_class = pytest.mark.parametrize("kind", CLASSES)
each_classifier = pytest.mark.parametrize("kind", CLASSIFIERS)
each_regressor = pytest.mark.parametrize("kind", REGRESSORS)


def plain(kind, **arguments):
    """What a subclass stands for."""
    estimator = DropoutMLPClassifier if kind in CLASSIFIERS else DropoutMLPRegressor
    return estimator((8, 4), random_state=0, **SETTINGS | arguments)


def assert_same(one, other):
    """The same networks, an ensemble or a single one."""
    for mine, its in zip(one._networks, other._networks, strict=True):
        assert_array_equal(mine.memory, its.memory)
    assert one.history_ == other.history_
    assert_array_equal(one.predict(X), other.predict(X))


def go_on(net, n_calls):
    classes = {"classes": [0, 1]} if isinstance(net, DropoutMLPClassifier) else {}
    for _ in range(n_calls):
        net.partial_fit(X, Y, **classes)
    return net


@each_class
@pytest.mark.parametrize("cv", ["auto", 3, None])
def test_it_is_fitted_as_what_it_stands_for(kind, cv):
    net = kind()
    net.cv = cv
    assert_same(net.fit(X, Y), plain(kind, cv=cv).fit(X, Y))


@each_class
def test_its_ensemble_is_of_its_kind(kind):
    net = kind().fit(X, Y)
    assert len(net.estimators_) > 1
    for member in net.estimators_:
        assert type(member) is kind
        assert member.get_params().keys() == net.get_params().keys()
        assert member.predict(X).shape == Y.shape


@each_class
def test_it_goes_on_as_what_it_stands_for(kind):
    assert_same(go_on(kind(), 3), go_on(plain(kind), 3))
    both = [go_on(net.fit(X, Y), 2) for net in (kind(), plain(kind))]
    assert_same(*both)


@each_class
def test_its_arguments_are_its_own(kind):
    names = {
        Fewer: {"hidden_layer_sizes", "random_state"},
        FewerNumbers: {"hidden_layer_sizes", "random_state"},
        Renamed: {"width", "depth", "seed"},
        RenamedNumbers: {"width", "seed"},
        Keywords: {"name"},
        Forgetful: {"hidden_layer_sizes", "max_iter", "dropout_rate", "batch_size"},
        Nothing: set(),
        Declared: {*DropoutMLPClassifier().get_params(), "name"},
    }
    net = kind()
    assert set(net.get_params()) == names[kind]
    assert set(net.fit(X, Y).get_params()) == names[kind]
    assert kind.__name__ in repr(net)
    assert kind.__name__ in net._repr_html_()


@each_class
def test_a_clone_is_fitted_the_same(kind):
    net = kind().fit(X, Y)
    fresh = clone(net)
    assert type(fresh) is kind
    assert not fresh.__sklearn_is_fitted__()
    assert_same(fresh.fit(X, Y), net)


@each_class
@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_predicts_the_same_and_goes_on(kind, copy_of):
    net = go_on(kind(), 2)
    other = copy_of(net)
    assert type(other) is kind
    assert other.get_params() == net.get_params()
    assert_same(other, net)
    assert_same(go_on(other, 2), go_on(net, 2))


@each_class
def test_it_is_cross_validated(kind):
    mine, its = (cross_val_predict(net, X, Y, cv=3) for net in (kind(), plain(kind)))
    assert_array_equal(mine, its)


@pytest.mark.parametrize(
    "net, grid, base",
    [
        (Fewer(), {"hidden_layer_sizes": [(3,), (9, 2)]}, {"hidden_layer_sizes": [(3,), (9, 2)]}),
        (
            FewerNumbers(),
            {"random_state": [1, 2]},
            {"random_state": [1, 2]},
        ),
        (
            Renamed(),
            {"width": [1, 5], "depth": [1]},
            {"hidden_layer_sizes": [(1,), (5,)]},
        ),
        (Keywords("a"), {"max_iter": [1, 9]}, {"max_iter": [1, 9]}),
        (Keywords("a", alpha=0.1), {"alpha": [0, 9]}, {"alpha": [0, 9]}),
        (Forgetful(), {"dropout_rate": [0.1, 0.6]}, {"dropout_rate": [0.1, 0.6]}),
        (Declared(name="a"), {"dropout_rate": [0.1, 0.6]}, {"dropout_rate": [0.1, 0.6]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_is_searched_over(net, grid, base):
    mine = GridSearchCV(net, grid, cv=3).fit(X, Y)
    its = GridSearchCV(plain(type(net)), base, cv=3).fit(X, Y)
    assert_array_equal(mine.cv_results_["mean_test_score"], its.cv_results_["mean_test_score"])
    assert_array_equal(mine.predict(X), its.predict(X))
    assert mine.best_estimator_.get_params() == net.get_params() | mine.best_params_


@each_class
def test_it_is_a_step_of_a_pipeline(kind):
    mine, its = (make_pipeline(StandardScaler(), net).fit(X, Y) for net in (kind(), plain(kind)))
    assert_same(mine[-1], its[-1])


@each_class
@pytest.mark.parametrize("judged", [{"early_stopping": True}, {"cv": 3}], ids=str)
@pytest.mark.parametrize("scoring", [None, "loss", "name", "callable"])
def test_it_is_judged_by_any_score(kind, scoring, judged):
    named = "roc_auc" if kind in CLASSIFIERS else "neg_mean_absolute_error"
    seen = []

    def score(estimator, X, y):
        seen.append(type(estimator))
        return estimator.score(X, y)

    scoring = {"name": named, "callable": score}.get(scoring, scoring)
    more = {"scoring": scoring, "validation_fraction": 0.3, **judged}
    net = kind()
    vars(net).update(more)
    assert_same(net.fit(X, Y), plain(kind, **more).fit(X, Y))
    if scoring is score:
        assert set(seen) == {kind, type(plain(kind))}


class Stopping(DropoutMLPClassifier):
    """Always stops early, by a score of its own."""

    def __init__(self, tolerance=0.5):
        super().__init__(
            (8,),
            early_stopping=True,
            scoring=self.measure,
            n_iter_no_change=10,
            tol=tolerance,
            random_state=0,
        )
        self.tolerance = tolerance

    @staticmethod
    def measure(estimator, X, y):
        assert type(estimator) is Stopping
        return -np.abs(estimator.predict_proba(X)[:, 1] - y).mean()


def test_it_may_bring_a_score_that_looks_at_the_subclass():
    net = clone(Stopping()).fit(X, Y)
    assert net.n_iter_ == 12
    assert all(-1 < score < 0 for score in net.validation_scores_)
    assert_same(pickle.loads(pickle.dumps(net)), net)


@each_class
def test_samples_to_validate_with_are_taken(kind):
    mine, its = (
        net.fit(X[:40], Y[:40], X_val=X[40:], y_val=Y[40:]) for net in (kind(), plain(kind))
    )
    assert_same(mine, its)


@each_classifier
def test_random_predictions_are_those_of_what_it_stands_for(kind):
    mine, its = kind().fit(X, Y), plain(kind).fit(X, Y)
    samples = [net.predict_proba_samples(X, 5, random_state=1) for net in (mine, its)]
    assert_array_equal(*samples)
    assert samples[0].std(axis=0).max() > 0.01
    mine, its = (net.predict_uncertainty(X, 5, random_state=1) for net in (mine, its))
    for name in its:
        assert_array_equal(mine[name], its[name])


@each_regressor
def test_random_numbers_are_those_of_what_it_stands_for(kind):
    mine, its = kind().fit(X, Y), plain(kind).fit(X, Y)
    samples = [net.predict_samples(X, 5, random_state=1) for net in (mine, its)]
    assert_array_equal(*samples)
    for one, other in zip(
        *(net.predict(X, return_std=True, random_state=1) for net in (mine, its)), strict=True
    ):
        assert_array_equal(one, other)


def test_a_subclass_without_dropout_has_no_random_predictions():
    class Plain(DropoutMLPClassifier):
        def __init__(self):
            super().__init__((4,), dropout_rate=0, max_iter=1, cv=None)

    with pytest.raises(ValueError, match=r"dropout_rate=0 drops nothing"):
        Plain().fit(X, Y).predict_uncertainty(X)


@each_class
def test_it_becomes_scikit_learns_own(kind):
    net = kind().fit(X, Y)
    theirs = net.to_sklearn()
    for member in theirs.estimators_:
        assert member.hidden_layer_sizes == (8, 4)
        assert member.max_iter == 4
        assert member.batch_size == 16
    if kind in CLASSIFIERS:
        assert_allclose(theirs.predict_proba(X), net.predict_proba(X), rtol=1e-12)
    else:
        assert_allclose(theirs.predict(X), net.predict(X), rtol=1e-12)


@each_class
def test_a_bad_argument_of_its_own_making_is_named(kind):
    net = kind()
    vars(net)["l1_ratio"] = 2
    with pytest.raises(ValueError, match=r"l1_ratio must be a number in \[0, 1\], got 2"):
        net.fit(X, Y)
    with pytest.raises(ValueError, match=r"l1_ratio must be a number in \[0, 1\], got 2"):
        go_on(net, 1)
    assert not net.__sklearn_is_fitted__()


@each_class
def test_warm_start_goes_on_with_its_network(kind):
    nets = kind(), plain(kind)
    for net in nets:
        net.warm_start = True
        net.fit(X, Y).fit(X, Y)
        assert len(net.loss_curve_) == 8
    assert_same(*nets)


class Poisson(DropoutMLPRegressor):
    """Fixes the loss."""

    def __init__(self, hidden_layer_sizes=(8,)):
        super().__init__(hidden_layer_sizes, loss="poisson", max_iter=3, random_state=0)


def test_it_may_fix_the_loss():
    net = clone(Poisson((5,))).fit(X, Y)
    assert net.out_activation_ == "exp"
    assert (net.predict(X) > 0).all()
    assert net.__sklearn_tags__().target_tags.positive_only
    its = DropoutMLPRegressor((5,), loss="poisson", max_iter=3, random_state=0).fit(X, Y)
    assert_same(net, its)


class Weighted(DropoutMLPClassifier):
    """Decides the weights of the classes and the smoothing of the labels."""

    def __init__(self, weight=3):
        super().__init__((8,), max_iter=3, random_state=0, label_smoothing=0.2)
        self.weight = weight

    @property
    def class_weight(self):
        return {0: 1, 1: self.weight}

    @class_weight.setter
    def class_weight(self, value):
        assert value is None


def test_it_may_decide_the_weights_of_classes():
    its = DropoutMLPClassifier(
        (8,), max_iter=3, random_state=0, label_smoothing=0.2, class_weight={0: 1, 1: 5}
    )
    assert_same(clone(Weighted(5)).fit(X, Y), its.fit(X, Y))
    assert_same(go_on(Weighted(5), 2), go_on(clone(its), 2))
