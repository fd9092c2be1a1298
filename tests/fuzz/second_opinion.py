"""The same random programs for scikit-learn's networks and for ours, dropout off.

Both get the same starting weights and the batches in the same order. They have to end up with the
same predictions, or one refuses what the other takes, for a reason that stands in a table here.
"""

import re
import warnings

import numpy as np
import sklearn
from fuzz.contract import call
from fuzz.tables import CLASSES, LABELS, NUMBERS, WEIGHTS, columns, tables
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sklearn.base import is_classifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.fixes import parse_version

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

WEIGHS = parse_version(sklearn.__version__) >= parse_version("1.7")
"""Whether their `fit` takes weights of samples."""

ARGUMENTS = {
    "hidden_layer_sizes": [(5,), (4, 3), 6, (1,)],
    "activation": ["relu", "tanh", "logistic", "identity"],
    "solver": ["adam", "sgd", "lbfgs"],
    "alpha": [1e-4, 0.0, 1.0],
    "batch_size": [4, 1, 17, 1000],
    "learning_rate_init": [1e-3, 0.01],
    "learning_rate": ["constant", "invscaling"],
    "power_t": [0.5, 0.1],
    "max_iter": [2, 5],
    "momentum": [0.9, 0.0],
    "nesterovs_momentum": [True, False],
    "beta_1": [0.9, 0.0],
    "beta_2": [0.999, 0.5],
    "epsilon": [1e-8, 1e-3],
    "warm_start": [False, True],
    "max_fun": [15000, 3],
}
MODERATE = {kind: WEIGHTS[kind] for kind in ("none", "ones", "random", "integers", "float32")}
"""Weights with which both have the same batches: ours leave out rows of weight zero."""

OF_OPTIMIZERS = "solver", "learning_rate_init", "momentum", "nesterovs_momentum", "beta_1", "beta_2"
OF_OPTIMIZERS += "epsilon", "power_t", "learning_rate"
"""What their `partial_fit` has decided in its first call, and ours hears of in each."""

SAME = {"hidden_layer_sizes": (5,), "shuffle": False, "batch_size": 4, "max_iter": 2}
SAME |= {"n_iter_no_change": 1000}
OURS = {"dropout_rate": 0, "weight_decay": 0, "standardize": False, "cv": None}
OURS |= {"learning_rate": "constant", "learning_rate_init": 1e-3}

ONLY_OURS_REFUSE = {
    "MLPRegressor has partial_fit with lbfgs, and trains to the end": "no attribute 'partial_fit'",
    "the squares of gradients are infinite, and its Adam stands still": "Solver produced non-fin",
    "layers or loss change between warm starts": "Training can only go on with",
    "classes change between warm starts": "warm_start can only be used",
}
"""What they take and we do not, and what we say; theirs is of no use then, or undefined."""

ONLY_THEIRS_REFUSE = {
    "many labels say themselves which there are": "classes must be passed on the first call",
    "a stream whose next rows lack a class, with warm_start": "warm_start can only be used where",
    "a warm start of Adam on what L-BFGS has begun": "has no attribute 'loss_curve_'",
    "nullable integers and strings of pandas, before version 1.9": "Unknown label type",
}
"""What we take and they do not, and what they say."""


def draw_weights(rng, fan_in, fan_out):
    """The same weights for the same shape, in every network."""
    return np.random.default_rng([fan_in, fan_out]).uniform(-0.7, 0.7, (fan_in, fan_out))


class SameStart:
    """Has scikit-learn's networks start where ours do."""

    def _init_coef(self, fan_in, fan_out, dtype):
        W = draw_weights(None, fan_in, fan_out).astype(dtype)
        return W, np.zeros(fan_out, dtype)


class TheirClassifier(SameStart, MLPClassifier):
    """MLPClassifier from given weights."""


class TheirRegressor(SameStart, MLPRegressor):
    """MLPRegressor from given weights."""


