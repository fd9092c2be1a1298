"""The network: its parameters, the training pass compiled for a batch size, and inference."""

from itertools import pairwise

import numpy as np

from skdropout._activations import ACTIVATIONS
from skdropout._buffers import Array, Buffer
from skdropout._initializers import choose_initializer
from skdropout._losses import Loss
from skdropout._ops import Activation, Dense, Dropout
from skdropout.dropout import DropoutScheme

BLOCK = 1 << 20
"""Elements of the widest layer that inference works on at once."""


class Network:
    """The parameters of a multilayer perceptron, in one vector: all weights, then all biases.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of units: inputs, each hidden layer, outputs.
    activations : sequence of str
        One name per hidden layer.
    dtype : dtype
    """

    def __init__(self, sizes, activations, dtype):
        self.sizes = tuple(sizes)
        self.activations = tuple(activations)
        layout = {f"W{i}": shape for i, shape in enumerate(pairwise(self.sizes))}
        layout |= {f"b{i}": (fan_out,) for i, fan_out in enumerate(self.sizes[1:])}
        self.parameters = Buffer(layout, dtype)

    @property
    def n_layers(self) -> int:
        """The number of weight matrices."""
        return len(self.sizes) - 1

    @property
    def dtype(self) -> np.dtype:
        """The type of every parameter."""
        return self.parameters.flat.dtype

    @property
    def weights(self) -> list[Array]:
        """Views of the weight matrices, from the inputs on."""
        return [self.parameters[f"W{i}"] for i in range(self.n_layers)]

    @property
    def biases(self) -> list[Array]:
        """Views of the bias vectors."""
        return [self.parameters[f"b{i}"] for i in range(self.n_layers)]

    @property
    def weights_span(self) -> slice:
        """Where all weights lie in the parameter vector."""
        return self.parameters.span("W0", f"W{self.n_layers - 1}")

    def initialize(self, rng: np.random.Generator, weight_init: str):
        """Draw new weights, by name or "auto", and set the biases to zero."""
        self.parameters.flat.fill(0.0)
        for W, activation in zip(self.weights, (*self.activations, "identity"), strict=True):
            W[:] = choose_initializer(weight_init, activation)(rng, *W.shape)

    def copy(self) -> "Network":
        """A network with the same parameters in memory of its own."""
        return Network.from_state(self.get_state())

    def get_state(self) -> dict:
        """All there is to know, as plain values and one array."""
        flat = self.parameters.flat.copy()
        return {"sizes": self.sizes, "activations": self.activations, "parameters": flat}

    @classmethod
    def from_state(cls, state: dict) -> "Network":
        """Build a network from what `get_state` returned."""
        flat = state["parameters"]
        network = cls(state["sizes"], state["activations"], flat.dtype)
        network.parameters.flat[:] = flat
        return network

    def is_finite(self) -> bool:
        """Whether no parameter is NaN or infinite."""
        flat = self.parameters.flat
        return bool(np.isfinite(flat.min()) and np.isfinite(flat.max()))

    def predict(self, X: Array) -> Array:
        """Raw predictions `z` for any number of rows; nothing is dropped."""
        z = np.empty((len(X), self.sizes[-1]), self.dtype)
        n_rows = max(1, BLOCK // max(self.sizes))
        for start in range(0, len(X), n_rows):
            block = slice(start, start + n_rows)
            z[block] = self._predict_block(X[block].astype(self.dtype, copy=False))
        return z

    def _predict_block(self, h):
        functions = [ACTIVATIONS[name] for name in self.activations]
        *hidden, (W, b) = zip(self.weights, self.biases, strict=True)
        for (W_h, b_h), function in zip(hidden, functions, strict=True):
            x = h @ W_h
            x += b_h
            h = x if function.in_place else np.empty_like(x)
            function.forward(x, h)
        return h @ W + b


class Plan:
    """One training pass, forward and backward, compiled for a batch size.

    The batch goes into `x`, `y` and `weight` (a column that sums to one); `run` returns the loss
    and leaves the gradient in the buffer that was handed in.

    Parameters
    ----------
    network : Network
    gradient : Buffer
        Laid out like ``network.parameters``.
    loss : Loss
    n_rows : int
        The batch size.
    scheme : DropoutScheme
    rates : sequence of float
        Dropout rates: of the inputs, then of each hidden layer. Zero: no dropout at all.
    rng : Generator
        Draws the masks.
    memory : ndarray, default=None
        Where to work: the work space of a plan for more rows. None takes new memory.
    """

    def __init__(
        self,
        network: Network,
        gradient: Buffer,
        loss: Loss,
        n_rows: int,
        *,
        scheme: DropoutScheme,
        rates,
        rng: np.random.Generator,
        memory: Array | None = None,
    ):
        parameters = network.parameters
        layout = self._layout(network, n_rows, scheme, rates)
        self.work = work = Buffer(layout, network.dtype, memory)
        self.x, self.y, self.weight = work["x"], work["y"], work["weight"]
        self.loss = loss
        self.z, self.dz, self.row = (
            work[f"z{network.n_layers}"],
            work[f"d{network.n_layers}"],
            work["row"],
        )

        def dropout(i, h, dh):
            h_thinned = work[f"h{i}"] if i else h
            return Dropout(scheme, rates[i], rng, work[f"mask{i}"], x=h, y=h_thinned, dy=dh)

        self.ops = ops = []
        h, dh = self.x, None
        if rates[0]:
            ops.append(dropout(0, h, dh))
        for i, activation in enumerate((*network.activations, None), start=1):
            z, dz = work[f"z{i}"], work[f"d{i}"]
            of_layer = [
                buffer[f"{name}{i - 1}"] for buffer in (parameters, gradient) for name in "Wb"
            ]
            ops.append(Dense(h, z, dh, dz, *of_layer))
            if activation is None:
                break
            h, dh = z, dz
            if activation != "identity":
                function = ACTIVATIONS[activation]
                h = z if function.in_place else work[f"a{i}"]
                ops.append(Activation(function, z, h, dh))
            if rates[i]:
                ops.append(dropout(i, h, dh))
                h = work[f"h{i}"]
        self._forward = tuple(op.forward for op in ops)
        self._backward = tuple(op.backward for op in reversed(ops))

    @staticmethod
    def _layout(network, n_rows, scheme, rates):
        """Names and shapes of the work space; one `d` a layer serves all derivatives there."""
        layout = {"x": (n_rows, network.sizes[0])}
        for i, width in enumerate(network.sizes[1:], start=1):
            layout[f"z{i}"] = layout[f"d{i}"] = (n_rows, width)
            if i < network.n_layers:
                if not ACTIVATIONS[network.activations[i - 1]].in_place:
                    layout[f"a{i}"] = (n_rows, width)
                if rates[i]:
                    layout[f"h{i}"] = (n_rows, width)
        for i, rate in enumerate(rates):
            if rate:
                layout[f"mask{i}"] = scheme.mask_shape(n_rows, network.sizes[i])
        layout |= {"y": (n_rows, network.sizes[-1]), "weight": (n_rows, 1), "row": (n_rows, 1)}
        return layout

    def run(self) -> float:
        """Return the loss of the batch; its gradient is in the gradient buffer."""
        for forward in self._forward:
            forward()
        loss = self.loss.value_and_gradient(self.z, self.y, self.weight, self.dz, self.row)
        for backward in self._backward:
            backward()
        return loss
