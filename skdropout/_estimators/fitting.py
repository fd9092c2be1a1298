"""How an estimator is fitted: data, labels and settings made into a job, the job into attributes.

The estimator is handed in, and what its `y` means with it.
"""

import warnings
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import partial
from math import inf, nan
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skdropout._core.buffers import Array
from skdropout._core.checks import check_flag, is_name
from skdropout._core.losses import ClassLoss
from skdropout._estimators.arguments import arguments_of, check_sparse_dropout, read_settings
from skdropout._estimators.automatic import (
    MOST_HELD_OUT,
    choose_cv,
    decides_by_loss,
    holds_out,
    suit,
    suit_dtype,
    suit_sizes,
)
from skdropout._estimators.callbacks import OF_A_FIT, EstimatorCallbacks, with_callbacks
from skdropout._estimators.conventions import (
    all_or_nothing,
    check_lengths,
    random_generator,
    read_rows,
    read_sample_weight,
    read_validation_rows,
    spawn_streams,
)
from skdropout._estimators.folds import Split, split_rows
from skdropout._estimators.labels import Labels, Scorer
from skdropout._estimators.scoring import check_scorer, make_scorer
from skdropout._estimators.standardizer import (
    WILD,
    Standardizer,
    measure_spread,
    standardize_inputs,
)
from skdropout._network.network import Network
from skdropout._network.standardization import Standardization, standardize_rows
from skdropout._training.data import Batches, DenseTargets, Targets
from skdropout._training.job import Job
from skdropout._training.lbfgs import train_by_lbfgs
from skdropout._training.member import Member
from skdropout._training.monitor import Evaluation, HeldOut, Monitor, Validation
from skdropout._training.rows import Complement, Rows, hold_out, union
from skdropout._training.settings import Settings
from skdropout._training.state import TrainingState
from skdropout._training.stopping import Patience, Stopping
from skdropout._training.training import Training

DTYPES = (np.float64, np.float32)
MODERATE = 1e-20, 1e20
"""Between these numbers may be made single precision."""

N_TELLING = 100
"""In so many rows with exactly one label each, labels are hardly meant to be many."""

N_NAMED = 5
"""Columns that a warning names, at the most."""

LIGHT, STRONG = 1e-2, 0.1
"""Weights of samples that are light, and a penalty a weight that takes the place of the loss."""

N_MONITORED = 1000
"""As many training rows at the most tell whether the loss of the whole network still falls."""

CURVES = "history_", "loss_curve_", "validation_scores_"
"""What grows by an entry an epoch."""

TOLD = (
    "n_iter_",
    "loss_",
    "best_loss_",
    "best_validation_score_",
)
"""What all networks of an ensemble tell alike."""

OF_ONE_KIND = (
    "_state",
    "estimators_",
    "oof_score_",
    "oof_prediction_",
    "oof_decision_function_",
)
"""What a single network has, or an ensemble."""

Streams = dict[str, np.random.Generator]


class Given(NamedTuple):
    """Samples as a user gave them, and the suffix of the arguments' names."""

    X: Any
    y: Any
    sample_weight: Any
    suffix: str = ""


class Data(NamedTuple):
    """Samples checked and converted, and what their `y` means.

    `inputs` and `targets` are what the networks see: standardised, if anything is.
    """

    X: Any  # (n, n_features), dense or sparse rows
    y: Array  # (n,) or (n, n_outputs)
    labels: Labels
    targets: Targets
    inputs: Any  # (n, n_features)


class Roles(NamedTuple):
    """Which rows do what, and the random streams of each network."""

    splits: list[Split]  # rows to train on and rows held out, of each network
    streams: list[Streams]
    training: Rows  # all rows that some network trains on
    judged: Rows  # all rows that are held out from some network
    folded: bool = False


