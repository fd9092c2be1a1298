"""One network in training: what it is asked to do, its rows, and what it has to go on with."""

from contextlib import AbstractContextManager
from copy import copy
from dataclasses import InitVar, dataclass, field, replace
from math import inf
from typing import NamedTuple

import numpy as np

from skdropout._core import threads, tuning
from skdropout._core.buffers import Array, pieces
from skdropout._core.losses import Loss
from skdropout._core.scores import RunningScore
from skdropout._network.masks import Drops
from skdropout._network.network import Network
from skdropout._network.standardization import Standardization
from skdropout._training.data import Batches
from skdropout._training.settings import Settings
from skdropout._training.state import TrainingState
from skdropout._training.update import OptimizerState, UpdateRule
from skdropout.schedules import Progress, Schedule

DECAY = 8.0
"""The power with which the weight of early times vanishes from the average."""


class Epoch(NamedTuple):
    """What an epoch came to: mean loss, with the mean penalty, and its last learning rate.

    `score` is NaN where it is not asked for. `is_finite` tells whether the network, and what its
    optimizer remembers, are finite numbers.
    """

    loss: float
    penalty: float
    score: float
    learning_rate: float
    is_finite: bool


class Moved(NamedTuple):
    """How far a network has come in its training, but for what is told of each epoch."""

    memory: Array
    n_averaged: int
    progress: Progress
    optimizer: OptimizerState | None


@dataclass
class Member:
    """One network of a training, most often the only one.

    Attributes
    ----------
    settings : Settings
    state : TrainingState
        Moved; nobody else holds it.
    batches : Batches
        In standardised coordinates, if there are any.
    loss : Loss
    score : RunningScore or None
        Of the epochs, if it is asked for.
    standardization : Standardization or None
        None where the data are taken as they are.
    is_inside : bool
        Whether the network of `state` is given in the standardised coordinates, as a new one is: a
        bias of zero would not come back as zero from outside.
    network : Network
        The one that is trained, inside the standardised coordinates.
    judged : Network
        The one that is judged and kept: the average of those of the late epochs, or `network`.
    drops : Drops
        What is dropped in this epoch, set when it begins.
    """

    settings: Settings
    state: TrainingState
    batches: Batches
    loss: Loss
    score: RunningScore | None = None
    standardization: Standardization | None = None
    is_inside: InitVar[bool] = False
    network: Network = field(init=False)
    judged: Network = field(init=False)
    drops: Drops = field(init=False)
    n_averaged: int = field(init=False, default=0)

    def __post_init__(self, is_inside: bool) -> None:
        self.judged = self.state.network
        if self.standardization is not None and is_inside:
            self.judged = self.state.network.copy(self.standardization.dtype)
            self.publish()
        elif self.standardization is not None:
            self.judged = self.standardization.inside(self.state.network)
        self.network = self.judged.copy() if self.settings.averages else self.judged

    @property
    def rule(self) -> UpdateRule:
        """By what it moves."""
        assert self.settings.rule is not None  # L-BFGS has no members that an engine runs
        return self.settings.rule

    def one_thread(self) -> AbstractContextManager[None]:
        """Hold BLAS to one thread, if a second one gains little for it."""
        return threads.one_for(max(self.batches.sizes), self.network.largest_layer)

    @property
    def averages(self) -> bool:
        """Whether an average is kept."""
        return self.judged is not self.network

    def average(self) -> None:
        """Take the network as it is into the average. Sets: `judged`, `n_averaged`.

        The weight of the time `t` is ``9 / (t + 8)``, so that the average is over the last ninth:
        polynomial-decay averaging, O. Shamir and T. Zhang, "Stochastic gradient descent for
        non-smooth optimization", ICML 2013, arXiv 1212.1824.
        """
        self.n_averaged += 1
        weight = (DECAY + 1.0) / (self.n_averaged + DECAY)
        average, latest = self.judged.memory, self.network.memory
        for block in pieces(len(average), tuning.UPDATE_BLOCK):
            average[block] += weight * (latest[block] - average[block])

    def for_worker(self) -> "Member":
        """A copy to train elsewhere, without the samples and what else is not needed there.

        In the same process it moves the same arrays.
        """
        member = copy(self)
        member.batches = self.batches.without_samples()
        member.state = replace(self.state, network=self.judged, history={})
        return member

    def moved(self) -> Moved:
        """How far it has come, for the one that it is a copy of."""
        state = self.state
        return Moved(self.network.memory, self.n_averaged, state.progress, state.optimizer)

    def take(self, moved: Moved) -> None:
        """Go on from where a copy of it has come elsewhere. Moves `network` and `state`.

        What is judged, the streams and the count of epochs are told of for each epoch.
        """
        self.network.memory[:] = moved.memory
        self.n_averaged = moved.n_averaged
        self.state.progress = moved.progress
        self.state.optimizer = moved.optimizer

    def count_back(self, n_epochs: int) -> None:
        """Leave out of account what came after so many epochs. Sets: `progress`, `n_samples`."""
        n_left_out = self.state.progress.epoch - n_epochs
        n_samples = self.state.n_samples - n_left_out * self.batches.total_weight
        self.state.set_epoch(n_epochs, n_samples)

    def to_outside(self, z: Array) -> Array:
        """Raw predictions for the targets as they were given, up to the largest number."""
        if self.standardization is None:
            return z
        with np.errstate(over="ignore"):
            outside = self.standardization.y_mean + self.standardization.y_scale * z
        largest = np.finfo(z.dtype).max
        return np.clip(outside, -largest, largest).astype(z.dtype, copy=False)

    def publish(self, factor: float = 1.0) -> None:
        """Write the network for the data as they were given. Sets: the network of `state`.

        Raw predictions inside are multiplied by `factor`, but not those of a network that trains
        on the data as they are.
        """
        if self.standardization is not None:
            published = self.judged
            if factor != 1.0:
                published = self.judged.copy()
                published.scale_outputs(factor)
            self.standardization.to_outside(published, out=self.state.network)

    def is_published(self) -> bool:
        """Whether the type of the network of `state` has numbers for what was published."""
        with np.errstate(over="ignore", invalid="ignore"):
            network = self.state.network.fold()
            if self.standardization is None:
                return network.is_finite()
            y_scale = self.standardization.y_scale.astype(network.dtype)
        return network.is_finite() and bool(y_scale.all())

    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        settings = self.settings
        factor = read_factor("learning_rate", settings.schedule, self.state.progress)
        return settings.learning_rate * factor

    def set_drops(self):
        """Take the dropout rates of the next epoch. Sets: `drops`."""
        settings = self.settings
        schedule, largest = settings.dropout_schedule, max(settings.drops.rates)
        factor = read_factor("dropout_schedule", schedule, self.state.progress)
        if factor * largest >= 1.0:
            raise ValueError(
                f"dropout_schedule={schedule!r} gave the factor {factor!r}, with which a dropout "
                f"rate of {largest} is no longer below 1."
            )
        self.drops = settings.drops.at(factor)


def read_factor(name: str, schedule: Schedule, progress: Progress) -> float:
    """What a schedule says."""
    factor = schedule(progress)
    try:
        if 0.0 <= factor < inf:
            return float(factor)
    except (TypeError, ValueError):  # no number
        pass
    raise ValueError(
        f"{name}={schedule!r} must give one finite number that is not negative, got {factor!r}."
    )
