"""The operations of a network: each formula, and right below it its gradient.

An operation owns nothing: its fields are views handed in when a plan is compiled. `x`, `y` are its
input and output, `dx`, `dy` the derivatives of the loss with respect to them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.linalg import get_blas_funcs
from scipy.sparse import csr_array

from skdropout._core.activations import ActivationFunction
from skdropout._core.buffers import Array
from skdropout._core.vectors import lerp
from skdropout.dropout import DropoutScheme


@dataclass(eq=False, slots=True)
class Dense:
    """``y = x W + b``; no `b` where batch normalisation has one."""

    x: Array
    y: Array
    dx: Array | None
    dy: Array
    W: Array
    b: Array | None
    dW: Array
    db: Array | None
    ones: Array

    def forward(self):
        self.x.dot(self.W, out=self.y)
        if self.b is not None:
            self.y += self.b

    def backward(self):
        self.x.T.dot(self.dy, out=self.dW)
        if self.b is not None:
            self.ones.dot(self.dy, out=self.db)
        if self.dx is not None:  # the first layer: nobody asks
            self.dy.dot(self.W.T, out=self.dx)


@dataclass(eq=False, slots=True)
class SmallDense(Dense):
    """`Dense` for products that take little more time than a call: SciPy's BLAS, called by itself.

    What a call has to be told is decided once, and the product is added to the biases. BLAS reads
    matrices column by column, so what it sees are the transposes of all of ours.
    """

    add_xW: Callable = field(init=False)
    find_dW: Callable | None = field(init=False)
    find_dx: Callable | None = field(init=False)

    def __post_init__(self):
        gemm = get_blas_funcs("gemm", (self.y,))
        x, y, W = self.x.T, self.y.T, self.W.T
        dx, dy, dW = (d if d is None else d.T for d in (self.dx, self.dy, self.dW))
        keep = 0.0 if self.b is None else 1.0  # what y is multiplied by before
        self.add_xW = partial(gemm, 1.0, W, x, keep, y, False, False, True)
        self.find_dW = self.find_dx = None
        if dW is not None:  # not for predictions only
            self.find_dW = partial(gemm, 1.0, dy, x, 0.0, dW, False, True, True)
        if dx is not None:  # the first layer: nobody asks
            self.find_dx = partial(gemm, 1.0, W, dy, 0.0, dx, True, False, True)

    def forward(self):
        if self.b is not None:
            self.y[:] = self.b
        self.add_xW()

    def backward(self):
        self.find_dW()
        if self.b is not None:
            self.ones.dot(self.dy, out=self.db)
        if self.find_dx is not None:
            self.find_dx()


class Window:
    """Units of a layer that are in: neighbours, around its end if need be.

    Each of the `parts`, one or two, is a pair of slices: where among the units that are in it
    comes, and where among all.
    """

    __slots__ = ("n_active", "n_units", "parts")

    def __init__(self, n_units: int, n_active: int):
        self.n_units, self.n_active = n_units, n_active
        self.move(0)

    def move(self, start: int):
        """Let the window begin with unit `start`."""
        n_first = min(self.n_active, self.n_units - start)
        self.parts = [(slice(0, n_first), slice(start, start + n_first))]
        n_others = self.n_active - n_first
        if n_others:
            self.parts.append((slice(n_first, self.n_active), slice(0, n_others)))


@dataclass(eq=False, slots=True)
class WindowDense(Dense):
    """`Dense` for the `inputs` and `units` that are in, which `x` and `y` hold alone.

    Each pair of their parts is a matrix of its own in `W`. The derivative of what is out is zero,
    which has to stand there already.
    """

    inputs: Window
    units: Window
    tmp: Array

    def forward(self):
        for at, units in self.units.parts:
            y = self.y[:, at]
            pairs = [(self.x[:, a], self.W[inputs, units]) for a, inputs in self.inputs.parts]
            self._sum_products(pairs, y)
            y += self.b[units]

    def backward(self):
        for at, units in self.units.parts:
            dy = self.dy[:, at]
            np.matmul(self.ones, dy, out=self.db[units])
            for at, inputs in self.inputs.parts:
                np.matmul(self.x[:, at].T, dy, out=self.dW[inputs, units])
        if self.dx is not None:  # the first layer: nobody asks
            for at, inputs in self.inputs.parts:
                dx = self.dx[:, at]
                pairs = [(self.dy[:, a], self.W[inputs, units].T) for a, units in self.units.parts]
                self._sum_products(pairs, dx)

    def _sum_products(self, pairs, out):
        """Write the sum of the products of all pairs into `out`."""
        (a, b), *others = pairs
        np.matmul(a, b, out=out)
        for a, b in others:
            out += np.matmul(a, b, out=self.tmp[: out.size].reshape(out.shape))


@dataclass(eq=False, slots=True)
class SparseRows:
    """The inputs of a batch in sparse rows, a new matrix for each."""

    rows: csr_array | None = None


@dataclass(eq=False, slots=True)
class SparseDense(Dense):
    """``y = x W + b`` for inputs in sparse rows, and for the `units` that are in.

    The derivative of what is out is zero, which has to stand there already.
    """

    x: SparseRows
    units: Window

    def forward(self):
        y = self.x.rows @ self.W
        if self.b is not None:
            y += self.b
        for at, units in self.units.parts:
            self.y[:, at] = y[:, units]

    def backward(self):
        dW = self.x.rows.T @ self.dy
        for at, units in self.units.parts:
            self.dW[:, units] = dW[:, at]
            if self.b is not None:
                np.matmul(self.ones, self.dy[:, at], out=self.db[units])


@dataclass(eq=False, slots=True)
class BatchNorm:
    """``y = scale n + b`` with ``n = (x - mean) / sqrt(variance + epsilon)``, column by column.

    `mean` and `variance` are those of the batch, by the weights of its rows, and move the running
    ones; so far they weigh as much as any batch before, after ten batches the last one weighs 1/10.
    Forward turns `x` into `n`, backward `dy` into `dx`
    [Ioffe and Szegedy, 2015, arXiv 1502.03167].
    """

    EPSILON = 1e-5
    LAST = 0.1

    weight: Array
    x: Array
    y: Array
    dy: Array
    scale: Array
    b: Array
    dscale: Array
    db: Array
    ones: Array
    mean: Array
    std: Array
    running_mean: Array
    running_variance: Array
    n_batches: Array

    def forward(self):
        mean = np.matmul(self.weight.T, self.x, out=self.mean)
        centred = np.subtract(self.x, mean, out=self.x)
        squares = np.square(centred, out=self.y)
        variance = np.matmul(self.weight.T, squares, out=self.std)
        self.n_batches += 1.0
        last = max(self.LAST, 1.0 / float(self.n_batches[0]))
        lerp(self.running_mean[0], mean[0], last)
        np.copyto(mean, variance)  # what is averaged is used up
        lerp(self.running_variance[0], mean[0], last)
        variance += self.EPSILON
        std = np.sqrt(variance, out=self.std)
        n = np.divide(centred, std, out=self.x)
        np.multiply(n, self.scale, out=self.y)
        self.y += self.b

    def backward(self):
        n = self.x
        self.ones.dot(self.dy, out=self.db)
        of_scale = np.multiply(self.dy, n, out=self.y)
        self.ones.dot(of_scale, out=self.dscale)
        # dx = scale / std (dy - weight (db + n dscale)): mean and variance depend on x, too
        by_statistics = np.multiply(n, self.dscale, out=self.y)
        by_statistics += self.db
        by_statistics *= self.weight
        self.dy -= by_statistics
        self.dy *= np.divide(self.scale, self.std, out=self.std)


@dataclass(eq=False, slots=True)
class Activation:
    """``y = f(x)``; backward turns `dy` into `dx` in place: ``dy *= f'(x)``."""

    function: ActivationFunction
    x: Array
    y: Array
    dy: Array

    def forward(self):
        self.function.forward(self.x, self.y)

    def backward(self):
        self.function.derivative(self.x, self.y)
        self.dy *= self.x


