"""How an estimator is fitted: data, labels and settings made into a job, the job into attributes.

The estimator is handed in, and what its `y` means with it.
"""

import warnings
from collections.abc import Callable
from functools import partial
from math import isnan, nan
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from skdropout._core.buffers import Array
from skdropout._estimators.arguments import arguments_of, check_sparse_dropout, read_settings
from skdropout._estimators.callbacks import EstimatorCallbacks, with_callbacks
from skdropout._estimators.conventions import (
    all_or_nothing,
    as_rows,
    random_streams,
    read_sample_weight,
)
from skdropout._estimators.labels import Labels
from skdropout._estimators.scoring import check_scorer, make_scorer
from skdropout._network.network import Network
from skdropout._training.data import Batches, Targets, hold_out, suit_batch_size
from skdropout._training.job import Job
from skdropout._training.lbfgs import train_by_lbfgs
from skdropout._training.monitor import Evaluation, Monitor, Validation
from skdropout._training.settings import Settings
from skdropout._training.state import TrainingState
from skdropout._training.stopping import Patience, Stopping
from skdropout._training.training import Training

DTYPES = (np.float64, np.float32)
N_MONITORED = 1000
"""As many training rows at the most tell whether the loss of the whole network still falls."""


class Given(NamedTuple):
    """Samples as a user gave them, and the suffix of the arguments' names."""

    X: Any
    y: Any
    sample_weight: Any
    suffix: str = ""


class Data(NamedTuple):
    """Samples checked and converted, and what their `y` means."""

    X: Any  # (n, n_features), dense or sparse rows
    y: Array  # (n,) or (n, n_outputs)
    labels: Labels
    targets: Targets


def fit(estimator: Any, labels: Labels, training: Given, validation: Given) -> None:
    """Train an estimator anew, or from where it stands. Sets: all of its fitted attributes."""
    settings = read_settings(arguments_of(estimator))
    if estimator.scoring is not None:
        check_scorer(estimator)
    if (validation.X is None) != (validation.y is None):
        raise ValueError("X_val and y_val must be given together, got one of them.")
    if validation.X is not None and settings.rule is None:
        raise ValueError("solver='lbfgs' has no epochs to validate: leave out X_val and y_val.")
    if validation.X is None and validation.sample_weight is not None:
        raise ValueError("sample_weight_val goes with X_val and y_val, got it without them.")
    with all_or_nothing(estimator):
        job = _fit(estimator, labels, settings, training, validation)
        _emit_warnings(job)


@with_callbacks
def _fit(estimator, labels, settings, training, validation) -> Job:
    """Train; scikit-learn's callbacks need a function of the estimator to wrap."""
    is_warm = estimator.warm_start and hasattr(estimator, "_state")
    learn = labels.keep if is_warm else labels.learn
    data = _read(estimator, training, labels, learn, new=not is_warm)
    n_samples, targets = data.X.shape[0], data.targets
    rows = targets.weighted(n_samples)
    by_score = settings.early_stopping and settings.rule is not None
    if is_warm:
        state = _go_on(estimator, settings, data, by_score=by_score)
        state.streams = random_streams(estimator.random_state)
        state.forget_updates()
    else:
        state = _begin(estimator, settings, data, by_score=by_score)

    monitor = Monitor(by_score)
    if validation.X is not None:
        held_out = _read(estimator, validation, data.labels, new=False, training=targets)
        _check_outputs(targets, held_out.targets)
        drawn = held_out.targets.sampled(held_out.X.shape[0])
        monitor.validation = _validation(estimator, held_out, drawn)
    elif by_score:
        fraction, rng = settings.validation_fraction, state.streams["shuffling"]
        kept, drawn = hold_out(targets.sampled(n_samples), targets.strata, fraction, rng)
        rows = np.intersect1d(rows, kept)
        monitor.validation = _validation(estimator, data, drawn)

    job = _job(settings, state, data, rows, monitor)
    if getattr(estimator, "_skl_callbacks", None):
        metadata = {"sample_weight": training.sample_weight}
        given = {"X": training.X, "y": training.y, "metadata": metadata}
        job.callbacks = EstimatorCallbacks(estimator, given, settings.max_iter)
    if settings.rule is None:
        for loss in train_by_lbfgs(job):
            state.add_epoch({"loss": loss}, 0.0)
    else:
        Training(job, settings.rule).run()
    _publish(estimator, state)
    state.forget_updates()
    job.callbacks.finish()
    return job


