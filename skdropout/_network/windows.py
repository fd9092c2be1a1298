"""Windows: dropped units left out of the products of large layers, and all that this takes.

Where one mask serves a batch and all units of a layer are alike, those that are kept may as well be
neighbours in a random order of all, and the weights between them one piece of the matrix. Outside
of this module there is only ``windows.begin(...)`` before a batch and ``windows.end()`` after an
epoch; whoever looks at the network in between finds each unit in its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np

from skdropout._core import tuning
from skdropout._core.buffers import Array, Buffer, pieces
from skdropout._network.masks import Drops
from skdropout._network.ops import Dense


@dataclass(frozen=True)
class WindowCosts:
    """What windows save and what they cost, in multiplications.

    They save one a row, forward, backward and for the gradient, for each weight that is left out;
    they take time for every weight, whose derivative has to be zero and which has to change places,
    and for more calls.
    """

    pieces: float = tuning.WINDOW_PIECES
    clearing: float = tuning.WINDOW_CLEARING
    moving: float = tuning.WINDOW_MOVING
    calls: float = tuning.WINDOW_CALLS

    def pay(
        self, sizes: Sequence[int], active: Sequence[int], *, n_rows: int, n_draws: int
    ) -> bool:
        """Whether a step gets faster with `active` of the units; an epoch draws `n_draws` times."""
        n_kept, n_all = count_weights(active), count_weights(sizes)
        saved = 3 * n_rows * (n_all - self.pieces * n_kept)
        saved -= (self.clearing + self.moving / n_draws) * n_all
        return saved > self.calls * (len(sizes) - 1)


def kept_sizes(
    sizes: Sequence[int], drops: Drops, *, n_rows: int, n_draws: int, costs: WindowCosts
) -> list[int] | None:
    """Units that windows keep of each layer, None where there are to be none.

    A scheme allows them by `n_active`, where one mask of units serves the batch.
    """
    may_be = drops and drops.leaves_out and not drops.draws_per_row
    active = drops.active_sizes(sizes) if may_be else None
    if active is None or not costs.pay(sizes, active, n_rows=n_rows, n_draws=n_draws):
        return None
    return active


COSTS, NEVER = WindowCosts(), WindowCosts(calls=inf)
"""What they cost on this kind of machine, and where they are not allowed."""


class Window:
    """Units of a layer that are kept: neighbours, around its end if need be.

    Each of the `parts`, one or two, is a pair of slices: where among the kept units it comes, and
    where among all. Each of `rest` is a slice of the units that are left out.
    """

    __slots__ = ("n_active", "n_units", "parts", "rest")

    def __init__(self, n_units: int, n_active: int):
        self.n_units, self.n_active = n_units, n_active
        self.move(0)

    def move(self, start: int):
        """Let the window begin with unit `start`. Sets: `parts`, `rest`."""
        n_first = min(self.n_active, self.n_units - start)
        end = start + n_first
        self.parts = [(slice(0, n_first), slice(start, end))]
        n_others = self.n_active - n_first
        if n_others:
            self.parts.append((slice(n_first, self.n_active), slice(0, n_others)))
        gaps = (n_others, start), (end, self.n_units)
        self.rest = [slice(first, last) for first, last in gaps if last > first]


@dataclass(eq=False, slots=True)
class WindowDense(Dense):
    """`Dense` for the inputs and units that are kept, which `x` and `y` hold alone.

    Each pair of their parts is a matrix of its own in `W`. The derivative of the rest is zero.
    """

    inputs: Window
    units: Window
    tmp: Array  # as large as the larger of x and y

    def forward(self):
        for at, units in self.units.parts:
            y = self.y[:, at]
            pairs = [(self.x[:, a], self.W[inputs, units]) for a, inputs in self.inputs.parts]
            self._sum_products(pairs, y)
            if self.b is not None:
                y += self.b[units]

    def backward(self):
        self.dW.fill(0.0)
        for at, units in self.units.parts:
            for a, inputs in self.inputs.parts:
                np.matmul(self.x[:, a].T, self.dy[:, at], out=self.dW[inputs, units])
        if self.db is not None:
            self.db.fill(0.0)
            for at, units in self.units.parts:
                np.matmul(self.ones, self.dy[:, at], out=self.db[units])
        if self.dx is not None:  # the first layer: nobody asks
            for at, inputs in self.inputs.parts:
                dx = self.dx[:, at]
                pairs = [(self.dy[:, a], self.W[inputs, units].T) for a, units in self.units.parts]
                self._sum_products(pairs, dx)

    def _sum_products(self, pairs: list[tuple[Array, Array]], out: Array):
        """Write the sum of the products of all pairs into `out`."""
        (a, b), *others = pairs
        np.matmul(a, b, out=out)
        for a, b in others:
            out += np.matmul(a, b, out=self.tmp[: out.size].reshape(out.shape))


class UnitPermutation:
    """Lets units of a network change places: in its parameters, and in all that is laid out alike.

    Parameters
    ----------
    buffers : list of Buffer
        Weights ``W0``, ``W1``, ... and biases ``b0``, ``b1``, ..., and nothing else, in each.
    sizes : sequence of int
        Units of each layer, from the inputs on.
    scratch : Buffer
        Another one laid out alike; used up.
    """

    def __init__(self, buffers: list[Buffer], sizes: Sequence[int], scratch: Buffer):
        self.buffers, self.scratch = buffers, scratch
        self.natural = [np.arange(size) for size in sizes]
        self.current = self.natural

    def apply(self, order: list[Array]):
        """Let unit ``order[i][j]`` of layer `i` lie in place `j`. Sets: `current`."""
        if order is self.current:
            return
        sources = [np.argsort(now)[then] for now, then in zip(self.current, order, strict=True)]
        for buffer in self.buffers:
            for i, (inputs, units) in enumerate(pairwise(sources)):
                buffer[f"b{i}"].take(units, out=self.scratch[f"b{i}"], mode="clip")
                take_block(buffer[f"W{i}"], inputs, units, out=self.scratch[f"W{i}"])
            buffer.flat[:] = self.scratch.flat  # at once: whatever interrupts finds a network
        self.current = order


class Windows:
    """The windows of a training at the dropout rates of an epoch; none where they do not pay.

    Parameters
    ----------
    windows : dict of int to Window
        By hidden layer, counted from the inputs.
    permutation : UnitPermutation
    rng : Generator
        Draws the orders of units, and where windows begin.
    """

    def __init__(
        self, windows: dict[int, Window], permutation: UnitPermutation, rng: np.random.Generator
    ):
        self.windows, self.permutation, self.rng = windows, permutation, rng
        self.order = permutation.natural
        self._n_left = 0

    @classmethod
    def plan(
        cls,
        permutation: UnitPermutation,
        drops: Drops,
        rng: np.random.Generator,
        *,
        n_rows: int,
        n_draws: int,
        costs: WindowCosts,
    ) -> "Windows":
        """Windows for the hidden layers that lose units, if all layers together get faster so."""
        sizes = [len(units) for units in permutation.natural]
        active = kept_sizes(sizes, drops, n_rows=n_rows, n_draws=n_draws, costs=costs)
        if active is None:
            return cls({}, permutation, rng)
        kept = {
            i: Window(size, n_active)
            for i, (size, n_active) in enumerate(zip(sizes, active, strict=True))
            if n_active < size
        }
        return cls(kept, permutation, rng)

    def masks(self, dtype: np.dtype) -> dict[int, Array]:
        """What the kept units of each layer are multiplied by."""
        return {
            i: np.full((1, window.n_active), window.n_units / window.n_active, dtype)
            for i, window in self.windows.items()
        }

    def begin(self, *, redraw: bool):
        """Put the units into a random order, and draw new windows or take the last ones again.

        Sets: `order`; moves the windows, and the parameters with all that lies like them.
        """
        if not self.windows:
            return
        if redraw and self._n_left == 0:
            self.order = self.permutation.natural.copy()
            for i, window in self.windows.items():
                self.order[i] = self.rng.permutation(window.n_units)
            self._n_left = tuning.BATCHES_PER_PERMUTATION
        self._n_left -= redraw
        self.permutation.apply(self.order)
        if redraw:
            for window in self.windows.values():
                window.move(int(self.rng.integers(window.n_units)))

    def rest(self):
        """Put all units back to where they belong, until the next batch begins."""
        self.permutation.apply(self.permutation.natural)

    def end(self):
        """Put all units back to where they belong; the next new window has a new order."""
        self.rest()
        self._n_left = 0


def count_weights(sizes: Sequence[int]) -> int:
    """The number of weights between layers of so many units."""
    return sum(a * b for a, b in pairwise(sizes))


def take_block(W: Array, rows: Array, columns: Array, out: Array):
    """``W[rows][:, columns]``, written into `out`."""
    for piece in pieces(len(rows), tuning.PERMUTED_ROWS):
        W.take(rows[piece], axis=0).take(columns, axis=1, out=out[piece], mode="clip")
