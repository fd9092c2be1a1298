"""The order in which hidden units lie in memory, on which no prediction depends."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from skdropout._core.buffers import Array, Buffer

WINDOWS = 100
"""How many windows of one order there are, at the most."""
ROWS = 64
"""Rows of a matrix that are moved at once: what is in between stays in the cache."""


class UnitOrder:
    """Lets units of a network change places: in its parameters, and in all that is laid out alike.

    Parameters
    ----------
    buffers : sequence of Buffer
        Weights ``W0``, ``W1``, ... and biases ``b0``, ``b1``, ..., and nothing else, in each.
    sizes : sequence of int
        Units of each layer, from the inputs on.
    moving : collection of int
        The layers whose units change places, counted from the inputs; of the hidden ones.
    scratch : Buffer
        Another one laid out alike; all zeros afterwards.
    rng : Generator
        Draws the orders.
    """

    def __init__(
        self,
        buffers: list[Buffer],
        sizes,
        moving: Iterable[int],
        scratch: Buffer,
        rng: np.random.Generator,
    ):
        self.buffers, self.scratch, self.rng = buffers, scratch, rng
        self.moving = tuple(moving)
        self.natural = [np.arange(size) for size in sizes]
        self.drawn = self.current = self.natural
        self.n_left = 0

    def prepare(self, *, is_new: bool):
        """Put the units into a random order for a window, a new one or the last one again."""
        if not self.moving:
            return
        if is_new and self.n_left == 0:
            self.drawn = self.natural.copy()
            for i in self.moving:
                self.drawn[i] = self.rng.permutation(len(self.natural[i]))
            self.n_left = WINDOWS
        self.n_left -= is_new
        self._put(self.drawn)

    def restore(self):
        """Put all units back to where they belong; the next new window has a new order."""
        self._put(self.natural)
        self.n_left = 0

    def _put(self, order):
        """Let unit ``order[i][j]`` of layer `i` lie in place `j`."""
        if order is self.current:
            return
        sources = [np.argsort(now)[then] for now, then in zip(self.current, order, strict=True)]
        for buffer in self.buffers:
            for i, (inputs, units) in enumerate(pairwise(sources)):
                buffer[f"b{i}"].take(units, out=self.scratch[f"b{i}"], mode="clip")
                take_block(buffer[f"W{i}"], inputs, units, out=self.scratch[f"W{i}"])
            buffer.flat[:] = self.scratch.flat  # at once: whatever interrupts finds a network
        self.scratch.flat.fill(0.0)
        self.current = order


def take_block(W: Array, rows: Array, columns: Array, out: Array):
    """``W[rows][:, columns]``, written into `out`."""
    for start in range(0, len(rows), ROWS):
        piece = slice(start, start + ROWS)
        W.take(rows[piece], axis=0).take(columns, axis=1, out=out[piece], mode="clip")
