"""Checks of single values: what passes, and what an error says."""

from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdropout._core.checks import check_flag, check_name, check_number, check_one_per


def message(check, *arguments, error, **options):
    """What the error of a check says."""
    with pytest.raises(error) as caught:
        check(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "value",
    [0, 1, 0.5, -0.0, Fraction(1, 3), np.float64(0.5), np.float32(1), np.float16(0), np.int8(1)],
    ids=repr,
)
def test_number_passes(value):
    assert check_number("rate", value, 0, 1, closed="[]") is None


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)], ids=repr)
def test_integer_passes(value):
    assert check_number("size", value, 1, 5, integer=True) is None


def test_a_number_is_one_that_a_float_can_hold():
    with pytest.raises(ValueError, match=r"size must be a number in .* got more than float64"):
        check_number("size", 10**400)
    check_number("size", 10**400, integer=True)


@pytest.mark.parametrize("value", [-1e308, 0, 10**300, -inf])
def test_number_without_a_range_passes(value):
    assert check_number("score", value) is None


BRACKETS = [  # is the low end allowed, is the high one
    ("[]", True, True),
    ("[)", True, False),
    ("(]", False, True),
    ("()", False, False),
]


@pytest.mark.parametrize("closed, at_low, at_high", BRACKETS)
def test_ends_of_the_range(closed, at_low, at_high):
    for value, allowed in [(0, at_low), (0.0, at_low), (1, at_high), (1.0, at_high)]:
        if allowed:
            check_number("rate", value, 0, 1, closed=closed)
        else:
            said = message(check_number, "rate", value, 0, 1, closed=closed, error=ValueError)
            expected = f"rate must be a number in {closed[0]}0, 1{closed[1]}, got {value!r}."
            assert said == expected


@settings(deadline=None)
@given(
    value=st.floats(),
    low=st.floats(allow_nan=False),
    high=st.floats(allow_nan=False),
    closed=st.sampled_from([brackets for brackets, *_ in BRACKETS]),
)
def test_number_is_refused_exactly_outside_its_range(value, low, high, closed):
    above = low <= value if closed[0] == "[" else low < value
    below = value <= high if closed[1] == "]" else value < high
    if above and below:
        check_number("a", value, low, high, closed=closed)
    else:
        said = message(check_number, "a", value, low, high, closed=closed, error=ValueError)
        assert said.endswith(f", got {value!r}.")


@pytest.mark.parametrize("value", [nan, np.float64(nan), np.float32(nan)], ids=repr)
@pytest.mark.parametrize("low, high", [(0, 1), (-inf, inf)])
def test_nan_is_no_number(value, low, high):
    said = message(check_number, "rate", value, low, high, error=ValueError)
    assert said == f"rate must be a number in [{low}, {high}), got {value!r}."


@pytest.mark.parametrize(
    "value",
    [True, False, np.True_, None, "a", b"1", 1j, [1], (), np.array(1), np.array([1.0]), float],
    ids=repr,
)
@pytest.mark.parametrize("integer, kind", [(False, "a number"), (True, "an integer")])
def test_type_is_refused(value, integer, kind):
    said = message(check_number, "a", value, 0, 5, integer=integer, error=TypeError)
    assert said == f"a must be {kind} in [0, 5), got {value!r}."


@pytest.mark.parametrize("value", [2.5, np.float64(0.5), Fraction(5, 2), inf, nan], ids=repr)
def test_fraction_is_no_integer(value):
    said = message(check_number, "size", value, 1, closed="[)", integer=True, error=TypeError)
    assert said == f"size must be an integer in [1, inf), got {value!r}."


@pytest.mark.parametrize("value", [0, -3, np.int64(0)], ids=repr)
def test_integer_outside_its_range_is_refused(value):
    said = message(check_number, "size", value, 1, 9, integer=True, error=ValueError)
    assert said == f"size must be an integer in [1, 9), got {value!r}."


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_], ids=repr)
def test_flag_passes(value):
    assert check_flag("shuffle", value) is None


@pytest.mark.parametrize("value", [0, 1, None, "True", np.int64(1), [], np.array(True)], ids=repr)
def test_flag_is_refused(value):
    said = message(check_flag, "shuffle", value, error=TypeError)
    assert said == f"shuffle must be True or False, got {value!r}."


@pytest.mark.parametrize("value", ["3", "3.0", " 3", "1e3"])
def test_a_number_in_quotes_is_told_to_lose_them(value):
    said = message(check_number, "size", value, 1, integer=True, error=TypeError)
    assert said.endswith(f"got {value!r}. Leave out the quotes: {value}.")


@pytest.mark.parametrize("value, integer", [(1e3, 1000), (np.float32(2), 2), (Fraction(4, 2), 2)])
def test_an_integer_with_a_point_is_told_to_lose_it(value, integer):
    said = message(check_number, "size", value, 1, integer=True, error=TypeError)
    assert said.endswith(f"got {value!r}. Write it as {integer}.")


NAMES = {"relu": 1, "tanh": 2}


@pytest.mark.parametrize("names", [NAMES, list(NAMES), tuple(NAMES)], ids=type)
def test_name_passes(names):
    for value in ("relu", "tanh", np.str_("relu")):
        assert check_name("activation", value, names) is None


@pytest.mark.parametrize(
    "value, error",
    [
        ("sine", ValueError),
        ("", ValueError),
        (None, TypeError),
        (1, TypeError),
        (["relu"], TypeError),
        (b"relu", TypeError),
    ],
    ids=repr,
)
@pytest.mark.parametrize("other", ["", " or an object"])
def test_name_is_refused(value, error, other):
    said = message(check_name, "activation", value, NAMES, other=other, error=error)
    assert said == f"activation must be one of 'relu', 'tanh'{other}, got {value!r}."


@pytest.mark.parametrize("value", ["rleu", "RELU", "Relu", "re-lu"])
def test_the_nearest_name_is_offered(value):
    said = message(check_name, "activation", value, NAMES, error=ValueError)
    assert said.endswith(f"got {value!r}. Did you mean 'relu'?")


@pytest.mark.parametrize(
    "value, n, expected",
    [
        (0.5, 3, [0.5, 0.5, 0.5]),
        (0.5, 0, []),
        ("relu", 2, ["relu", "relu"]),
        (None, 2, [None, None]),
        ([0.1, 0.2], 2, [0.1, 0.2]),
        ((0.1,), 1, [0.1]),
        (("relu", "tanh"), 2, ["relu", "tanh"]),
        (np.array([0.1, 0.2]), 2, [0.1, 0.2]),
        ((), 0, []),
    ],
    ids=repr,
)
def test_one_value_or_one_for_each(value, n, expected):
    values = check_one_per("dropout_rate", value, n, "hidden layers")
    assert values == expected
    assert values is not value


@pytest.mark.parametrize("value, n", [([0.1], 2), ((0.1, 0.2, 0.3), 2), ((), 1), ([0.1], 0)])
def test_wrong_number_of_values_is_refused(value, n):
    said = message(check_one_per, "dropout_rate", value, n, "hidden layers", error=ValueError)
    assert said == (
        f"dropout_rate must be one value or one for each of the {n} hidden layers, "
        f"got {len(value)} values: {value!r}."
    )
