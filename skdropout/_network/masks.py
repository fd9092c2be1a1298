"""Masks: what is dropped, where the masks of a batch lie, and how they are drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

import numpy as np

from skdropout._core import tuning
from skdropout._core.buffers import Array, Buffer, Shape
from skdropout.dropout import DropoutScheme


@dataclass(frozen=True)
class Drops:
    """What is dropped: a scheme and a rate for the inputs and each hidden layer, in this order.

    Layers whose schemes are the same object may be drawn together.
    """

    schemes: tuple[DropoutScheme, ...]
    rates: tuple[float, ...]

    @classmethod
    def nothing(cls, n_layers: int) -> "Drops":
        """All rates zero."""
        return cls((DropoutScheme(),) * n_layers, (0.0,) * n_layers)

    def __bool__(self) -> bool:
        return any(self.rates)

    def at(self, factor: float) -> "Drops":
        """The same with all rates multiplied by a factor."""
        if factor == 1.0:
            return self
        return Drops(self.schemes, tuple(factor * rate for rate in self.rates))

    @property
    def in_use(self) -> list[DropoutScheme]:
        """The schemes of the layers that lose something."""
        return [scheme for scheme, rate in zip(self.schemes, self.rates, strict=True) if rate]

    @property
    def batches_per_mask(self) -> int:
        """Batches that masks are kept for; all schemes keep them for as many."""
        return self.schemes[0].batches_per_mask

    @property
    def draws_per_row(self) -> bool:
        """Whether rows have masks of their own in any layer."""
        return any(scheme.draws_per_row for scheme in self.in_use)

    @property
    def leaves_out(self) -> bool:
        """Whether what is dropped are units alone, and set to zero."""
        return not any(scheme.drops_weights or scheme.saturation for scheme in self.in_use)

    def drops_units(self, i: int) -> bool:
        """Whether units of layer `i` are dropped."""
        return self.rates[i] > 0 and not self.schemes[i].drops_weights

    def drops_weights(self, i: int) -> bool:
        """Whether weights out of layer `i` are dropped."""
        return self.rates[i] > 0 and self.schemes[i].drops_weights

    def drops_entries(self, i: int, *, sparse: bool, one_mask: bool = False) -> bool:
        """Whether the inputs are sparse, and lose stored entries of each row on its own."""
        each = sparse and not one_mask and i == 0
        return each and self.drops_units(0) and self.schemes[0].draws_per_row

    def drop_any(self, sizes: Sequence[int]) -> bool:
        """Whether any layer of these sizes, inputs included, loses anything."""
        layers = zip(self.schemes, self.rates, sizes, strict=True)
        return any(scheme.drops(rate, n_units) for scheme, rate, n_units in layers)

    def active_sizes(self, sizes: Sequence[int]) -> list[int] | None:
        """Sizes of the layers without the hidden units that are dropped, None if these vary."""
        active: list[int] = []
        for i, size in enumerate(sizes):
            n_active: int | None = size
            if 0 < i < len(self.rates) and self.rates[i]:
                n_active = self._n_active(i, size)
            if n_active is None:
                return None
            active.append(n_active)
        return active

    def _n_active(self, i: int, n_units: int) -> int | None:
        """What a scheme says of the number of units that it keeps; raise if that cannot be."""
        scheme = self.schemes[i]
        n_active = scheme.n_active(self.rates[i], n_units)
        if n_active is None or (isinstance(n_active, Integral) and 0 < n_active <= n_units):
            return n_active
        raise ValueError(
            f"n_active of dropout={scheme!r} must be None or an integer from 1 to the "
            f"{n_units} units of a layer, got {n_active!r}."
        )


@dataclass(eq=False, slots=True)
class Draw:
    """Draws a mask, or one for each of several networks."""

    scheme: DropoutScheme
    each: list[tuple[np.random.Generator, float, Array]]  # stream, rate, mask (rows, columns)

    def __call__(self, k: int):
        """Put a new mask into place, the one number `k` since an epoch began."""
        for rng, rate, mask in self.each:
            self.scheme.draw(rng, rate, out=mask)


@dataclass(eq=False, slots=True)
class DrawAhead(Draw):
    """Draws as many masks at once as there is room for, when an epoch begins and when they end.

    Those of one network lie one after the other in `each`.
    """

    masks: Array  # (n_masks, ..., rows, columns), all of them
    mask: Array  # (..., rows, columns)

    def __call__(self, k: int):
        k %= len(self.masks)
        if k == 0:
            Draw.__call__(self, k)
        np.copyto(self.mask, self.masks[-1 - k])


class Masks:
    """The masks of a batch, one for each layer that loses something: ``masks[i]``, 0 the inputs.

    A mask of units has the shape (n_rows, n_units), or (1, n_units) for all rows, a mask of
    weights that of the weight matrix. Masks of the entries of sparse rows have no fixed shape, and
    are drawn with each batch.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, inputs and outputs included.
    drops : Drops
    n_rows : int
    dtype : dtype
    rng : Generator
    sparse : bool, default=False
        Whether the inputs come in sparse rows.
    one_mask : bool, default=False
        Whether all rows have the same mask even if the scheme would draw one for each.
    constant : mapping of int to ndarray, default={}
        Masks that are never drawn, by layer.
    n_draws : int, default=1
        Draws of an epoch: for as many, small masks may be drawn at once.
    larger : Masks, default=None
        Masks for more rows, in whose memory these lie. Where the shapes do not depend on the
        number of rows they are the same masks.
    others : sequence of (Drops, Generator), default=()
        Of the other networks of a stack, which drop something in the same layers.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        drops: Drops,
        n_rows: int,
        dtype: np.dtype,
        rng: np.random.Generator,
        *,
        sparse: bool = False,
        one_mask: bool = False,
        constant: Mapping[int, Array] | None = None,
        n_draws: int = 1,
        larger: "Masks | None" = None,
        others: Sequence[tuple[Drops, np.random.Generator]] = (),
    ):
        self.sizes, self.drops, self.rng = tuple(sizes), drops, rng
        self.sources = [(drops, rng), *others]
        self.stack: Shape = (len(self.sources),) if others else ()
        self.constant = constant or {}
        layout: dict[int, Shape] = {}
        for i, (rate, shape) in enumerate(zip(drops.rates, pairwise(sizes), strict=True)):
            if not rate or i in self.constant:
                continue
            if drops.drops_weights(i):
                layout[i] = drops.schemes[i].mask_shape(*shape)
            elif not drops.drops_entries(i, sparse=sparse, one_mask=one_mask):
                layout[i] = drops.schemes[i].mask_shape(1 if one_mask else n_rows, shape[0])
        if larger is None:
            memory = np.zeros((*self.stack, Buffer.size_of(layout)), dtype)
        else:
            memory = larger.buffer.flat
        self.buffer: Buffer = Buffer(layout, dtype, memory)
        self.draws = [self._draw_of(group, n_draws) for group in self._groups()]

    def __getitem__(self, i: int) -> Array:
        return self.constant[i] if i in self.constant else self.buffer[i]

    def draw(self, k: int = 0):
        """Draw new masks, those number `k` since an epoch began: an epoch takes no mask over."""
        for draw in self.draws:
            draw(k)

    def first_row(self) -> list[Array | None]:
        """One mask for each layer: a vector of its units, a matrix of its weights, or None."""
        masks: list[Array | None] = []
        for i, shape in enumerate(pairwise(self.sizes)):
            if self.drops.drops_weights(i):
                masks.append(np.broadcast_to(self[i], shape))
            elif self.drops.drops_units(i):
                masks.append(np.broadcast_to(self[i][:1], (1, shape[0]))[0])
            else:
                masks.append(None)
        return masks

    def _groups(self) -> list[list[int]]:
        """Layers whose masks are drawn together: of one rate, all numbers on their own."""
        schemes, rates = self.drops.schemes, self.drops.rates
        groups: list[list[int]] = []
        for i in self.buffer.layout:
            together = schemes[i].independent and schemes[i].draws_per_row
            j = groups[-1][0] if groups else i
            if together and j != i and schemes[j] is schemes[i] and rates[j] == rates[i]:
                groups[-1].append(i)
            else:
                groups.append([i])
        return groups

    def _draw_of(self, group: list[int], n_draws: int) -> Draw:
        """What draws the masks of some layers, which lie side by side."""
        scheme = self.drops.schemes[group[0]]
        mask = self.buffer[group[0]]
        if len(group) > 1:
            span = self.buffer.span(group[0], group[-1])
            mask = self.buffer.flat[..., span].reshape(*self.stack, 1, -1)
        n_rows, n_columns = mask.shape[-2:]
        n_masks = min(n_draws, tuning.MASK_NUMBERS // (n_rows * n_columns))
        rows_are_masks = scheme.independent or not (scheme.drops_weights or scheme.draws_per_row)
        is_ahead = n_masks > 1 and rows_are_masks
        drawn = mask
        if is_ahead:
            drawn = np.empty((*self.stack, n_masks, n_rows, n_columns), mask.dtype)
        each = [
            (rng, drops.rates[group[0]], out)
            for (drops, rng), out in zip(
                self.sources, drawn.reshape(len(self.sources), -1, n_columns), strict=True
            )
        ]
        if not is_ahead:
            return Draw(scheme, each)
        return DrawAhead(scheme, each, np.moveaxis(drawn, -3, 0), mask)