def partial_fit(estimator: Any, labels: Labels, training: Given, classes: Any = None) -> None:
    """Train an estimator for one epoch more. Sets: all of its fitted attributes."""
    settings = read_settings(arguments_of(estimator), incremental=True)
    if settings.early_stopping:
        raise ValueError("partial_fit does not support early_stopping=True")
    with all_or_nothing(estimator):
        is_new = not hasattr(estimator, "_state")
        learn = partial(labels.learn_part, classes=classes)
        data = _read(estimator, training, labels, learn, new=is_new)
        take = _begin if is_new else _go_on
        state = take(estimator, settings, data, by_score=False)
        rows = data.targets.weighted(data.X.shape[0])
        job = _job(settings, state, data, rows, Monitor(), incremental=True)
        assert settings.rule is not None  # with L-BFGS there is no such method
        Training(job, settings.rule).run()
        _publish(estimator, state)
        _emit_warnings(job)


def _read(
    estimator: Any,
    given: Given,
    labels: Labels,
    learn: Callable[[Array], Labels] | None = None,
    *,
    new: bool,
    training: Targets | None = None,
) -> Data:
    """Check and convert samples. Sets: what `labels` learned, and if `new` `n_features_in_`."""
    X, y = validate_data(
        estimator,
        given.X,
        given.y,
        accept_sparse="csr",
        dtype=DTYPES if new else estimator._state.network.dtype,
        order="C",
        multi_output=True,
        reset=new,
    )
    X = as_rows(X)
    y = labels.check(y)
    if learn is not None:
        labels = learn(y)
        vars(estimator).update(labels.attributes())
    name = f"sample_weight{given.suffix}"
    weight = read_sample_weight(given.sample_weight, X.shape[0], X.dtype, name=name)
    targets = labels.encode(y, weight, X.dtype, name=f"y{given.suffix}", training=training)
    return Data(X, y, labels, targets)


def _begin(estimator: Any, settings: Settings, data: Data, *, by_score: bool) -> TrainingState:
    """A new network. Sets: `_state`, and what tells of the layers."""
    streams = random_streams(estimator.random_state)
    sizes = _sizes(settings, data)
    network = Network(sizes, settings.activations, data.X.dtype, batch_norm=settings.batch_norm)
    network.initialize(streams["weights"], settings.weight_init)
    state = estimator._state = TrainingState(network, streams, Patience(by_score))
    estimator.history_ = state.history
    estimator.t_ = 0
    estimator.n_layers_ = len(sizes)
    estimator.n_outputs_ = sizes[-1]
    estimator.out_activation_ = data.targets.loss.out_activation
    return state


def _go_on(estimator: Any, settings: Settings, data: Data, *, by_score: bool) -> TrainingState:
    """A copy of the state as it is, if it is that of the layers asked for. Sets: `_state`."""
    if data.targets.loss.out_activation != estimator.out_activation_:
        raise ValueError("Training can only go on with the loss of the previous fit.")
    network = estimator._state.network
    fitted = network.sizes, network.activations, network.batch_norm
    asked = _sizes(settings, data), settings.activations, settings.batch_norm
    if fitted != asked:
        raise ValueError(
            "Training can only go on with the network of the previous fit, which has layers "
            f"of {fitted[0]} units, the activations {fitted[1]} and batch_norm={fitted[2]}; got "
            f"{asked[0]}, {asked[1]} and {asked[2]}."
        )
    state = estimator._state = estimator._state.copy()
    estimator.history_ = state.history
    state.patience = state.patience.resume(by_score=by_score)
    return state


def _sizes(settings: Settings, data: Data) -> tuple[int, ...]:
    """Units of each layer."""
    return (data.X.shape[1], *settings.hidden_sizes, data.targets.encoded.n_outputs)


def _check_outputs(training: Targets, validation: Targets) -> None:
    n_outputs, n_outputs_val = training.encoded.n_outputs, validation.encoded.n_outputs
    if n_outputs != n_outputs_val:
        raise ValueError(f"y has {n_outputs} outputs, but y_val has {n_outputs_val}.")


