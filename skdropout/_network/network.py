"""The network: its parameters, and inference."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array

from skdropout._core import threads, tuning
from skdropout._core.activations import ACTIVATIONS
from skdropout._core.buffers import Array, Buffer, Shape, pieces
from skdropout._core.vectors import is_finite
from skdropout._network.ops import BatchNorm
from skdropout.initializers import choose_initializer

Drop = Callable[[int, Any, Array], tuple[Any, Array]]
"""Takes ``i, h, W``, what goes into layer `i`, and returns `h` and `W` without what is dropped."""

N_WAYS = 13
"""Times that a row is taken nearer, in the end to zero."""


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
    fit_intercept : bool, default=True
        Whether a training moves the biases; else they stay as they are.
    memory : ndarray of shape (n_numbers,) or (n_networks, n_numbers), default=None
        Where it lies; None takes new memory, filled with zeros. With two axes it is a stack of
        networks for a training pass, each of whose rows is the memory of one.

    Attributes
    ----------
    largest_layer : int
        The weights of the largest weight matrix.
    weights, biases : list of ndarray
        Views of the weight matrices and of the bias vectors, from the inputs on.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activations: Sequence[str],
        dtype: DTypeLike,
        *,
        batch_norm: bool = False,
        fit_intercept: bool = True,
        memory: Array | None = None,
    ):
        self.sizes = tuple(sizes)
        self.activations = tuple(activations)
        self.batch_norm = batch_norm
        self.fit_intercept = fit_intercept
        self.largest_layer = max(a * b for a, b in pairwise(self.sizes))
        layout: dict[str, Shape]
        layout = {f"W{i}": shape for i, shape in enumerate(pairwise(self.sizes))}
        layout |= {f"b{i}": (fan_out,) for i, fan_out in enumerate(self.sizes[1:])}
        statistics: dict[str, Shape] = {}
        if batch_norm:
            hidden = tuple(enumerate(self.sizes[1:-1]))
            layout |= {f"scale{i}": (width,) for i, width in hidden}
            for i, width in hidden:
                statistics |= {f"mean{i}": (1, width), f"variance{i}": (1, width), f"n{i}": (1,)}
        n_numbers = Buffer.size_of(layout) + Buffer.size_of(statistics)
        self._lie(np.zeros(n_numbers, dtype) if memory is None else memory, layout, statistics)

    def _lie(self, memory: Array, layout: dict[str, Shape], statistics: dict[str, Shape]):
        """Sets: `memory`, and all that are views of it."""
        n_parameters = Buffer.size_of(layout)
        self.memory = memory
        self.parameters = Buffer(layout, memory.dtype, memory)
        self.statistics = Buffer(statistics, memory.dtype, memory[..., n_parameters:])
        self.weights, self.biases = (
            [self.parameters[f"{kind}{i}"] for i in range(self.n_layers)] for kind in "Wb"
        )

    def move_to(self, memory: Array):
        """Take all numbers along to another place. Sets: `memory`, and all views."""
        memory[:] = self.memory
        self._lie(memory, self.parameters.layout, self.statistics.layout)

    @property
    def stack(self) -> Shape:
        """The number of networks as the shape of the axis that they take up: () for one."""
        return self.memory.shape[:-1]

    @property
    def n_layers(self) -> int:
        """The number of weight matrices."""
        return len(self.sizes) - 1

    @property
    def dtype(self) -> np.dtype:
        """The type of every parameter."""
        return self.memory.dtype

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

    def initialize(self, rng: np.random.Generator, weight_init: Sequence[Any]):
        """Draw new weights, for each matrix by a function, a name or "auto".

        Biases start at zero, scales at one.
        """
        self.memory.fill(0.0)
        activations = *self.activations, "identity"
        for i, (given, activation) in enumerate(zip(weight_init, activations, strict=True)):
            W = self.weights[i]
            try:
                drawn = np.asarray(choose_initializer(given, activation)(rng, *W.shape))
            except Exception as error:
                error.add_note(f"This is what weight_init={given!r} said of the shape {W.shape}.")
                raise
            if drawn.shape != W.shape or drawn.dtype.kind not in "fiub":
                raise ValueError(
                    f"weight_init={given!r} must return real numbers of the shape {W.shape}, got "
                    f"the shape {drawn.shape} of {drawn.dtype}."
                )
            with np.errstate(over="ignore"):
                W[:] = drawn
            if not np.isfinite(W).all():
                raise ValueError(f"weight_init={given!r} gave NaN, or more than {W.dtype} holds.")
            if self.is_normalised(i):
                self.parameters[f"scale{i}"].fill(1.0)

    def __reduce__(self) -> tuple:
        return Network.from_state, (self.get_state(),)

    def scale_outputs(self, factor: float):
        """Multiply the raw predictions by a number, in place."""
        self.weights[-1][:] *= factor
        self.biases[-1][:] *= factor

    def copy(self, dtype: DTypeLike | None = None) -> "Network":
        """A network with the same parameters in memory of its own, of another type or the same."""
        dtype = self.dtype if dtype is None else dtype
        network = Network(
            self.sizes,
            self.activations,
            dtype,
            batch_norm=self.batch_norm,
            fit_intercept=self.fit_intercept,
        )
        network.memory[:] = self.memory
        return network

    def get_state(self) -> dict:
        """All there is to know, as plain values and one array."""
        return {
            "sizes": self.sizes,
            "activations": self.activations,
            "batch_norm": self.batch_norm,
            "fit_intercept": self.fit_intercept,
            "memory": self.memory.copy(),
        }

    @classmethod
    def from_state(cls, state: dict) -> "Network":
        """Build a network from what `get_state` returned; raise if it is not of one piece."""
        memory = np.array(state["memory"], order="C")
        network = cls(
            state["sizes"],
            state["activations"],
            memory.dtype,
            batch_norm=state["batch_norm"],
            fit_intercept=state["fit_intercept"],
            memory=memory,
        )
        n_numbers = network.parameters.flat.size + network.statistics.flat.size
        if memory.shape != (n_numbers,) or memory.dtype.kind != "f":
            raise ValueError(
                f"A network of layers of {network.sizes} units has {n_numbers} numbers, got an "
                f"array of the shape {memory.shape} of {memory.dtype}."
            )
        return network

    def is_finite(self) -> bool:
        """Whether no parameter is NaN or infinite."""
        return is_finite(self.memory)

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

    def thin(self, masks: list[Array | None]) -> "Network":
        """The smaller network without the hidden units whose mask is zero.

        There is a mask, a vector, for the inputs and for each hidden layer; None stands for ones.
        All inputs stay. It has to be a network without batch normalisation.
        """
        units = [np.arange(size) for size in self.sizes]
        for i, mask in enumerate(masks):
            if i and mask is not None:
                units[i] = np.flatnonzero(mask)
        thinned = Network([len(kept) for kept in units], self.activations, self.dtype)
        for i, (inputs, outputs) in enumerate(pairwise(units)):
            W, b, mask = thinned.weights[i], thinned.biases[i], masks[i]
            self.weights[i].take(inputs, axis=0).take(outputs, axis=1, out=W, mode="clip")
            self.biases[i].take(outputs, out=b, mode="clip")
            if mask is not None:
                W *= mask.take(inputs).reshape(-1, 1)
        return thinned

    def predict(self, X: Any, rows: Any = None) -> Array:
        """Raw predictions `z` for any number of rows, or for some of them; nothing is dropped.

        With `rows`, row numbers, these rows of `X` are gathered block by block.
        """
        network = self.fold()
        dtype = self.dtype if X.dtype == self.dtype else np.result_type(X.dtype, self.dtype)
        n_rows = X.shape[0] if rows is None else len(rows)
        z = np.empty((n_rows, self.sizes[-1]), dtype)
        blocks = self.blocks(n_rows, with_inputs=rows is not None)
        size = blocks[0].stop
        work = self.work_space(size, dtype)
        with threads.one_for(size, self.largest_layer, above=tuning.SECOND_THREAD):
            for block in blocks:
                h = X[block if rows is None else rows[block]]
                network.forward(h, z[block], work)
        return z

    def predict_finite(self, X: Any, reach: float) -> Array:
        """Raw predictions for rows of finite numbers, however large they are: see `come_near`."""
        with np.errstate(over="ignore", invalid="ignore"):
            z = self.predict(X)
            if goes_far(z):
                far = np.flatnonzero(is_far(z, reach))
                z[far] = come_near(self.predict, X[far], z[far], reach)
        return z

    def blocks(self, n_rows: int, *, with_inputs: bool = False) -> list[slice]:
        """Cut rows into blocks for inference, which has copies of their inputs or not."""
        widest = max(self.sizes if with_inputs else self.sizes[1:])
        size = max(1, tuning.INFERENCE_NUMBERS // widest)
        return pieces(n_rows, size)

    def work_space(self, n_rows: int, dtype: DTypeLike) -> Array:
        """Memory for `forward`: two hidden layers."""
        return np.empty((2, n_rows * max(self.sizes[1:-1], default=0)), dtype)

    def forward(self, h: Any, z: Array, work: Array, drop: Drop | None = None) -> Array:
        """Write the raw predictions for the inputs `h` into `z`; batch norm has to be folded.

        Layers go from one half of `work` to the other.
        """
        layers = zip(self.weights, self.biases, (*self.activations, None), strict=True)
        here, there = work
        for i, (W, b, name) in enumerate(layers):
            if drop is not None:
                h, W = drop(i, h, W)
            if name is None:
                return affine(h, W, b, out=z)
            shape = len(z), len(b)
            x = affine(h, W, b, out=here[: shape[0] * shape[1]].reshape(shape))
            function = ACTIVATIONS[name]
            if function.in_place:
                h = x
                here, there = there, here
            else:
                h = there[: x.size].reshape(shape)
            function.forward(x, h)
        return z


def affine(h: Array | csr_array, W: Array, b: Array, out: Array) -> Array:
    """``h W + b``, written into `out`."""
    if isinstance(h, np.ndarray):
        h.dot(W, out=out)
    else:
        out[:] = h @ W
    out += b
    return out


def goes_far(z: Array) -> bool:
    """Whether raw predictions, or no more than their squares, are too large for their type."""
    flat = z.reshape(-1)
    return not isfinite(flat.dot(flat))


def is_far(z: Array, reach: float) -> Array:
    """Which rows of raw predictions are larger than this part of the largest number."""
    return ~(np.abs(z) <= reach * np.finfo(z.dtype).max).all(axis=1)


def come_near(predict: Callable[[Any], Array], X: Any, z: Array, reach: float) -> Array:
    """Raw predictions `z` for `X`, and where they are no numbers those on the way from zero to it.

    The row is halved once, twice, four times, ... until there are numbers for what `predict` makes
    of it. So far away a network is a line, or all but constant. With a `reach` of one outputs are
    not compared with each other, and what is infinite is the largest number.
    """
    largest = np.finfo(z.dtype).max
    z = z.copy() if reach < 1.0 else np.clip(z, -largest, largest)
    for i in range(N_WAYS):
        far = is_far(z, reach)
        if not far.any():
            break
        z[far] = predict(X * 0.5 ** (1 << i))[far]
    return z
