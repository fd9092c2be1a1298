from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skdropout._core.buffers import Buffer


def layouts(min_size=0):
    names = st.text("abc", min_size=1, max_size=2)
    shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
    return st.dictionaries(names, shapes, min_size=min_size, max_size=6)


@given(layouts())
def test_views_tile_the_vector_in_order(layout):
    buffer = Buffer(layout, np.float64)
    assert buffer.flat.shape == (Buffer.size_of(layout),)
    assert not buffer.flat.any()
    buffer.flat[:] = np.arange(buffer.flat.size)
    views = [buffer[name] for name in layout]
    assert [view.shape for view in views] == list(layout.values())
    tiles = np.concatenate([np.empty(0), *map(np.ravel, views)])
    assert_array_equal(tiles, np.arange(buffer.flat.size))


@given(layouts())
def test_writing_into_views_fills_the_vector(layout):
    buffer = Buffer(layout, np.float64)
    for number, name in enumerate(layout, start=1):
        buffer[name].fill(number)
    expected = np.repeat(np.arange(1, len(layout) + 1), [prod(s) for s in layout.values()])
    assert_array_equal(buffer.flat, expected)


@given(layouts(min_size=1), st.data())
def test_span_holds_the_views_from_first_to_last(layout, data):
    names = list(layout)
    i, j = sorted(data.draw(st.tuples(*[st.integers(0, len(names) - 1)] * 2)))
    buffer = Buffer(layout, np.float64)
    buffer.flat[:] = np.arange(buffer.flat.size)
    expected = np.concatenate([buffer[name].ravel() for name in names[i : j + 1]])
    assert_array_equal(buffer.flat[buffer.span(names[i], names[j])], expected)
    assert_array_equal(buffer.flat[buffer.span(names[i])], buffer[names[i]].ravel())


@given(layouts(), st.integers(0, 20))
def test_given_memory_is_used_from_its_start(layout, spare):
    size = Buffer.size_of(layout)
    memory = np.full(size + spare, 7.0, np.float32)
    buffer = Buffer(layout, np.float32, memory)
    assert buffer.flat.shape == (size,)
    assert_array_equal(buffer.flat, 7.0)
    buffer.flat.fill(1.0)
    assert_array_equal(memory, np.repeat([1.0, 7.0], [size, spare]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_all_views_have_the_type_asked_for(dtype):
    buffer = Buffer({"W": (3, 2), "b": (2,)}, dtype)
    assert buffer.flat.dtype == buffer["W"].dtype == buffer["b"].dtype == dtype


def test_layout_is_kept_as_it_was():
    layout = {"W": (3, 2), "b": (2,)}
    buffer = Buffer(layout, np.float64)
    layout["b"] = (5,)
    assert buffer.layout == {"W": (3, 2), "b": (2,)}
    assert buffer.span("b") == slice(6, 8)


def test_too_little_memory_is_an_error():
    with pytest.raises(ValueError, match="cannot reshape"):
        Buffer({"W": (3, 2)}, np.float64, np.zeros(5))
