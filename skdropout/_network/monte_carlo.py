"""Predictions with dropout kept on: the raw predictions of thinned networks, block by block."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from skdropout._core import threads, tuning
from skdropout._core.buffers import Array
from skdropout._network.masks import Drops, Masks
from skdropout._network.network import Network, come_near, goes_far
from skdropout._network.sparse import drop_entries, drop_features
from skdropout._network.windows import count_weights


class MonteCarlo:
    """The raw predictions of `n_samples` thinned networks for each row.

    Parameters
    ----------
    networks : sequence of Network
        One, or those of an ensemble, which take about equally many of the samples each.
    X : ndarray or csr_array of shape (n, n_features)
    n_samples : int
    drops : Drops
    rng : Generator
        Draws the masks.
    consistent : bool
        Whether all rows go through the same thinned networks. They do so anyhow where the scheme
        draws one mask for a whole batch.
    reach : float
        Of the loss.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        X: Array | csr_array,
        n_samples: int,
        *,
        drops: Drops,
        rng: np.random.Generator,
        consistent: bool,
        reach: float,
    ):
        self.reach = reach
        self.X, self.n_samples, self.drops, self.rng = X, n_samples, drops, rng
        self.networks = [network.fold() for network in networks]
        self.network = network = self.networks[0]
        self.sparse = issparse(X)
        self.consistent = consistent
        self.same_networks = consistent or not drops.draws_per_row
        self.blocks = network.blocks(X.shape[0], with_inputs=not self.sparse)
        n_rows = self.blocks[0].stop
        self.predict = self._predict_thin if self._thins(n_rows) else self._predict_masked
        self.work = network.work_space(n_rows, network.dtype)
        self.z = np.empty((n_rows, network.sizes[-1]), network.dtype)
        self.masks: dict[int, Masks] = {}
        for size in {block.stop - block.start: None for block in self.blocks}:
            self.masks[size] = Masks(
                network.sizes,
                drops,
                size,
                network.dtype,
                rng,
                sparse=self.sparse,
                one_mask=consistent,
                larger=self.masks.get(n_rows),
            )

    def predictions(self, block: slice) -> Iterator[Array]:
        """Raw predictions for a block of rows, one thinned network after the other.

        They may all be the same array, with new contents each time.
        """
        X = self.X[block]
        n_networks = len(self.networks)
        for i in range(self.n_samples):
            self.network = self.networks[i * n_networks // max(self.n_samples, n_networks)]
            yield self.predict(X, self.masks[X.shape[0]])

    def stack(self, function: Callable[[Array], Array]) -> Array:
        """All that `function` makes of the predictions, of shape (n_samples, n, ...)."""
        stack: Array | None = None
        for block in self._each_block():
            for i, z in enumerate(self.predictions(block)):
                y = function(z)
                if stack is None:
                    shape = (self.n_samples, self.X.shape[0], *y.shape[1:])
                    stack = np.empty(shape, y.dtype)
                stack[i, block] = y
        assert stack is not None  # there is at least one row
        return stack

    def gather(self, measure: Callable[[Iterator[Array]], dict[str, Array]]) -> dict[str, Array]:
        """Put together what `measure` makes of the predictions for each block.

        Its arrays have a row for each row of the block.
        """
        gathered: dict[str, Array] = {}
        for block in self._each_block():
            for name, values in measure(self.predictions(block)).items():
                if name not in gathered:
                    shape = (self.X.shape[0], *values.shape[1:])
                    gathered[name] = np.empty(shape, values.dtype)
                gathered[name][block] = values
        return gathered

    def _thins(self, n_rows: int) -> bool:
        """Whether predictions are those of smaller networks, and not of masked ones.

        This is done where all rows have one mask of units and it is faster: it saves a
        multiplication a row for each weight that is left out.
        """
        sizes = self.network.sizes
        if not (self.same_networks and self.drops.leaves_out):
            return False
        active = self.drops.active_sizes(sizes)
        if active is None:
            return False
        n_kept, n_all = count_weights(active), count_weights(sizes)
        saved = n_rows * (n_all - n_kept) - tuning.THINNING * n_kept
        return saved > tuning.THINNING_CALLS

    def _predict_thin(self, X, masks: Masks) -> Array:
        masks.draw()
        return self.network.thin(masks.first_row()).predict_finite(X, self.reach)

    def _predict_masked(self, X, masks: Masks) -> Array:
        masks.draw()

        def drop(i: int, h: Any, W: Array) -> tuple[Any, Array]:
            if self.drops.drops_weights(i):
                return h, W * masks[i]
            return self._drop(i, h, masks) if self.drops.drops_units(i) else h, W

        def predict(X: Any) -> Array:
            return self.network.forward(X, self.z[: X.shape[0]], self.work, drop)

        with np.errstate(over="ignore", invalid="ignore"):
            z = predict(X)
            if goes_far(z):
                z = come_near(predict, X, z, self.reach)
                if not np.isfinite(z).all():
                    raise ValueError(f"dropout={self.drops.schemes} drew masks with NaN.")
        return z

    def _drop(self, i: int, h: Any, masks: Masks):
        """Drop units of layer `i`: hidden ones in place, and inputs in a copy."""
        scheme, rate = self.drops.schemes[i], self.drops.rates[i]
        h = h if i else h.copy()
        if i == 0 and self.sparse:
            if self.drops.drops_entries(0, sparse=True, one_mask=self.consistent):
                drop_entries(h, scheme, rate, self.rng)
            else:
                drop_features(h, np.broadcast_to(masks[0], (1, h.shape[1])))
            return h
        if scheme.saturation:
            h -= scheme.saturation
        h *= masks[i]
        if scheme.saturation:
            h += scheme.mean(rate) * scheme.saturation
        return h

    def _each_block(self) -> Iterator[slice]:
        """Yield the blocks, with the generator as it has to be for each."""
        start = self.rng.bit_generator.state
        with threads.one_for(self.blocks[0].stop, self.network.largest_layer):
            for block in self.blocks:
                if self.same_networks:
                    self.rng.bit_generator.state = start
                yield block
