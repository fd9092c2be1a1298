"""The pass through a network, compiled for a batch size: everything that can be decided is."""

from itertools import pairwise
from numbers import Integral

import numpy as np

from skdropout._core.activations import ACTIVATIONS
from skdropout._core.buffers import Array, Buffer
from skdropout._core.losses import Loss
from skdropout._network.network import Network
from skdropout._network.ops import (
    Activation,
    BatchNorm,
    Dense,
    Draw,
    DrawAhead,
    DrawWindow,
    Dropout,
    Gate,
    SaturatingDropout,
    SmallDense,
    SparseDense,
    SparseDropout,
    SparseEntryDropout,
    SparseRows,
    Window,
    WindowDense,
)
from skdropout.dropout import DropoutScheme

PIECES = 1.75
"""What a multiplication costs in windows, which are cut into pieces, in those of whole layers."""
CLEARING = 20
"""What it costs to clear the derivative of a weight, in multiplications."""
MOVING = 600
"""What it costs to let a weight, and what is remembered of it, change places and come back."""
WORTHWHILE = 1 << 20
"""Multiplications that have to be saved for each layer to make up for more calls."""
SMALL = 1 << 17
"""Multiplications of a small product, at the most. OpenBLAS wakes a second thread for 2^18, and
NumPy and SciPy may each bring threads of their own, which would wait for each other."""
AHEAD = 1 << 14
"""Numbers of masks that are drawn at once, at the most, for passes to come."""


