import pytest

LET_BE = [
    "ignore::sklearn.exceptions.ConvergenceWarning",  # short trainings are enough to compare
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",  # the engines'
]


def pytest_collection_modifyitems(items):
    """Let some warnings be."""
    for item in items:
        for ignored in LET_BE:
            item.add_marker(pytest.mark.filterwarnings(ignored))
