"""The training loop."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from math import isfinite, nan

import numpy as np
from joblib import effective_n_jobs
from sklearn.exceptions import ConvergenceWarning

from skdropout._training.engine import Engine
from skdropout._training.job import Job
from skdropout._training.member import Epoch, Member
from skdropout._training.parallel import run_parallel
from skdropout._training.rendezvous import here
from skdropout._training.stack import make_stacks


class Training:
    """Runs a job epoch by epoch, all of its networks together.

    Parameters
    ----------
    job : Job
        Moved in place.
    """

    def __init__(self, job: Job):
        self.job = job

    def run(self):
        """Train until the job is over. Sets: all of the job's states."""
        job, lead = self.job, self.job.members[0]
        n_before, first = len(lead.state.history.get("loss", ())), lead.state.progress.epoch
        try:
            with (
                np.errstate(over="ignore", invalid="ignore"),
                lead.one_thread(),
                closing(self.epochs()) as epochs,
            ):
                self._run(epochs)
        except KeyboardInterrupt:
            n_done = len(lead.state.history.get("loss", ())) - n_before
            if n_done == 0:
                raise
            if job.best is None and not job.is_finite():
                self._diverge(Epoch(nan, nan, nan, lead.learning_rate(), False), first + n_done + 1)
            for member in job.members:
                member.count_back(first + n_done)
            job.warn(f"Training interrupted by user after {first + n_done} epochs.")
        job.go_back()

    def _run(self, epochs: Iterator[list[Epoch]]):
        job, lead, stopping = self.job, self.job.lead, self.job.stopping
        first = job.state.progress.epoch
        for i in range(stopping.max_epochs):
            job.callbacks.begin()
            epoch = mean_of(next(epochs))
            is_finite = epoch.is_finite and (not lead.averages or job.is_finite())
            if not (isfinite(epoch.loss) and is_finite):
                self._diverge(epoch, first + i + 1)
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

    def epochs(self) -> Generator[list[Epoch]]:
        """Yield what each network came to in an epoch, one epoch after the other."""
        members, n_jobs = self.job.members, self.job.n_jobs
        keeps_masks = self.job.lead.settings.drops.batches_per_mask > 1  # no new engine does
        if (rendezvous := here()) is not None:
            yield from rendezvous.epochs(members, self.job.n_free)
        elif len(members) > 1 and effective_n_jobs(n_jobs) > 1 and not keeps_masks:
            yield from run_parallel(members, n_jobs, self.job.stopping.max_epochs)
        else:
            yield from run_here(members)

    def _diverge(self, epoch: Epoch, number: int):
        is_memory = isfinite(epoch.loss) and self.job.is_finite()
        self.job.diverge(epoch, number, is_memory=is_memory)


def run_here(members: Sequence[Member]) -> Generator[list[Epoch]]:
    """Yield the epochs of all members, which run one after the other or in stacks."""
    stacks = make_stacks(members)
    engines = [Engine([members[i] for i in stack]) for stack in stacks]
    try:
        while True:
            epochs: dict[int, Epoch] = {}
            for engine, stack in zip(engines, stacks, strict=True):
                epochs |= zip(stack, engine.run(), strict=True)
            yield [epochs[i] for i in range(len(members))]
    finally:
        for engine in engines:
            engine.release()


def mean_of(epochs: list[Epoch]) -> Epoch:
    """The mean of what an epoch came to for several networks."""
    if len(epochs) == 1:
        return epochs[0]
    *numbers, are_finite = zip(*epochs, strict=True)
    loss, penalty, score, learning_rate = (sum(values) / len(epochs) for values in numbers)
    return Epoch(loss, penalty, score, learning_rate, all(are_finite))
