"""The training loop, its stopping rules and its history; no formula, no estimator."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, isfinite, nan

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdropout._core.losses import Loss, RunningLoss
from skdropout._network.network import Network
from skdropout._network.order import UnitOrder
from skdropout._network.plan import Plan
from skdropout._training.batches import Batches
from skdropout._training.callbacks import NoTasks
from skdropout._training.descent import Descent
from skdropout.dropout import DropoutScheme
from skdropout.schedules import Progress, Schedule


@dataclass
class Watch:
    """The best value seen, and the epochs since the last gain of at least `tol` over it."""

    best: float = -inf
    n_without_gain: int = 0

    def update(self, value: float, tol: float) -> bool:
        """Take note of a value, the greater the better; return whether it is the best so far."""
        self.n_without_gain = 0 if value >= self.best + tol else self.n_without_gain + 1
        is_best = value > self.best
        if is_best:
            self.best = value
        return is_best


def add_entry(history: dict[str, list], entry: dict[str, float]):
    """Add an epoch to a history, with NaN for what it, or an earlier epoch, does not have."""
    n_before = len(history.get("loss", ()))
    for name in entry | history:
        if name not in history:
            history[name] = [nan] * n_before
        history[name].append(entry.get(name, nan))


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
        How :class:`~skdropout._network.plan.Plan` drops units.
    dropout_schedule : Schedule
        What `rates` are multiplied by, in each epoch.
    learning_rate : float
        What the schedule is multiplied by.
    schedule : Schedule
    validate : callable or None
        Returns the validation score, the greater the better, and the validation loss of the
        network as it stands.
    quiet_loss : callable or None
        Returns a loss of the whole network, to see a plateau by where dropout makes the loss of
        an epoch noisy.
    max_iter, tol, n_iter_no_change, verbose
        As in the estimators.
    watch : Watch
    n_samples : float
        Samples seen by earlier trainings of the network.
    history : dict of str to list
        One entry an epoch; added to.
    progress : Progress
        Where the schedule stands.
    stops_by_score : bool
        Whether the validation score, not the training loss, decides when to stop.
    has_planned_end : bool
        Whether a schedule means to end with the last epoch, and not where the loss rests.
    warns_if_unfinished : bool
        Whether to warn when `max_iter` epochs were not enough.
    tasks : NoTasks
        Is told of each epoch, and may stop the training.
    """

    network: Network
    batches: Batches
    loss: Loss
    descent: Descent
    scheme: DropoutScheme
    rates: list[float]
    dropout_schedule: Schedule
    dropout_rng: np.random.Generator
    learning_rate: float
    schedule: Schedule
    validate: Callable[[], tuple[float, float]] | None
    quiet_loss: Callable[[], float] | None
    max_iter: int
    tol: float
    n_iter_no_change: float
    verbose: bool
    watch: Watch
    n_samples: float
    history: dict[str, list]
    progress: Progress
    stops_by_score: bool
    has_planned_end: bool
    warns_if_unfinished: bool
    tasks: NoTasks
    rates_now: list[float] | None = field(init=False, default=None)
    plans: dict[int, Plan] = field(init=False, default_factory=dict)
    order: UnitOrder = field(init=False)
    n_batches: int = field(init=False)
    running_loss: RunningLoss = field(init=False)
    best_network: np.ndarray | None = field(init=False, default=None)

    def __post_init__(self):
        network = self.network
        self.running_loss = RunningLoss(self.loss, network.sizes[-1], network.dtype)

    def run(self):
        """Train until the loss or the score stops improving, or for `max_iter` epochs."""
        n_before = self.progress.epoch
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                self._run()
        except KeyboardInterrupt:
            if self.progress.epoch == n_before:
                raise
            if self.best_network is None and not self._is_finite():
                factor = self._factor(self.schedule, "learning_rate")
                self._diverge(nan, self.learning_rate * factor)
            warnings.warn(
                f"Training interrupted by user after {self.progress.epoch} epochs.", stacklevel=6
            )
        if self.best_network is not None:
            self.network.memory[:] = self.best_network

    def _run(self):
        for _ in range(self.max_iter):
            self.tasks.begin()
            self._set_rates()
            loss, penalty, lr = self._epoch()
            if not (isfinite(loss) and self._is_finite()):
                self._diverge(loss, lr)
                self.tasks.end()
                return
            gain = self._record(loss, penalty, lr)
            if self.watch.update(gain, self.tol) and self.stops_by_score:
                self.best_network = self.network.memory.copy()
            if self.tasks.end():
                return
            if self.watch.n_without_gain > self.n_iter_no_change and self._stops(lr):
                return
        if self.warns_if_unfinished and not self.has_planned_end:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=7,
            )

    def _set_rates(self):
        """Compile the plans for the dropout rates of this epoch, if these are new."""
        factor = self._factor(self.dropout_schedule, "dropout_schedule")
        rates = [factor * rate for rate in self.rates]
        if max(rates) >= 1.0:
            raise ValueError(
                f"dropout_schedule={self.dropout_schedule!r} gave the factor {factor!r}, with "
                f"which a dropout rate of {max(self.rates)} is no longer below 1."
            )
        if rates == self.rates_now:
            return
        self.rates_now = rates
        constraint = self.descent.constraint
        larger = None
        for n_rows, n_batches in self.batches.sizes.items():
            self.plans[n_rows] = Plan(
                self.network,
                self.descent.gradient,
                self.loss,
                n_rows,
                scheme=self.scheme,
                rates=rates,
                rng=self.dropout_rng,
                larger=larger,
                sparse=self.batches.is_sparse,
                may_reorder=constraint is None or constraint.equivariant,
                n_passes=-(-n_batches // self.scheme.batches_per_mask),
            )
            larger = self.plans[n_rows]
        windows = larger.windows
        self.descent.clears = bool(windows)
        self.descent.gradient.flat.fill(0.0)  # nothing may stand beside the first windows
        self.order = UnitOrder(
            self.descent.buffers,
            self.network.sizes,
            windows,
            scratch=self.descent.gradient,
            rng=self.dropout_rng,
        )
        self.n_batches = 0

    def _epoch(self) -> tuple[float, float, float]:
        """Go through the batches once; return mean loss, mean penalty, and last learning rate."""
        total_penalty = 0.0
        for plan in self.plans.values():
            plan.forget()  # so that an epoch is the same, whatever was before
        try:
            for rows in self.batches:
                plan = self.plans[len(rows)]
                weight = self.batches.load(rows, plan)
                lr = self.learning_rate * self._factor(self.schedule, "learning_rate")
                redraw = self.n_batches % self.scheme.batches_per_mask == 0
                self.order.prepare(is_new=redraw)
                plan.run(redraw=redraw)
                self.running_loss.add(plan.z, plan.y, plan.weight, weight)
                total_penalty += self.descent.step(lr, weight) * weight
                self.progress.step += 1
                self.n_batches += 1
        finally:
            self.order.restore()
        weight = self.batches.total_weight
        return (self.running_loss.pop() + total_penalty) / weight, total_penalty / weight, lr

    def _is_finite(self) -> bool:
        """Whether the network, and what its optimizer remembers, are finite numbers."""
        return self.network.is_finite() and self.descent.is_finite()

    def _factor(self, schedule, name) -> float:
        """What a schedule says."""
        factor = schedule(self.progress)
        try:
            if 0.0 <= factor < inf:
                return float(factor)
        except (TypeError, ValueError):  # no number
            pass
        raise ValueError(
            f"{name}={schedule!r} must give one finite number that is not negative, got {factor!r}."
        )

    def _record(self, loss, penalty, lr) -> float:
        """Write the history; return what should improve, the greater the better."""
        scores = {}
        line = f"Iteration {self.progress.epoch + 1}, loss = {loss:.8f}"
        gain = -loss if self.quiet_loss is None else -self.quiet_loss() - penalty
        if self.validate is not None:
            score, validation_loss = self.validate()
            scores = {"validation_loss": validation_loss, "validation_score": score}
            line += f", validation score = {score:.6f}"
            gain = score if self.stops_by_score else gain
        self._finish_epoch(loss, lr, scores)
        if self.verbose:
            print(f"{line}, learning rate = {lr:.6g}")
        return gain

    def _finish_epoch(self, loss, lr, scores):
        """Count an epoch and write it into the history."""
        of_inputs, *of_layers = self.rates_now
        differ = len(set(self.rates[1:])) > 1
        rates = {
            "dropout_rate": tuple(of_layers) if differ else max(of_layers, default=0.0),
            "input_dropout_rate": of_inputs,
        }
        add_entry(self.history, {"loss": loss, "learning_rate": lr} | rates | scores)
        self.progress.epoch += 1
        self.n_samples += self.batches.total_weight
        self.progress.n_samples = self.n_samples

    def _diverge(self, loss, lr):
        """Raise, unless there is a good epoch; then go back to it."""
        where = f"in epoch {self.progress.epoch + 1} at a learning rate of {lr:g}"
        if self.best_network is None:
            is_memory = isfinite(loss) and self.network.is_finite()
            what = "running averages of the gradients" if is_memory else "parameter weights"
            raise ValueError(
                f"Solver produced non-finite {what}. The input data may contain large "
                f"values and need to be preprocessed. It happened {where}: a smaller "
                "learning_rate_init or clip_norm may help."
            )
        self.network.memory[:] = self.best_network
        self._finish_epoch(loss, lr, {})
        warnings.warn(
            f"Training diverged {where}; the weights are those of the best epoch before.",
            ConvergenceWarning,
            stacklevel=8,
        )

    def _stops(self, lr) -> bool:
        """Whether a plateau ends the training; if not, the schedule is told of it."""
        may_end = self.stops_by_score or not self.has_planned_end
        if not (may_end or self.schedule.adapts):
            return False  # the loss falls most in the last, slow epochs
        what = "Validation score" if self.stops_by_score else "Training loss"
        is_over = may_end and self.schedule.ends_at(lr)
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
