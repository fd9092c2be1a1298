import sys

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _same_numbers_in_every_run():
    """Start NumPy's global generator, which `random_state=None` draws from, anew for each test."""
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture(autouse=True)
def _no_figure_of_another_test():
    """Close what earlier tests, examples and docstrings drew: pyplot keeps it open."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
