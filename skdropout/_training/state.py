"""What a training leaves for a later one to go on with; this is its one owner."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from math import inf, isnan, nan
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
        One entry an epoch. Lists of very many calls of `partial_fit` are not copied for each of
        them: a copy of the state appends to the same ones.
    best_loss, best_score : float
        The best of it, NaN where there is no score.
    shares_history : bool
        Whether all networks of an ensemble have it.
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
    best_loss: float = inf
    best_score: float = nan
    shares_history: bool = False
    n_samples: float = 0.0
    progress: Progress = field(default_factory=Progress)
    optimizer: OptimizerState | None = None

    def copy(self) -> "TrainingState":
        """The same in memory of its own, but for the history."""
        optimizer = self.optimizer
        if optimizer is not None:
            optimizer = replace(optimizer, memory=optimizer.memory.copy())
        state = replace(
            self,
            network=self.network.copy(),
            streams=_new_streams(self.streams),
            patience=replace(self.patience),
            progress=replace(self.progress),
            optimizer=optimizer,
        )
        state.set_streams(self.get_streams())
        return state

    def share_history(self, lead: "TrainingState"):
        """Take the history of an ensemble, to which its first network appends. Sets: all of it."""
        self.history, self.shares_history = lead.history, True
        self.best_loss, self.best_score = lead.best_loss, lead.best_score

    def leave_history(self):
        """Go on with a copy of what others have, too. Sets: `history`, `shares_history`."""
        if self.shares_history:
            self.history, self.shares_history = _copy_history(self.history), False

    def forget_updates(self):
        """Let the next training start its own. Sets: `progress`, `optimizer`."""
        self.progress, self.optimizer = Progress(), None

    def record(self, entry: dict[str, Any]):
        """Write down an epoch, with NaN for what it lacks. Sets: `history`, what is best in it.

        If it is interrupted, nothing of the epoch is written.
        """
        ends = {name: len(values) for name, values in self.history.items()}
        n_before = ends.get("loss", 0)
        try:
            for name in entry | self.history:
                if name not in self.history:
                    self.history[name] = [nan] * n_before
                self.history[name].append(entry.get(name, nan))
        except BaseException:
            take_back(self.history, ends)
            raise
        self.best_loss = min(self.best_loss, entry["loss"])
        score = entry.get("validation_score", nan)
        if isnan(self.best_score) or score > self.best_score:
            self.best_score = score

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
        """All there is in plain values and arrays, for pickles."""
        return {
            "network": self.network.get_state(),
            "streams": self.get_streams(),
            "patience": asdict(self.patience),
            "history": _packed(self.history),
            "best_loss": self.best_loss,
            "best_score": self.best_score,
            "shares_history": self.shares_history,
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
            streams=_new_streams(plain["streams"]),
            patience=Patience(**plain["patience"]),
            history=_unpacked(plain["history"]),
            best_loss=plain["best_loss"],
            best_score=plain["best_score"],
            shares_history=plain["shares_history"],
            n_samples=plain["n_samples"],
            progress=Progress(**plain["progress"]),
            optimizer=optimizer and OptimizerState(**optimizer),
        )
        state.set_streams(plain["streams"])
        return state


def take_back(history: dict[str, list], ends: dict[str, int]) -> None:
    """Shorten the lists of a history to the lengths in `ends`; what is not there goes."""
    for name in [*history]:
        del history[name][ends.get(name, 0) :]
        if name not in ends:
            del history[name]


def _copy_history(history: dict[str, list]) -> dict[str, list]:
    return {name: values.copy() for name, values in history.items()}


def _packed(history: dict[str, list]) -> dict[str, Any]:
    """What pickles hold of it: what is constant once, and not what the rest tells."""
    follows = _are_as_long(history, "loss", "penalty", "data_loss")
    return {
        name: (values[0], len(values)) if values.count(values[0]) == len(values) else values
        for name, values in history.items()
        if values and not (follows and name == "data_loss")
    }


def _unpacked(packed: dict[str, Any]) -> dict[str, list]:
    """The history that was packed."""
    history = {
        name: [values[0]] * values[1] if isinstance(values, tuple) else values.copy()
        for name, values in packed.items()
    }
    if "data_loss" in history or not _are_as_long(history, "loss", "penalty"):
        return history
    pairs = zip(history["loss"], history["penalty"], strict=True)
    return {"loss": history["loss"], "data_loss": [a - b for a, b in pairs]} | history


def _are_as_long(history: dict[str, list], *names: str) -> bool:
    """Whether all of these are there, and of one length: their owner may have shortened one."""
    lengths = {len(history.get(name, ())) for name in names}
    return len(lengths) == 1 and lengths != {0}


def _new_streams(names: Iterable[str]) -> dict[str, np.random.Generator]:
    """Generators that are told where they stand later."""
    return {name: np.random.default_rng(0) for name in names}