@dataclass(eq=False, slots=True)
class Gate:
    """``x *= gate`` with ``gate = f'(x) mask``, `f` a rectifier; backward ``dy *= gate``.

    Rectifier and dropout in one; no `mask` without dropout.
    """

    function: ActivationFunction
    mask: Array | None
    gate: Array
    x: Array
    dy: Array

    def forward(self):
        self.function.derivative(self.gate, self.x)
        if self.mask is not None:
            self.gate *= self.mask
        self.x *= self.gate

    def backward(self):
        self.dy *= self.gate


@dataclass(eq=False, slots=True)
class Dropout:
    """``y = x mask``, where `x` are units or weights; backward in place: ``dy *= mask``."""

    mask: Array
    x: Array
    y: Array
    dy: Array | None

    def forward(self):
        np.multiply(self.x, self.mask, out=self.y)

    def backward(self):
        if self.dy is not None:  # dropout of the inputs: nobody asks
            self.dy *= self.mask


@dataclass(eq=False, slots=True)
class SaturatingDropout(Dropout):
    """``y = (x - s) mask + m s``, `m` the mean of a mask: dropped units are set to `s`."""

    s: float
    m: float

    def forward(self):
        np.subtract(self.x, self.s, out=self.y)
        self.y *= self.mask
        self.y += self.m * self.s


@dataclass(eq=False, slots=True)
class SparseDropout:
    """``x *= mask`` for inputs in sparse rows, a mask of the features."""

    mask: Array
    x: SparseRows

    def forward(self):
        x = self.x.rows
        x.data *= self.mask[0].take(x.indices)

    def backward(self):
        """Nobody asks for the derivative of the inputs."""


@dataclass(eq=False, slots=True)
class SparseEntryDropout:
    """``x *= mask`` for inputs in sparse rows, a mask of the entries, new for each batch."""

    scheme: DropoutScheme
    rate: float
    rng: np.random.Generator
    x: SparseRows

    def forward(self):
        x = self.x.rows
        mask = np.empty((1, x.nnz), x.dtype)
        self.scheme.draw(self.rng, self.rate, out=mask)
        x.data *= mask[0]

    def backward(self):
        """Nobody asks for the derivative of the inputs."""


@dataclass(eq=False, slots=True)
class Draw:
    """Draws a mask."""

    scheme: DropoutScheme
    rate: float
    rng: np.random.Generator
    mask: Array

    def __call__(self):
        self.scheme.draw(self.rng, self.rate, out=self.mask)


@dataclass(eq=False, slots=True)
class DrawAhead(Draw):
    """Draws the masks of many passes at once, of shape (n_passes, *mask.shape)."""

    masks: Array
    n_left: int = 0

    def __call__(self):
        if self.n_left == 0:
            stack = self.masks.reshape(-1, self.mask.shape[1])
            self.scheme.draw(self.rng, self.rate, out=stack)
            self.n_left = len(self.masks)
        self.n_left -= 1
        np.copyto(self.mask, self.masks[self.n_left])


@dataclass(eq=False, slots=True)
class DrawWindow:
    """Draws where a window begins, each unit as likely as any other; what is in is scaled alike."""

    window: Window
    rng: np.random.Generator
    mask: Array

    def __call__(self):
        self.window.move(int(self.rng.integers(self.window.n_units)))
        self.mask.fill(self.window.n_units / self.window.n_active)
