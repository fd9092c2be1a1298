"""The operations of a network: each formula, and right below it its gradient.

An operation owns nothing: its fields are views handed in when a plan is compiled. `x`, `y` are its
input and output, `dx`, `dy` the derivatives of the loss with respect to them.
"""

from dataclasses import dataclass

import numpy as np

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
