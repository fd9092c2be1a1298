"""The backend of joblib, by which a search trains its small networks in stacks.

``with joblib.parallel_config("skdropout")`` a search, a cross-validation or whatever else fits many
estimators runs as it is, and its results are the same to the last bit. The tasks run in threads
that take turns (see `skdropout._training.rendezvous`); with ``n_jobs`` above one in as many
processes of such threads.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from math import ceil
from threading import RLock, Thread
from typing import Any

from joblib._parallel_backends import LokyBackend, SequentialBackend

from skdropout._training.rendezvous import Outcome, Rendezvous

N_TOGETHER = 64
"""Tasks that run at once in a process, at the most."""

SECONDS_TO_END = 1.0
"""How long cancelled tasks of this process are waited for. Fits take no longer than an epoch."""


class StackingBackend(LokyBackend):
    """Runs tasks in chunks, each in a rendezvous of its own, here or in processes of loky."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.parallel: Any = None
        self._lock = RLock()
        self._is_dispatching = False
        self._forget()

    def _forget(self):
        """Have nothing to do; what still runs does not count any more."""
        self._pending: deque[tuple[Callable, Future]] = deque()
        self._n_running = 0
        self._rendezvous: Rendezvous | None = None

    def configure(self, n_jobs=1, parallel=None, **arguments):
        """Make ready for a call; return the number of tasks at once."""
        self.parallel = parallel
        self.n_processes = self._count_processes(n_jobs)
        if self.n_processes > 1:
            processes = LokyBackend(
                nesting_level=self.nesting_level,
                inner_max_num_threads=self.inner_max_num_threads,
                **self.backend_kwargs,
            )
            processes.configure(self.n_processes, parallel, **arguments)
            self._workers = processes._workers
        return self.n_processes * N_TOGETHER

    def effective_n_jobs(self, n_jobs):
        """The number of processes; for a `Parallel` that is kept open, that of tasks at once.

        Whoever asks divides the work by it, or asks for as many processes: of a bagging, say.
        """
        n_processes = self._count_processes(n_jobs)
        is_open = self.parallel is not None and self.parallel._managed_backend
        return n_processes * N_TOGETHER if is_open else n_processes

    def _count_processes(self, n_jobs):
        """The number of processes, each of which has many tasks at once."""
        return super().effective_n_jobs(1 if n_jobs is None else n_jobs)

    def get_nested_backend(self):
        """What is inside of a task runs one after the other."""
        return SequentialBackend(nesting_level=(self.nesting_level or 0) + 1), None

    def compute_batch_size(self):
        """Each task comes alone; what makes a chunk is decided when all are there."""
        return 1

    def batch_completed(self, batch_size, duration):
        """Nothing depends on it."""

    def start_call(self):
        """Collect tasks until the first of them are there."""
        self._is_dispatching = True

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        """Begin: the first tasks are there."""
        with self._lock:
            self._is_dispatching = False
            self._start()
        yield

    def submit(self, func, callback=None):
        """Put a task on the list."""
        future: Future = Future()
        if callback is not None:
            future.add_done_callback(callback)
        with self._lock:
            self._pending.append((func, future))
            self._start()
        return future

    def _start(self):
        """Let idle processes have tasks, as many each."""
        if self._is_dispatching:
            return
        while self._pending and self._n_running < self.n_processes:
            n_pending, n_idle = len(self._pending), self.n_processes - self._n_running
            n_chunks = max(ceil(n_pending / N_TOGETHER), n_idle)
            chunk = [self._pending.popleft() for _ in range(ceil(n_pending / n_chunks))]
            self._n_running += 1
            tasks = [task for task, _ in chunk]
            finish = partial(self._finish, self._pending, [future for _, future in chunk])
            if self.n_processes > 1:
                super().submit(partial(run_together, tasks), finish)
            else:
                self._rendezvous = rendezvous = Rendezvous()
                Thread(target=run_here, args=(rendezvous, tasks, finish), daemon=True).start()

    def _finish(self, pending: deque, futures: list[Future], done: Future):
        """Tell what the tasks of a chunk came to; the callbacks put more of them on the list.

        `pending` is the list that they came from, which may have been given up.
        """
        try:
            outcomes = done.result()
        except BaseException as error:
            outcomes = [Outcome(error=error)] * len(futures)
        with self._lock:
            self._is_dispatching = True
        try:
            for future, outcome in zip(futures, outcomes, strict=True):
                failure = outcome.describe_error()
                if failure is None:
                    future.set_result(outcome.result)
                else:
                    future.set_exception(failure)
        finally:
            with self._lock:
                self._n_running -= pending is self._pending
                self._is_dispatching = False
                self._start()

    def terminate(self):
        """Free what the processes hold."""
        if self.n_processes > 1:
            super().terminate()

    def abort_everything(self, ensure_ready=True):
        """Let all tasks end."""
        with self._lock:
            rendezvous = self._rendezvous
            self._forget()
        if rendezvous is not None:
            rendezvous.cancel()
            rendezvous.is_over.wait(SECONDS_TO_END)
        if self.n_processes > 1:
            super().abort_everything(ensure_ready=False)
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)


def run_here(
    rendezvous: Rendezvous, tasks: list[Callable[[], Any]], finish: Callable[[Future], None]
) -> None:
    """Run tasks, and tell of it as if a process had."""
    done: Future = Future()
    done.set_result(rendezvous.run(tasks))
    finish(done)


def run_together(tasks: list[Callable[[], Any]]) -> list[Outcome]:
    """Run tasks in this process."""
    return Rendezvous().run(tasks)
