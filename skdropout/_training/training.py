"""The training loop."""

from math import isfinite, nan

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdropout._core import threads
from skdropout._core.losses import RunningLoss
from skdropout._network import windows
from skdropout._network.masks import Drops, Masks
from skdropout._network.training_pass import TrainingPass
from skdropout._network.windows import UnitPermutation, Windows
from skdropout._training.job import Epoch, Job
from skdropout._training.update import ParameterUpdate, UpdateRule


class Training:
    """The engine: runs a job epoch by epoch, and knows nothing of what it is for.

    Parameters
    ----------
    job : Job
        Moved in place.
    rule : UpdateRule
    """

    def __init__(self, job: Job, rule: UpdateRule):
        network = job.state.network
        self.job, self.network, self.batches = job, network, job.batches
        self.update = ParameterUpdate(network, rule, job.settings.penalties, job.state.optimizer)
        self.may_permute = not network.batch_norm and (
            rule.constraint is None or rule.constraint.equivariant
        )
        self.drops: Drops | None = None
        self.windows: Windows
        self.losses: RunningLoss
        self.passes: dict[int, TrainingPass] = {}
        self.n_batches = self.n_drawn = 0
        self.batches_per_mask = 1

    def run(self):
        """Train until the job is over. Sets: all of the job's state."""
        job, progress = self.job, self.job.state.progress
        n_before = progress.epoch
        try:
            with (
                np.errstate(over="ignore", invalid="ignore", divide="ignore"),
                threads.one_for(max(self.batches.sizes), self.network.largest_layer),
            ):
                self._run()
        except KeyboardInterrupt:
            if progress.epoch == n_before:
                raise
            if job.best is None and not self.is_finite():
                job.diverge(Epoch(nan, nan, job.learning_rate()))
            job.warn(f"Training interrupted by user after {progress.epoch} epochs.")
        job.go_back()
        job.state.optimizer = self.update.state

    def _run(self):
        job, stopping = self.job, self.job.stopping
        for _ in range(stopping.max_epochs):
            job.callbacks.begin()
            job.set_drops()
            if self.drops is None or job.drops.rates != self.drops.rates:
                self.compile(job.drops)
            epoch = self.epoch()
            if not (isfinite(epoch.loss) and self.is_finite()):
                job.diverge(epoch)
                job.callbacks.end()
                return
            job.finish_epoch(epoch)
            if job.callbacks.end() or job.is_over(epoch.learning_rate):
                return
        if stopping.warns:
            job.warn(
                f"Stochastic Optimizer: Maximum iterations ({stopping.max_epochs}) reached and "
                "the optimization hasn't converged yet.",
                ConvergenceWarning,
            )

    def epoch(self) -> Epoch:
        """Go through the batches once. Moves the network, the update and the progress."""
        batches, passes, losses, update = self.batches, self.passes, self.losses, self.update
        job, progress = self.job, self.job.state.progress
        total_penalty = 0.0
        self.n_drawn = 0
        try:
            for rows in batches:
                current = passes[len(rows)]
                batch = current.batch
                weight = batches.load(rows, batch)
                lr = job.learning_rate()
                self.draw(current.masks)
                z = current.forward()
                current.backward()
                losses.add(z, batch.y, batch.weight, weight)
                total_penalty += update.step(lr, weight) * weight
                progress.step += 1
        finally:
            self.windows.end()
        weight = self.batches.total_weight
        return Epoch((self.losses.pop() + total_penalty) / weight, total_penalty / weight, lr)

    def draw(self, masks: Masks):
        """Draw new masks, unless those of the last batch serve this one, too.

        Sets: `masks`, the windows, `n_batches` and `n_drawn`.
        """
        redraw = self.n_batches % self.batches_per_mask == 0
        if self.windows:
            self.windows.begin(redraw=redraw)
        if redraw:
            masks.draw(self.n_drawn)
            self.n_drawn += 1
        self.n_batches += 1

    def compile(self, drops: Drops):
        """Lay out masks, windows and passes for new dropout rates. Sets: all but the update."""
        network, batches = self.network, self.batches
        rng = self.job.state.streams["dropout"]
        self.drops, self.n_batches = drops, 0
        self.batches_per_mask = per_mask = drops.scheme.batches_per_mask
        self.losses = RunningLoss(self.job.loss, network.sizes[-1], network.dtype)
        n_draws = {size: -(-n // per_mask) for size, n in batches.sizes.items()}
        n_rows = max(n_draws)
        permutation = UnitPermutation(
            self.update.buffers, network.sizes, scratch=self.update.gradient
        )
        self.windows = Windows.plan(
            permutation,
            drops,
            rng,
            n_rows=n_rows,
            n_draws=n_draws[n_rows],
            costs=windows.COSTS if self.may_permute else windows.NEVER,
        )
        self.passes = {}
        for size in n_draws:  # the largest first, in whose memory others work
            larger = self.passes.get(n_rows)
            memory = None if larger is None else larger.masks
            masks = Masks(
                network.sizes,
                drops,
                size,
                network.dtype,
                rng,
                sparse=batches.is_sparse,
                constant=self.windows.masks(network.dtype),
                n_draws=n_draws[size],
                larger=memory,
            )
            self.passes[size] = TrainingPass(
                network,
                self.update.gradient,
                self.job.loss,
                size,
                masks=masks,
                windows=self.windows.windows,
                sparse=batches.is_sparse,
                larger=larger,
            )

    def is_finite(self) -> bool:
        """Whether the network, and what its optimizer remembers, are finite numbers."""
        return self.network.is_finite() and self.update.is_finite()
