"""What holds for every call, whatever it was given.

A call either raises a documented error that names what was wrong, and leaves everything as it was;
or it returns finite numbers of the right shape and type. It warns of nothing but what we and
scikit-learn warn of, and never changes what it was given.
"""

import io
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from sklearn.exceptions import (
    ConvergenceWarning,
    DataConversionWarning,
    NotFittedError,
    UndefinedMetricWarning,
)

import skdropout

PACKAGE = str(Path(skdropout.__file__).parent)
THEIRS = str(Path(sklearn.__file__).parent)
DOCUMENTED = ValueError, TypeError, NotFittedError, AttributeError
WARNINGS = UserWarning, ConvergenceWarning, DataConversionWarning, UndefinedMetricWarning

CALLS: Counter = Counter()
"""How many calls there were of each method, and how each ended."""


@dataclass
class Outcome:
    """How a call ended."""

    value: Any = None
    error: BaseException | None = None
    warnings: list = field(default_factory=list)

    def told(self):
        """The error in words, or nothing; an array is one wherever its memory is."""
        if self.error is None:
            return None
        return type(self.error), " ".join(str(self.error).replace("memmap(", "array(").split())


def call(name: str, function: Callable, *arguments: Any, **keywords: Any) -> Outcome:
    """Call a function from the same state of the process each time, and see how that ends."""
    np.random.seed(0)  # noqa: NPY002  what random_state=None draws from
    outcome = Outcome()
    with warnings.catch_warnings(record=True) as told, redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        try:
            outcome.value = function(*arguments, **keywords)
        except (Exception, KeyboardInterrupt) as error:
            outcome.error = error
    outcome.warnings = told
    CALLS[name, "returned" if outcome.error is None else type(outcome.error).__name__] += 1
    for warning in told:
        is_plain = warning.category is UserWarning or issubclass(warning.category, WARNINGS[1:])
        is_plain |= warning.filename.startswith(THEIRS)
        assert is_plain, f"{name}: {warning}"
    return outcome


def check_error(outcome: Outcome, must: set[str], may: set[str], what: str):
    """An error is a documented one that names what was wrong, and comes where it has to."""
    if outcome.error is None:
        assert not must, f"{what} did not raise, and should have, because of {sorted(must)}"
        return
    notes = getattr(outcome.error, "__notes__", ())
    said = "\n".join([f"{type(outcome.error).__name__}: {outcome.error}", *notes])
    try:
        assert isinstance(outcome.error, DOCUMENTED), f"{what} raised {said}"
        named = [name for name in must | may if re.search(rf"\b{re.escape(name)}\b", said)]
        assert named, f"{what} raised {said}, which names none of {sorted(must | may)}"
    except AssertionError as broken:
        raise broken from outcome.error


def fingerprint(value: Any) -> str:
    """A hash of all bits that an object holds; a generator that the user owns is left out."""
    if hasattr(value, "get_params"):
        value = {k: v for k, v in value.__getstate__().items() if k != "random_state"}
    return joblib.hash(value)


def same(first: Any, second: Any) -> bool:
    """Whether two results have the same bits."""
    if isinstance(first, tuple):
        return all(map(same, first, second))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(
            first, second, equal_nan=first.dtype.kind == "f"
        )
    return first == second or (first != first and second != second)


@contextmanager
def fault(error: type[BaseException], at: int):
    """Raise an error where the package calls its own or another's function for the `at`-th time.

    Not while it tidies up, where Python itself would leave things half done.
    """
    n_calls = 0

    def profile(frame, event, argument):
        nonlocal n_calls
        code = frame.f_code
        if event not in ("call", "c_call") or not code.co_filename.startswith(PACKAGE):
            return
        n_calls += 1
        if n_calls >= at and not is_tidying(frame):
            sys.setprofile(None)
            raise error("injected")

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


TIDY = "__exit__", "__enter__", "release", "all_or_nothing", "__del__"


def is_tidying(frame):
    """Whether a frame, or one that it was called from, puts things back."""
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        if frame.f_code.co_name in TIDY:
            return True
        frame = frame.f_back
    return False
