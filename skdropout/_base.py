"""What the estimators share: scikit-learn's conventions around the training of a network."""

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field, replace
from numbers import Real
from typing import Any
from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skdropout._batches import Batches, hold_out
from skdropout._buffers import Array
from skdropout._descent import Descent
from skdropout._losses import Loss
from skdropout._network import Network
from skdropout._settings import read_settings
from skdropout._training import Training, Watch
from skdropout.constraints import Constraint
from skdropout.dropout import DropoutScheme
from skdropout.optimizers import Optimizer
from skdropout.schedules import Schedule

DTYPES = (np.float64, np.float32)


class LiveArrays(list):
    """Views of the parameters: assigning an array to an item writes into the network."""

    def __setitem__(self, index, value):
        views, values = self[index], value
        if not isinstance(index, slice):
            views, values = [views], [value]
        values = [np.asarray(value) for value in values]
        shapes, wanted = [value.shape for value in values], [view.shape for view in views]
        if shapes != wanted:
            raise ValueError(f"The network has parameters of the shapes {wanted}, got {shapes}.")
        for view, value in zip(views, values, strict=True):
            view[:] = value


@contextmanager
def all_or_nothing(estimator):
    """Give an estimator its attributes back if anything goes wrong inside."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def random_streams(random_state) -> list[np.random.Generator]:
    """Independent generators for the initial weights, the shuffling and the dropout."""
    entropy = check_random_state(random_state).randint(2**32, size=4, dtype=np.uint32)
    children = np.random.SeedSequence(entropy.tolist()).spawn(3)
    return [np.random.default_rng(child) for child in children]


def read_sample_weight(sample_weight, n_samples: int, dtype) -> Array | None:
    """Return checked weights of shape (n_samples,), or None.

    Raises
    ------
    ValueError
        If the weights are not one finite, non-negative number a sample, or all zero.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must be one number for each of the {n_samples} samples, "
            f"got an array of the shape {weight.shape}."
        )
    if not np.isfinite(weight).all():
        raise ValueError("sample_weight must hold finite numbers, got NaN or infinity.")
    if weight.min() < 0:
        raise ValueError(f"sample_weight must not be negative, got {weight.min()}.")
    if not weight.any():
        raise ValueError("sample_weight must hold at least one number above zero, got only zeros.")
    return weight.astype(dtype)


@dataclass
class Validation:
    """Scores the network on the rows held out."""

    network: Network
    loss: Loss
    X: Array
    targets: Array
    weight: Array | None
    score: Any = field(repr=False)

    def __call__(self) -> tuple[float, float]:
        """Return the score, the greater the better, and the loss."""
        z = self.network.predict(self.X)
        loss = self.loss.value(z, self.targets, self.weight)
        return float(self.score(z, loss)), loss