def fit(
    estimator: Any, labels: Labels, training: Given, validation: Given, groups: Any = None
) -> None:
    """Train an estimator anew, or from where it stands. Sets: all of its fitted attributes."""
    check_flag("warm_start", estimator.warm_start)
    is_warm = bool(estimator.warm_start) and estimator.__sklearn_is_fitted__()
    settings = _read_settings(estimator, training.X, goes_on=is_warm)
    if estimator.scoring is not None:
        check_scorer(estimator)
    if (validation.X is None) != (validation.y is None):
        raise ValueError("X_val and y_val must be given together, got one of them.")
    if validation.X is not None and settings.rule is None:
        raise ValueError("solver='lbfgs' has no epochs to validate: leave out X_val and y_val.")
    if validation.X is None and validation.sample_weight is not None:
        raise ValueError("sample_weight_val goes with X_val and y_val, got it without them.")
    with all_or_nothing(estimator):
        job = _fit(estimator, labels, settings, training, validation, groups, is_warm)
        _emit_warnings(job)


def _read_settings(estimator: Any, X: Any, *, goes_on: bool) -> Settings:
    """The settings for such data; the layers are those of before where a training goes on."""
    arguments = arguments_of(estimator)
    if is_name(arguments["hidden_layer_sizes"], "auto"):
        sizes = estimator._networks[0].sizes[1:-1] if goes_on else suit_sizes(X)
        arguments["hidden_layer_sizes"] = sizes
    return read_settings(arguments)


@with_callbacks
def _fit(estimator, labels, settings, training, validation, groups, is_warm) -> Job:
    """Train; scikit-learn's callbacks need a function of the estimator to wrap."""
    learn = labels.keep if is_warm else labels.learn
    data = _read(estimator, training, labels, learn, new=not is_warm)
    if is_warm:
        _check_layers(estimator, settings, data)
    rows = data.targets.weighted(data.X.shape[0])
    _check_rows(rows)
    if groups is not None and len(groups) != data.X.shape[0]:
        raise ValueError(
            f"groups must have one entry for each of the {data.X.shape[0]} samples, got "
            f"{len(groups)}."
        )
    has_validation = validation.X is not None
    roles = _assign(estimator, settings, data, rows, groups, has_validation=has_validation)
    watched = has_validation or len(roles.judged) > 0
    judged = watched and settings.judges
    before = vars(estimator).get("_standardizer")
    data, standardization = _standardize(estimator, data, roles.training, folded=roles.folded)
    n_rows = max(len(train) for train, _ in roles.splits)
    suited = suit(settings, n_rows, judged=judged)
    estimator._automatic_rates = suited.drops.rates[1:]
    if is_warm:
        states = _go_on(estimator, judged=judged)
        if len(states) != len(roles.splits):
            raise ValueError(
                f"warm_start goes on with the {len(states)} networks of the previous fit, but cv "
                f"asks for {len(roles.splits)}."
            )
        for state, streams in zip(states, roles.streams, strict=True):
            state.streams = streams
            state.forget_updates()
        told = _scale_anew(estimator, states, before, standardization)
    else:
        states, told = _begin(estimator, suited, data, roles, standardization, judged=judged), []
    members = [
        _member(suited, state, data, train, standardization, is_inside=not is_warm)
        for state, (train, _) in zip(states, roles.splits, strict=True)
    ]
    by_loss = judged and decides_by_loss(estimator.scoring)
    stopping = _stopping(suited, judged=judged)
    job = Job(members, stopping, Monitor(judged, by_loss), n_jobs=estimator.n_jobs)
    if has_validation:
        held_out = _read(estimator, validation, data.labels, new=False, training=data.targets)
        _check_outputs(data.targets, held_out.targets)
        held_out = _apply(held_out, standardization)
        drawn = held_out.targets.sampled(held_out.X.shape[0])
        job.monitor.validation = _validation(estimator, held_out, drawn, [drawn], job)
    elif watched:
        parts = [part for _, part in roles.splits]
        job.monitor.validation = _validation(estimator, data, roles.judged, parts, job)
    if not judged and suited.drops and job.stopping.watches_loss:
        job.monitor.evaluation = _evaluation(members[0], data)
    _warn_of_clipping(job, settings, n_rows)
    _warn_of_light_weights(job, settings, data)
    if groups is not None and len(roles.judged) and not roles.folded:
        job.warn(
            "The rows held out are of any of the groups: they are not kept whole. Hold out some of "
            "them as X_val and y_val, or set cv, as in cv=GroupKFold(5)."
        )
    _warn_of_one_hot(job, data)
    _warn_of_spread(job, estimator, data, roles.training)
    for message in told:
        job.warn(message)
    if getattr(estimator, "_skl_callbacks", None):
        metadata = {"sample_weight": training.sample_weight}
        given = {"X": training.X, "y": training.y, "metadata": metadata}
        unshared = partial(_unshared, estimator)
        job.callbacks = EstimatorCallbacks(estimator, given, suited.max_iter, job.publish, unshared)
    if settings.rule is None:
        for loss in train_by_lbfgs(job):
            job.state.record({"loss": loss})
            job.state.count_epoch(0.0)
    else:
        Training(job).run()
    _check_undisturbed(estimator, job)
    job.publish_best()
    _warn_of_useless_fit(job, data, roles)
    _publish(estimator, job)
    if roles.folded:
        _publish_out_of_fold(estimator, data, roles, job)
    for state in states:
        state.forget_updates()
    job.callbacks.finish()
    return job


