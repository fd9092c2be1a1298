import pytest


def pytest_collection_modifyitems(items):
    """Let unfinished trainings be: short ones are enough to compare."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"))