class Plan:
    """One pass through the network, compiled for a batch size.

    The batch goes into `x`; in training its targets go into `y` and its weights into `weight` (a
    column that sums to one). `run` leaves the gradient in the buffer that was handed in, which has
    to hold zeros before where there are `windows`; without one there is only `forward`, which needs
    a network without batch norm.

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
    larger : Plan, default=None
        A plan that differs in nothing but more rows, to work in whose memory. Both drop units in
        the same form, and masks that do not depend on the number of rows are common to them.
    sparse : bool, default=False
        Whether the inputs come in sparse rows; such a batch goes into ``x.rows``.
    one_mask : bool, default=False
        Whether all rows have the same mask even if the scheme would draw one for each.
    may_reorder : bool, default=True
        Whether hidden units may lie in another order: without that there are no windows.
    n_passes : int, default=1
        Passes for which small masks may be drawn at once; `forget` gives up what is left of them.
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
        larger: "Plan | None" = None,
        sparse: bool = False,
        one_mask: bool = False,
        may_reorder: bool = True,
        n_passes: int = 1,
    ):
        self.network, self.gradient, self.loss, self.n_rows = network, gradient, loss, n_rows
        self.scheme, self.rates, self.rng = scheme, rates, rng
        self.sparse, self.one_mask, self.n_passes = sparse, one_mask, n_passes
        self.may_reorder = may_reorder
        self.windows = self._windows() if larger is None else larger.windows
        self.widths = list(network.sizes)
        for i, window in self.windows.items():
            self.widths[i] = window.n_active

        masks = self._masks()
        memory = None if larger is None else larger.work.flat
        self.work = Buffer(masks | self._layout(), network.dtype, memory)
        self.masks = {name: self.work[name] for name in masks}
        self.ones = np.ones(n_rows, network.dtype)
        self.x = SparseRows() if sparse else self.work["x"]
        if gradient is not None:
            self.y, self.weight, self.row = (self.work[name] for name in ("y", "weight", "row"))

        self.ops = []
        self._draws = [*self._mask_draws()]
        h, dh = self.x, None
        for i, activation in enumerate(("identity", *network.activations)):
            if self._is_gated(i):
                self._add_gate(i, activation, h, dh)
            else:
                h = self._add_activation(i, activation, h, dh)
                h = self._add_dropout(i, h, dh)
            h, dh = self._add_dense(i, h, dh)
            h = self._add_batch_norm(i, h, dh)
        self.z, self.dz = h, dh
        self._forward = tuple(op.forward for op in self.ops)
        self._backward = tuple(op.backward for op in reversed(self.ops))

    def forward(self, *, redraw: bool = True) -> Array:
        """Return the raw predictions for the batch, with new masks or those of the last pass."""
        if redraw:
            self.draw()
        for forward in self._forward:
            forward()
        return self.z

    def draw(self):
        """Draw new masks."""
        for draw in self._draws:
            draw()

    def run(self, *, redraw: bool = True):
        """Write the gradient of the mean loss of the batch; its raw predictions are in `z`."""
        z = self.forward(redraw=redraw)
        self.loss.gradient(z, self.y, self.weight, self.dz, self.row)
        for backward in self._backward:
            backward()

    def forget(self):
        """Give up masks that were drawn for passes to come."""
        for draw in self._draws:
            if isinstance(draw, DrawAhead):
                draw.n_left = 0

    # What takes part

    def _windows(self) -> dict[int, Window]:
        """The hidden layers of which windows take part, counted from the inputs.

        Where all units are alike, a training may keep neighbours of a random order, and leave the
        others out of the products. This is done where it is faster: it saves a multiplication a
        row, forward, backward and for the gradient, for each weight that is out, and takes time
        for every weight, whose derivative has to be zero, and which has to change places.
        """
        network, scheme = self.network, self.scheme
        is_possible = self.may_reorder and self.gradient is not None and not network.batch_norm
        if not (is_possible and any(self.rates)):
            return {}
        sizes, active = network.sizes, active_sizes(network, scheme, self.rates)
        of_rows_or_weights = scheme.draws_per_row or scheme.drops_weights
        if active is None or not scheme.exchangeable or of_rows_or_weights or scheme.saturation:
            return {}
        n_in, n_all = count_weights(active), count_weights(sizes)
        saved = 3 * self.n_rows * (n_all - PIECES * n_in)
        saved -= (CLEARING + MOVING / self.n_passes) * n_all
        if saved <= WORTHWHILE * network.n_layers:
            return {}
        return {
            i: Window(size, n_active)
            for i, (size, n_active) in enumerate(zip(sizes, active, strict=True))
            if n_active < size
        }

    # Where it lies

    def _masks(self):
        """Names and shapes of the masks, but for one of sparse entries, which has no fixed shape.

        They lie first, so that those which do not depend on the number of rows are in the same
        place for any number of rows: plans that share their memory share these masks.
        """
        layout = {}
        for i, (rate, shape) in enumerate(
            zip(self.rates, pairwise(self.network.sizes), strict=True)
        ):
            if rate and self.scheme.drops_weights:
                layout[f"mask{i}"] = self.scheme.mask_shape(*shape)
            elif i in self.windows:
                layout[f"mask{i}"] = (1, self.windows[i].n_active)
            elif rate and not self._drops_entries(i):
                n_rows = 1 if self.one_mask else self.n_rows
                layout[f"mask{i}"] = self.scheme.mask_shape(n_rows, shape[0])
        return layout

    def _mask_draws(self):
        """What draws the masks: those of one rate at once, where all their numbers are alike."""
        together = self.scheme is not None and self.scheme.independent and self.scheme.draws_per_row
        groups = []
        for name in self.masks:
            i = int(name.removeprefix("mask"))
            rate = self.rates[i]
            if i in self.windows:
                yield DrawWindow(self.windows[i], self.rng, self.masks[name])
            elif together and groups and groups[-1][0] == rate:
                groups[-1][1].append(name)
            else:
                groups.append((rate, [name]))
        for rate, names in groups:
            mask = self.masks[names[0]]
            if len(names) > 1:
                mask = self.work.flat[self.work.span(names[0], names[-1])].reshape(1, -1)
            n_passes = min(self.n_passes, AHEAD // mask.size)
            if n_passes > 1 and self.scheme.stackable:
                masks = np.empty((n_passes, *mask.shape), mask.dtype)
                yield DrawAhead(self.scheme, rate, self.rng, mask, masks)
            else:
                yield Draw(self.scheme, rate, self.rng, mask)

    def _drops_entries(self, i: int) -> bool:
        """Whether masks of the units of layer `i` are masks of the entries of sparse rows."""
        return self.sparse and i == 0 and self.scheme.draws_per_row and not self.one_mask

    def _drops_units(self, i: int) -> bool:
        """Whether units of layer `i` are dropped, and not weights."""
        return bool(self.rates[i]) and not self.scheme.drops_weights

    def _is_gated(self, i: int) -> bool:
        """Whether activation and dropout of layer `i` are one multiplication.

        In training only: a gate makes NaN of minus infinity, whose rectifier is zero in prediction.
        """
        if i == 0 or self.gradient is None or (self._drops_units(i) and self.scheme.saturation):
            return False
        return ACTIVATIONS[self.network.activations[i - 1]].is_rectifier

    def _layout(self):
        """Names and shapes of the rest; one `d` a layer serves all derivatives there."""
        network, n_rows, trains = self.network, self.n_rows, self.gradient is not None
        layout = {} if self.sparse else {"x": (n_rows, network.sizes[0])}
        for i, width in enumerate(self.widths[1:], start=1):
            layout[f"z{i}"] = (n_rows, width)
            if trains:
                layout[f"d{i}"] = (n_rows, width)
            if network.is_normalised(i - 1):
                layout[f"n{i}"] = (n_rows, width)
                layout[f"mean{i}"] = layout[f"std{i}"] = (1, width)
            if i < network.n_layers:
                if self._is_gated(i):
                    layout[f"g{i}"] = (n_rows, width)
                    continue
                if not ACTIVATIONS[network.activations[i - 1]].in_place:
                    layout[f"a{i}"] = (n_rows, width)
                if self._drops_units(i):
                    layout[f"h{i}"] = (n_rows, width)
        for i, shape in enumerate(pairwise(network.sizes)):
            if self.rates[i] and self.scheme.drops_weights:
                layout[f"V{i}"] = shape
        if self.windows:
            layout["product"] = (n_rows * max(self.widths[1:]),)
        if trains:
            layout |= {"y": (n_rows, network.sizes[-1]), "weight": (n_rows, 1), "row": (n_rows, 1)}
        return layout

    # The operations; `h` and `dh` are what layer `i` takes in, and its derivative

    def _add_activation(self, i, name, z, dz):
        if name == "identity":
            return z
        function = ACTIVATIONS[name]
        h = z if function.in_place else self.work[f"a{i}"]
        self.ops.append(Activation(function, z, h, dz))
        return h

    def _add_gate(self, i, name, x, dx):
        mask = self.masks[f"mask{i}"] if self._drops_units(i) else None
        self.ops.append(Gate(ACTIVATIONS[name], mask, self.work[f"g{i}"], x, dx))

    def _add_dropout(self, i, x, dx):
        scheme, rate = self.scheme, self.rates[i]
        if not self._drops_units(i):
            return x
        if self._drops_entries(i):
            self.ops.append(SparseEntryDropout(scheme, rate, self.rng, x))
            return x
        mask = self.masks[f"mask{i}"]
        if self.sparse and i == 0:
            of_features = np.broadcast_to(mask, (1, self.network.sizes[0]))
            self.ops.append(SparseDropout(of_features, x))
            return x
        h = self.work[f"h{i}"] if i else x
        if scheme.saturation:
            op = SaturatingDropout(mask, x, h, dx, scheme.saturation, scheme.mean(rate))
        else:
            op = Dropout(mask, x, h, dx)
        self.ops.append(op)
        return h

    def _add_dense(self, i, x, dx):
        network, work = self.network, self.work
        y, dy = work[f"z{i + 1}"], self._derivative_at(i + 1)
        W, dW = self._parameter(f"W{i}")
        b, db = (None, None) if network.is_normalised(i) else self._parameter(f"b{i}")
        if self.rates[i] and self.scheme.drops_weights:
            W = self._add_weight_dropout(i, W, dW)
        args = x, y, dx, dy, W, b, dW, db, self.ones
        if self.sparse and i == 0:
            op = SparseDense(*args, units=self._window(i + 1))
        elif i in self.windows or i + 1 in self.windows:
            inputs, units = (self._window(j) for j in (i, i + 1))
            op = WindowDense(*args, inputs, units, tmp=work["product"])
        elif self.n_rows * W.size <= SMALL:
            op = SmallDense(*args)
        else:
            op = Dense(*args)
        self.ops.append(op)
        return y, dy

    def _window(self, i):
        """The units of layer `i` that are in, which may be all."""
        n_units = self.network.sizes[i]
        return self.windows.get(i) or Window(n_units, n_units)

    def _add_weight_dropout(self, i, W, dW):
        V = self.work[f"V{i}"]
        self.ops.append(Dropout(self.masks[f"mask{i}"], W, V, dW))
        return V

    def _add_batch_norm(self, i, x, dy):
        if not self.network.is_normalised(i):
            return x
        work, y = self.work, self.work[f"n{i + 1}"]
        scale, dscale = self._parameter(f"scale{i}")
        b, db = self._parameter(f"b{i}")
        of_batch = work[f"mean{i + 1}"], work[f"std{i + 1}"]
        running = [self.network.statistics[f"{name}{i}"] for name in ("mean", "variance", "n")]
        self.ops.append(
            BatchNorm(self.weight, x, y, dy, scale, b, dscale, db, self.ones, *of_batch, *running)
        )
        return y

    def _parameter(self, name):
        """A parameter and its derivative."""
        return self.network.parameters[name], self.gradient and self.gradient[name]

    def _derivative_at(self, i):
        """The derivative of what comes out of layer `i`, counted from the inputs."""
        return self.gradient and self.work[f"d{i}"]


def count_weights(sizes) -> int:
    """The number of weights between layers of so many units."""
    return sum(a * b for a, b in pairwise(sizes))


def active_sizes(network: Network, scheme: DropoutScheme, rates) -> list[int] | None:
    """The sizes of the layers without the hidden units that are dropped, None if they vary."""
    sizes = list(network.sizes)
    for i, rate in enumerate(rates):
        if i and rate:
            sizes[i] = check_n_active(scheme, rate, sizes[i])
    return None if None in sizes else sizes


def check_n_active(scheme: DropoutScheme, rate: float, n_units: int) -> int | None:
    """What a scheme says of the number of units that it keeps; raise if that cannot be."""
    n_active = scheme.n_active(rate, n_units)
    if n_active is None or (isinstance(n_active, Integral) and 0 < n_active <= n_units):
        return n_active
    raise ValueError(
        f"n_active of dropout={scheme!r} must be None or an integer from 1 to the {n_units} units "
        f"of a layer, got {n_active!r}."
    )
