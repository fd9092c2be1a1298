"""How an estimator is trained: data, network and recipes put together for `fit`, `partial_fit`."""

from copy import deepcopy
from dataclasses import asdict, replace
from math import inf, isnan, nan
from warnings import warn

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from skdropout._estimators.conventions import (
    all_or_nothing,
    as_rows,
    random_streams,
    read_sample_weight,
)
from skdropout._estimators.settings import Settings, check_sparse_dropout, read_settings
from skdropout._network.network import Network
from skdropout._training.batches import Batches, hold_out
from skdropout._training.callbacks import NoTasks, tasks_for, with_callbacks
from skdropout._training.descent import Descent
from skdropout._training.lbfgs import train_by_lbfgs
from skdropout._training.targets import Targets
from skdropout._training.training import Training, Watch, add_entry
from skdropout._training.validation import Validation, bind_scorer, negative_loss, read_scoring
from skdropout.schedules import Progress

DTYPES = (np.float64, np.float32)
N_QUIET = 1000
"""As many training rows at the most tell whether the loss of the whole network still falls."""


class Fitting:
    """Trains the network of an estimator and sets its fitted attributes.

    A subclass brings `_check_y`, `_learn_y`, `_check_same_y`, `_check_enough`, `_encode` and
    `_default_score`.
    """

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
                X_val, y_val, sample_weight_val, new=False, suffix="_val", training=targets
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
            self._check_enough(targets, rows)
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
        settings = read_settings(self.get_params(deep=False), streaming=True)
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        with all_or_nothing(self):
            first = not hasattr(self, "_network")
            X, y, targets = self._read(X, y, sample_weight, learn_y, new=first)
            rows = targets.rows(X.shape[0])
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
                rows,
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

    def _read(self, X, y, sample_weight, learn_y=None, *, new, suffix="", training=None):
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
        X = as_rows(X)
        y = self._check_y(y)
        if learn_y is not None:
            learn_y(y)
        weight = read_sample_weight(
            sample_weight, X.shape[0], X.dtype, name=f"sample_weight{suffix}"
        )
        return X, y, self._encode(y, weight, X.dtype, name=f"y{suffix}", training=training)

    def _set_network(self, settings, X, targets, *, new):
        """Make a network, or go on with the one there is if it has the layers asked for."""
        sizes = (X.shape[1], *settings.hidden_sizes, targets.encoded.n_outputs)
        activations = tuple(settings.activations)
        if new:
            self._streams = random_streams(self.random_state)
            self._network = Network(sizes, activations, X.dtype, batch_norm=self.batch_norm)
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
        there = self._network.sizes, self._network.activations, self._network.batch_norm
        if there != (sizes, activations, self.batch_norm):
            raise ValueError(
                "Training can only go on with the network of the previous fit, which has layers "
                f"of {there[0]} units, the activations {there[1]} and batch_norm={there[2]}; got "
                f"{sizes}, {activations} and {self.batch_norm}."
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
        if issparse(X):
            check_sparse_dropout(settings.scheme, settings.rates)
        looks_for_plateau = not streaming or settings.schedule.adapts
        stops_by_loss = looks_for_plateau and not by_score
        batches = self._batches(settings, X, targets, rows)
        n_epochs_left = max(0, self.max_iter - progress.epoch)
        progress.n_steps = progress.step + n_epochs_left * len(batches)
        descent = Descent(
            self._network,
            settings.optimizer,
            penalty=settings.penalty,
            bias_penalty=settings.bias_penalty,
            weight_decay=settings.weight_decay,
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
            settings.dropout_schedule,
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
            has_planned_end=settings.has_planned_end,
            warns_if_unfinished=not streaming,
            tasks=tasks,
        )

    def _run_lbfgs(self, settings, X, targets, rows, tasks):
        """Train by L-BFGS and set the fitted attributes."""
        losses = train_by_lbfgs(
            self._network,
            self._batches(settings, X, targets, rows),
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

    def _batches(self, settings, X, targets, rows) -> Batches:
        """The rows to train on, batch by batch, or all of them for L-BFGS."""
        n_rows = len(rows)
        if n_rows == 0:
            raise ValueError("sample_weight and class_weight leave no sample to train on.")
        batch_size = n_rows if settings.optimizer is None else self._read_batch_size(n_rows)
        rng = self._streams["shuffling"] if self.shuffle else None
        smallest = 2 if self._network.is_normalised(0) else 1
        if min(batch_size, n_rows) < smallest:
            raise ValueError(
                "batch_norm=True needs batches of at least two samples, got "
                f"batch_size={self.batch_size!r} and n_samples={n_rows} to train on."
            )
        return Batches(X, targets.encoded, targets.weight, rows, batch_size, rng, smallest=smallest)

    def _read_batch_size(self, n_samples):
        """The batch size as a number, cut to the number of samples."""
        if self.batch_size == "auto":
            return min(max(32, n_samples // 100), 256, n_samples)
        if self.batch_size > n_samples:
            warn(
                f"Got batch_size={self.batch_size}, larger than the {n_samples} samples to train "
                "on. It is going to be clipped.",
                stacklevel=8,
            )
        return min(int(self.batch_size), n_samples)

    def _quiet_loss(self, settings, X, targets, rows):
        """With dropout, the loss of the whole network on some of the training rows, else None."""
        is_asked = settings.schedule.adapts or not settings.has_planned_end
        if not (is_asked and any(settings.rates) and self.n_iter_no_change < inf):
            return None
        some = rows[:: -(-len(rows) // N_QUIET)]
        encoded, weight = targets.part(some, X.dtype)
        X = X[some]
        return lambda: targets.loss.value(self._network.predict(X), encoded, weight)

    def _validation(self, X, y, targets, rows, scorer) -> Validation:
        """What scores the network on the given rows."""
        X, y = X[rows], y[rows]
        encoded, loss_weight = targets.part(rows, X.dtype)
        if loss_weight is not None and not loss_weight.any():
            raise ValueError(
                f"class_weight={self.class_weight} leaves no validation sample with a weight."
            )
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
