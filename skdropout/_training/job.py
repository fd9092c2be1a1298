"""One fit: what it is asked to do, what it has to go on with, and how it goes."""

from dataclasses import dataclass, field
from math import inf, isfinite
from typing import NamedTuple

from sklearn.exceptions import ConvergenceWarning

from skdropout._core.buffers import Array
from skdropout._core.losses import Loss
from skdropout._network.masks import Drops
from skdropout._training.callbacks import EpochCallbacks
from skdropout._training.data import Batches
from skdropout._training.monitor import Monitor
from skdropout._training.settings import Settings
from skdropout._training.state import TrainingState
from skdropout._training.stopping import Stopping
from skdropout.schedules import Progress, Schedule


class Epoch(NamedTuple):
    """What an epoch came to: mean loss, with the mean penalty, and its last learning rate."""

    loss: float
    penalty: float
    learning_rate: float


@dataclass
class Job:
    """One fit, apart from the engine that runs it.

    Attributes
    ----------
    settings : Settings
    state : TrainingState
        Moved; nobody else holds it.
    batches : Batches
    loss : Loss
    stopping : Stopping
    monitor : Monitor
    callbacks : EpochCallbacks
    drops : Drops
        What is dropped in this epoch, set when it begins.
    best : ndarray or None
        The memory of the network at its best score, where a score decides.
    warnings : list of (str, type)
        What to tell the user in the end.
    """

    settings: Settings
    state: TrainingState
    batches: Batches
    loss: Loss
    stopping: Stopping
    monitor: Monitor = field(default_factory=Monitor)
    callbacks: EpochCallbacks = field(default_factory=EpochCallbacks)
    drops: Drops = field(init=False)
    best: Array | None = None
    warnings: list[tuple[str, type[Warning]]] = field(default_factory=list)

    def warn(self, message: str, category: type[Warning] = UserWarning):
        """Tell the user something when all is done."""
        self.warnings.append((message, category))

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

    def finish_epoch(self, epoch: Epoch):
        """Measure the network and write it down. Sets: `state`, `best`."""
        value, entries = self.monitor.measure(epoch.loss, epoch.penalty)
        self._write(epoch, entries)
        if self.settings.verbose:
            line = f"Iteration {self.state.progress.epoch}, loss = {epoch.loss:.8f}"
            if "validation_score" in entries:
                line += f", validation score = {entries['validation_score']:.6f}"
            print(f"{line}, learning rate = {epoch.learning_rate:.6g}")
        if self.state.patience.update(value, self.stopping.tol) and self.stopping.by_score:
            self.best = self.state.network.memory.copy()

    def is_over(self, learning_rate: float) -> bool:
        """Whether a plateau ends the training. If not, schedules hear of it: sets `state`."""
        stopping, patience = self.stopping, self.state.patience
        if patience.n_bad_epochs <= stopping.n_iter_no_change or not stopping.heeds_plateaus:
            return False  # the loss falls most in the last, slow epochs of a schedule that anneals
        is_over = stopping.may_end and self.settings.schedule.ends_at(learning_rate)
        if self.settings.verbose:
            watched = "Validation score" if stopping.by_score else "Training loss"
            then = "Stopping." if is_over else "Lowering the learning rate."
            print(
                f"{watched} did not improve more than tol={stopping.tol:g} for "
                f"{stopping.n_iter_no_change} consecutive epochs. {then}"
            )
        if not is_over:
            self.state.progress.n_plateaus += 1
            patience.n_bad_epochs = 0
        return is_over

    def go_back(self):
        """Go back to the best network, if a score told of one. Sets: `state`."""
        if self.best is not None:
            self.state.network.memory[:] = self.best

    def diverge(self, epoch: Epoch):
        """Raise, unless there is a best network; then go back to it. Sets: `state`, `warnings`."""
        number = self.state.progress.epoch + 1
        where = f"in epoch {number} at a learning rate of {epoch.learning_rate:g}"
        if self.best is None:
            is_memory = isfinite(epoch.loss) and self.state.network.is_finite()
            what = "running averages of the gradients" if is_memory else "parameter weights"
            raise ValueError(
                f"Solver produced non-finite {what}. The input data may contain large "
                f"values and need to be preprocessed. It happened {where}: a smaller "
                "learning_rate_init or clip_norm may help."
            )
        self.go_back()
        self._write(epoch, {})
        message = f"Training diverged {where}; the weights are those of the best epoch before."
        self.warn(message, ConvergenceWarning)

    def _write(self, epoch: Epoch, entries: dict[str, float]):
        """Write an epoch into the history. Sets: `state`."""
        inputs, *layers = self.drops.rates
        differ = len(set(self.settings.drops.rates[1:])) > 1
        rates = {
            "dropout_rate": tuple(layers) if differ else max(layers, default=0.0),
            "input_dropout_rate": inputs,
        }
        entry = {"loss": epoch.loss, "learning_rate": epoch.learning_rate}
        self.state.add_epoch(entry | rates | entries, self.batches.total_weight)


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