def partial_fit(estimator: Any, labels: Labels, training: Given, classes: Any = None) -> None:
    """Train an estimator for one epoch more. Sets: all of its fitted attributes."""
    is_new = not estimator.__sklearn_is_fitted__()
    settings = _read_settings(estimator, training.X, goes_on=not is_new)
    if settings.holds_out:
        raise ValueError(
            f"partial_fit does not support early_stopping={estimator.early_stopping!r}"
        )
    with all_or_nothing(estimator):
        learn = partial(labels.learn_part, classes=classes)
        data = _read(estimator, training, labels, learn, new=is_new)
        if not is_new:
            _check_layers(estimator, settings, data)
        rows = data.targets.weighted(data.X.shape[0])
        _check_rows(rows)
        before = vars(estimator).get("_standardizer")
        data, told = _limit(estimator, data, before, rows)
        data, standardization = _standardize(estimator, data, rows, incremental=True)
        settings = suit(settings, len(rows), judged=False, incremental=True)
        estimator._automatic_rates = settings.drops.rates[1:]
        if is_new:
            streams = spawn_streams(random_generator(estimator.random_state))
            roles = Roles([(rows, rows[:0])], [streams], rows, rows[:0])
            states = _begin(
                estimator, settings, data, roles, standardization, judged=False, incremental=True
            )
        else:
            states = _go_on(estimator, judged=False)
            told += _scale_anew(estimator, states, before, standardization)
        members = [
            _member(settings, state, data, rows, standardization, is_inside=is_new)
            for state in states
        ]
        job = Job(
            members, replace(_stopping(settings, judged=False), incremental=True, max_epochs=1)
        )
        _warn_of_clipping(job, settings, len(rows))
        _warn_of_light_weights(job, settings, data)
        if is_new:
            _warn_of_one_hot(job, data)
            _warn_of_spread(job, estimator, data, rows)
        for message in told:
            job.warn(message)
        Training(job).run()
        job.publish_best()
        _publish(estimator, job)
        _emit_warnings(job)


def _assign(
    estimator: Any,
    settings: Settings,
    data: Data,
    rows: Complement,
    groups: Any,
    *,
    has_validation: bool,
) -> Roles:
    """Decide which rows do what: train all, hold out some, or take turns."""
    generator = random_generator(estimator.random_state)
    alone = has_validation or settings.holds_out or estimator.warm_start
    alone = alone or settings.rule is None
    cv = choose_cv(estimator.cv, len(rows), alone=alone)
    strata = data.targets.strata
    if cv is not None:
        if settings.rule is None:
            raise ValueError("solver='lbfgs' has no epochs to judge: it needs cv=None.")
        if not has_validation:
            (rng,) = generator.spawn(1)
            splits = split_rows(cv, data.X, data.y, rows, strata=strata, groups=groups, rng=rng)
            each = [spawn_streams(child) for child in generator.spawn(len(splits))]
            training, judged = (
                union(parts, data.X.shape[0]) for parts in zip(*splits, strict=True)
            )
            return Roles(splits, each, training, judged, folded=True)
    streams = spawn_streams(generator)
    held_out = rows[:0]
    if settings.rule is not None and not has_validation:
        large = holds_out(estimator.cv, len(rows), alone=alone)
        if settings.holds_out or large:
            sampled = data.targets.sampled(data.X.shape[0])
            fraction = settings.validation_fraction
            if not settings.holds_out:
                fraction = min(fraction, MOST_HELD_OUT / len(sampled))
            held_out = hold_out(sampled, strata, fraction, streams["shuffling"])
            rows = rows.without(held_out)
            _check_rows(rows)
    return Roles([(rows, held_out)], [streams], rows, held_out)


