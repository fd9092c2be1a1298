"""What a training leaves for a later one to go on with; this is its one owner."""

from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from math import nan
from typing import Any

import numpy as np

from skdropout._network.network import Network
from skdropout._training.stopping import Patience
from skdropout._training.update import OptimizerState
from skdropout.schedules import Progress


@dataclass
class TrainingState:
    """All that trainings move, from the first one on.

    Whoever goes on with it takes a `copy`, so that a training that fails has changed nothing.

    Attributes
    ----------
    network : Network
    streams : dict of str to Generator
        "weights", "shuffling", "dropout".
    patience : Patience
    history : dict of str to list
        One entry an epoch.
    n_samples : float
        Samples seen, by their weight.
    progress : Progress
        Where the schedules stand; at the start where `optimizer` is None.
    optimizer : OptimizerState or None
        None after a `fit`, which the next training does not go on with.
    """

    network: Network
    streams: dict[str, np.random.Generator]
    patience: Patience = field(default_factory=Patience)
    history: dict[str, list] = field(default_factory=dict)
    n_samples: float = 0.0
    progress: Progress = field(default_factory=Progress)
    optimizer: OptimizerState | None = None

    def copy(self) -> "TrainingState":
        """The same in memory of its own."""
        history = {name: values.copy() for name, values in self.history.items()}
        parts = self.network.copy(), deepcopy(self.streams), replace(self.patience)
        return TrainingState(
            *parts, history, self.n_samples, replace(self.progress), deepcopy(self.optimizer)
        )

    def forget_updates(self):
        """Let the next training start its own. Sets: `progress`, `optimizer`."""
        self.progress, self.optimizer = Progress(), None

    def record(self, entry: dict[str, Any]):
        """Write down an epoch, with NaN for what it lacks. Sets: `history`."""
        n_before = len(self.history.get("loss", ()))
        for name in entry | self.history:
            if name not in self.history:
                self.history[name] = [nan] * n_before
            self.history[name].append(entry.get(name, nan))

    def count_epoch(self, weight: float):
        """Count an epoch, and its samples by their weight. Sets: `progress`, `n_samples`."""
        self.set_epoch(self.progress.epoch + 1, self.n_samples + weight)

    def set_epoch(self, epoch: int, n_samples: float):
        """Say how far it is. Sets: `progress`, `n_samples`."""
        self.progress.epoch = epoch
        self.n_samples = self.progress.n_samples = n_samples

    def get_streams(self) -> dict[str, Any]:
        """Where the random streams stand, in plain values."""
        return {name: rng.bit_generator.state for name, rng in self.streams.items()}

    def set_streams(self, states: dict[str, Any]):
        """Let the random streams go on from there. Moves `streams`."""
        for name, rng in self.streams.items():
            rng.bit_generator.state = states[name]

    def to_plain(self) -> dict[str, Any]:
        """All there is in plain values and arrays, for pickles; nobody changes the history."""
        return {
            "network": self.network.get_state(),
            "streams": self.get_streams(),
            "patience": asdict(self.patience),
            "history": self.history,
            "n_samples": self.n_samples,
            "progress": asdict(self.progress),
            "optimizer": self.optimizer and asdict(self.optimizer),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "TrainingState":
        """The state that `to_plain` told of; its arrays may be read-only."""
        optimizer = deepcopy(plain["optimizer"])
        state = cls(
            network=Network.from_state(plain["network"]),
            streams={name: np.random.default_rng() for name in plain["streams"]},
            patience=Patience(**plain["patience"]),
            history=plain["history"],
            n_samples=plain["n_samples"],
            progress=Progress(**plain["progress"]),
            optimizer=optimizer and OptimizerState(**optimizer),
        )
        state.set_streams(plain["streams"])
        return state
