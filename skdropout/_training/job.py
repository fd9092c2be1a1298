"""One fit: its networks, when it ends, and how it goes."""

from dataclasses import dataclass, field

from sklearn.exceptions import ConvergenceWarning

from skdropout._core.buffers import Array
from skdropout._training.callbacks import EpochCallbacks
from skdropout._training.member import Epoch, Member
from skdropout._training.monitor import Monitor
from skdropout._training.state import TrainingState
from skdropout._training.stopping import Stopping
from skdropout.schedules import Constant


@dataclass
class Best:
    """The networks at the best epoch: their memory, and what the validation made of them."""

    memories: list[Array]
    factor: float
    z: Array


@dataclass
class Job:
    """One fit, apart from the engines that run it.

    Attributes
    ----------
    members : list of Member
        The networks that are trained together: a single one, or those of an ensemble.
    stopping : Stopping
    monitor : Monitor
    callbacks : EpochCallbacks
    n_jobs : int or None
        For joblib, which networks of an ensemble are trained by.
    best : Best or None
        The best epoch, where a validation decides.
    warnings : list of (str, type)
        What to tell the user in the end.
    """

    members: list[Member]
    stopping: Stopping
    monitor: Monitor = field(default_factory=Monitor)
    callbacks: EpochCallbacks = field(default_factory=EpochCallbacks)
    n_jobs: int | None = None
    best: Best | None = None
    warnings: list[tuple[str, type[Warning]]] = field(default_factory=list)

    @property
    def lead(self) -> Member:
        """The first network; all of them go through the same number of epochs."""
        return self.members[0]

    @property
    def state(self) -> TrainingState:
        """Where the history and the patience of all are kept: with the first network."""
        return self.lead.state

    @property
    def n_free(self) -> int:
        """The number of epochs from the first one on that nothing can end or see."""
        settings, stopping = self.lead.settings, self.stopping
        is_watched = self.monitor.validation or stopping.watches_loss or settings.verbose
        is_told = type(self.callbacks) is not EpochCallbacks
        has_schedule = settings.dropout_schedule != Constant()
        return 0 if is_watched or is_told or has_schedule else stopping.max_epochs

    def is_finite(self) -> bool:
        """Whether all networks that are judged are finite numbers."""
        return all(member.judged.is_finite() for member in self.members)

    def warn(self, message: str, category: type[Warning] = UserWarning):
        """Tell the user something when all is done."""
        self.warnings.append((message, category))

    def publish(self):
        """Write the networks for the data as they were given. Sets: those of the states."""
        validation = self.monitor.validation
        for member in self.members:
            member.publish(1.0 if validation is None else validation.factor)

    def publish_best(self):
        """Do so in the end, calibrated as it was best. Moves the networks, sets the states'."""
        factor = 1.0 if self.best is None else self.best.factor
        for member in self.members:
            member.judged.scale_outputs(factor)
            member.publish()
            if not member.is_published():
                raise ValueError(
                    "Columns of X are too small, or numbers of y too large or too small, for the "
                    f"weights of a network in {member.state.network.dtype}: give them in another "
                    "unit."
                )

    def finish_epoch(self, epoch: Epoch):
        """Measure the networks and write it down. Sets: `state`, `best`."""
        value, entries = self.monitor.measure(epoch.loss, epoch.penalty)
        self._write(epoch, entries)
        if self.lead.settings.verbose:
            line = f"Iteration {self.state.progress.epoch}, loss = {epoch.loss:.8f}"
            if epoch.penalty:
                line += f" (penalty {epoch.penalty:.8f})"
            if self.lead.score is not None:
                line += f", training score = {epoch.score:.6f}"
            for name, entry in entries.items():
                line += f", {name.replace('_', ' ')} = {entry:.6f}"
            print(f"{line}, learning rate = {epoch.learning_rate:.6g}")
        by_tol = self.monitor.by_loss
        is_best = self.state.patience.update(value, self.stopping.tol, by_tol=by_tol)
        if is_best and self.stopping.judged:
            validation = self.monitor.validation
            assert validation is not None
            memories = [member.judged.memory.copy() for member in self.members]
            self.best = Best(memories, validation.factor, validation.z)

    def is_over(self, learning_rate: float) -> bool:
        """Whether a plateau ends the training. If not, schedules hear of it: sets all states."""
        stopping, patience = self.stopping, self.state.patience
        n_epochs = self.state.progress.epoch
        if not (stopping.is_plateau(patience, n_epochs) and stopping.heeds_plateaus):
            return False  # the loss falls most in the last, slow epochs of a schedule that anneals
        settings = self.lead.settings
        is_over = stopping.may_end and settings.schedule.ends_at(learning_rate)
        if settings.verbose:
            held_out = "Validation loss" if self.monitor.by_loss else "Validation score"
            watched = held_out if stopping.judged else "Training loss"
            then = "Stopping." if is_over else "Lowering the learning rate."
            print(
                f"{watched} did not improve more than tol={stopping.tol:g} for "
                f"{stopping.n_iter_no_change} consecutive epochs. {then}"
            )
        if not is_over:
            self.go_back()
            for member in self.members:
                member.state.progress.n_plateaus += 1
            patience.n_bad_epochs = 0
        return is_over

    def go_back(self):
        """Go back to the best networks, if a score told of them. Moves the networks."""
        if self.best is not None:
            for member, memory in zip(self.members, self.best.memories, strict=True):
                member.network.memory[:] = memory
                member.judged.memory[:] = memory

    def diverge(self, epoch: Epoch, number: int, *, is_memory: bool):
        """Raise, unless there are best networks; then go back to them. Sets: states, `warnings`.

        `number` is that of the epoch. `is_memory` tells that what the optimizer remembers is not
        finite, and not the weights.
        """
        where = f"in epoch {number} at a learning rate of {epoch.learning_rate:g}"
        if self.best is None:
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
        inputs, *layers = self.lead.drops.rates
        differ = len(set(self.lead.settings.drops.rates[1:])) > 1
        rates = {
            "dropout_rate": tuple(layers) if differ else max(layers, default=0.0),
            "input_dropout_rate": inputs,
        }
        entry = {
            "loss": epoch.loss,
            "data_loss": epoch.loss - epoch.penalty,
            "penalty": epoch.penalty,
            "training_score": epoch.score,
            "learning_rate": epoch.learning_rate,
        }
        if self.lead.score is None:
            del entry["training_score"]
        self.state.record(entry | rates | entries)