def _check_rows(rows: Rows) -> None:
    if len(rows) == 0:
        raise ValueError("sample_weight and class_weight leave no sample to train on.")


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
    if given.y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )
    if training is None:
        dtype = DTYPES if new else estimator._networks[0].dtype
        X = read_rows(estimator, given.X, dtype=dtype, reset=new)
    else:
        X = read_validation_rows(estimator, given.X, dtype=estimator._networks[0].dtype)
    y = labels.check(given.y, name=f"y{given.suffix}")
    check_lengths(X, y, given.suffix)
    if learn is not None:
        labels = learn(y)
        vars(estimator).update(labels.attributes())
    name = f"sample_weight{given.suffix}"
    weight = read_sample_weight(given.sample_weight, X.shape[0], X.dtype, name=name)
    targets = labels.encode(y, weight, X.dtype, name=f"y{given.suffix}", training=training)
    return Data(X, y, labels, targets, inputs=X)


def _standardize(
    estimator: Any,
    data: Data,
    rows: Rows,
    *,
    folded: bool = False,
    incremental: bool = False,
) -> tuple[Data, Standardization | None]:
    """The data as the networks see them, by the columns of `rows`. Sets: `_standardizer`."""
    known = vars(estimator).pop("_standardizer", None)
    if not estimator.standardize:
        return data, None
    if known is None or not incremental:
        known = Standardizer(
            data.targets.encoded.n_outputs,
            scales_targets=_is_linear(data),
            centres=bool(estimator.fit_intercept),
        )
    weight = data.targets.sample_weight
    estimator._standardizer = known.learn(data.X, data.y, weight, rows, incremental=incremental)
    folded = folded and all(v is None or _is_moderate(v) for v in (data.targets.weight, data.y))
    dtype = suit_dtype(data.X.dtype, len(rows), folded=folded)
    standardization = estimator._standardizer.standardization(dtype)
    return _apply(data, standardization), standardization


def _apply(data: Data, standardization: Standardization | None) -> Data:
    """The data in standardised coordinates, or as they are without any."""
    if standardization is None:
        return data
    targets, dtype = data.targets, standardization.dtype
    if _is_linear(data):
        mean, scale = standardization.y_mean, standardization.y_scale
        y = standardize_rows(data.y.reshape(len(data.y), -1), mean, scale, dtype)
        targets = replace(targets, encoded=DenseTargets(y, 0.0))
    inputs = standardize_inputs(data.X, standardization)
    return data._replace(inputs=inputs, targets=targets.astype(dtype))


def _is_moderate(values: Array) -> bool:
    """Whether numbers are far from what single precision cannot tell from zero or infinity."""
    if values.dtype.kind != "f":
        return True
    sizes = np.abs(values[values != 0])
    return len(sizes) == 0 or bool(MODERATE[0] < sizes.min() and sizes.max() < MODERATE[1])


def _is_linear(data: Data) -> bool:
    """Whether raw predictions are what is predicted, so that both can be scaled."""
    return data.targets.loss.out_activation == "identity"


