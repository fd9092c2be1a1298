"""Single operations, one way and another: medians in turns, for the page on speed.

Takes half a minute, with nothing else running: ``python benchmarks/operations.py``.
"""

from itertools import count

import numpy as np
from common import in_turns, save

from skdropout._core import tuning
from skdropout._core.activations import ACTIVATIONS
from skdropout._core.losses import find_largest
from skdropout._core.vectors import axpy, lerp, scal
from skdropout._network.masks import Draw, DrawAhead
from skdropout._network.ops import Activation, Dropout, RectifierDropout
from skdropout.dropout import Batchwise
from skdropout.optimizers import Adam

ROUNDS = 50
"""How often all ways of one thing take their turn."""
SECONDS = 2e-3
"""How long a turn takes, about."""
N_SMALL, N_LARGE = 5_500, 2_913_290
"""Parameters of a small network, and of one of 784-1024-1024-1024-10 units."""
TINY = 1e-6
"""A factor by which numbers change so little that they stay what they are."""


def microseconds(ways):
    """Median microseconds of one call of each function."""
    once = in_turns(ways, rounds=2)
    times = {name: max(1, round(SECONDS / seconds)) for name, seconds in once.items()}
    return {name: 1e6 * s for name, s in in_turns(ways, ROUNDS, times=times).items()}


def normal(*shapes):
    """Random arrays of float32."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def gates(n_rows, n_units):
    """Rectifier, dropout and both derivatives: in two operations, and in one."""
    x, dx, h, gate, mask = normal(*5 * [(n_rows, n_units)])
    mask[:] = mask > 0
    relu = ACTIVATIONS["relu"]
    apart = Activation(relu, x, x, dx), Dropout(mask, x, h, dx)
    gated = RectifierDropout(relu, mask, gate, x, dx)

    def one_by_one():
        for op in apart:
            op.forward()
        for op in reversed(apart):
            op.backward()

    def at_once():
        gated.forward()
        gated.backward()

    return one_by_one, at_once


def small():
    """What is done with 16 rows, 60 units or 5,500 parameters: the usual way, and ours."""
    x, W, y, b, X = normal((16, 60), (60, 60), (16, 60), 60, (208, 60))
    gate, db, ones = y.copy(), b.copy(), np.ones(16, np.float32)
    zero, rows = np.zeros((), np.float32), np.arange(16)
    mask, masks = np.empty((1, 60), np.float32), np.empty((13, 1, 60), np.float32)
    of_mask = Batchwise(), 0.5, np.random.default_rng(0), mask
    one, many, k = Draw(*of_mask), DrawAhead(*of_mask, masks), count()
    p, g, tmp = normal(N_SMALL, N_SMALL, N_SMALL)
    apart, gated = gates(16, 60)
    return [
        (
            "`np.matmul(x, W, out=y)`",
            lambda: np.matmul(x, W, out=y),
            "`x.dot(W, out=y)`",
            lambda: x.dot(W, out=y),
        ),
        (
            "`dy.sum(axis=0, out=db)`",
            lambda: y.sum(axis=0, out=db),
            "`ones.dot(dy, out=db)`",
            lambda: ones.dot(y, out=db),
        ),
        (
            "`np.take(X, rows, axis=0, out=x)`",
            lambda: np.take(X, rows, axis=0, out=x),
            '`X.take(rows, axis=0, out=x, mode="clip")`',
            lambda: X.take(rows, axis=0, out=x, mode="clip"),
        ),
        (
            "`np.greater(x, 0.0, out=gate)`",
            lambda: np.greater(x, 0.0, out=gate),
            "an array of shape () instead of the number",
            lambda: np.greater(x, zero, out=gate),
        ),
        ("ReLU, dropout, their derivatives", apart, "one multiplication by a gate each way", gated),
        (
            "a mask of 60 units",
            lambda: one(next(k)),
            "thirteen at once",
            lambda: many(next(k)),
        ),
        (
            "`p *= a` on 5,500 parameters",
            lambda: np.multiply(p, 1.0, out=p),
            "BLAS `scal`",
            lambda: scal(1.0, p),
        ),
        (
            "`p -= a * g`, two calls",
            lambda: np.subtract(p, np.multiply(g, TINY, out=tmp), out=p),
            "BLAS `axpy`",
            lambda: axpy(-TINY, g, p),
        ),
        (
            "`m += a * (g - m)`, two calls",
            lambda: axpy(TINY, np.subtract(g, p, out=tmp), p),
            "BLAS `rot`",
            lambda: lerp(p, g, TINY),
        ),
    ]


def large():
    """What is done with many rows or parameters: the usual way, and ours."""
    apart, gated = gates(256, 256)
    z, tmp, largest = normal((1024, 5), (1024, 5), (1024, 1))
    n = tuning.UPDATE_BLOCK
    p, g, scratch = normal(n, n, n)
    return [
        ("ReLU, dropout, their derivatives, 256 x 256", apart, "a gate", gated),
        (
            "`z.max(axis=1)`, 1,024 rows of five",
            lambda: z.max(axis=1, out=largest[:, 0]),
            "along the columns of a transposed copy",
            lambda: find_largest(z, largest, tmp),
        ),
        (
            "`m += a * (g - m)` on 40,000 parameters",
            lambda: axpy(TINY, np.subtract(g, p, out=scratch), p),
            "BLAS `rot`",
            lambda: lerp(p, g, TINY),
        ),
    ]


def subnormal():
    """An average of 40,000 numbers, and of as many that are subnormal."""
    m, g = normal(tuning.UPDATE_BLOCK, tuning.UPDATE_BLOCK)
    vanished, zero = np.full_like(m, 1e-40), np.zeros_like(g)
    return {
        "normal": lambda: lerp(m, g, TINY),
        "subnormal": lambda: lerp(vanished, zero, TINY),
    }


def adam():
    """A step of Adam on the parameters of a large network, in blocks of several sizes."""
    vectors = np.full((4, N_LARGE), 0.01, np.float32)
    tmp, pieces, n = np.empty(N_LARGE, np.float32), tuning.VECTOR_PIECE, tuning.UPDATE_BLOCK

    def step(size, starts, piece=pieces):
        tuning.VECTOR_PIECE = piece
        for start in starts:
            block = vectors[:, start : start + size]
            block[1] = 0.01  # the gradient, which is used up
            Adam().update(*block, tmp=tmp[: block.shape[1]], t=100, lr=TINY)
        tuning.VECTOR_PIECE = pieces

    def blocks(size):
        return range(0, N_LARGE, size)

    return {
        "in one piece": lambda: step(N_LARGE, [0]),
        "blocks of 10,000": lambda: step(10_000, blocks(10_000)),
        "blocks of 40,000": lambda: step(n, blocks(n)),
        "those, `axpy` in two threads": lambda: step(n, blocks(n), piece=n),
        "always the same block": lambda: step(n, [0] * len(blocks(n))),
    }


def main():
    results = {}
    for part in (small, large):
        print(f"\n{part.__doc__}")
        results[part.__name__] = rows = []
        for usual, run_usual, ours, run_ours in part():
            times = microseconds({usual: run_usual, ours: run_ours})
            rows.append([usual, times[usual], ours, times[ours]])
            print(f"  {times[usual]:8.2f} {usual}\n  {times[ours]:8.2f}   {ours}")
    for part in (subnormal, adam):
        results[part.__name__] = microseconds(part())
        print(f"\n{part.__doc__}\n  {results[part.__name__]}")
    save("operations", {"rounds": ROUNDS, "dtype": "float32", "unit": "µs"}, results)


if __name__ == "__main__":
    main()
