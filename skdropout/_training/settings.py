"""What a training is asked to do: the constructor's arguments, checked and resolved."""

from dataclasses import dataclass
from typing import Any

from skdropout._network.masks import Drops
from skdropout._training.update import Penalties, UpdateRule
from skdropout.schedules import Schedule


@dataclass(frozen=True)
class Settings:
    """All that does not depend on the data.

    Attributes
    ----------
    hidden_sizes, activations : tuple
        One entry for each hidden layer.
    batch_norm : bool
    weight_init : tuple
        A name, or a function ``(rng, fan_in, fan_out) -> W``, for each weight matrix.
    fit_intercept : bool
        Whether units have biases.
    drops : Drops
        With the rates that were asked for.
    automatic_rates : bool
        Whether these stand in until the data are known.
    dropout_schedule : Schedule
        What the rates are multiplied by, in each epoch.
    penalties : Penalties
    rule : UpdateRule or None
        None for L-BFGS.
    learning_rate : float
        What `schedule` is multiplied by.
    schedule : Schedule
    automatic : bool
        Whether `schedule` stands in until the data are known.
    batch_size : int or None
    n_iter_no_change : float or None
        None for what suits the data, until they are known.
    patience_growth : float
        How much longer the patience is for each epoch.
    averages : bool
        Whether the network that is kept is an average over the late epochs.
    shuffle : bool
    scores : bool
        Whether a score of each epoch is told of, as that of a validation is of the same kind.
    holds_out : bool
        Whether rows are held out from a single network.
    judges : bool
        Whether what is held out decides when the training ends, and what is kept.
    max_iter, max_fun, tol, validation_fraction, verbose
        As in the estimators.
    """

    hidden_sizes: tuple[int, ...]
    activations: tuple[str, ...]
    batch_norm: bool
    weight_init: tuple[Any, ...]
    fit_intercept: bool
    drops: Drops
    automatic_rates: bool
    dropout_schedule: Schedule
    penalties: Penalties
    rule: UpdateRule | None
    learning_rate: float
    schedule: Schedule
    automatic: bool
    batch_size: int | None
    shuffle: bool
    max_iter: int
    max_fun: int
    tol: float
    n_iter_no_change: float | None
    scores: bool
    holds_out: bool
    judges: bool
    validation_fraction: float
    verbose: bool
    patience_growth: float = 0.0
    averages: bool = False
