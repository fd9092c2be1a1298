"""What the estimators share: scikit-learn's conventions around the training of a network."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import KW_ONLY, asdict, dataclass, replace
from math import inf, isnan, nan
from typing import Any
from warnings import warn

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from skdropout._batches import Batches, hold_out
from skdropout._buffers import Array
from skdropout._callbacks import CallbackSupportMixin, NoTasks, tasks_for, with_callbacks
from skdropout._conventions import LiveArrays, all_or_nothing, random_streams, read_sample_weight
from skdropout._descent import Descent
from skdropout._lbfgs import train_by_lbfgs
from skdropout._network import Network
from skdropout._settings import Settings, read_settings
from skdropout._targets import Targets
from skdropout._training import Training, Watch, add_entry
from skdropout._validation import Validation, bind_scorer, negative_loss, read_scoring
from skdropout.constraints import Constraint
from skdropout.dropout import DropoutScheme
from skdropout.optimizers import Optimizer
from skdropout.schedules import Progress, Schedule

DTYPES = (np.float64, np.float32)
N_QUIET = 1000
"""As many training rows at the most tell whether the loss of the whole network still falls."""


def is_stochastic(estimator):
    """Whether the solver works on batches; the reason why not is the error."""
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True


@dataclass(eq=False, repr=False)
class BaseDropoutMLP(CallbackSupportMixin, BaseEstimator):
    """The arguments and the training that all estimators have in common.

    It is a dataclass so that each argument and its default stand in one place; the constructor
    that it generates stores them as they are.
    """

    _doc_link_module = "skdropout"
    _doc_link_template = (
        "https://skdropout.readthedocs.io/en/stable/api/skdropout.{estimator_name}.html"
    )

    hidden_layer_sizes: int | Sequence[int] = (100,)
    activation: str | Sequence[str] = "relu"
    _: KW_ONLY
    dropout_rate: float | Sequence[float] = 0.2
    input_dropout_rate: float = 0.0
    dropout: str | DropoutScheme = "batchwise"
    solver: str | Optimizer = "adam"
    alpha: float = 1e-4
    l1_ratio: float = 0.0
    bias_alpha: float = 0.0
    weight_decay: float = 0.0
    max_norm: float | Constraint | None = None
    clip_norm: float | None = None
    weight_init: str = "auto"
    batch_size: int | str = "auto"
    learning_rate: str | Schedule = "constant"
    learning_rate_init: float = 1e-3
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    early_stopping: bool = False
    validation_fraction: float = 0.1
    scoring: Any = None
    n_iter_no_change: float = 10
    max_fun: int = 15000

    # A subclass brings `_check_y`, `_learn_y`, `_check_same_y`, `_check_enough`, `_encode` and
    # `_default_score`.

    def _fit(self, X, y, sample_weight, X_val, y_val, sample_weight_val):
        settings = read_settings(self.get_params(deep=False))
        scorer = read_scoring(self)
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together, got one of them.")
        if X_val is not None and settings.optimizer is None:
            raise ValueError("solver='lbfgs' has no epochs to validate: leave out X_val and y_val.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val goes with X_val and y_val, got it without them.")
        with all_or_nothing(self):
            self._train(settings, scorer, X, y, sample_weight, X_val, y_val, sample_weight_val)
        return self

    @with_callbacks
    def _train(self, settings, scorer, X, y, sample_weight, X_val, y_val, sample_weight_val):
        goes_on = self.warm_start and hasattr(self, "_network")
        given = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        learn_y = self._check_same_y if goes_on else self._learn_y
        X, y, targets = self._read(X, y, sample_weight, learn_y, new=not goes_on)
        rows = targets.rows(X.shape[0])
        self._check_enough(targets, rows)
        by_score = self.early_stopping and settings.optimizer is not None
        self._set_network(settings, X, targets, new=not goes_on)
        if goes_on:
            self._network = self._network.copy()
            self._streams = random_streams(self.random_state)
            if by_score or self.best_loss_ is None:  # scores on other samples do not compare
                self._watch = Watch()
            else:
                self._watch = replace(self._watch)
            self.history_ = {name: values.copy() for name, values in self.history_.items()}
        self._optimizer_state = None

        validation = None
        if X_val is not None:
            X_val, y_val, targets_val = self._read(
                X_val, y_val, sample_weight_val, new=False, suffix="_val"
            )
            n_outputs = targets_val.encoded.n_outputs
            if n_outputs != self.n_outputs_:
                raise ValueError(f"y has {self.n_outputs_} outputs, but y_val has {n_outputs}.")
            held_out = targets_val.rows(X_val.shape[0], of_any_class=True)
            validation = self._validation(X_val, y_val, targets_val, held_out, scorer)
        elif by_score:
            fraction, rng = self.validation_fraction, self._streams["shuffling"]
            drawn = targets.rows(X.shape[0], of_any_class=True)
            kept, held_out = hold_out(drawn, targets.strata, fraction, rng)
            rows = np.intersect1d(rows, kept)
            validation = self._validation(X, y, targets, held_out, scorer)

        tasks = tasks_for(self, given, self.max_iter)
        if settings.optimizer is None:
            self._run_lbfgs(settings, X, targets, rows, tasks)
        else:
            training = self._training(
                settings,
                X,
                targets,
                rows,
                progress=Progress(),
                n_epochs=self.max_iter,
                validation=validation,
                by_score=by_score,
                tasks=tasks,
            )
            training.run()
            self._keep(training)
        tasks.finish()

    def _partial_fit(self, X, y, sample_weight, learn_y):
        settings = read_settings(self.get_params(deep=False))
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        with all_or_nothing(self):
            first = not hasattr(self, "_network")
            X, y, targets = self._read(X, y, sample_weight, learn_y, new=first)
            self._set_network(settings, X, targets, new=first)
            if not first:  # what training changes before it can fail
                self._network = self._network.copy()
                self._streams = deepcopy(self._streams)
                self._optimizer_state = deepcopy(self._optimizer_state)
                if self.best_loss_ is None:  # a score does not compare with a loss
                    self._watch = Watch()
            progress = Progress(**(self._progress if self._optimizer_state else {}))
            training = self._training(
                settings,
                X,
                targets,
                targets.rows(X.shape[0]),
                progress=progress,
                n_epochs=1,
                tasks=NoTasks(),
                streaming=True,
            )
            training.run()
            self._keep(training)
            self._optimizer_state = training.descent.get_state()
            self._progress = asdict(training.progress)
        return self

    def _read(self, X, y, sample_weight, learn_y=None, *, new, suffix=""):
        """Check and convert the data; learn from them what they look like if that is new."""
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=DTYPES if new else self._network.dtype,
            order="C",
            multi_output=True,
            reset=new,
        )
        if issparse(X):
            X = csr_array(X)
        y = self._check_y(y)
        if learn_y is not None:
            learn_y(y)
        weight = read_sample_weight(
            sample_weight, X.shape[0], X.dtype, name=f"sample_weight{suffix}"
        )
        return X, y, self._encode(y, weight, X.dtype, name=f"y{suffix}")

    def _set_network(self, settings, X, targets, *, new):
        """Make a network, or go on with the one there is if it has the layers asked for."""
        sizes = (X.shape[1], *settings.hidden_sizes, targets.encoded.n_outputs)
        activations = tuple(settings.activations)
        if new:
            self._streams = random_streams(self.random_state)
            self._network = Network(sizes, activations, X.dtype)
            self._network.initialize(self._streams["weights"], self.weight_init)
            self._watch = Watch()
            self._optimizer_state = None
            self.history_ = {}
            self.t_ = 0
            self.n_layers_ = len(sizes)
            self.n_outputs_ = sizes[-1]
            self.out_activation_ = targets.loss.out_activation
            return
        if targets.loss.out_activation != self.out_activation_:
            raise ValueError("Training can only go on with the loss of the previous fit.")
        there = (self._network.sizes, self._network.activations)
        if there != (sizes, activations):
            raise ValueError(
                "Training can only go on with the network of the previous fit, which has layers "
                f"of {there[0]} units and the activations {there[1]}; got {sizes} and "
                f"{activations}."
            )

    def _training(
        self,
        settings: Settings,
        X,
        targets: Targets,
        rows,
        *,
        progress: Progress,
        n_epochs: int,
        tasks: NoTasks,
        validation: Validation | None = None,
        by_score: bool = False,
        streaming: bool = False,
    ) -> Training:
        """All that a training of the network needs, put together."""
        looks_for_plateau = not streaming or settings.schedule.adapts
        stops_by_loss = looks_for_plateau and not by_score
        batches = self._batches(X, targets, rows, self._read_batch_size(len(rows)))
        n_epochs_left = max(0, self.max_iter - progress.epoch)
        progress.n_steps = progress.step + n_epochs_left * len(batches)
        descent = Descent(
            self._network,
            settings.optimizer,
            penalty=settings.penalty,
            bias_penalty=settings.bias_penalty,
            weight_decay=float(self.weight_decay),
            clip_norm=None if self.clip_norm is None else float(self.clip_norm),
            constraint=settings.constraint,
            state=self._optimizer_state,
        )
        return Training(
            self._network,
            batches,
            targets.loss,
            descent,
            settings.scheme,
            settings.rates,
            self._streams["dropout"],
            learning_rate=float(self.learning_rate_init),
            schedule=settings.schedule,
            validate=validation,
            quiet_loss=self._quiet_loss(settings, X, targets, rows) if stops_by_loss else None,
            max_iter=n_epochs,
            tol=float(self.tol),
            n_iter_no_change=self.n_iter_no_change,
            verbose=bool(self.verbose),
            watch=self._watch,
            n_samples=self.t_,
            history=self.history_,
            progress=progress,
            stops_by_score=by_score,
            warns_if_unfinished=not streaming,
            tasks=tasks,
        )

    def _run_lbfgs(self, settings, X, targets, rows, tasks):
        """Train by L-BFGS and set the fitted attributes."""
        losses = train_by_lbfgs(
            self._network,
            self._batches(X, targets, rows, len(rows)),
            targets.loss,
            settings.penalty,
            settings.bias_penalty,
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=float(self.tol),
            verbose=bool(self.verbose),
            tasks=tasks,
        )
        for loss in losses:
            add_entry(self.history_, {"loss": loss})
        self._set_curves(len(losses), by_score=False)

    def _batches(self, X, targets, rows, batch_size) -> Batches:
        """The rows to train on, batch by batch."""
        rng = self._streams["shuffling"] if self.shuffle else None
        return Batches(X, targets.encoded, targets.weight, rows, batch_size, rng)

    def _read_batch_size(self, n_samples):
        """The batch size as a number, cut to the number of samples."""
        if self.batch_size == "auto":
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warn(
                f"Got batch_size={self.batch_size}, larger than the {n_samples} samples to train "
                "on. It is going to be clipped.",
                stacklevel=7,
            )
        return min(int(self.batch_size), n_samples)

    def _quiet_loss(self, settings, X, targets, rows):
        """With dropout, the loss of the whole network on some of the training rows, else None."""
        never_asked = settings.schedule.anneals or self.n_iter_no_change == inf
        if never_asked or not any(settings.rates):
            return None
        some = rows[:: -(-len(rows) // N_QUIET)]
        encoded, weight = targets.part(some, X.dtype)
        X = X[some]
        return lambda: targets.loss.value(self._network.predict(X), encoded, weight)

    def _validation(self, X, y, targets, rows, scorer) -> Validation:
        """What scores the network on the given rows."""
        X, y = X[rows], y[rows]
        encoded, loss_weight = targets.part(rows, X.dtype)
        weight = None if targets.sample_weight is None else targets.sample_weight[rows]
        if scorer is not None:
            score = bind_scorer(scorer, self, X, y, weight)
        elif self.scoring == "loss":
            score = negative_loss
        else:
            score = self._default_score(y, weight)
        return Validation(self._network, targets.loss, X, encoded, loss_weight, score)

    def _keep(self, training: Training):
        """Set the fitted attributes after a training."""
        n_samples = training.n_samples
        self.t_ = int(n_samples) if n_samples % 1 == 0 else n_samples
        self._set_curves(training.progress.epoch, by_score=training.stops_by_score)

    def _set_curves(self, n_iter, *, by_score):
        """Set the attributes that tell of the course of the training."""
        self.n_iter_ = n_iter
        self.loss_curve_ = self.history_["loss"]
        self.loss_ = self.loss_curve_[-1]
        self.validation_scores_ = self.history_.get("validation_score")
        self.best_loss_ = None if by_score else min(self.loss_curve_)
        self.best_validation_score_ = None
        if self.validation_scores_ is not None:
            scores = (score for score in self.validation_scores_ if not isnan(score))
            self.best_validation_score_ = max(scores, default=nan)

    def _raw_predict(self, X):
        """Raw predictions `z` of shape (n_samples, n_outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=DTYPES, reset=False)
        return self._network.predict(csr_array(X) if issparse(X) else X)

    def _fitted_network(self, asked_for):
        """The network, if there is one."""
        if "_network" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no {asked_for!r} before it is fitted")
        return self._network

    @property
    def coefs_(self) -> list[Array]:
        """Weight matrices, live: what is assigned to an item becomes part of the network."""
        return LiveArrays(self._fitted_network("coefs_").weights)

    @coefs_.setter
    def coefs_(self, values):
        self.coefs_[:] = values

    @property
    def intercepts_(self) -> list[Array]:
        """Bias vectors, live: what is assigned to an item becomes part of the network."""
        return LiveArrays(self._fitted_network("intercepts_").biases)

    @intercepts_.setter
    def intercepts_(self, values):
        self.intercepts_[:] = values

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "_network" in state:
            lasting = ("history_", "loss_curve_", "validation_scores_", "_optimizer_state")
            state |= deepcopy({name: state[name] for name in lasting if name in state})
            state["_network"] = self._network.get_state()
            state["_watch"] = asdict(self._watch)
            state["_streams"] = {
                name: rng.bit_generator.state for name, rng in self._streams.items()
            }
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "_network" in state:
            self._network = Network.from_state(state["_network"])
            self._watch = Watch(**state["_watch"])
            self._optimizer_state = deepcopy(self._optimizer_state)  # may be mapped, read-only
            self._streams = {name: np.random.default_rng() for name in state["_streams"]}
            for name, rng in self._streams.items():
                rng.bit_generator.state = state["_streams"][name]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
