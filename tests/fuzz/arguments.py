"""Random arguments of constructors: ordinary ones, odd ones, and what is refused together."""

from functools import partial
from math import inf, nan

import numpy as np
from hypothesis import strategies as st
from sklearn.model_selection import KFold, ShuffleSplit

from skdropout._core.activations import ACTIVATIONS
from skdropout.constraints import MaxNorm
from skdropout.dropout import DROPOUT_SCHEMES, Alpha, Batchwise, Bernoulli, DropConnect
from skdropout.initializers import INITIALIZERS, Normal, Orthogonal
from skdropout.optimizers import OPTIMIZERS, SGD, Adam, NAdam, RMSprop
from skdropout.schedules import DROPOUT_SCHEDULES, SCHEDULES, Cosine, Early, InverseTime, Linear

BASE = {"hidden_layer_sizes": (5,), "max_iter": 3, "cv": None, "random_state": 0}
"""What every program starts from: small and fast."""


def draw_uniform(rng, fan_in, fan_out):
    """Starting weights of a user's own."""
    return rng.uniform(-0.5, 0.5, (fan_in, fan_out))


def score_by_constant(estimator, X, y, sample_weight=None):
    """A scorer of a user's own, which looks at the predictions."""
    return float(len(estimator.predict(X)))


ORDINARY = {
    "hidden_layer_sizes": [(5,), (4, 3), 6, (), [7], np.array([3, 4]), (1, 1, 1), (40,)],
    "activation": [*ACTIVATIONS],
    "dropout_rate": [0.0, 0.3, "auto", 0.5, 0.95],
    "input_dropout_rate": [0.0, 0.2, 0.9],
    "dropout": [
        *DROPOUT_SCHEMES,
        Bernoulli(),
        Batchwise(batches_per_mask=2),
        DropConnect(),
        Alpha(),
    ],
    "dropout_schedule": [*DROPOUT_SCHEDULES, Early(end=0.3)],
    "solver": ["lbfgs", *OPTIMIZERS, SGD(momentum=0.5), Adam(beta_1=0.5), RMSprop(), NAdam()],
    "alpha": [1e-4, 0.0, 1.0, 100.0],
    "l1_ratio": [0.0, 0.5, 1.0, 1],
    "bias_alpha": [0.0, 0.1],
    "weight_decay": ["auto", 0, 0.01],
    "max_norm": [None, 1.0, MaxNorm(0.5), 1e-3],
    "clip_norm": [None, 1.0, 1e-3],
    "batch_norm": [False, True],
    "fit_intercept": [True, False],
    "weight_init": ["auto", *INITIALIZERS, Normal(std=0.1), Orthogonal(), draw_uniform],
    "batch_size": ["auto", 4, 1, 32, 1000],
    "learning_rate": ["auto", *SCHEDULES, Cosine(), InverseTime(), Linear()],
    "learning_rate_init": [3e-3, 0.1, 1e-6],
    "power_t": [0.5, 0, 2.0],
    "max_iter": [3, 1, 12],
    "shuffle": [True, False],
    "random_state": [0, 1, 2**32 - 1, np.int64(5), None],
    "tol": [1e-4, 0.0, 10.0],
    "verbose": [False, True, 3],
    "warm_start": [False, True],
    "momentum": [0.9, 0, 1],
    "nesterovs_momentum": [True, False],
    "beta_1": [0.9, 0],
    "beta_2": [0.999, 0],
    "epsilon": [1e-8, 1e-3],
    "early_stopping": [False, True, "monitor"],
    "validation_fraction": [0.1, 0.5, 0.0, 0.9],
    "scoring": [None, "loss", score_by_constant],
    "n_iter_no_change": ["auto", 1, inf],
    "max_fun": [15000, 1],
    "standardize": [True, False],
    "cv": [None, "auto", 2, 3, KFold(2), ShuffleSplit(2, random_state=0)],
    "n_jobs": [None, 1],
}
OF_CLASSES = {
    "loss": ["log_loss", "squared_error"],
    "label_smoothing": [0.0, 0.1, 0.99],
    "class_weight": [None, "balanced", {0: 2.0}],
}
OF_NUMBERS = {"loss": ["squared_error", "poisson"]}


class Stranger:
    """An object that is none of ours."""

    def __repr__(self):
        return "Stranger()"


ODD = [None, nan, inf, -1, 0, 1, 1.5, -0.0, "", "relu", "auto", b"adam", True, [], {}, (), set()]
ODD += [[1, 2], [0.5, None], {"a": 1}, 1j, np.nan, np.float32(0.5), np.array(2), np.array([])]
ODD += [np.array([0.1, 0.2]), np.bool_(True), np.str_("sgd"), Stranger, Stranger(), Adam, Adam()]
ODD += [Bernoulli(), Linear(), MaxNorm(1.0), Normal(), 1e-320, 1e300, "accuracy", "r2", len]
ODD += [Adam(beta_1=2), Batchwise(0), MaxNorm(-1.0), Early(end=7), partial(draw_uniform, None)]
"""Values that are tried for every argument; an argument may like some of them."""


@st.composite
def changes(draw, of_kind):
    """An argument, a value and whether that is an odd one."""
    ordinary = ORDINARY | of_kind
    name = draw(st.sampled_from([*ordinary]))
    if draw(st.sampled_from([False] * 24 + [True])):
        return name, draw(st.sampled_from(ODD)), True
    return name, draw(st.sampled_from(ordinary[name])), False


def is_lbfgs(arguments):
    """Whether these ask for L-BFGS."""
    return isinstance(arguments["solver"], str) and arguments["solver"] == "lbfgs"


def is_alpha(arguments):
    """Whether these ask for alpha dropout."""
    return isinstance(arguments["dropout"], Alpha) or arguments["dropout"] == "alpha"


def refusals(arguments):
    """What ordinary arguments must be refused for, together, whatever the data."""
    rate, inputs = arguments["dropout_rate"], arguments["input_dropout_rate"]
    n_layers = np.size(arguments["hidden_layer_sizes"])
    drops_hidden = n_layers > 0 and rate != "auto" and rate > 0
    blamed = set()
    if is_lbfgs(arguments):
        asks = arguments["clip_norm"], arguments["max_norm"]
        if drops_hidden or inputs > 0 or arguments["batch_norm"] or asks != (None, None):
            blamed.add("solver")
        if arguments["weight_decay"] not in ("auto", 0):
            blamed.add("solver")
    if is_alpha(arguments) and drops_hidden and arguments["activation"] != "selu":
        blamed.add("dropout")
    if arguments["batch_norm"] and not arguments["fit_intercept"]:
        blamed.add("batch_norm")
    return blamed


def suspects(arguments, n_rows):
    """What may be refused for so many rows, the names of arguments that an error may tell of."""
    blamed = set()
    if n_rows < 30 or not 0 < arguments["validation_fraction"] <= 0.5:
        blamed |= {"cv", "validation_fraction", "early_stopping", "batch_norm", "n_samples"}
    if is_alpha(arguments) and arguments["dropout_rate"] == "auto":
        blamed.add("dropout")
    if arguments["batch_norm"]:
        blamed |= {"batch_norm", "batch_size"}
    if is_lbfgs(arguments):
        blamed |= {"solver", "cv", "Solver"}  # Solver produced non-finite ...
    if arguments.get("class_weight") is not None:
        blamed.add("class_weight")
    return blamed
