"""What a refused value was meant to be: the sentence that ends its error, or nothing."""

from collections.abc import Collection
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

SYNONYMS = {
    "activation": {
        "sigmoid": "logistic",
        "linear": "identity",
        "none": "identity",
        "swish": "silu",
    },
    "solver": {"momentum": "sgd", "nesterov": "sgd", "bfgs": "lbfgs"},
    "dropout": {"standard": "bernoulli", "inverted": "bernoulli", "normal": "gaussian"},
    "learning_rate": {
        "none": "constant",
        "plateau": "adaptive",
        "reduce_on_plateau": "adaptive",
        "time_based": "inverse_time",
    },
    "weight_init": {
        "xavier": "glorot_uniform",
        "xavier_uniform": "glorot_uniform",
        "xavier_normal": "glorot_normal",
        "he": "he_uniform",
        "kaiming": "he_uniform",
        "kaiming_uniform": "he_uniform",
        "kaiming_normal": "he_normal",
    },
    "scoring": {
        "acc": "accuracy",
        "auc": "roc_auc",
        "mae": "neg_mean_absolute_error",
        "mse": "neg_mean_squared_error",
        "rmse": "neg_root_mean_squared_error",
    },
    "loss": {
        "mse": "squared_error",
        "mean_squared_error": "squared_error",
        "l2": "squared_error",
        "brier": "squared_error",
        "cross_entropy": "log_loss",
        "crossentropy": "log_loss",
        "binary_crossentropy": "log_loss",
        "categorical_crossentropy": "log_loss",
        "sparse_categorical_crossentropy": "log_loss",
    },
}
"""What other libraries call the names of an argument."""

ADVICE = {
    ("activation", "softmax"): "It is for hidden layers; the outputs have the softmax they need.",
    ("dropout", Real): "The rate is another argument: dropout_rate={value!r}.",
    ("dropout", "none"): "Nothing is dropped with dropout_rate=0.",
    ("dropout", "false"): "Nothing is dropped with dropout_rate=0.",
    ("dropout", "true"): "The rate is another argument, as in dropout_rate=0.5.",
    ("early_stopping", Real): "The part held out is validation_fraction, the epochs to wait are "
    "n_iter_no_change.",
    ("hidden_layer_sizes", str): "Give a number or a tuple of numbers, as in (128, 64).",
    ("learning_rate", Real): "The rate itself is another argument: learning_rate_init={value!r}.",
    ("learning_rate_init", str): "The schedule is another argument: learning_rate={value!r}.",
    ("weight_init", "normal"): "It is Normal(mean=0, std=1) of skdropout.initializers.",
    ("weight_init", "uniform"): "It is Uniform(low=-1, high=1) of skdropout.initializers.",
    ("solver", "adamw"): "It is solver='adam' with weight_decay, which is decoupled here.",
}
"""What to do instead, by argument and by value or kind of value."""


def advise(argument: str, value: Any) -> str:
    """What to do instead of a value of this kind; `argument` may go on after a comma."""
    argument = argument.partition(",")[0]
    for kind in (str, Real):
        if isinstance(value, kind) and not isinstance(value, bool) and (argument, kind) in ADVICE:
            return f" {ADVICE[argument, kind].format(value=value)}"
    return ""


def advise_on_name(argument: str, value: Any, allowed: Collection[str]) -> str:
    """Which of the `allowed` names is meant, or what to do instead."""
    if not (isinstance(value, str | bool) or value is None):
        return advise(argument, value)
    if (number := _as_number(value)) is not None:
        return advise(argument, number)
    word = str(value).lower().replace("-", "_").replace(" ", "_")
    if (argument, word) in ADVICE:
        return f" {ADVICE[argument, word]}"
    synonym = SYNONYMS.get(argument, {}).get(word)
    near = [synonym] if synonym in allowed else get_close_matches(word, allowed, n=1)
    return f" Did you mean {near[0]!r}?" if near else advise(argument, value)


def advise_on_number(argument: str, value: Any, *, integer: bool) -> str:
    """How a number is written that came in quotes, or as an integer with a point."""
    if _as_number(value) is not None:
        return f" Leave out the quotes: {value}."
    is_plain = isinstance(value, Real) and not isinstance(value, Integral)
    if integer and is_plain and float(value).is_integer():
        return f" Write it as {int(value)}."
    return advise(argument, value)


def _as_number(value: Any) -> float | None:
    """The number that a string holds, if it does."""
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None