@dataclass(eq=False, repr=False)
class BaseDropoutMLP(BaseEstimator):
    """The arguments and the training that all estimators have in common.

    It is a dataclass so that each argument and its default stand in one place; the constructor
    that it generates stores them as they are.
    """

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

    # What a subclass brings: `_read_targets` and `_validation_score`.

    def _fit(self, X, y, sample_weight):
        settings = read_settings(self.get_params(deep=False))
        scorer = self._read_scoring()
        goes_on = self.warm_start and hasattr(self, "_network")
        with all_or_nothing(self):
            X, y = validate_data(
                self,
                X,
                y,
                dtype=self._network.dtype if goes_on else DTYPES,
                order="C",
                multi_output=True,
                reset=not goes_on,
            )
            sample_weight = read_sample_weight(sample_weight, len(X), X.dtype)
            targets = self._read_targets(y, sample_weight, X.dtype, goes_on)
            init_rng, shuffle_rng, dropout_rng = random_streams(self.random_state)

            sizes = (X.shape[1], *settings.hidden_sizes, targets.encoded.n_outputs)
            if goes_on:
                self._network = self._same_network(sizes, settings.activations)
            else:
                self._network = Network(sizes, settings.activations, X.dtype)
                self._network.initialize(init_rng, self.weight_init)
            self.n_layers_ = len(sizes)
            self.n_outputs_ = sizes[-1]
            self.out_activation_ = targets.loss.out_activation

            rows = np.arange(len(X)) if targets.weight is None else np.flatnonzero(targets.weight)
            validate = None
            if self.early_stopping:
                fraction = self.validation_fraction
                rows, held_out = hold_out(rows, targets.strata, fraction, shuffle_rng)
                validate = self._validation(X, y, targets, held_out, scorer)
            training = Training(
                self._network,
                Batches(
                    X,
                    targets.encoded,
                    targets.weight,
                    rows,
                    self._read_batch_size(len(rows)),
                    shuffle_rng if self.shuffle else None,
                ),
                targets.loss,
                Descent(
                    self._network,
                    settings.optimizer,
                    penalty=settings.penalty,
                    bias_penalty=settings.bias_penalty,
                    weight_decay=float(self.weight_decay),
                    clip_norm=None if self.clip_norm is None else float(self.clip_norm),
                    constraint=settings.constraint,
                ),
                settings.scheme,
                settings.rates,
                dropout_rng,
                learning_rate=float(self.learning_rate_init),
                schedule=settings.schedule,
                validate=validate,
                max_iter=self.max_iter,
                tol=float(self.tol),
                n_iter_no_change=self.n_iter_no_change,
                verbose=bool(self.verbose),
                watch=replace(self._watch) if goes_on else Watch(),
                n_samples=self.t_ if goes_on else 0,
                history={k: list(v) for k, v in self.history_.items()} if goes_on else {},
            )
            training.run()
            self._keep(training)
        return self

    def _same_network(self, sizes, activations) -> Network:
        """A copy of the fitted network, to go on with if it has the layers that are asked for."""
        network = self._network.copy()
        if (network.sizes, network.activations) != (sizes, tuple(activations)):
            raise ValueError(
                "warm_start goes on with the network of the previous fit, which has layers of "
                f"{network.sizes} units and the activations {network.activations}; got "
                f"{sizes} and {tuple(activations)}."
            )
        return network

    def _read_batch_size(self, n_samples):
        """The batch size as a number, cut to the number of samples."""
        if self.batch_size == "auto":
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warn(
                f"Got batch_size={self.batch_size}, larger than the {n_samples} samples to train "
                "on. It is going to be clipped.",
                stacklevel=4,
            )
        return min(int(self.batch_size), n_samples)

    def _read_scoring(self):
        """A scorer of scikit-learn, or None for what needs no scorer: the default and the loss."""
        if self.scoring is None or (isinstance(self.scoring, str) and self.scoring == "loss"):
            return None
        if not (isinstance(self.scoring, str) or callable(self.scoring)):
            raise TypeError(
                "scoring must be None, 'loss', the name of a scorer of scikit-learn or a callable, "
                f"got {self.scoring!r}."
            )
        return check_scoring(self, self.scoring)

    def _validation(self, X, y, targets, rows, scorer) -> Validation:
        """What measures the network on the rows held out."""
        X, y = X[rows], y[rows]
        encoded = np.empty((len(rows), self.n_outputs_), X.dtype)
        targets.encoded.encode(rows, out=encoded, column=np.empty((len(rows), 1), X.dtype))
        weight = None if targets.weight is None else targets.weight[rows]
        if scorer is not None:
            score = self._bind_scorer(scorer, X, y, weight)
        elif self.scoring == "loss":
            score = _negative_loss
        else:
            score = self._validation_score(y, weight)
        return Validation(self._network, targets.loss, X, encoded, weight, score)

    def _bind_scorer(self, scorer, X, y, weight):
        """A scorer as a function of what a validation has at hand."""
        nameless = type(self)(**self.get_params(deep=False))  # X is an array by now
        vars(nameless).update(vars(self))
        vars(nameless).pop("feature_names_in_", None)
        weights = {} if weight is None else {"sample_weight": weight}
        return lambda z, loss: scorer(nameless, X, y, **weights)

    def _keep(self, training: Training):
        """Set the fitted attributes."""
        self._watch = training.watch
        self.history_ = training.history
        self.loss_curve_ = training.history["loss"]
        self.loss_ = self.loss_curve_[-1]
        self.n_iter_ = training.progress.epoch
        self.t_ = int(training.n_samples) if training.n_samples % 1 == 0 else training.n_samples
        self.validation_scores_ = training.history.get("validation_score")
        stops_by_score = training.validate is not None
        self.best_validation_score_ = training.watch.best if stops_by_score else None
        self.best_loss_ = None if stops_by_score else -training.watch.best

    def _raw_predict(self, X):
        """Raw predictions `z` of shape (n_samples, n_outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=DTYPES, reset=False)
        return self._network.predict(X)

    @property
    def coefs_(self) -> list[Array]:
        """Weight matrices, live: what is assigned to an item becomes part of the network."""
        return LiveArrays(self._network.weights)

    @coefs_.setter
    def coefs_(self, values):
        self.coefs_[:] = values

    @property
    def intercepts_(self) -> list[Array]:
        """Bias vectors, live: what is assigned to an item becomes part of the network."""
        return LiveArrays(self._network.biases)

    @intercepts_.setter
    def intercepts_(self, values):
        self.intercepts_[:] = values

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "_network" in state:
            state["_network"] = self._network.get_state()
            state["_watch"] = (self._watch.best, self._watch.n_without_gain)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "_network" in state:
            self._network = Network.from_state(state["_network"])
            self._watch = Watch(*state["_watch"])


def _negative_loss(z, loss):
    """The score for ``scoring="loss"``."""
    return -loss