def _begin(
    estimator: Any,
    settings: Settings,
    data: Data,
    roles: Roles,
    standardization: Standardization | None,
    *,
    judged: bool,
    incremental: bool = False,
) -> list[TrainingState]:
    """New networks, inside. Sets: `_state` or `estimators_`, and what tells of the layers.

    In standardised coordinates they begin at the mean of the targets, and take nothing from a
    column that is constant, unless more rows are to come, which may be of other classes or vary, or
    there are no biases.
    """
    sizes = _sizes(settings, data)
    is_placed = standardization is not None and not incremental and settings.fit_intercept
    if is_placed:
        known, start = estimator._standardizer, data.targets.start(roles.training)
        is_constant = known.inputs.is_constant
        has_constant_targets = known.has_constant_targets
    states = []
    for streams in roles.streams:
        network = Network(
            sizes,
            settings.activations,
            data.X.dtype,
            batch_norm=settings.batch_norm,
            fit_intercept=settings.fit_intercept,
        )
        network.initialize(streams["weights"], settings.weight_init)
        if is_placed:
            network.weights[0][is_constant] = 0.0
            network.weights[-1][:, has_constant_targets] = 0.0
            network.biases[-1][:] = start
        states.append(TrainingState(network, streams, Patience(judged)))
    estimator.t_ = 0
    estimator.n_layers_ = len(sizes)
    estimator.n_outputs_ = sizes[-1]
    estimator.out_activation_ = data.targets.loss.out_activation
    _place(estimator, states, folded=roles.folded)
    return states


def _check_layers(estimator: Any, settings: Settings, data: Data) -> None:
    """Raise unless the fitted network has the layers and the loss that are asked for."""
    if data.targets.loss.out_activation != estimator.out_activation_:
        raise ValueError("Training can only go on with the loss of the previous fit.")
    network = estimator._networks[0]
    fitted = network.sizes, network.activations, network.batch_norm, network.fit_intercept
    asked = (
        *(_sizes(settings, data), settings.activations),
        *(settings.batch_norm, settings.fit_intercept),
    )
    if fitted != asked:
        raise ValueError(
            "Training can only go on with the network of the previous fit, which has layers of "
            f"{fitted[0]} units, the activations {fitted[1]}, batch_norm={fitted[2]} and "
            f"fit_intercept={fitted[3]}; got {asked[0]}, {asked[1]}, {asked[2]} and {asked[3]}."
        )


def _go_on(estimator: Any, *, judged: bool) -> list[TrainingState]:
    """Copies of the states. Sets: `_state` or `estimators_`."""
    folded = "_state" not in vars(estimator)
    members = estimator.estimators_ if folded else [estimator]
    states = [member._state.copy() for member in members]
    for state in states:
        state.patience = state.patience.resume(judged=judged)
    if not folded:
        states[0].leave_history()
    _place(estimator, states, folded=folded)
    return states


def _scale_anew(
    estimator: Any,
    states: list[TrainingState],
    before: Standardizer | None,
    standardization: Standardization | None,
) -> list[str]:
    """Suit networks to columns of a new scale; return what to warn of. Sets: the states'."""
    if before is None or standardization is None:
        return []
    wild = before.scale_anew([state.network for state in states], standardization)
    if not len(wild):
        return []
    return [
        f"The standard deviation of {_listed(_names_of(estimator, wild))} of X is more than "
        f"{WILD:.0f} times what it was before: what was learned of it is lost. If numbers are "
        "wrong, mend them and go on from a copy of before."
    ]


def _names_of(estimator: Any, columns: Array) -> list[str]:
    """How columns of X are called."""
    names = vars(estimator).get("feature_names_in_")
    return [f"column {i}" if names is None else repr(names[i]) for i in columns.tolist()]


def _limit(
    estimator: Any, data: Data, before: Standardizer | None, rows: Rows
) -> tuple[Data, list[str]]:
    """Data of a further call without numbers that cannot be true, and what to warn of."""
    if before is None or not estimator.standardize:
        return data, []
    X, y, columns, targets = before.limit(data.X, data.y, data.targets.sample_weight, rows)
    far = [f"{name} of X" for name in _names_of(estimator, columns)]
    far += ["y" if y.ndim == 1 else f"output {i} of y" for i in targets.tolist()]
    data = data._replace(X=X, y=y)
    if not far:
        return data, []
    return data, [
        f"Numbers in {_listed(far)} are more than {WILD:.0f} standard deviations from the mean of "
        "all calls before, and are taken for much nearer ones. If they are wrong, leave such rows "
        "out. If they are right, as in another unit, it takes some calls to follow."
    ]


