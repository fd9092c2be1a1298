"""The threads of BLAS, as tests see and set them."""

from contextlib import contextmanager

import pytest
from threadpoolctl import threadpool_info, threadpool_limits


def n_threads():
    """The numbers of threads of all BLAS libraries."""
    libraries = threadpool_info()
    return [library["num_threads"] for library in libraries if library["user_api"] == "blas"]


def set_threads(n):
    """Let BLAS have so many threads from now on, and any Python thread change it again."""
    threadpool_limits(n, user_api="blas")
    with threadpool_limits():
        pass  # whose end lets go of what one Python thread alone may set


@contextmanager
def two_threads():
    """Two threads to begin with, whatever the machine has; two they must be in the end."""
    before = threadpool_info()
    set_threads(2)
    counts = n_threads()
    if set(counts) == {2}:
        yield
        after = n_threads()
    threadpool_limits(before)
    with threadpool_limits():
        pass
    if set(counts) != {2}:
        pytest.skip("a BLAS that does not take a number of threads")
    assert after == counts  # whatever happened in between
