"""Which rows take part, and in which order, without a number for each of them in memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skdropout._core import tuning
from skdropout._training import rows as module
from skdropout._training.rows import Complement, blocks_of, hold_out, in_order, union

some_rows = st.integers(0, 40).flatmap(
    lambda n: st.tuples(st.just(n), st.sets(st.integers(0, max(0, n - 1))) if n else st.just(set()))
)


@given(some_rows, st.slices(45))
def test_a_complement_is_the_array_of_the_rows_that_are_left(given, span):
    n_rows, excluded = given[0], sorted(given[1])
    left = np.setdiff1d(np.arange(n_rows), excluded)
    rows = Complement(n_rows, excluded)
    assert len(rows) == len(left)
    assert_array_equal(rows[:], left)
    assert_array_equal(rows[span], left[span])
    assert_array_equal(rows.excluded, excluded)


def test_rows_can_be_left_out_one_after_the_other():
    rows = Complement(10, [2, 5]).without(np.array([0, 9, 5]))
    assert_array_equal(rows[:], [1, 3, 4, 6, 7, 8])


def test_a_union_has_each_row_once():
    rows = union([np.array([3, 1]), Complement(6, [0, 1, 2, 4]), np.array([1, 1])], 6)
    assert_array_equal(rows[:], [1, 3, 5])


@pytest.mark.parametrize("rows", [Complement(10, [4, 5]), np.array([3, 4, 4, 5, 7, 2])], ids=type)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_blocks_are_all_rows_and_slices_where_neighbours_come(rows, size):
    numbers = np.arange(20)
    blocks = list(blocks_of(rows, size))
    assert_array_equal(np.concatenate([numbers[block] for block in blocks]), rows[:])
    assert isinstance(blocks[0], slice) == (size < 4 or len(rows) > 8) or size == 3


def test_a_few_rows_come_in_any_order():
    rows, rng = Complement(30, [3]), np.random.default_rng(0)
    (order,) = in_order(rows, 5, rng)
    assert_array_equal(order, np.random.default_rng(0).permutation(rows[:]))


@pytest.fixture
def few_at_once(monkeypatch):
    """Four blocks of eight rows are mixed at once."""
    monkeypatch.setattr(tuning, "MIXED_ROWS", 32)
    monkeypatch.setattr(module, "N_BLOCKS", 4)


@pytest.mark.parametrize("n_rows", [33, 64, 99, 1_000])
def test_of_many_rows_blocks_of_neighbours_are_mixed(n_rows, few_at_once):
    excluded = [0, 17, 18]
    rows = Complement(n_rows + len(excluded), excluded)
    pieces = list(in_order(rows, 5, np.random.default_rng(0)))
    assert_array_equal(np.sort(np.concatenate(pieces)), rows[:])
    for piece in pieces:
        blocks = np.unique(np.searchsorted(rows[:], piece) // 8)
        assert len(piece) <= 32
        assert len(blocks) <= 4
        assert (np.diff(piece) != 1).any()


def test_each_epoch_mixes_other_blocks(few_at_once):
    rng = np.random.default_rng(0)
    first, second = (next(in_order(Complement(1_000), 5, rng)) for _ in range(2))
    assert len(np.intersect1d(first // 8, second // 8)) < 4


def test_of_wide_rows_fewer_are_mixed(monkeypatch):
    monkeypatch.setattr(tuning, "MIXED_NUMBERS", 2_560)
    orders = (in_order(Complement(300), n_columns, None) for n_columns in (5, 10))
    assert [[len(piece) for piece in order] for order in orders] == [[300], [256, 44]]


def test_without_a_generator_the_rows_come_as_they_are(few_at_once):
    rows = Complement(100, [1, 50])
    assert_array_equal(np.concatenate(list(in_order(rows, 5, None))), rows[:])


@pytest.mark.parametrize("stratified", [False, True])
def test_each_piece_of_many_rows_has_its_part_held_out(stratified, monkeypatch):
    monkeypatch.setattr(module, "SPLIT_ROWS", 100)
    rows = Complement(1_000, np.arange(0, 1_000, 10))
    strata = np.arange(1_000) % 2 if stratified else None
    held_out = hold_out(rows, strata, 0.1, np.random.default_rng(0))
    assert_array_equal(held_out, np.unique(held_out))
    assert not np.isin(held_out, rows.excluded).any()
    assert_array_equal(np.histogram(held_out, 9, (0, 1_000))[0], [10] * 9)
    if stratified:
        odd = held_out[held_out % 2 == 1]  # 55 or 56 of a hundred
        assert set(np.histogram(odd, 9, (0, 1_000))[0]) == {5, 6}


def test_few_rows_to_hold_out_are_not_asked_of_each_piece(monkeypatch):
    monkeypatch.setattr(module, "SPLIT_ROWS", 100)
    held_out = hold_out(Complement(1_000), None, 0.004, np.random.default_rng(0))
    assert len(held_out) == 4