def _validation(estimator: Any, data: Data, rows: Array) -> Validation:
    """What scores the network on the given rows."""
    X, y, targets = data.X[rows], data.y[rows], data.targets
    encoded, loss_weight = targets.subset(rows, X.dtype)
    if loss_weight is not None and not loss_weight.any():
        raise ValueError(
            f"class_weight={estimator.class_weight} leaves no validation sample with a weight."
        )
    weight = None if targets.sample_weight is None else targets.sample_weight[rows]
    scorer = data.labels.score(y, weight)
    if estimator.scoring is not None:
        scorer = make_scorer(estimator, X, y, weight)
    network = estimator._state.network
    return Validation(network, targets.loss, X, encoded, loss_weight, scorer)


def _job(
    settings: Settings,
    state: TrainingState,
    data: Data,
    rows: Array,
    monitor: Monitor,
    *,
    incremental: bool = False,
) -> Job:
    """All that a training of the network needs, put together. Sets: `progress`, `monitor`."""
    X, targets = data.X, data.targets
    n_rows = len(rows)
    if n_rows == 0:
        raise ValueError("sample_weight and class_weight leave no sample to train on.")
    if issparse(X):
        check_sparse_dropout(settings.drops)
    batch_size = n_rows if settings.rule is None else settings.batch_size
    if batch_size is None:
        batch_size = suit_batch_size(n_rows)
    smallest = 2 if state.network.is_normalised(0) else 1
    if min(batch_size, n_rows) < smallest:
        raise ValueError(
            "batch_norm=True needs batches of at least two samples, got "
            f"batch_size={settings.batch_size or 'auto'!r} and n_samples={n_rows} to train on."
        )
    rng = state.streams["shuffling"] if settings.shuffle else None
    batches = Batches(
        X, targets.encoded, targets.weight, rows, min(batch_size, n_rows), rng, smallest=smallest
    )
    stopping = Stopping(
        by_score=monitor.by_score,
        anneals=settings.schedule.anneals or settings.dropout_schedule.anneals,
        adapts=settings.schedule.adapts,
        incremental=incremental,
        max_epochs=1 if incremental else settings.max_iter,
        tol=settings.tol,
        n_iter_no_change=settings.n_iter_no_change,
    )
    if stopping.watches_loss and settings.drops:
        some = rows[:: -(-n_rows // N_MONITORED)]
        monitor.evaluation = Evaluation(
            state.network, targets.loss, X[some], *targets.subset(some, X.dtype)
        )
    n_epochs_left = max(0, settings.max_iter - state.progress.epoch)
    state.progress.n_steps = state.progress.step + n_epochs_left * len(batches)
    job = Job(settings, state, batches, targets.loss, stopping, monitor)
    if batch_size > n_rows:
        job.warn(
            f"Got batch_size={batch_size}, larger than the {n_rows} samples to train on. It is "
            "going to be clipped."
        )
    return job


def _publish(estimator: Any, state: TrainingState) -> None:
    """Tell of a training. Sets: `t_`, `n_iter_` and the curves with their best values."""
    n_samples = state.n_samples
    estimator.t_ = int(n_samples) if n_samples % 1 == 0 else n_samples
    estimator.n_iter_ = state.progress.epoch
    publish_history(estimator, state.history)
    estimator.loss_ = estimator.loss_curve_[-1]
    estimator.best_loss_ = None if state.patience.by_score else min(estimator.loss_curve_)
    estimator.best_validation_score_ = None
    if estimator.validation_scores_ is not None:
        scores = (score for score in estimator.validation_scores_ if not isnan(score))
        estimator.best_validation_score_ = max(scores, default=nan)


def publish_history(estimator: Any, history: dict[str, list]) -> None:
    """Set: `history_`, and its curves that have names of their own."""
    estimator.history_ = history
    estimator.loss_curve_ = history.get("loss", [])  # none in the first epoch
    estimator.validation_scores_ = history.get("validation_score")


def _emit_warnings(job: Job) -> None:
    """Warn at the line where a user called `fit` or `partial_fit`."""
    for message, category in job.warnings:
        warnings.warn(message, category, stacklevel=4)
