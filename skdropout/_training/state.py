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

    def add_epoch(self, entry: dict[str, Any], weight: float):
        """Count an epoch. Sets: `history`, with NaN for what it lacks; `progress`, `n_samples`."""
        n_before = len(self.history.get("loss", ()))
        for name in entry | self.history:
            if name not in self.history:
                self.history[name] = [nan] * n_before
            self.history[name].append(entry.get(name, nan))
        self.n_samples += weight
        self.progress.epoch += 1
        self.progress.n_samples = self.n_samples

    def to_plain(self) -> dict[str, Any]:
        """A copy of all there is in plain values and arrays, for pickles."""
        return {
            "network": self.network.get_state(),
            "streams": {name: rng.bit_generator.state for name, rng in self.streams.items()},
            "patience": asdict(self.patience),
            "history": {name: values.copy() for name, values in self.history.items()},
            "n_samples": self.n_samples,
            "progress": asdict(self.progress),
            "optimizer": self.optimizer and asdict(self.optimizer),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "TrainingState":
        """The state that `to_plain` told of; its arrays may be read-only."""
        streams = {name: np.random.default_rng() for name in plain["streams"]}
        for name, rng in streams.items():
            rng.bit_generator.state = plain["streams"][name]
        optimizer = deepcopy(plain["optimizer"])
        return cls(
            network=Network.from_state(plain["network"]),
            streams=streams,
            patience=Patience(**plain["patience"]),
            history={name: values.copy() for name, values in plain["history"].items()},
            n_samples=plain["n_samples"],
            progress=Progress(**plain["progress"]),
            optimizer=optimizer and OptimizerState(**optimizer),
        )
