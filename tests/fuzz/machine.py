"""Random programs with an estimator, and what has to hold after each step of them.

Each program has a model and its twin, which came out of a pickle or a copy at some time and goes
through the same steps, with other numbers of threads and workers: both must have the same bits for
ever.
"""

import copy
import pickle
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import numpy as np
import scipy.sparse as sp
from fuzz.arguments import (
    BASE,
    OF_CLASSES,
    OF_NUMBERS,
    changes,
    is_lbfgs,
    refusals,
    suspects,
)
from fuzz.contract import call, check_error, fault, fingerprint, same
from fuzz.tables import (
    BAD_TARGETS,
    BAD_WEIGHTS,
    CLASSES,
    LABELS,
    NUMBERS,
    WEIGHTS,
    Table,
    columns,
    rarely,
    seeds,
    tables,
)
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sklearn.base import clone
from threadpoolctl import threadpool_limits

import skdropout  # noqa: F401  which knows the backend "skdropout"
from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout.optimizers import SGD

RUNS = {
    "alike": nullcontext,
    "two threads of BLAS": lambda: threadpool_limits(2, user_api="blas"),
    "two workers": lambda: joblib.parallel_config("threading", n_jobs=2),
    "in stacks": lambda: joblib.parallel_config("skdropout", n_jobs=1),
}
"""How the twin does what the model does."""

COPIES = {
    **{f"pickle {n}": lambda model, n=n: pickle.loads(pickle.dumps(model, n)) for n in (2, 4, 5)},
    "deepcopy": copy.deepcopy,
    "joblib": lambda model: _through_joblib(model),
    "joblib, mapped": lambda model: _through_joblib(model, mmap_mode="r"),
    "copy": copy.copy,
}


def _through_joblib(model, **keywords):
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a map keeps what it needs
        file = Path(folder) / "model.joblib"
        joblib.dump(model, file)
        return joblib.load(file, **keywords)


def dense(table: Table) -> np.ndarray:
    """The numbers that a table gives to an estimator."""
    if table.is_sparse:
        return table.given.toarray().astype(np.float64)
    if table.kind in ("float32", "Fortran float32", "float16", "int64", "int8", "uint8", "bool"):
        return np.ascontiguousarray(table.given, np.float64)
    return np.ascontiguousarray(table.rows)


@dataclass
class Fitted:
    """What the last fit has learned."""

    n_features: int
    kind: str
    is_extreme: bool


