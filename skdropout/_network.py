"""The network: its parameters, the pass compiled for a batch size, and inference."""

from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from skdropout._activations import ACTIVATIONS
from skdropout._buffers import Array, Buffer
from skdropout._initializers import choose_initializer
from skdropout._losses import Loss
from skdropout._ops import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    SaturatingDropout,
    SparseDense,
    SparseDropout,
    SparseEntryDropout,
)
from skdropout.dropout import DropoutScheme

BLOCK = 1 << 20
"""Elements of the widest layer that inference works on at once."""


class Network:
    """A multilayer perceptron: all there is to know of it lies in one vector.

    First the parameters: all weights, all biases, with batch normalisation the scales of the hidden
    layers; then the running statistics of batch normalisation.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of units: inputs, each hidden layer, outputs.
    activations : sequence of str
        One name per hidden layer.
    dtype : dtype
    batch_norm : bool, default=False
        Whether hidden layers are normalised before their activation.
    """

    def __init__(self, sizes, activations, dtype, *, batch_norm: bool = False):
        self.sizes = tuple(sizes)
        self.activations = tuple(activations)
        self.batch_norm = batch_norm
        layout = {f"W{i}": shape for i, shape in enumerate(pairwise(self.sizes))}
        layout |= {f"b{i}": (fan_out,) for i, fan_out in enumerate(self.sizes[1:])}
        statistics = {}
        if batch_norm:
            hidden = tuple(enumerate(self.sizes[1:-1]))
            layout |= {f"scale{i}": (width,) for i, width in hidden}
            for i, width in hidden:
                statistics |= {f"mean{i}": (1, width), f"variance{i}": (1, width), f"n{i}": (1,)}
        n_parameters = Buffer.size_of(layout)
        self.memory = np.zeros(n_parameters + Buffer.size_of(statistics), dtype)
        self.parameters = Buffer(layout, dtype, self.memory)
        self.statistics = Buffer(statistics, dtype, self.memory[n_parameters:])

    @property
    def n_layers(self) -> int:
        """The number of weight matrices."""
        return len(self.sizes) - 1

    @property
    def dtype(self) -> np.dtype:
        """The type of every parameter."""
        return self.memory.dtype

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

    @property
    def biases_span(self) -> slice:
        """Where all biases lie in the parameter vector."""
        return self.parameters.span("b0", f"b{self.n_layers - 1}")

    def is_normalised(self, i: int) -> bool:
        """Whether the outputs of layer `i` are normalised: with batch norm all but the last."""
        return self.batch_norm and i < self.n_layers - 1

    def initialize(self, rng: np.random.Generator, weight_init: str):
        """Draw new weights, by name or "auto"; biases start at zero, scales at one."""
        self.memory.fill(0.0)
        for i, activation in enumerate((*self.activations, "identity")):
            W = self.parameters[f"W{i}"]
            W[:] = choose_initializer(weight_init, activation)(rng, *W.shape)
            if self.is_normalised(i):
                self.parameters[f"scale{i}"].fill(1.0)

    def copy(self) -> "Network":
        """A network with the same parameters in memory of its own."""
        return Network.from_state(self.get_state())

    def get_state(self) -> dict:
        """All there is to know, as plain values and one array."""
        return {
            "sizes": self.sizes,
            "activations": self.activations,
            "batch_norm": self.batch_norm,
            "memory": self.memory.copy(),
        }

    @classmethod
    def from_state(cls, state: dict) -> "Network":
        """Build a network from what `get_state` returned."""
        network = cls(
            state["sizes"],
            state["activations"],
            state["memory"].dtype,
            batch_norm=state["batch_norm"],
        )
        network.memory[:] = state["memory"]
        return network

    def is_finite(self) -> bool:
        """Whether no parameter is NaN or infinite."""
        return bool(np.isfinite(self.memory.min()) and np.isfinite(self.memory.max()))

    def fold(self) -> "Network":
        """The same network without batch normalisation, which becomes part of weights and biases.

        ``scale (x W - mean) / std + b = x (W scale / std) + (b - mean scale / std)``, by the
        running mean and standard deviation.
        """
        if not self.batch_norm:
            return self
        folded = Network(self.sizes, self.activations, self.dtype)
        for i, (W, b) in enumerate(zip(folded.weights, folded.biases, strict=True)):
            W[:], b[:] = self.parameters[f"W{i}"], self.parameters[f"b{i}"]
            if self.is_normalised(i):
                std = np.sqrt(self.statistics[f"variance{i}"] + BatchNorm.EPSILON)
                (factor,) = self.parameters[f"scale{i}"] / std
                W *= factor
                b -= self.statistics[f"mean{i}"][0] * factor
        return folded

    def predict(self, X: Array | csr_array) -> Array:
        """Raw predictions `z` for any number of rows; nothing is dropped."""
        network = self.fold()
        z = np.empty((X.shape[0], self.sizes[-1]), np.result_type(X.dtype, self.dtype))
        for block in self.blocks(X.shape[0]):
            z[block] = network._predict_block(X[block])
        return z

    def blocks(self, n_rows: int, *, with_inputs: bool = False) -> list[slice]:
        """Cut rows into blocks for inference, which has copies of their inputs or not."""
        size = max(1, BLOCK // max(self.sizes if with_inputs else self.sizes[1:]))
        return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]

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
    """One pass through the network, compiled for a batch size.

    The batch goes into `x`; in training its targets go into `y` and its weights into `weight` (a
    column that sums to one). `run` returns the loss and leaves the gradient in the buffer that was
    handed in; without one there is only `forward`, which needs a network without batch norm.

    Parameters
    ----------
    network : Network
    gradient : Buffer or None
        Laid out like ``network.parameters``.
    loss : Loss or None
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
    one_mask : bool, default=False
        Whether all rows have the same mask even if the scheme would draw one for each.
    """

    def __init__(
        self,
        network: Network,
        gradient: Buffer | None,
        loss: Loss | None,
        n_rows: int,
        *,
        scheme: DropoutScheme,
        rates,
        rng: np.random.Generator,
        memory: Array | None = None,
        sparse: bool = False,
        one_mask: bool = False,
    ):
        trains = gradient is not None
        layout = self._masks(network, n_rows, scheme, rates, sparse, one_mask)
        layout |= self._layout(network, n_rows, scheme, rates, sparse, trains)
        self.work = work = Buffer(layout, network.dtype, memory)
        self.x = None if sparse else work["x"]
        self.loss = loss
        if trains:
            self.y, self.weight, self.row = work["y"], work["weight"], work["row"]

        def optional(buffer, name):
            return buffer[name] if trains else None

        self.ops = ops = []
        h, dh = self.x, None
        for i, activation in enumerate(("identity", *network.activations)):
            of_inputs_in_rows = sparse and i == 0
            W, b = network.parameters[f"W{i}"], network.parameters[f"b{i}"]
            dW, db = optional(gradient, f"W{i}"), optional(gradient, f"b{i}")
            dropout = scheme, rates[i], rng

            if activation != "identity":
                function = ACTIVATIONS[activation]
                z, h = h, h if function.in_place else work[f"a{i}"]
                ops.append(Activation(function, z, h, dh))

            if rates[i] and scheme.drops_weights:
                ops.append(Dropout(*dropout, work[f"mask{i}"], W, work[f"V{i}"], dW))
                W = work[f"V{i}"]
            elif rates[i] and not of_inputs_in_rows:
                kind = SaturatingDropout if scheme.saturation else Dropout
                x, h = h, work[f"h{i}"] if i else h
                ops.append(kind(*dropout, work[f"mask{i}"], x, h, dh))

            y, dy = work[f"z{i + 1}"], optional(work, f"d{i + 1}")
            is_normalised = network.is_normalised(i)
            parameters = W, None if is_normalised else b, dW, db
            if of_inputs_in_rows:
                self.input = SparseDense(None, y, dy, *parameters)
                if f"mask{i}" in layout and not scheme.drops_weights:
                    ops.append(SparseDropout(*dropout, work[f"mask{i}"], self.input))
                elif rates[i] and not scheme.drops_weights:
                    ops.append(SparseEntryDropout(*dropout, self.input))
                ops.append(self.input)
            else:
                ops.append(Dense(h, y, dh, dy, *parameters))

            if is_normalised:
                x, y = y, work[f"n{i + 1}"]
                scale, dscale = network.parameters[f"scale{i}"], gradient[f"scale{i}"]
                of_batch = work[f"mean{i + 1}"], work[f"std{i + 1}"]
                running = [network.statistics[f"{name}{i}"] for name in ("mean", "variance", "n")]
                ops.append(
                    BatchNorm(self.weight, x, y, dy, scale, b, dscale, db, *of_batch, *running)
                )
            h, dh = y, dy
        self.z, self.dz = h, dh
        self._draw = tuple(op.draw for op in ops if isinstance(op, Dropout | SparseDropout))
        self._forward = tuple(op.forward for op in ops)
        self._backward = tuple(op.backward for op in reversed(ops))

    @staticmethod
    def _masks(network, n_rows, scheme, rates, sparse, one_mask):
        """Names and shapes of the masks, but for one of sparse entries, which has no fixed shape.

        They lie first, so that those which do not depend on the number of rows are in the same
        place for any number of rows: plans that share their memory share these masks.
        """
        layout = {}
        for i, (rate, shape) in enumerate(zip(rates, pairwise(network.sizes), strict=True)):
            if rate and scheme.drops_weights:
                layout[f"mask{i}"] = scheme.mask_shape(*shape)
            elif rate and not (sparse and i == 0 and scheme.draws_per_row and not one_mask):
                layout[f"mask{i}"] = scheme.mask_shape(1 if one_mask else n_rows, shape[0])
        return layout

    @staticmethod
    def _layout(network, n_rows, scheme, rates, sparse, trains):
        """Names and shapes of the rest; one `d` a layer serves all derivatives there."""
        layout = {} if sparse else {"x": (n_rows, network.sizes[0])}
        for i, width in enumerate(network.sizes[1:], start=1):
            layout[f"z{i}"] = (n_rows, width)
            if trains:
                layout[f"d{i}"] = (n_rows, width)
            if network.is_normalised(i - 1):
                layout[f"n{i}"] = (n_rows, width)
                layout[f"mean{i}"] = layout[f"std{i}"] = (1, width)
            if i < network.n_layers:
                if not ACTIVATIONS[network.activations[i - 1]].in_place:
                    layout[f"a{i}"] = (n_rows, width)
                if rates[i] and not scheme.drops_weights:
                    layout[f"h{i}"] = (n_rows, width)
        for i, shape in enumerate(pairwise(network.sizes)):
            if rates[i] and scheme.drops_weights:
                layout[f"V{i}"] = shape
        if trains:
            layout |= {"y": (n_rows, network.sizes[-1]), "weight": (n_rows, 1), "row": (n_rows, 1)}
        return layout

    def forward(self, *, redraw: bool = True) -> Array:
        """Return the raw predictions for the batch, with new masks or those of the last pass."""
        if redraw:
            for draw in self._draw:
                draw()
        for forward in self._forward:
            forward()
        return self.z

    def run(self, *, redraw: bool = True) -> float:
        """Return the loss of the batch; its gradient is in the gradient buffer."""
        z = self.forward(redraw=redraw)
        loss = self.loss.value_and_gradient(z, self.y, self.weight, self.dz, self.row)
        for backward in self._backward:
            backward()
        return loss
