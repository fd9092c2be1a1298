"""The operations of a network: each formula, and right below it its gradient.

An operation owns nothing: its fields are views handed in when a plan is compiled. `x`, `y` are its
input and output, `dx`, `dy` the derivatives of the loss with respect to them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from skdropout._activations import ActivationFunction
from skdropout._buffers import Array
from skdropout.dropout import DropoutScheme


@dataclass(eq=False, slots=True)
class Dense:
    """``y = x W + b``."""

    x: Array
    y: Array
    dx: Array | None
    dy: Array
    W: Array
    b: Array
    dW: Array
    db: Array

    def forward(self):
        np.matmul(self.x, self.W, out=self.y)
        self.y += self.b

    def backward(self):
        np.matmul(self.x.T, self.dy, out=self.dW)
        np.add.reduce(self.dy, axis=0, out=self.db)
        if self.dx is not None:  # the first layer: nobody asks
            np.matmul(self.dy, self.W.T, out=self.dx)


@dataclass(eq=False, slots=True)
class SparseDense:
    """``y = x W + b`` for the inputs in sparse rows, a new `x` in each pass."""

    x: csr_array | None
    y: Array
    dy: Array
    W: Array
    b: Array
    dW: Array
    db: Array

    def forward(self):
        self.y[:] = self.x @ self.W
        self.y += self.b

    def backward(self):
        self.dW[:] = self.x.T @ self.dy
        np.add.reduce(self.dy, axis=0, out=self.db)


@dataclass(eq=False, slots=True)
class SparseDropout:
    """``x *= mask`` for the inputs in sparse rows: a mask of the features, or of the entries."""

    scheme: DropoutScheme
    rate: float
    rng: np.random.Generator
    layer: SparseDense

    def forward(self):
        x = self.layer.x
        n_rows, n_features = x.shape
        if self.scheme.mask_shape(n_rows, n_features) == (1, n_features):
            mask = np.empty((1, n_features), x.dtype)
            self.scheme.draw(self.rng, self.rate, out=mask)
            x.data *= mask[0].take(x.indices)
        else:
            mask = np.empty((1, x.nnz), x.dtype)
            self.scheme.draw(self.rng, self.rate, out=mask)
            x.data *= mask[0]

    def backward(self):
        """Nobody asks for the derivative of the inputs."""


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
class Dropout:
    """``y = x mask``, a new mask in each pass; backward in place: ``dy *= mask``."""

    scheme: DropoutScheme
    rate: float
    rng: np.random.Generator
    mask: Array
    x: Array
    y: Array
    dy: Array | None

    def forward(self):
        self.scheme.draw(self.rng, self.rate, out=self.mask)
        np.multiply(self.x, self.mask, out=self.y)

    def backward(self):
        if self.dy is not None:  # dropout of the inputs: nobody asks
            self.dy *= self.mask
