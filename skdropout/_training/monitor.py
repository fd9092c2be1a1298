"""What is measured of the networks after each epoch: loss without dropout, validation."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from math import isfinite, isnan, nan

import numpy as np
from scipy.optimize import brentq
from scipy.sparse import csr_array

from skdropout._core.buffers import Array
from skdropout._core.losses import Loss
from skdropout._network.network import Network
from skdropout._network.standardization import StandardizedRows
from skdropout._training.rows import Rows

SHARPEST, SOFTEST = 2.7, 0.05
"""Between these the factor of the logits is looked for."""


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
class HeldOut:
    """The rows of `X` that a network does not train on, and their places in the validation."""

    network: Network
    X: Array | StandardizedRows | csr_array
    rows: Rows
    places: Array


@dataclass
class Validation:
    """Loss and score on rows that a network does not train on, or each of several on its own.

    Attributes
    ----------
    parts : list of HeldOut
        Every row is in one of them; where it is in several, their predictions are averaged.
    loss : Loss
    targets : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,) or None
    scorer : callable or None
        ``scorer(z, loss)`` says how good raw predictions and their loss are, the greater the
        better; None where the loss is enough.
    calibrates : bool
        Whether raw predictions are multiplied by what makes their loss smallest.
    scorer_decides : bool
        Whether a score of NaN is an error, and not only what is told.
    z : ndarray of shape (n, n_outputs)
        The latest raw predictions, calibrated.
    factor : float
        What the latest logits were multiplied by, the inverse of a temperature.
    """

    parts: list[HeldOut]
    loss: Loss
    targets: Array
    weight: Array | None
    scorer: Callable[[Array, float], float] | None
    _: KW_ONLY
    calibrates: bool = False
    scorer_decides: bool = True
    z: Array = field(init=False)
    factor: float = field(init=False, default=1.0)

    def measure(self) -> dict[str, float]:
        """The loss, and the score if there is one. Sets: `z`, `factor`.

        Both are NaN where predictions are not finite, as no scorer takes these.
        """
        draws = self._draw()
        z = self._average(draws)
        is_finite = bool(np.isfinite(z).all())
        if self.calibrates and is_finite:
            self.factor = calibrate(self.loss, z, self.targets, self.weight)
            z = self._average(self.factor * draws)
        self.z = z
        loss = self.loss.value(z, self.targets, self.weight) if is_finite else nan
        entries = {"validation_loss": loss if isfinite(loss) else nan}
        if self.scorer is None:
            return entries
        score = self.scorer(z, loss) if isfinite(loss) else nan
        if isnan(score) and isfinite(loss) and self.scorer_decides:
            raise ValueError(
                f"scoring gives NaN on the {len(z)} validation samples: they are too few, or not "
                "of enough classes, for this score."
            )
        return entries | {"validation_score": score}

    @cached_property
    def _ranks(self) -> list[Array]:
        """For each part, how many parts before it have its rows."""
        counts, ranks = np.zeros(len(self.targets), int), []
        for part in self.parts:
            ranks.append(counts[part.places])
            counts[part.places] += 1
        return ranks

    @cached_property
    def _share(self) -> Array:
        """Of each draw in the average of its row, of shape (n_draws, n, 1)."""
        counts = np.bincount(np.concatenate([part.places for part in self.parts]))
        share = (np.arange(counts.max())[:, np.newaxis] < counts) / counts
        return share[..., np.newaxis].astype(self.targets.dtype)

    def _draw(self) -> Array:
        """Raw predictions for all rows, once or more, of shape (n_draws, n, n_outputs)."""
        draws = np.zeros((len(self._share), *self.targets.shape), self.targets.dtype)
        for part, rank in zip(self.parts, self._ranks, strict=True):
            draws[rank, part.places] = part.network.predict(part.X, part.rows)
        return draws

    def _average(self, draws: Array) -> Array:
        """Raw predictions for all rows."""
        return draws[0] if len(draws) == 1 else self.loss.average(draws, self._share)


@dataclass
class Monitor:
    """What is watched, and what the history tells of it.

    Attributes
    ----------
    judged : bool
        Whether the validation is watched, and not the training loss; else it is only told of.
    by_loss : bool
        Whether the loss of the validation is, and not its score.
    evaluation : Evaluation or None
        The training loss to watch; None for that of the epoch.
    validation : Validation or None
    """

    judged: bool = False
    by_loss: bool = False
    evaluation: Evaluation | None = None
    validation: Validation | None = None

    def measure(self, loss: float, penalty: float) -> tuple[float, dict[str, float]]:
        """Return what should improve, the greater the better, and the entries of the history.

        `loss` is that of the epoch, with `penalty`.
        """
        entries = {} if self.validation is None else self.validation.measure()
        if self.judged:
            value = -entries["validation_loss"] if self.by_loss else entries["validation_score"]
            return value, entries
        return -loss if self.evaluation is None else -self.evaluation() - penalty, entries


def calibrate(loss: Loss, z: Array, targets: Array, weight: Array | None) -> float:
    """The factor of raw predictions with which their loss is smallest.

    For logits it is the inverse of a temperature: C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On
    calibration of modern neural networks", ICML 2017, arXiv 1706.04599. For centred numbers it is a
    slope, which is small where networks have learned noise. The loss is convex in it.
    """
    z = z.astype(np.float64)
    share = np.full(len(z), 1.0) if weight is None else weight.astype(np.float64)
    share = (share / share.sum()).reshape(-1, 1)
    dz, row = np.empty_like(z), np.empty_like(share)

    def slope(factor: float) -> float:
        loss.gradient(factor * z, targets, share, dz, row)
        return float(np.vdot(dz, z))

    if slope(SHARPEST) <= 0.0:
        return SHARPEST
    if slope(SOFTEST) >= 0.0:
        return SOFTEST
    return float(brentq(slope, SOFTEST, SHARPEST, rtol=1e-3))
