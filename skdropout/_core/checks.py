"""Checks of single values; an error names the argument, the value, what is allowed and meant."""

from collections.abc import Collection, Sequence
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np

from skdropout._core.meant import advise, advise_on_name, advise_on_number


def check_number(
    name: str,
    value: Any,
    low: float = -inf,
    high: float = inf,
    *,
    closed: str = "[)",
    integer: bool = False,
) -> None:
    """Raise unless `value` is a number between `low` and `high`; `closed` holds the brackets."""
    kind = "an integer" if integer else "a number"
    allowed = f"{kind} in {closed[0]}{low:g}, {high:g}{closed[1]}"
    if not isinstance(value, Integral if integer else Real) or isinstance(value, bool | np.bool_):
        advice = advise_on_number(name, value, integer=integer)
        raise TypeError(f"{name} must be {allowed}, got {value!r}.{advice}")
    number: Any = value
    if not integer:
        try:
            number = float(value)
        except OverflowError:
            raise ValueError(f"{name} must be {allowed}, got more than float64 can hold.") from None
    above = number >= low if closed[0] == "[" else number > low
    below = number <= high if closed[1] == "]" else number < high
    if value != value or not (above and below):
        raise ValueError(f"{name} must be {allowed}, got {value!r}.")


def check_flag(name: str, value: Any) -> None:
    """Raise unless `value` is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}.{advise(name, value)}")


def check_name(name: str, value: Any, allowed: Collection[str], *, other: str = "") -> None:
    """Raise unless `value` is one of the `allowed` names; `other` says what else would do."""
    if not isinstance(value, str) or value not in allowed:
        error = ValueError if isinstance(value, str) else TypeError
        names = ", ".join(map(repr, allowed))
        advice = advise_on_name(name, value, allowed)
        raise error(f"{name} must be one of {names}{other}, got {value!r}.{advice}")


def is_name(value: Any, name: str) -> bool:
    """Whether `value` is this name; what else it may be need not compare with a string."""
    return isinstance(value, str) and value == name


def is_sequence(value: Any) -> bool:
    """Whether `value` holds several values in order; a string is one value."""
    if isinstance(value, str):
        return False
    return isinstance(value, Sequence) or getattr(value, "ndim", 0) > 0  # arrays and the like


def check_one_per(name: str, value: Any, n: int, things: str) -> list:
    """Return a list of `n` values: a single value is repeated, a sequence must have that length."""
    if not is_sequence(value):
        return [value] * n
    values = list(value)
    if len(values) != n:
        raise ValueError(
            f"{name} must be one value or one for each of the {n} {things}, "
            f"got {len(values)} values: {value!r}."
        )
    return values
