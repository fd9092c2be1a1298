"""How many threads BLAS has: one where the products are too small to gain by a second.

The threads of BLAS wait for each other by spinning. Where the products are small that gains nothing
on idle cores and costs up to a hundredfold on busy ones. With one thread the numbers are also the
same wherever a process has been given fewer threads, as joblib's workers are.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from threading import Lock, local
from typing import Any

import threadpoolctl  # scikit-learn brings it

from skdropout._core import tuning


@cache
def _libraries() -> tuple[list, list]:
    """The BLAS libraries of NumPy and SciPy.

    Those with one number of threads, and those with one for each Python thread, as OpenMP has it.
    """
    found = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers
    is_own = [getattr(library, "threading_layer", None) == "openmp" for library in found]
    shared, own = (
        [library for library, own in zip(found, is_own, strict=True) if own is kind]
        for kind in (False, True)
    )
    return shared, own


# From 3.8 on threadpoolctl lets only that Python thread set the numbers that began, until this.
_release_control = getattr(
    getattr(threadpoolctl, "OpenBLASController", None), "clear_controlling_thread", lambda: None
)


def _hold(libraries: list) -> list[tuple[Any, int]]:
    """Set the numbers of threads to one; return what to set back."""
    before = [(library, library.num_threads) for library in libraries]
    changed = [(library, number) for library, number in before if number != 1]
    _set([(library, 1) for library, _ in changed])
    return changed


def _set(numbers: list[tuple[Any, int]]) -> None:
    """Set numbers of threads."""
    if numbers:
        for library, number in numbers:
            library.set_num_threads(number)
        _release_control()


class OneThread:
    """Holds BLAS to one thread, in the whole process, as long as anybody is inside."""

    def __init__(self):
        self.lock = Lock()
        self.n_inside = 0
        self.before: list[tuple[Any, int]] = []
        self.own = local()  # what each Python thread has to set back, where it has its own number

    def __enter__(self) -> None:
        _, own = _libraries()
        with self.lock:
            if own:
                vars(self.own).setdefault("before", []).append(_hold(own))
            self.own.n_inside = self.count_own() + 1
            self._count(1)

    def __exit__(self, *error: object) -> None:
        _, own = _libraries()
        with self.lock:
            if own:
                _set(self.own.before.pop())
            self.own.n_inside -= 1
            self._count(-1)

    def count_own(self) -> int:
        """How often this Python thread is inside."""
        return getattr(self.own, "n_inside", 0)

    def shift(self, n: int) -> None:
        """Count in threads that go on, or with a negative number leave out those that wait."""
        if n:
            with self.lock:
                self._count(n)

    def _count(self, n: int) -> None:
        shared, _ = _libraries()
        before, self.n_inside = self.n_inside, self.n_inside + n
        if before == 0:
            self.before = _hold(shared)
        elif self.n_inside == 0:
            _set(self.before)


one = OneThread()
_as_they_are = nullcontext()


def one_for(n_rows: int, n_weights: int, *, above: int = 0) -> AbstractContextManager[None]:
    """Hold BLAS to one thread where a second one gains little.

    That is where the largest layer has few weights, and its product for so many rows few
    multiplications, but more than `above`.
    """
    is_small = n_weights <= tuning.SINGLE_THREAD_WEIGHTS
    if is_small and above < n_rows * n_weights <= tuning.SINGLE_THREAD:
        return one
    return _as_they_are
