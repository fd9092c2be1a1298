"""How many threads BLAS has: one where the products are too small to gain by a second.

The threads of BLAS wait for each other by spinning. Where the products are small that gains nothing
on idle cores and costs up to a hundredfold on busy ones. With one thread the numbers are also the
same wherever a process has been given fewer threads, as joblib's workers are.
"""

import os
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


def _set(numbers: list[tuple[Any, int]]) -> None:
    """Set numbers of threads."""
    if numbers:
        for library, number in numbers:
            library.set_num_threads(number)
        _release_control()


def _settle(place: Any, libraries: list, *, is_held: bool) -> None:
    """Hold libraries to one thread, or give back what they had, which `place` remembers.

    If that is interrupted, doing it again, or the other, leaves nothing behind.
    """
    before = getattr(place, "before", None)
    if is_held and before is None:
        place.before = before = [(library, library.num_threads) for library in libraries]
        _set([(library, 1) for library, number in before if number != 1])
    elif before is not None and not is_held:
        _set([(library, number) for library, number in before if number != 1])
        place.before = None


class OneThread:
    """Holds BLAS to one thread, in the whole process, as long as anybody is inside."""

    def __init__(self):
        self.lock = Lock()
        self.n_inside = 0
        self.own = local()  # of each Python thread: how often it is inside, numbers of its own

    def __enter__(self) -> None:
        n = self.count_own()
        try:
            with self.lock:
                self._count(n + 1)
        except BaseException:  # Ctrl-C: nobody will call `__exit__`
            with self.lock:
                self._count(n)
            raise

    def __exit__(self, *error: object) -> None:
        n = self.own.n_inside - 1
        try:
            with self.lock:
                self._count(n)
        except BaseException:
            with self.lock:
                self._count(n)
            raise

    def count_own(self) -> int:
        """How often this Python thread is inside."""
        return getattr(self.own, "n_inside", 0)

    def shift(self, n: int) -> None:
        """Count in threads that go on, or with a negative number leave out those that wait."""
        if n:
            with self.lock:
                self.n_inside += n
                self._settle()

    def _count(self, n: int) -> None:
        """Let this Python thread be inside `n` times."""
        n_inside = self.n_inside + n - self.count_own()
        self.n_inside, self.own.n_inside = n_inside, n  # both, as no call is in between
        self._settle()

    def _settle(self) -> None:
        shared, own = _libraries()
        _settle(self, shared, is_held=self.n_inside > 0)
        if own:
            _settle(self.own, own, is_held=self.own.n_inside > 0)

    def begin_in_child(self) -> None:
        """Forget the Python threads that a fork has left behind. Lets go of the lock."""
        self.n_inside = self.own.n_inside = self.count_own()
        self._settle()
        self.lock.release()


one = OneThread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=one.lock.acquire,
        after_in_parent=one.lock.release,
        after_in_child=one.begin_in_child,
    )
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
