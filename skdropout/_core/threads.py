"""How many threads BLAS has: one where the products are too small to gain by a second.

The threads of BLAS wait for each other by spinning. Where the products are small that gains nothing
on idle cores and costs up to tenfold on busy ones. With one thread the numbers are also the same
wherever a process has been given fewer threads, as joblib's workers are.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from threading import Lock

import threadpoolctl

from skdropout._core import tuning

_lock = Lock()
_n_holding = 0
_shared_before: list[int] = []
_say_so = getattr(
    getattr(threadpoolctl, "OpenBLASController", None), "clear_controlling_thread", None
)


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


def _set(libraries: list, numbers: list[int]) -> None:
    """Set the numbers of threads.

    From 3.8 on threadpoolctl lets only that Python thread set them that began, until it says so.
    """
    for library, number in zip(libraries, numbers, strict=True):
        library.set_num_threads(number)
    if _say_so is not None:
        _say_so()


@contextmanager
def one() -> Iterator[None]:
    """Hold BLAS to one thread, in the whole process, as long as anybody is inside."""
    global _n_holding
    shared, own = _libraries()
    with _lock:
        own_before = [library.num_threads for library in own]
        _set(own, [1] * len(own))
        if _n_holding == 0:
            _shared_before[:] = [library.num_threads for library in shared]
            _set(shared, [1] * len(shared))
        _n_holding += 1
    try:
        yield
    finally:
        with _lock:
            _set(own, own_before)
            _n_holding -= 1
            if _n_holding == 0:
                _set(shared, _shared_before)


def one_for(n_rows: int, n_weights: int, *, above: int = 0) -> AbstractContextManager[None]:
    """Hold BLAS to one thread where a second one gains little.

    That is where the largest layer has few weights, and its product for so many rows few
    multiplications, but more than `above`.
    """
    is_small = n_weights <= tuning.SINGLE_THREAD_WEIGHTS
    if is_small and above < n_rows * n_weights <= tuning.SINGLE_THREAD:
        return one()
    return _AS_THEY_ARE


_AS_THEY_ARE = nullcontext()