class Programs(RuleBasedStateMachine):
    """Programs of either estimator."""

    model: Any
    twin: Any

    @initialize(is_classifier=st.booleans(), is_early=rarely, data=st.data())
    def construct(self, is_classifier, is_early, data):
        self.is_early = is_early  # and asks before there is a fit
        self.is_classifier = is_classifier
        self.of_kind = OF_CLASSES if is_classifier else OF_NUMBERS
        make = DropoutMLPClassifier if is_classifier else DropoutMLPRegressor
        self.model = make(**BASE, dropout_rate=data.draw(st.sampled_from(["auto", 0.3])))
        self.odd: set[str] = set()
        self.fitted: Fitted | None = None
        for _ in range(data.draw(st.sampled_from([0, 1, 2, 4, 8]))):
            self._set(*data.draw(changes(self.of_kind)))
        self.twin = clone(self.model)

    def _set(self, name, value, is_odd):
        outcome = call("set_params", self.model.set_params, **{name: value})
        assert outcome.value is self.model
        self.odd = (self.odd - {name}) | ({name} if is_odd else set())

    @rule(change=st.data())
    def set_params(self, change):
        name, value, is_odd = change.draw(changes(self.of_kind))
        self._set(name, value, is_odd)
        self.twin.set_params(**{name: value})

    @rule(is_meant=rarely)
    def clone(self, is_meant):
        """A clone has the same arguments, and nothing of the fit."""
        if not is_meant:
            return
        outcome = call("clone", clone, self.model)
        copied, given = outcome.value.get_params(False), self.model.get_params(False)
        assert {k: repr(v) for k, v in copied.items()} == {k: repr(v) for k, v in given.items()}
        assert not outcome.value.__sklearn_is_fitted__()
        self.model, self.twin, self.fitted = outcome.value, clone(self.twin), None

    @rule(how=st.sampled_from([*COPIES]))
    def restore(self, how):
        """A copy becomes the twin, and must keep up from here on."""
        before = fingerprint(self.model)
        outcome = call(how, COPIES[how], self.model)
        assert outcome.error is None, outcome.error
        assert fingerprint(self.model) == before
        self.twin = outcome.value
        if how == "copy":  # shares its arrays: what one learns the other must not
            self.twin = copy.deepcopy(outcome.value)
            call("fit", outcome.value.set_params(max_iter=1).fit, [[0.0], [1.0]] * 9, [0, 1] * 9)
            assert fingerprint(self.model) == before

    @rule()
    def change_places(self):
        self.model, self.twin = self.twin, self.model

    # Learning.

    def _draw_data(self, data):
        """A table, and a target that mostly goes with what is known."""
        goes_on = self.fitted is not None and data.draw(st.sampled_from([True, True, False]))
        table = data.draw(tables(n_features=self.fitted.n_features if goes_on else None))
        n = len(table.rows)
        good = LABELS if self.is_classifier else NUMBERS
        if goes_on:
            good = {self.fitted.kind: good[self.fitted.kind]}
        y = data.draw(columns(n, good, BAD_TARGETS))
        weight = data.draw(columns(n, WEIGHTS, BAD_WEIGHTS))
        return table, y, weight

    def _blame(self, table, y, weight, *, is_new):
        """What a training must and may be refused for."""
        arguments = self.model.get_params(deep=False)
        faulty = {"X": table.is_faulty, "y": y.is_faulty, "sample_weight": weight.is_faulty}
        must = {name for name, is_faulty in faulty.items() if is_faulty}
        if must & {"X", "y"}:
            must |= {"X", "y"}
        may = set(self.odd)
        if self.odd:
            may |= {"X", "y", "partial_fit", "end", "batches_per_mask"}  # what depends on them
            return must, may | set(arguments)
        must |= refusals(arguments)
        may |= suspects(arguments, len(table.rows))
        if not is_new:
            may |= {"warm_start", "X", "y", "classes", "Training", "units", "learning_rate_init"}
        if table.is_extreme or y.kind in ("tiny", "huge") or not arguments["standardize"]:
            may |= {"learning_rate_init", "X"}
        is_steep = arguments["learning_rate_init"] == 0.1 or arguments["loss"] == "poisson"
        is_steep |= arguments["beta_2"] == 0  # steps of a momentum over a gradient of zero
        if is_steep or arguments["solver"] == "sgd" or isinstance(arguments["solver"], SGD):
            may.add("learning_rate_init")
        if table.is_sparse:
            may.add("dropout")
        if weight.kind in ("one alone", "some zero"):
            may |= {"sample_weight", "cv", "validation_fraction", "n_samples", "batch_norm"}
        if arguments["loss"] == "poisson" and y.kind not in ("counts", "bools", "constant"):
            may |= {"loss", "y", "learning_rate_init"}
        if self.is_classifier and y.kind in ("many labels", "sparse labels", "no positives"):
            may |= {"class_weight"}
        return must, may

    def _learn(self, name, table, y, weight, must, may, run, at, error, **others):
        """Both learn; the model may be struck while it does."""
        X, given, weight = table.given, y.given, weight.given

        def learn(model):
            return getattr(model, name)(X, given, weight, **others)

        inputs = [fingerprint(v) for v in (table.rows, X, given, weight) if _has_hash(v)]
        before = fingerprint(self.model)
        if at:
            with fault(error, at):
                outcome = call(name, learn, self.model)
            struck = outcome.error if isinstance(outcome.error, error) else None
            stopped = any("interrupted" in str(w.message) for w in outcome.warnings)
            if struck is not None:
                assert fingerprint(self.model) == before, f"{error.__name__} changed the model"
                return
            if stopped:
                self.twin = copy.deepcopy(self.model)
                self._note(table, y)
                return
        else:
            outcome = call(name, learn, self.model)
        with RUNS[run]():
            again = call(name, learn, self.twin)
        assert outcome.told() == again.told(), (run, outcome.told(), again.told())
        after = [fingerprint(v) for v in (table.rows, X, given, weight) if _has_hash(v)]
        assert after == inputs, "inputs have changed"
        check_error(outcome, must, may, name)
        if outcome.error is not None:
            assert fingerprint(self.model) == before, f"{outcome.error} changed the model"
            return
        assert outcome.value is self.model
        self._note(table, y)
        self._check_attributes()

    def _note(self, table, y):
        self.fitted = Fitted(table.rows.shape[1], y.kind, table.is_extreme)

    def _check_attributes(self):
        model = self.model
        assert model.n_features_in_ == self.fitted.n_features
        for network in model._networks:
            assert network.is_finite()
        assert len({len(values) for values in model.history_.values()}) == 1
        assert 1 <= model.n_iter_ <= max(len(model.loss_curve_), 1)

    @rule(
        data=st.data(),
        run=st.sampled_from([*RUNS]),
        at=st.sampled_from([0] * 5 + [30, 200, 1000]),
        more=st.integers(0, 400),
        error=st.sampled_from([KeyboardInterrupt, MemoryError]),
    )
    def fit(self, data, run, at, more, error):
        table, y, weight = self._draw_data(data)
        is_new = not (self.model.warm_start is True and self.fitted)
        must, may = self._blame(table, y, weight, is_new=is_new)
        others = {}
        if data.draw(st.sampled_from([False] * 4 + [True])) and not table.is_faulty:
            n = len(table.rows)
            others = {"X_val": table.given, "y_val": y.given}
            may |= {"X_val", "y_val", "sample_weight_val"}
            if data.draw(st.booleans()):
                val = data.draw(columns(n, WEIGHTS, BAD_WEIGHTS))
                others["sample_weight_val"] = val.given
                must |= {"sample_weight_val"} if val.is_faulty else set()
        self._learn("fit", table, y, weight, must, may, run, at and at + more, error, **others)

    @rule(
        data=st.data(),
        run=st.sampled_from([*RUNS]),
        at=st.sampled_from([0] * 5 + [30, 200]),
        more=st.integers(0, 200),
        error=st.sampled_from([KeyboardInterrupt, MemoryError]),
    )
    def partial_fit(self, data, run, at, more, error):
        table, y, weight = self._draw_data(data)
        must, may = self._blame(table, y, weight, is_new=self.fitted is None)
        arguments = self.model.get_params(False)
        if not self.odd:
            balanced = arguments.get("class_weight") == "balanced"
            must |= {"partial_fit"} if arguments["early_stopping"] or is_lbfgs(arguments) else set()
            must |= {"class_weight"} if balanced else set()
        others = {}
        if self.is_classifier and (self.fitted is None or data.draw(st.booleans())):
            others = {"classes": CLASSES.get(y.kind)}
        may |= {"classes"}
        self._learn(
            "partial_fit", table, y, weight, must, may, run, at and at + more, error, **others
        )

    # Looking.

    def _draw_rows(self, data):
        """A table to predict for, and what has to be refused about it."""
        fits = self.fitted is not None and data.draw(st.sampled_from([True] * 19 + [False]))
        table = data.draw(tables(n_features=self.fitted.n_features if fits else None))
        is_wrong = self.fitted is not None and table.rows.shape[1] != self.fitted.n_features
        return table, {"X"} if is_wrong or table.is_faulty else set()

    def _ask(self, name, *arguments, run="alike", must=(), may=(), **keywords):
        """Both are asked the same, and stay as they are."""
        before = fingerprint(self.model)
        outcome = call(name, getattr(self.model, name), *arguments, **keywords)
        with RUNS[run]():
            again = call(name, getattr(self.twin, name), *arguments, **keywords)
        assert fingerprint(self.model) == before, f"{name} changed the model"
        must = {"fitted"} if self.fitted is None else set(must)
        check_error(outcome, must, {*may, *self.odd}, name)
        assert outcome.told() == again.told()
        assert same(outcome.value, again.value), f"{name}: the twin says something else ({run})"
        return outcome.value

    @rule(data=st.data(), run=st.sampled_from(["alike", "two threads of BLAS", "two workers"]))
    @precondition(lambda self: self.fitted or self.is_early)
    def predict(self, data, run):
        table, must = self._draw_rows(data)
        X, n = table.given, len(table.rows)
        inputs = [fingerprint(v) for v in (X, table.rows) if _has_hash(v)]
        y = self._ask("predict", X, run=run, must=must)
        if self.is_classifier:
            p = self._ask("predict_proba", X, run=run, must=must)
            log_p = self._ask("predict_log_proba", X, run=run, must=must)
            z = self._ask("decision_function", X, run=run, must=must)
        assert [fingerprint(v) for v in (X, table.rows) if _has_hash(v)] == inputs
        if y is None:
            return
        if self.is_classifier:
            self._check_classes(n, y, p, log_p, z)
            self._check_container(table, z, "decision_function")
        else:
            assert y.shape[0] == n
            assert y.dtype.kind == "f"
            assert y.ndim == (1 if self.model.n_outputs_ == 1 else 2)
            assert np.isfinite(y).all(), "not finite"
            self._check_container(table, y, "predict")

    def _check_classes(self, n, y, p, log_p, z):
        model = self.model
        n_classes = len(model.classes_)
        assert p.shape == log_p.shape == (n, n_classes)
        assert len(y) == len(z) == n
        for numbers in (p, z, log_p):
            assert np.isfinite(numbers).all(), "not finite"
            assert numbers.dtype in (np.float32, np.float64)
        assert p.min() >= 0
        assert p.max() <= 1 + 1e-6
        if y.ndim == 1:
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
            assert y.dtype == model.classes_.dtype
            chosen = np.take_along_axis(p, np.searchsorted(model.classes_, y)[:, None], axis=1)
            np.testing.assert_allclose(chosen[:, 0], p.max(axis=1), rtol=1e-6)
        else:
            assert y.shape == p.shape
            assert np.isin(y, (0, 1)).all()
        with np.errstate(under="ignore"):
            np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-4, atol=1e-6)

    def _check_container(self, table, z, name):
        """What holds the rows makes no difference."""
        plain = call(name, getattr(self.model, name), dense(table)).value
        size = np.abs(plain).max(initial=1e-300)
        if size > 1e30:  # stopped on the way, at what its type can hold
            return
        precision = 1e-2 if z.dtype == np.float32 else 1e-9  # of columns far from zero
        np.testing.assert_allclose(z / size, plain / size, rtol=0, atol=precision)

    @rule(data=st.data())
    @precondition(lambda self: self.fitted or self.is_early)
    def score(self, data):
        table, must = self._draw_rows(data)
        good = LABELS if self.is_classifier else NUMBERS
        kind = self.fitted.kind if self.fitted else "two" if self.is_classifier else "normal"
        y = data.draw(columns(len(table.rows), {kind: good[kind]}, {}))
        value = self._ask("score", table.given, y.given, must=must, may={"y", "samples"})
        if value is not None and len(table.rows) > 1:
            assert value <= 1.0

    @rule(
        data=st.data(),
        n_samples=st.sampled_from([1, 2, 5, 0, 1.5]),
        consistent=st.booleans(),
        seed=seeds,
    )
    @precondition(lambda self: self.fitted or self.is_early)
    def draw(self, data, n_samples, consistent, seed):
        """Monte-Carlo predictions."""
        table, must = self._draw_rows(data)
        must = must | ({"n_samples"} if n_samples in (0, 1.5) else set())
        may = {"dropout_rate", "dropout", "input_dropout_rate"}
        name = "predict_proba_samples" if self.is_classifier else "predict_samples"
        keywords = {"random_state": seed, "consistent": consistent, "must": must, "may": may}
        draws = self._ask(name, table.given, n_samples, **keywords)
        if draws is not None:
            assert draws.shape[:2] == (n_samples, len(table.rows))
            assert np.isfinite(draws).all(), "not finite"
        if self.is_classifier:
            measures = self._ask("predict_uncertainty", table.given, n_samples, **keywords)
            for values in (measures or {}).values():
                assert np.isfinite(values).all(), "not finite"
                assert values.min() >= -1e-6

    @rule(seed=seeds)
    @precondition(lambda self: self.fitted is not None)
    def export(self, seed):
        """scikit-learn's network predicts the same."""
        outcome = call("to_sklearn", self.model.to_sklearn)
        check_error(
            outcome,
            set(),
            {*self.odd, "activation", "loss", "class", "labels", "outputs"},
            "to_sklearn",
        )
        if outcome.error is None and not self.fitted.is_extreme:
            X = np.random.default_rng(seed).normal(size=(9, self.fitted.n_features))
            name = "predict_proba" if self.is_classifier else "predict"
            ours = call(name, getattr(self.model, name), X).value
            with warnings.catch_warnings(action="ignore"):  # of names, and of powers that overflow
                theirs = getattr(outcome.value, name)(X)
            if np.isfinite(theirs).all():
                size = np.abs(ours).max() + 1e-300
                np.testing.assert_allclose(theirs / size, ours / size, rtol=0, atol=1e-4)

    @rule(is_meant=rarely)
    def show(self, is_meant):
        looks = repr, str, lambda model: model._repr_html_(), lambda model: model.get_params()
        for what in looks if is_meant else ():
            outcome = call("show", what, self.model)
            assert outcome.error is None, outcome.error


def _has_hash(value):
    """Whether joblib can hash it, and it could be changed at all."""
    return isinstance(value, np.ndarray | list) or sp.issparse(value)
