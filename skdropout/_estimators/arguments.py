"""From constructor arguments to checked recipes; the one place that knows the names."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from math import inf
from sys import maxsize
from typing import Any

import numpy as np

from skdropout._core.activations import ACTIVATIONS
from skdropout._core.checks import (
    check_flag,
    check_name,
    check_number,
    check_one_per,
    is_name,
    is_sequence,
)
from skdropout._core.losses import NUMBER_LOSSES
from skdropout._core.penalties import ElasticNet
from skdropout._estimators.automatic import is_plain_score, suit_rates
from skdropout._network.masks import Drops
from skdropout._training.settings import Settings
from skdropout._training.update import Penalties, UpdateRule
from skdropout.constraints import Constraint, MaxNorm
from skdropout.dropout import DROPOUT_SCHEMES, Alpha, DropoutScheme
from skdropout.initializers import INITIALIZERS, Initializer
from skdropout.optimizers import OPTIMIZERS, Adam, AMSGrad, NAdam, Optimizer
from skdropout.schedules import DROPOUT_SCHEDULES, SCHEDULES, Constant, Schedule

MOST_UNITS = 2**31
"""Of a layer: more have no room, and far more no array."""

FLAGS = (
    "shuffle",
    "warm_start",
    "nesterovs_momentum",
    "batch_norm",
    "standardize",
    "fit_intercept",
)
_SOLVER_ARGUMENTS = {
    "sgd": ("momentum", "nesterovs_momentum"),
    "adam": ("beta_1", "beta_2", "epsilon"),
    "nadam": ("beta_1", "beta_2", "epsilon"),
    "amsgrad": ("beta_1", "beta_2", "epsilon"),
}
LOSSES_OF_CLASSES = ("log_loss", "squared_error")
LAYERS = "layers, with that of the outputs"


def arguments_of(estimator: Any) -> dict[str, Any]:
    """The arguments of our own constructor as they are now, of a subclass with another one too.

    `get_params` would tell of the subclass's arguments alone.
    """
    ours = next(c for c in type(estimator).__mro__ if c.__module__.startswith("skdropout."))
    return {field.name: getattr(estimator, field.name) for field in fields(ours)}


def read_settings(arguments: dict[str, Any]) -> Settings:
    """Check the arguments of an estimator, all before any work, and resolve the names in them.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of its range or of the wrong type; the message names the argument,
        what is allowed, and what it got.
    """
    _check_plain(arguments)
    sizes = _hidden_sizes(arguments["hidden_layer_sizes"])
    activations = check_one_per("activation", arguments["activation"], len(sizes), "hidden layers")
    given = arguments["activation"]
    for activation in activations if is_sequence(given) else [given]:
        check_name("activation", activation, ACTIVATIONS)
    if arguments["batch_norm"] and not arguments["fit_intercept"]:
        raise ValueError("batch_norm=True moves its layers by biases: it needs fit_intercept=True.")
    drops = read_drops(arguments, sizes, activations)
    n_layers = len(sizes) + 1
    dropout_schedule = _recipe(
        "dropout_schedule", arguments["dropout_schedule"], DROPOUT_SCHEDULES, Schedule
    )
    schedule = _schedule(arguments)
    if dropout_schedule.adapts and not schedule.adapts:
        raise ValueError(
            f"dropout_schedule={dropout_schedule!r} waits for plateaus, at which training ends: "
            "it needs learning_rate='adaptive'."
        )
    batch_size, n_iter_no_change = arguments["batch_size"], arguments["n_iter_no_change"]
    return Settings(
        hidden_sizes=tuple(sizes),
        activations=tuple(activations),
        batch_norm=bool(arguments["batch_norm"]),
        weight_init=_initializers(arguments, n_layers),
        fit_intercept=bool(arguments["fit_intercept"]),
        drops=drops,
        automatic_rates=is_name(arguments["dropout_rate"], "auto"),
        dropout_schedule=dropout_schedule,
        penalties=_penalties(arguments, n_layers),
        rule=_rule(arguments, drops, n_layers),
        learning_rate=float(arguments["learning_rate_init"]),
        schedule=schedule,
        automatic=is_name(arguments["learning_rate"], "auto"),
        batch_size=None if batch_size == "auto" else int(batch_size),
        shuffle=bool(arguments["shuffle"]),
        max_iter=int(arguments["max_iter"]),
        max_fun=int(arguments["max_fun"]),
        tol=float(arguments["tol"]),
        n_iter_no_change=None if n_iter_no_change == "auto" else _as_float(n_iter_no_change),
        scores=is_plain_score(arguments["scoring"]),
        holds_out=bool(arguments["early_stopping"]),
        judges=not is_name(arguments["early_stopping"], "monitor"),
        validation_fraction=float(arguments["validation_fraction"]),
        verbose=bool(arguments["verbose"]),
    )


def read_drops(
    arguments: dict[str, Any], sizes: Sequence[int], activations: Sequence[str]
) -> Drops:
    """Check what a network with hidden layers of these sizes and activations drops."""
    check_number("input_dropout_rate", arguments["input_dropout_rate"], 0, 1)
    given = arguments["dropout_rate"]
    if is_name(given, "auto"):
        given = suit_rates(sizes, solver=arguments["solver"])
    rates = check_one_per("dropout_rate", given, len(sizes), "hidden layers")
    for rate in rates if is_sequence(given) else [given]:
        check_number("dropout_rate, if it is not 'auto',", rate, 0, 1)
    schemes = _schemes(arguments["dropout"], len(sizes))
    layers = zip(schemes[1:], rates, activations, strict=True)
    unfit = {name for scheme, rate, name in layers if rate and isinstance(scheme, Alpha)} - {"selu"}
    if unfit:
        raise ValueError(
            "dropout='alpha' needs activation='selu' in every layer with a dropout_rate, got "
            f"{', '.join(map(repr, sorted(unfit)))}."
        )
    return Drops(schemes, (float(arguments["input_dropout_rate"]), *map(float, rates)))


def _schemes(given: Any, n_hidden: int) -> tuple[DropoutScheme, ...]:
    """A scheme for the inputs and each hidden layer; those that are equal are one object."""
    schemes: list[DropoutScheme] = []
    for value in check_one_per("dropout", given, n_hidden, "hidden layers") or [given]:
        scheme = _recipe("dropout", value, DROPOUT_SCHEMES, DropoutScheme)
        schemes.append(schemes[schemes.index(scheme)] if scheme in schemes else scheme)
    for scheme in schemes:
        check_number("batches_per_mask of dropout", scheme.batches_per_mask, 1, integer=True)
        if scheme.batches_per_mask > 1 and scheme.draws_per_row:
            raise ValueError(
                f"dropout={scheme!r} has batches_per_mask={scheme.batches_per_mask}, but draws a "
                "mask for each row, and batches have different rows."
            )
    if len({scheme.batches_per_mask for scheme in schemes}) > 1:
        raise ValueError(
            f"The schemes of dropout={given!r} must have the same batches_per_mask: new masks of "
            "all layers are drawn at once."
        )
    return (schemes[0], *schemes) if n_hidden else (schemes[0],)


def drops_now(estimator: Any) -> Drops:
    """What a fitted estimator drops by its arguments as they are now; "auto" as it was trained."""
    network = estimator._networks[0]
    arguments = arguments_of(estimator)
    if is_name(arguments["dropout_rate"], "auto"):
        arguments["dropout_rate"] = estimator._automatic_rates
    return read_drops(arguments, network.sizes[1:-1], network.activations)


def check_sparse_dropout(drops: Drops) -> None:
    """Raise if what is dropped of sparse inputs would not be zero, or not what it should be."""
    scheme, rate = drops.schemes[0], drops.rates[0]
    if scheme.saturation and rate:
        raise ValueError(
            f"dropout={scheme!r} would make sparse inputs dense: set input_dropout_rate=0 or give "
            "a dense X."
        )
    if scheme.draws_per_row and not scheme.independent and rate:
        raise ValueError(
            f"dropout={scheme!r} draws a mask for each row, and sparse inputs have rows of "
            "different lengths: set input_dropout_rate=0, give a dense X, or declare the scheme "
            "`independent`."
        )


def _check_plain(arguments):
    """Check what is a plain number, flag or name."""
    for name, low, high, closed in (
        ("label_smoothing", 0, 1, "[)"),
        ("learning_rate_init", 0, inf, "()"),
        ("power_t", 0, inf, "[)"),
        ("tol", 0, inf, "[)"),
        ("momentum", 0, 1, "[]"),
        ("beta_1", 0, 1, "[)"),
        ("beta_2", 0, 1, "[)"),
        ("epsilon", 0, inf, "()"),
        ("validation_fraction", 0, 1, "[)"),
    ):
        if name in arguments:
            check_number(name, arguments[name], low, high, closed=closed)
    if arguments["clip_norm"] is not None:
        check_number("clip_norm", arguments["clip_norm"], 0, closed="()")
    check_number("max_iter", arguments["max_iter"], 1, integer=True)
    check_number("max_fun", arguments["max_fun"], 1, integer=True)
    for name, special, low, integer in (
        ("batch_size", "auto", 1, True),
        ("n_iter_no_change", "auto", 1, True),
        ("weight_decay", "auto", 0, False),
    ):
        given = arguments[name]
        is_never = name == "n_iter_no_change" and isinstance(given, float) and given == inf
        if not (is_name(given, special) or is_never):
            described = f"{name}, if it is not {special!r},"
            check_number(described, given, low, integer=integer)
    for name in FLAGS:
        check_flag(name, arguments[name])
    if not is_name(arguments["early_stopping"], "monitor"):
        check_flag("early_stopping, if it is not 'monitor',", arguments["early_stopping"])
    _check_cv(arguments["cv"])
    if arguments["n_jobs"] is not None:
        check_number("n_jobs, if it is not None,", arguments["n_jobs"], integer=True)
        if arguments["n_jobs"] == 0:
            raise ValueError("n_jobs must not be 0: give a number of workers, or -1 for all.")
    if not isinstance(arguments["verbose"], bool | np.bool_):
        check_number("verbose", arguments["verbose"], 0, integer=True)
    losses = NUMBER_LOSSES if "label_smoothing" not in arguments else LOSSES_OF_CLASSES
    check_name("loss", arguments["loss"], losses)


def _as_float(number):
    """A number, or infinity in the place of one that no float can hold."""
    return inf if number > maxsize else float(number)


def _check_cv(cv):
    """Check what makes the folds, as far as it tells without the data."""
    if cv is None or is_name(cv, "auto"):
        return
    if isinstance(cv, Iterator):
        raise TypeError(f"cv must not be an iterator, which the first fit uses up, got {cv!r}.")
    if isinstance(cv, str) or not (hasattr(cv, "split") or isinstance(cv, Iterable)):
        others = "'auto', None, an object with split or an iterable of splits"
        check_number(f"cv, if it is not {others},", cv, 2, integer=True)


def _hidden_sizes(value):
    """A single size or a sequence of sizes, as a list."""
    sizes = list(value) if is_sequence(value) else [value]
    for size in sizes:
        check_number("hidden_layer_sizes, if it is not 'auto',", size, 1, integer=True)
        if size > MOST_UNITS:
            raise ValueError(f"hidden_layer_sizes must be at most {MOST_UNITS}, got {size}.")
    return [int(size) for size in sizes]


def _each(name, arguments, n_layers, low, high, closed):
    """A number for each layer, outputs included."""
    given = arguments[name]
    values = check_one_per(name, given, n_layers, LAYERS)
    for value in values if is_sequence(given) else [given]:
        check_number(name, value, low, high, closed=closed)
    return [float(value) for value in values]


def _penalties(arguments, n_layers):
    """The penalties of all layers."""
    l1_ratios = _each("l1_ratio", arguments, n_layers, 0, 1, "[]")
    strengths = (_each(name, arguments, n_layers, 0, inf, "[)") for name in ("alpha", "bias_alpha"))
    return Penalties(*(tuple(map(ElasticNet, alphas, l1_ratios)) for alphas in strengths))


def _initializers(arguments, n_layers):
    """What draws the weights of each layer: a name, or a function."""
    values = check_one_per("weight_init", arguments["weight_init"], n_layers, LAYERS)
    for value in values:
        if isinstance(value, Initializer):
            value.check()
        elif isinstance(value, type) or not callable(value):
            other = f", {_object_of(Initializer)} or a function (rng, fan_in, fan_out) -> W"
            check_name("weight_init", value, ("auto", *INITIALIZERS), other=other)
    return tuple(values)


def _object_of(base):
    """What may stand in place of a name, in words."""
    return f"an object of the class {base.__name__} of {base.__module__}"


def _recipe(name, value, classes, base, **options):
    """An object of the class `base` as it is, or a new one of the class that a name stands for."""
    if isinstance(value, base):
        value.check()
        return value
    check_name(name, value, classes, other=f" or {_object_of(base)}")
    return classes[value](**options.get(value, {}))


def _schedule(arguments):
    """The schedule of the learning rate; for "auto" what stands in until the data are known."""
    names = {"auto": Constant, **SCHEDULES}
    given, options = arguments["learning_rate"], {"power_t": arguments["power_t"]}
    return _recipe("learning_rate", given, names, Schedule, invscaling=options)


def _rule(arguments, drops, n_layers):
    """How the parameters move, or None for L-BFGS, which goes its own way."""
    max_norms = check_one_per("max_norm", arguments["max_norm"], n_layers, LAYERS)
    constraints = tuple(map(_constraint, max_norms))
    if not is_name(arguments["solver"], "lbfgs"):
        names = {**OPTIMIZERS, "lbfgs": None}
        options = {
            solver: {name: arguments[name] for name in taken}
            for solver, taken in _SOLVER_ARGUMENTS.items()
        }
        optimizer = _recipe("solver", arguments["solver"], names, Optimizer, **options)
        clip_norm = arguments["clip_norm"]
        return UpdateRule(
            optimizer,
            _weight_decay(arguments["weight_decay"], arguments["learning_rate_init"], optimizer),
            None if clip_norm is None else float(clip_norm),
            constraints,
        )
    if drops:
        raise ValueError(
            "solver='lbfgs' cannot drop units: it needs the same loss at the same weights each "
            f"time. Set dropout_rate=0 and input_dropout_rate=0 (got {arguments['dropout_rate']!r} "
            f"and {arguments['input_dropout_rate']!r}), or take another solver."
        )
    asked_for = {
        "weight_decay": arguments["weight_decay"] not in ("auto", 0),
        "clip_norm": arguments["clip_norm"] is not None,
        "batch_norm": arguments["batch_norm"],
        "max_norm": any(constraint is not None for constraint in constraints),
    }
    for name, is_asked_for in asked_for.items():
        if is_asked_for:
            raise ValueError(
                f"solver='lbfgs' does not know {name}, got {arguments[name]!r}. Penalties "
                "(alpha, l1_ratio, bias_alpha) work with every solver."
            )
    return None


def _weight_decay(given, learning_rate, optimizer):
    """The decay as a number; what "auto" stands for was chosen with Adam."""
    if given == "auto":
        is_adam = isinstance(optimizer, Adam | AMSGrad | NAdam)
        return min(0.2, 1.0 / learning_rate) if is_adam else 0.0
    if given * learning_rate > 1.0:
        raise ValueError(
            "weight_decay times learning_rate_init must be at most 1, or weights change their "
            f"sign, got {given!r} times {learning_rate!r}."
        )
    return float(given)


def _constraint(max_norm):
    """The constraint that a norm, an object or None stands for."""
    if isinstance(max_norm, Constraint):
        max_norm.check()
        return max_norm
    if max_norm is None:
        return None
    check_number("max_norm", max_norm, 0, closed="()")
    return MaxNorm(float(max_norm))
