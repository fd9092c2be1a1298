"""The network: its parameters, the training pass compiled for a batch size, and inference."""

from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from skdropout._activations import ACTIVATIONS
from skdropout._buffers import Array, Buffer
from skdropout._initializers import choose_initializer
from skdropout._losses import Loss
from skdropout._ops import Activation, Dense, Dropout, SparseDense, SparseDropout
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

    def predict(self, X: Array | csr_array) -> Array:
        """Raw predictions `z` for any number of rows; nothing is dropped."""
        z = np.empty((X.shape[0], self.sizes[-1]), np.result_type(X.dtype, self.dtype))
        n_rows = max(1, BLOCK // max(self.sizes[1:]))
        for start in range(0, X.shape[0], n_rows):
            block = slice(start, start + n_rows)
            z[block] = self._predict_block(X[block])
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
    sparse : bool, default=False
        Whether the inputs come in sparse rows; such a batch goes into ``input.x``, not into `x`.
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
        sparse: bool = False,
    ):
        layout = self._layout(network, n_rows, scheme, rates, sparse)
        self.work = work = Buffer(layout, network.dtype, memory)
        self.x = None if sparse else work["x"]
        self.y, self.weight, self.row = work["y"], work["weight"], work["row"]
        self.loss = loss
        self.ops = ops = []
        h, dh = self.x, None
        for i, activation in enumerate(("identity", *network.activations)):
            if activation != "identity":
                function = ACTIVATIONS[activation]
                z, h = h, h if function.in_place else work[f"a{i}"]
                ops.append(Activation(function, z, h, dh))
            if rates[i] and not (sparse and i == 0):
                x, h = h, work[f"h{i}"] if i else h
                ops.append(Dropout(scheme, rates[i], rng, work[f"mask{i}"], x, h, dh))
            y, dy = work[f"z{i + 1}"], work[f"d{i + 1}"]
            buffers = (network.parameters, gradient)
            parameters = [buffer[f"{name}{i}"] for buffer in buffers for name in "Wb"]
            if sparse and i == 0:
                self.input = SparseDense(None, y, dy, *parameters)
                if rates[0]:
                    ops.append(SparseDropout(scheme, rates[0], rng, self.input))
                ops.append(self.input)
            else:
                ops.append(Dense(h, y, dh, dy, *parameters))
            h, dh = y, dy
        self.z, self.dz = h, dh
        self._forward = tuple(op.forward for op in ops)
        self._backward = tuple(op.backward for op in reversed(ops))

    @staticmethod
    def _layout(network, n_rows, scheme, rates, sparse):
        """Names and shapes of the work space; one `d` a layer serves all derivatives there."""
        layout = {} if sparse else {"x": (n_rows, network.sizes[0])}
        for i, width in enumerate(network.sizes[1:], start=1):
            layout[f"z{i}"] = layout[f"d{i}"] = (n_rows, width)
            if i < network.n_layers:
                if not ACTIVATIONS[network.activations[i - 1]].in_place:
                    layout[f"a{i}"] = (n_rows, width)
                if rates[i]:
                    layout[f"h{i}"] = (n_rows, width)
        for i, rate in enumerate(rates):
            if rate and not (sparse and i == 0):
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
