"""What a training is asked to do: the constructor's arguments, checked and resolved."""

from dataclasses import dataclass

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
    weight_init : str
    drops : Drops
        With the rates that were asked for.
    dropout_schedule : Schedule
        What the rates are multiplied by, in each epoch.
    penalties : Penalties
    rule : UpdateRule or None
        None for L-BFGS.
    learning_rate : float
        What `schedule` is multiplied by.
    schedule : Schedule
    batch_size : int or None
        None for what suits the number of samples.
    shuffle : bool
    max_iter, max_fun, tol, n_iter_no_change, early_stopping, validation_fraction, verbose
        As in the estimators.
    """

    hidden_sizes: tuple[int, ...]
    activations: tuple[str, ...]
    batch_norm: bool
    weight_init: str
    drops: Drops
    dropout_schedule: Schedule
    penalties: Penalties
    rule: UpdateRule | None
    learning_rate: float
    schedule: Schedule
    batch_size: int | None
    shuffle: bool
    max_iter: int
    max_fun: int
    tol: float
    n_iter_no_change: float
    early_stopping: bool
    validation_fraction: float
    verbose: bool