def _listed(names: list[str]) -> str:
    """Some names, the first ones of many."""
    return ", ".join(names[:N_NAMED]) + ", ..." * (len(names) > N_NAMED)


def _place(estimator: Any, states: list[TrainingState], *, folded: bool) -> None:
    """Hand the states to the estimator. Sets: `history_`, `_state` or `estimators_`."""
    for name in OF_ONE_KIND:
        vars(estimator).pop(name, None)
    estimator.history_ = states[0].history
    if not folded:
        estimator._state = states[0]
        return
    arguments, members = arguments_of(estimator), []
    del arguments["cv"]
    shared = {name: value for name, value in vars(estimator).items() if name not in OF_A_FIT}
    for state in states:
        member = object.__new__(type(estimator))
        copies = {name: clone(value, safe=False) for name, value in arguments.items()}
        vars(member).update(shared | copies, cv=None, _state=state)
        members.append(member)
    estimator.estimators_ = members


def _check_undisturbed(estimator: Any, job: Job) -> None:
    """Raise if a callback has put other networks into the estimator."""
    trained = [member.state.network for member in job.members]
    if [*map(id, estimator._networks)] != [*map(id, trained)]:
        raise RuntimeError(
            f"This {type(estimator).__name__} was fitted again in the middle of its own fit: a "
            "callback has to fit a clone of it."
        )


def _unshared(estimator: Any) -> dict[str, Any]:
    """What a copy in the middle of a training must not share with it: networks and curves."""
    attributes = vars(copy(estimator))
    return {name: attributes[name] for name in (*CURVES, *OF_ONE_KIND) if name in attributes}


def _sizes(settings: Settings, data: Data) -> tuple[int, ...]:
    """Units of each layer."""
    return (data.X.shape[1], *settings.hidden_sizes, data.targets.encoded.n_outputs)


def _check_outputs(training: Targets, validation: Targets) -> None:
    n_outputs, n_outputs_val = training.encoded.n_outputs, validation.encoded.n_outputs
    if n_outputs != n_outputs_val:
        raise ValueError(f"y has {n_outputs} outputs, but y_val has {n_outputs_val}.")


def _member(
    settings: Settings,
    state: TrainingState,
    data: Data,
    rows: Rows,
    standardization: Standardization | None,
    *,
    is_inside: bool = False,
) -> Member:
    """One network and the rows that it trains on, put together. Sets: `progress`."""
    X, targets = data.inputs, data.targets
    n_rows = len(rows)
    if issparse(X):
        check_sparse_dropout(settings.drops)
    assert settings.batch_size is not None
    batch_size = min(settings.batch_size, n_rows)
    smallest = 2 if state.network.is_normalised(0) else 1
    if batch_size < smallest:
        raise ValueError(
            "batch_norm=True needs batches of at least two samples, got "
            f"batch_size={settings.batch_size!r} and n_samples={n_rows} to train on."
        )
    rng = state.streams["shuffling"] if settings.shuffle else None
    batches = Batches(X, targets.encoded, targets.weight, rows, batch_size, rng, smallest=smallest)
    n_epochs_left = max(0, settings.max_iter - state.progress.epoch)
    state.progress.n_steps = state.progress.step + n_epochs_left * len(batches)
    score = targets.score_of(rows) if settings.scores else None
    return Member(settings, state, batches, targets.loss, score, standardization, is_inside)


def _stopping(settings: Settings, *, judged: bool) -> Stopping:
    """When the training ends."""
    assert settings.n_iter_no_change is not None
    only_watched = not settings.judges and settings.n_iter_no_change == inf
    return Stopping(
        judged=judged,
        anneals=settings.schedule.anneals or settings.dropout_schedule.anneals or only_watched,
        adapts=settings.schedule.adapts,
        incremental=False,
        max_epochs=settings.max_iter,
        tol=settings.tol,
        n_iter_no_change=settings.n_iter_no_change,
        growth=settings.patience_growth,
    )


