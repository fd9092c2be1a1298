"""The training pass, compiled for a batch size: everything that can be decided is."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from skdropout._core.activations import ACTIVATIONS
from skdropout._core.buffers import Array, Buffer, Shape
from skdropout._core.losses import Loss
from skdropout._network.masks import Masks
from skdropout._network.network import Network
from skdropout._network.ops import (
    Activation,
    BatchNorm,
    Dense,
    DenseFields,
    Dropout,
    Operation,
    RectifierDropout,
    SaturatingDropout,
)
from skdropout._network.sparse import (
    LazyDense,
    SparseDense,
    SparseDropout,
    SparseEntryDropout,
    SparseRows,
    WeightRows,
)
from skdropout._network.windows import Window, WindowDense


@dataclass(eq=False, slots=True)
class Batch:
    """Where a batch has to be put, or one for each of several networks: one more axis in front."""

    x: Array | SparseRows  # (n, n_features)
    y: Array  # (n, n_outputs)
    weight: Array  # (n, 1), of sum one


class TrainingPass:
    """The gradient of the mean loss of a batch, which has to be put into `batch`.

    With a stack of networks each has a batch, masks and a gradient of its own, and they go through
    all of it together, to the same numbers as one after the other.

    ``forward()`` writes the raw predictions `z`, with the masks as they are; ``backward()`` the
    gradient, all of it, into the buffer that was handed in. Neither allocates anything that grows
    with the batch or the network.

    Parameters
    ----------
    network : Network
    gradient : Buffer
        Laid out like ``network.parameters``.
    loss : Loss
    n_rows : int
        The batch size.
    masks : Masks
        For as many rows.
    windows : mapping of int to Window, default={}
        Hidden layers of which windows alone take part; their masks are of the units kept.
    sparse : bool, default=False
        Whether the inputs come in sparse rows.
    lazy : WeightRows, default=None
        Hands out the rows of the first weight matrix that sparse inputs meet; the gradient of the
        whole matrix remains as it is.
    larger : TrainingPass, default=None
        One that differs in nothing but more rows, to work in whose memory.

    Attributes
    ----------
    z : ndarray of shape (n_rows, n_outputs)
    operations : list of Operation
        From the inputs on.
    """

    def __init__(
        self,
        network: Network,
        gradient: Buffer,
        loss: Loss,
        n_rows: int,
        *,
        masks: Masks,
        windows: Mapping[int, Window] | None = None,
        sparse: bool = False,
        lazy: WeightRows | None = None,
        larger: "TrainingPass | None" = None,
    ):
        self.network, self.gradient, self.loss, self.n_rows = network, gradient, loss, n_rows
        self.masks, self.drops, self.sparse = masks, masks.drops, sparse
        self.windows = windows or {}
        memory: Array | None = None if larger is None else larger.work.flat
        self.work: Buffer = Buffer(self._layout(), network.dtype, memory)
        self.ones = np.ones((1, n_rows) if network.stack else n_rows, network.dtype)
        x: Array | SparseRows = SparseRows() if sparse else self.work["x"]
        self.batch = Batch(x, self.work["y"], self.work["weight"])

        self.operations: list[Operation] = []
        self.z = self._add_first(x, lazy)
        for i in range(1, network.n_layers):
            self.z = self._add_layer(i, self.z)
        rows = (self.work[name] for name in ("y", "weight", f"d{network.n_layers}", "row"))
        self._loss_fields = [array.reshape(-1, array.shape[-1]) for array in (self.z, *rows)]
        self._forward = tuple(operation.forward for operation in self.operations)
        self._backward = tuple(operation.backward for operation in reversed(self.operations))

    def forward(self) -> Array:
        """Return the raw predictions for the batch. Sets: `z`."""
        for forward in self._forward:
            forward()
        return self.z

    def backward(self):
        """Go back from the raw predictions to the parameters. Sets: `gradient`."""
        self.loss.gradient(*self._loss_fields)
        for backward in self._backward:
            backward()

    # What the operations are: `h` and `dh` are what layer `i` takes in, and its derivative

    def _add_first(self, x: Array | SparseRows, lazy: WeightRows | None) -> Array:
        """The first layer, from the inputs, whose derivative nobody asks for, to its output."""
        if isinstance(x, SparseRows):
            self._add_sparse_dropout(x)
            return self._add_batch_norm(0, self._add_sparse_dense(x, lazy))
        return self._add_batch_norm(0, self._add_dense(0, self._add_dropout(0, x, None), None))

    def _add_layer(self, i: int, h: Array) -> Array:
        """From the output of the layer before, not yet activated, to that of layer `i`."""
        dh = self.work[f"d{i}"]
        name = self.network.activations[i - 1]
        if self._is_gated(i):
            mask = self.masks[i] if self.drops.drops_units(i) else None
            gate = self.work[f"g{i}"]
            self.operations.append(RectifierDropout(ACTIVATIONS[name], mask, gate, h, dh))
        else:
            h = self._add_activation(i, name, h, dh)
            h = self._add_dropout(i, h, dh)
        return self._add_batch_norm(i, self._add_dense(i, h, dh))

    def _is_gated(self, i: int) -> bool:
        """Whether activation and dropout of layer `i` are one multiplication."""
        is_rectifier = ACTIVATIONS[self.network.activations[i - 1]].is_rectifier
        return is_rectifier and not (self.drops.drops_units(i) and self.drops.schemes[i].saturation)

    def _add_activation(self, i: int, name: str, z: Array, dz: Array) -> Array:
        if name == "identity":
            return z
        function = ACTIVATIONS[name]
        h = z if function.in_place else self.work[f"a{i}"]
        self.operations.append(Activation(function, z, h, dz))
        return h

    def _add_dropout(self, i: int, x: Array, dx: Array | None) -> Array:
        if not self.drops.drops_units(i):
            return x
        scheme, mask = self.drops.schemes[i], self.masks[i]
        h = self.work[f"h{i}"] if i else x
        if scheme.saturation:
            mean = scheme.mean(self.drops.rates[i])
            self.operations.append(SaturatingDropout(mask, x, h, dx, scheme.saturation, mean))
        else:
            self.operations.append(Dropout(mask, x, h, dx))
        return h

    def _add_sparse_dropout(self, x: SparseRows):
        if self.drops.drops_entries(0, sparse=True):
            scheme, rate = self.drops.schemes[0], self.drops.rates[0]
            self.operations.append(SparseEntryDropout(scheme, rate, self.masks.rng, x))
        elif self.drops.drops_units(0):
            mask = np.broadcast_to(self.masks[0], (1, self.network.sizes[0]))
            self.operations.append(SparseDropout(mask, x))

    def _add_dense(self, i: int, x: Array, dx: Array | None) -> Array:
        fields = self._dense_fields(i)
        if i in self.windows or i + 1 in self.windows:
            kept = self._kept(i), self._kept(i + 1)
            tmp = self.work["product"]
            self.operations.append(WindowDense(x, dx, *fields, *kept, tmp))
        else:
            self.operations.append(Dense(x, dx, *fields))
        return fields.y

    def _add_sparse_dense(self, x: SparseRows, lazy: WeightRows | None) -> Array:
        fields = self._dense_fields(0)
        if lazy is None:
            self.operations.append(SparseDense(x, *fields, self._kept(1)))
        else:
            y, dy, _, b, _, db, ones = fields
            self.operations.append(LazyDense(x, y, dy, b, db, ones, lazy))
        return fields.y

    def _kept(self, i: int) -> Window:
        """The units of layer `i` that take part, which may be all."""
        n_units = self.network.sizes[i]
        return self.windows.get(i) or Window(n_units, n_units)

    def _dense_fields(self, i: int) -> DenseFields:
        """What the product of layer `i` works on, behind dropout of its weights."""
        work, p, g = self.work, self.network.parameters, self.gradient
        W, dW = p[f"W{i}"], g[f"W{i}"]
        if self.drops.drops_weights(i):
            V = work[f"V{i}"]
            self.operations.append(Dropout(self.masks[i], W, V, dW))
            W = V
        b = db = None
        if not self.network.is_normalised(i):
            b, db = p[f"b{i}"], g[f"b{i}"]
            if self.network.stack:
                b, db = b[:, np.newaxis], db[:, np.newaxis]
            if not self.network.fit_intercept:
                db = None
        return DenseFields(work[f"z{i + 1}"], work[f"d{i + 1}"], W, b, dW, db, self.ones)

    def _add_batch_norm(self, i: int, x: Array) -> Array:
        if not self.network.is_normalised(i):
            return x
        work, p, g = self.work, self.network.parameters, self.gradient
        y = work[f"n{i + 1}"]
        self.operations.append(
            BatchNorm(
                weight=self.batch.weight,
                x=x,
                y=y,
                dy=work[f"d{i + 1}"],
                scale=p[f"scale{i}"],
                b=p[f"b{i}"],
                dscale=g[f"scale{i}"],
                db=g[f"b{i}"],
                ones=self.ones,
                mean=work[f"mean{i + 1}"],
                std=work[f"std{i + 1}"],
                tmp=work[f"tmp{i + 1}"],
                running_mean=self.network.statistics[f"mean{i}"],
                running_variance=self.network.statistics[f"variance{i}"],
                n_batches=self.network.statistics[f"n{i}"],
            )
        )
        return y

    # Where it lies

    def _layout(self) -> dict[str, Shape]:
        """Names and shapes of the work space; one `d` a layer serves all derivatives there."""
        network, n_rows = self.network, self.n_rows
        widths = [
            self.windows[i].n_active if i in self.windows else size
            for i, size in enumerate(network.sizes)
        ]
        layout: dict[str, Shape] = {} if self.sparse else {"x": (n_rows, network.sizes[0])}
        for i, width in enumerate(widths[1:], start=1):
            layout[f"z{i}"] = layout[f"d{i}"] = (n_rows, width)
            if network.is_normalised(i - 1):
                layout[f"n{i}"] = (n_rows, width)
                layout[f"mean{i}"] = layout[f"std{i}"] = layout[f"tmp{i}"] = (1, width)
        for i, (name, width) in enumerate(
            zip(network.activations, widths[1:-1], strict=True), start=1
        ):
            if self._is_gated(i):
                layout[f"g{i}"] = (n_rows, width)
                continue
            if not ACTIVATIONS[name].in_place:
                layout[f"a{i}"] = (n_rows, width)
            if self.drops.drops_units(i):
                layout[f"h{i}"] = (n_rows, width)
        for i, shape in enumerate(pairwise(network.sizes)):
            if self.drops.drops_weights(i):
                layout[f"V{i}"] = shape
        if self.windows:
            layout["product"] = (n_rows * max(widths[1:]),)
        n_outputs = network.sizes[-1]
        layout |= {"y": (n_rows, n_outputs), "weight": (n_rows, 1), "row": (n_rows, 1)}
        return {name: (*network.stack, *shape) for name, shape in layout.items()}
