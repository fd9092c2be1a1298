"""The training loop."""

from collections.abc import Iterator
from math import isfinite, nan

import numpy as np
from joblib import effective_n_jobs
from sklearn.exceptions import ConvergenceWarning

from skdropout._core import threads
from skdropout._training.engine import Engine
from skdropout._training.job import Job
from skdropout._training.member import Epoch
from skdropout._training.parallel import run_parallel
from skdropout._training.update import UpdateRule


class Training:
    """Runs a job epoch by epoch, all of its networks together.

    Parameters
    ----------
    job : Job
        Moved in place.
    rule : UpdateRule
    """

    def __init__(self, job: Job, rule: UpdateRule):
        self.job, self.rule = job, rule
        self.engines: list[Engine] = []

    def run(self):
        """Train until the job is over. Sets: all of the job's states."""
        job, lead = self.job, self.job.lead
        n_before, first = len(job.state.history.get("loss", ())), job.state.progress.epoch
        try:
            with (
                np.errstate(over="ignore", invalid="ignore", divide="ignore"),
                threads.one_for(max(lead.batches.sizes), lead.network.largest_layer),
            ):
                self._run()
        except KeyboardInterrupt:
            n_done = len(job.state.history.get("loss", ())) - n_before
            if n_done == 0:
                raise
            if job.best is None and not self.is_finite():
                self._diverge(Epoch(nan, nan, lead.learning_rate()), first + n_done + 1)
            for member in job.members:
                member.count_back(first + n_done)
            job.warn(f"Training interrupted by user after {first + n_done} epochs.")
        job.go_back()
        for engine in self.engines:
            engine.member.state.optimizer = engine.update.state

    def _run(self):
        job, stopping = self.job, self.job.stopping
        together = self.epochs()
        for _ in range(stopping.max_epochs):
            job.callbacks.begin()
            epoch = mean_of(next(together))
            if not (isfinite(epoch.loss) and self.is_finite()):
                self._diverge(epoch, job.state.progress.epoch)
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

    def epochs(self) -> Iterator[list[Epoch]]:
        """Yield what each network came to in an epoch, one epoch after the other."""
        members, n_jobs = self.job.members, self.job.n_jobs
        keeps_masks = self.job.lead.settings.drops.scheme.batches_per_mask > 1  # no new engine does
        if len(members) > 1 and effective_n_jobs(n_jobs) > 1 and not keeps_masks:
            yield from run_parallel(members, self.rule, n_jobs, self.job.stopping.max_epochs)
            return
        self.engines = [Engine(member, self.rule) for member in members]
        while True:
            yield [engine.run() for engine in self.engines]

    def is_finite(self) -> bool:
        """Whether all networks, and what their optimizers remember, are finite numbers."""
        networks = all(member.judged.is_finite() for member in self.job.members)
        return networks and all(engine.is_finite() for engine in self.engines)

    def _diverge(self, epoch: Epoch, number: int):
        networks = all(member.judged.is_finite() for member in self.job.members)
        self.job.diverge(epoch, number, is_memory=isfinite(epoch.loss) and networks)


def mean_of(epochs: list[Epoch]) -> Epoch:
    """The mean of what an epoch came to for several networks."""
    if len(epochs) == 1:
        return epochs[0]
    return Epoch(*(sum(values) / len(epochs) for values in zip(*epochs, strict=True)))