def _evaluation(member: Member, data: Data) -> Evaluation:
    """What measures the training loss, nothing dropped, on some rows."""
    rows = member.batches.rows
    some = rows[:: -(-len(rows) // N_MONITORED)]
    X = data.inputs[some]
    return Evaluation(member.judged, data.targets.loss, X, *data.targets.subset(some, X.dtype))


def _validation(
    estimator: Any, data: Data, judged: Rows, held_out: list[Rows], job: Job
) -> Validation:
    """What judges each network by the rows of `data` that are held out from it."""
    rows = judged[:]
    targets, y = data.targets, data.y[rows]
    encoded, loss_weight = targets.subset(rows, data.inputs.dtype)
    if loss_weight is not None and not loss_weight.any():
        raise ValueError(
            f"class_weight={estimator.class_weight} leaves no validation sample with a weight."
        )
    weight = None if targets.sample_weight is None else targets.sample_weight[rows]
    parts = [
        HeldOut(member.judged, data.inputs, part, np.searchsorted(rows, part[:]))
        for member, part in zip(job.members, held_out, strict=True)
    ]
    loss_decides = decides_by_loss(estimator.scoring)
    scorer: Scorer | None = None
    if estimator.scoring is not None:
        outside = job.lead.to_outside if len(parts) > 1 else None
        X = data.X if len(rows) == data.X.shape[0] else data.X[rows]
        scorer = make_scorer(estimator, X, y, weight, job.publish, outside)
    elif len(parts) == 1:
        scorer = data.labels.score(y, encoded, weight)
    is_scalable = isinstance(targets.loss, ClassLoss) or _is_linear(data)
    judges = job.monitor.judged
    return Validation(
        parts,
        targets.loss,
        encoded,
        loss_weight,
        scorer,
        calibrates=judges and loss_decides and is_scalable,
        scorer_decides=judges and not loss_decides,
    )


def _warn_of_spread(job: Job, estimator: Any, data: Data, rows: Rows) -> None:
    """Warn where a network sees columns of wildly different scale. Sets: the job's warnings."""
    if estimator.standardize:
        return
    spread = measure_spread(data.X, rows)
    if spread > WILD:
        job.warn(
            f"The columns of X differ in scale by a factor of {spread:.2g}, and with "
            "standardize=False the network sees them as they are: the small ones will hardly be "
            "learned. Set standardize=True, or scale X before."
        )


def _warn_of_clipping(job: Job, settings: Settings, n_rows: int) -> None:
    """Warn where a batch is asked for that there are no rows for. Sets: the job's warnings."""
    if settings.batch_size is not None and settings.batch_size > n_rows and settings.rule:
        job.warn(
            f"Got batch_size={settings.batch_size}, larger than the {n_rows} samples to train on. "
            "It is going to be clipped."
        )


def _warn_of_light_weights(job: Job, settings: Settings, data: Data) -> None:
    """Warn where a penalty outweighs light samples. Sets: the job's warnings."""
    weight = data.targets.weight
    if weight is None:
        return
    mean = float(weight.sum(dtype=np.float64) / np.count_nonzero(weight))
    alpha = max(penalty.alpha for of_layers in settings.penalties for penalty in of_layers)
    if mean < LIGHT and alpha > STRONG * mean:
        job.warn(
            f"The samples weigh {mean:.2g} on average, so that a penalty of {alpha:g} counts as "
            f"one of {alpha / mean:.2g} does for samples that weigh 1. Divide the weights by their "
            "mean, or set alpha=0."
        )


def _warn_of_one_hot(job: Job, data: Data) -> None:
    """Warn where one class out of many is given as many labels. Sets: the job's warnings."""
    is_many = isinstance(data.targets.loss, ClassLoss) and data.y.ndim == 2
    if is_many and len(data.y) >= N_TELLING and (data.y.sum(axis=1) == 1).all():
        job.warn(
            f"Every row of y has exactly one 1 in {data.y.shape[1]} columns, which are taken as "
            "labels that do not exclude each other. If they are classes, of which one is right, "
            "give one column: y.argmax(axis=1), or y.idxmax(axis=1) of a DataFrame."
        )


@np.errstate(over="ignore", invalid="ignore")  # what came to nothing may be infinite
def _warn_of_useless_fit(job: Job, data: Data, roles: Roles) -> None:
    """Warn where the networks are no better than a constant. Sets: the job's warnings."""
    validation = job.monitor.validation
    if validation is not None and (job.best is not None or not job.monitor.judged):
        z = validation.z if job.best is None else job.best.z
        targets, weight = validation.targets, validation.weight
        where = "the rows held out"
    elif validation is None:
        evaluation = job.monitor.evaluation or _evaluation(job.lead, data)
        z = evaluation.network.predict(evaluation.X)
        targets, weight = evaluation.targets, evaluation.weight
        where = "the training data"
    else:
        return
    if not np.ptp(targets, axis=0).any():
        return  # a constant is all there is to predict
    loss, start = data.targets.loss, data.targets.start(roles.training)
    reached = loss.value(z, targets, weight)
    constant = loss.value(np.broadcast_to(start.astype(z.dtype), z.shape), targets, weight)
    if not reached <= constant:
        job.warn(
            f"The fit came to nothing: its loss on {where} is {reached:.4g}, and a constant "
            f"prediction has {constant:.4g}. Either X says nothing of y, or the training got "
            "nowhere: try standardize=True, more epochs (max_iter) or another learning_rate_init.",
            ConvergenceWarning,
        )


def _publish(estimator: Any, job: Job) -> None:
    """Tell of a training. Sets: `t_`, `n_iter_` and the curves with their best values."""
    state = job.state
    n_samples = sum(member.state.n_samples for member in job.members)
    estimator.t_ = int(n_samples) if n_samples % 1 == 0 else n_samples
    estimator.n_iter_ = state.progress.epoch
    publish_history(estimator, state.history)
    estimator.loss_ = estimator.loss_curve_[-1]
    estimator.best_loss_ = None if state.patience.judged else state.best_loss
    has_scores = estimator.validation_scores_ is not None
    estimator.best_validation_score_ = state.best_score if has_scores else None
    told = {name: vars(estimator)[name] for name in TOLD}
    for member, part in zip(vars(estimator).get("estimators_", ()), job.members, strict=False):
        part.state.share_history(state)
        publish_history(member, state.history)
        vars(member).update(told, t_=part.state.n_samples)


def _publish_out_of_fold(estimator: Any, data: Data, roles: Roles, job: Job) -> None:
    """Tell of the predictions for rows that a network has not seen. Sets: `oof_...`."""
    validation = job.monitor.validation
    assert validation is not None
    rows, labels, weight = roles.judged[:], data.labels, data.targets.sample_weight
    z = validation.z if job.best is None else job.best.z
    outside = job.lead.to_outside(z.astype(data.X.dtype, copy=False))
    predicted = labels.out_of_fold(outside)
    full = np.full((data.X.shape[0], *predicted.shape[1:]), nan, data.X.dtype)
    full[rows] = predicted
    setattr(estimator, labels.out_of_fold_name, full)
    score = validation.scorer
    if score is None:
        weight = None if weight is None else weight[rows]
        score = labels.score(data.y[rows], validation.targets, weight)
    loss = validation.loss.value(z, validation.targets, validation.weight)
    estimator.oof_score_ = score(z, loss)


def publish_history(estimator: Any, history: dict[str, list]) -> None:
    """Set: `history_`, and its curves that have names of their own."""
    estimator.history_ = history
    estimator.loss_curve_ = history.get("loss", [])  # none in the first epoch
    estimator.validation_scores_ = history.get("validation_score")


def _emit_warnings(job: Job) -> None:
    """Warn at the line where a user called `fit` or `partial_fit`."""
    for message, category in job.warnings:
        warnings.warn(message, category, stacklevel=4)