class Opinions(RuleBasedStateMachine):
    """Programs of a pair of networks."""

    @initialize(of_classes=st.booleans(), data=st.data())
    def construct(self, of_classes, data):
        self.theirs = (TheirClassifier if of_classes else TheirRegressor)(**SAME)
        make = DropoutMLPClassifier if of_classes else DropoutMLPRegressor
        self.ours = make(**SAME | OURS, weight_init=draw_weights)
        self.fitted, self.goes_on = None, True
        self.weighs = WEIGHS and data.draw(st.booleans())
        for _ in range(data.draw(st.sampled_from([0, 1, 3, 6]))):
            self.set_params(data)

    @rule(data=st.data())
    def set_params(self, data):
        name = data.draw(st.sampled_from([*ARGUMENTS]))
        value = data.draw(st.sampled_from(ARGUMENTS[name]))
        if name == "learning_rate" and self.weighs:
            return  # others than constant ones go by rows there, and by weights here
        self.goes_on &= name not in OF_OPTIMIZERS or not self.fitted
        for network in (self.theirs, self.ours):
            network.set_params(**{name: value})
        heeds = self.theirs.solver == "sgd"  # with that alone
        self.ours.set_params(learning_rate=self.theirs.learning_rate if heeds else "constant")

    @rule(data=st.data(), name=st.sampled_from(["fit", "fit", "partial_fit"]))
    def learn(self, data, name):
        """Both learn the same; a network whose partner refuses is given up.

        `partial_fit` after `fit` goes on with Adam's averages there, and starts new ones here.
        """
        name = "partial_fit" if name == "partial_fit" and self.goes_on else "fit"
        self.goes_on = name == "partial_fit"
        table = data.draw(tables(self.fitted and self.fitted[0], is_moderate=True))
        good = LABELS if is_classifier(self.ours) else NUMBERS
        if self.fitted:
            good = {self.fitted[1]: good[self.fitted[1]]}
        n = len(table.rows)
        y = data.draw(columns(n, good, {}))
        more = {}
        if name == "partial_fit" and is_classifier(self.ours):
            more["classes"] = CLASSES.get(y.kind)
        elif (
            WEIGHS and self.theirs.learning_rate != "invscaling"
        ):  # theirs counts rows, not weights
            more["sample_weight"] = data.draw(columns(n, MODERATE, {})).given
        ours = call(name, lambda: getattr(self.ours, name)(table.given, y.given, **more))
        theirs = self._ask_them(lambda: getattr(self.theirs, name)(table.given, y.given, **more))
        if ours.error is None and theirs is None:
            self.fitted = table.rows.shape[1], y.kind
            self.compare()
            return
        self._judge(name, ours.error, theirs)
        self.construct_anew()

    def construct_anew(self):
        """Neither has learned anything."""
        self.fitted, self.goes_on = None, True
        self.theirs = type(self.theirs)(**self.theirs.get_params())
        self.ours = type(self.ours)(**self.ours.get_params(False))

    def _ask_them(self, learn):
        """What they say, if they refuse."""
        np.random.seed(0)  # noqa: NPY002
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            try:
                learn()
            except Exception as error:
                return error
        return None

    def _judge(self, name, ours, theirs):
        """One of both refuses, for a reason that is known."""
        if ours is not None and theirs is not None:
            return
        said = str(ours if theirs is None else theirs)
        known = ONLY_OURS_REFUSE if theirs is None else ONLY_THEIRS_REFUSE
        who = "ours" if theirs is None else "theirs"
        is_known = any(re.search(reason, said) for reason in known.values())
        assert is_known, f"{name}: {who} alone says {said!r}"

    def compare(self):
        """Both predict the same; theirs by the activation that the argument names now."""
        X = np.random.default_rng(0).normal(size=(20, self.fitted[0]))
        name = "predict_proba" if is_classifier(self.ours) else "predict"
        ours = call(name, getattr(self.ours, name), X).value
        with warnings.catch_warnings(action="ignore"):
            theirs = getattr(self.theirs, name)(X)
        if ours.shape != theirs.shape:
            assert len(self.ours.classes_) == 1
            return
        if self.theirs.solver == "lbfgs" or not np.isfinite(theirs).all():
            return  # line searches make much of the last digit, and theirs knows no bounds
        if not self.goes_on:  # theirs is 1 after any call of partial_fit
            assert self.ours.n_iter_ == self.theirs.n_iter_
        size = np.abs(theirs).max() + 1e-300
        precision = 1e-3 if self.theirs.coefs_[0].dtype == np.float32 else 1e-6
        np.testing.assert_allclose(ours / size, theirs / size, rtol=0, atol=precision)
