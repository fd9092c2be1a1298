"""The training loop, its stopping rules and its history; no formula, no estimator."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, isfinite, nan

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdropout._batches import Batches
from skdropout._descent import Descent
from skdropout._losses import Loss
from skdropout._network import Network, Plan
from skdropout.dropout import DropoutScheme
from skdropout.schedules import Progress, Schedule


@dataclass
class Watch:
    """The best value seen, and the epochs since the last gain of at least `tol` over it."""

    best: float = -inf
    n_without_gain: int = 0

    def see(self, value: float, tol: float) -> bool:
        """Take note of a value, the greater the better; return whether it is the best so far."""
        self.n_without_gain = self.n_without_gain + 1 if value < self.best + tol else 0
        is_best = value > self.best
        if is_best:
            self.best = value
        return is_best


@dataclass
class Training:
    """Everything a training needs, and what it leaves behind.

    Parameters
    ----------
    network : Network
        Moved in place.
    batches : Batches
    loss : Loss
    descent : Descent
    scheme, rates, dropout_rng
        How :class:`~skdropout._network.Plan` drops units.
    learning_rate : float
        What the schedule is multiplied by.
    schedule : Schedule
    validate : callable or None
        Returns the validation score, the greater the better, and the validation loss of the
        network as it stands.
    max_iter, tol, n_iter_no_change, verbose
        As in the estimators.
    watch : Watch
    n_samples : float
        Samples seen by earlier trainings of the network.
    history : dict of str to list
        One entry an epoch; added to.
    """

    network: Network
    batches: Batches
    loss: Loss
    descent: Descent
    scheme: DropoutScheme
    rates: list[float]
    dropout_rng: np.random.Generator
    learning_rate: float
    schedule: Schedule
    validate: Callable[[], tuple[float, float]] | None
    max_iter: int
    tol: float
    n_iter_no_change: float
    verbose: bool
    watch: Watch
    n_samples: float
    history: dict[str, list]
    progress: Progress = field(init=False)
    plans: dict[int, Plan] = field(init=False)
    best_parameters: np.ndarray | None = field(init=False, default=None)

    def __post_init__(self):
        self.progress = Progress(n_steps=self.max_iter * len(self.batches))
        self.plans = {}
        memory = None
        for n_rows in self.batches.sizes:
            self.plans[n_rows] = Plan(
                self.network,
                self.descent.gradient,
                self.loss,
                n_rows,
                scheme=self.scheme,
                rates=self.rates,
                rng=self.dropout_rng,
                memory=memory,
            )
            memory = self.plans[n_rows].work.flat  # the smaller batch works in the same place
        if self.validate is not None and self.watch.best > -inf:  # goes on from the best so far
            self.best_parameters = self.network.parameters.flat.copy()

    def run(self):
        """Train until the loss or the score stops improving, or for `max_iter` epochs."""
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                self._run()
        except KeyboardInterrupt:
            if self.progress.epoch == 0:
                raise
            warnings.warn(
                f"Training interrupted by user after {self.progress.epoch} epochs.", stacklevel=2
            )
        if self.best_parameters is not None:
            self.network.parameters.flat[:] = self.best_parameters

    def _run(self):
        for _ in range(self.max_iter):
            loss, lr = self._epoch()
            diverged = not (isfinite(loss) and self.network.is_finite())
            score = self._take_stock(loss, lr, diverged)
            if diverged:
                if self.best_parameters is None:
                    raise ValueError(self._divergence(lr))
                return
            is_best = self.watch.see(score, self.tol)
            if is_best and self.validate is not None:
                self.best_parameters = self.network.parameters.flat.copy()
            if self.watch.n_without_gain > self.n_iter_no_change and self._stops(lr):
                return
        if not self.schedule.anneals:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _epoch(self) -> tuple[float, float]:
        """Go through the batches once; return the mean loss and the last learning rate."""
        total = 0.0
        for rows in self.batches:
            plan = self.plans[len(rows)]
            weight = self.batches.load(rows, plan)
            lr = self.learning_rate * float(self.schedule(self.progress))
            loss = plan.run()
            penalty = self.descent.step(lr, weight)
            total += (loss + penalty) * weight
            self.progress.step += 1
        self.progress.epoch += 1
        self.n_samples += self.batches.total_weight
        self.progress.n_samples = self.n_samples
        return total / self.batches.total_weight, lr

    def _take_stock(self, loss, lr, diverged) -> float:
        """Write the history; return what should improve, the greater the better."""
        entry = {"loss": loss, "learning_rate": lr}
        line = f"Iteration {self.progress.epoch}, loss = {loss:.8f}"
        score = -loss
        if self.validate is not None:
            score, validation_loss = (nan, nan) if diverged else self.validate()
            entry |= {"validation_loss": validation_loss, "validation_score": score}
            line += f", validation score = {score:.6f}"
        for name, value in entry.items():
            self.history.setdefault(name, []).append(value)
        if self.verbose:
            print(f"{line}, learning rate = {lr:.6g}")
        return score

    def _stops(self, lr) -> bool:
        """Whether a plateau ends the training; if not, the schedule is told of it."""
        if self.schedule.anneals and self.validate is None:
            return False  # the loss falls most in the last, slow epochs
        what = "Training loss" if self.validate is None else "Validation score"
        is_over = self.schedule.ends_at(lr)
        if self.verbose:
            then = "Stopping." if is_over else "Lowering the learning rate."
            print(
                f"{what} did not improve more than tol={self.tol:g} for "
                f"{self.n_iter_no_change} consecutive epochs. {then}"
            )
        if not is_over:
            self.progress.n_plateaus += 1
            self.watch.n_without_gain = 0
        return is_over

    def _divergence(self, lr):
        return (
            "Solver produced non-finite parameter weights. The input data may contain large values "
            "and need to be preprocessed. It happened in epoch "
            f"{self.progress.epoch} at a learning rate of {lr:g}: a smaller learning_rate_init "
            "or clip_norm may help."
        )
