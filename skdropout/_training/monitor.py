"""What is measured of a network after each epoch: its loss without dropout, its validation."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, isnan, nan

import numpy as np
from scipy.sparse import csr_array

from skdropout._core.buffers import Array
from skdropout._core.losses import Loss
from skdropout._network.network import Network


@dataclass
class Evaluation:
    """The loss of the network, nothing dropped, on some rows."""

    network: Network
    loss: Loss
    X: Array | csr_array
    targets: Array
    weight: Array | None

    def __call__(self) -> float:
        """The loss of the network as it stands."""
        return self.loss.value(self.network.predict(self.X), self.targets, self.weight)


@dataclass
class Validation(Evaluation):
    """Loss and score on rows that the network does not train on.

    ``scorer(z, loss)`` says how good raw predictions and their loss are, the greater the better.
    """

    scorer: Callable[[Array, float], float]

    def score(self) -> tuple[float, float]:
        """The score and the loss of the network as it stands."""
        z = self.network.predict(self.X)
        loss = self.loss.value(z, self.targets, self.weight)
        if not (isfinite(loss) and np.isfinite(z).all()):  # no scorer takes such predictions
            return nan, nan
        score = self.scorer(z, loss)
        if isnan(score):
            raise ValueError(
                f"scoring gives NaN on the {len(z)} validation samples: they are too few, or not "
                "of enough classes, for this score."
            )
        return score, loss


@dataclass
class Monitor:
    """What is watched, and what the history tells of it.

    Attributes
    ----------
    by_score : bool
        Whether the validation score is watched, and not the training loss.
    evaluation : Evaluation or None
        The training loss to watch; None for that of the epoch.
    validation : Validation or None
    """

    by_score: bool = False
    evaluation: Evaluation | None = None
    validation: Validation | None = None

    def measure(self, loss: float, penalty: float) -> tuple[float, dict[str, float]]:
        """Return what should improve, the greater the better, and the entries of the history.

        `loss` is that of the epoch, with `penalty`.
        """
        value = -loss if self.evaluation is None else -self.evaluation() - penalty
        if self.validation is None:
            return value, {}
        score, validation_loss = self.validation.score()
        entries = {"validation_loss": validation_loss, "validation_score": score}
        return score if self.by_score else value, entries
