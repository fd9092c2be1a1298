"""Predictions with dropout kept on: the raw predictions of thinned networks, block by block."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.sparse import csr_array, issparse

from skdropout._core.buffers import Array
from skdropout._network.network import Network
from skdropout._network.plan import Plan, active_sizes, count_weights
from skdropout.dropout import DropoutScheme

GATHERING = 160
"""What it costs to put a weight into a smaller network, in multiplications."""
WORTHWHILE = 1 << 20
"""Multiplications that have to be saved to make up for more calls."""


class MonteCarlo:
    """The raw predictions of `n_samples` thinned networks for each row.

    Parameters
    ----------
    network : Network
    X : ndarray or csr_array of shape (n, n_features)
    n_samples : int
    scheme, rates, rng
        How :class:`~skdropout._network.plan.Plan` drops units.
    consistent : bool
        Whether all rows go through the same thinned networks. They do so anyhow where the scheme
        draws one mask for a whole batch.
    """

    def __init__(
        self,
        network: Network,
        X: Array | csr_array,
        n_samples: int,
        *,
        scheme: DropoutScheme,
        rates,
        rng: np.random.Generator,
        consistent: bool,
    ):
        self.X = X
        self.n_samples = n_samples
        self.rng = rng
        self.blocks = network.blocks(X.shape[0], with_inputs=not issparse(X))
        self.same_networks = consistent or not scheme.draws_per_row
        self.network, self.rates = network.fold(), rates
        self.thins = self._thins(scheme)
        self.plans = {}
        larger = None
        for n_rows in {block.stop - block.start: None for block in self.blocks}:
            self.plans[n_rows] = Plan(
                self.network,
                None,
                None,
                n_rows,
                scheme=scheme,
                rates=rates,
                rng=rng,
                larger=larger,
                sparse=issparse(X),
                one_mask=consistent,
            )
            larger = self.plans[n_rows]

    def predictions(self, block: slice) -> Iterator[Array]:
        """Raw predictions for a block of rows, one thinned network after the other.

        They may all be the same array, with new contents each time.
        """
        X = self.X[block]
        plan = self.plans[X.shape[0]]
        predict = self._predict_thin if self.thins else self._predict_masked
        for _ in range(self.n_samples):
            yield predict(X, plan)

    def stack(self, function: Callable[[Array], Array]) -> Array:
        """All that `function` makes of the predictions, of shape (n_samples, n, ...)."""
        stack = None
        for block in self._each_block():
            for i, z in enumerate(self.predictions(block)):
                y = function(z)
                if stack is None:
                    shape = (self.n_samples, self.X.shape[0], *y.shape[1:])
                    stack = np.empty(shape, y.dtype)
                stack[i, block] = y
        return stack

    def gather(self, measure: Callable[[Iterator[Array]], dict[str, Array]]) -> dict[str, Array]:
        """Put together what `measure` makes of the predictions for each block.

        Its arrays have a row for each row of the block.
        """
        gathered = {}
        for block in self._each_block():
            for name, values in measure(self.predictions(block)).items():
                if name not in gathered:
                    shape = (self.X.shape[0], *values.shape[1:])
                    gathered[name] = np.empty(shape, values.dtype)
                gathered[name][block] = values
        return gathered

    def _thins(self, scheme) -> bool:
        """Whether predictions are those of smaller networks, and not of masked ones.

        This is done where all rows have one mask of units and it is faster: it saves a
        multiplication a row for each weight that is out.
        """
        if not self.same_networks or scheme.drops_weights or scheme.saturation:
            return False
        active = active_sizes(self.network, scheme, self.rates)
        if active is None:
            return False
        n_in, n_all = count_weights(active), count_weights(self.network.sizes)
        n_rows = self.blocks[0].stop
        return n_rows * (n_all - n_in) - GATHERING * n_in > WORTHWHILE

    def _predict_thin(self, X, plan):
        plan.draw()
        masks = [None] * len(self.rates)
        for i, rate in enumerate(self.rates):
            if rate:
                shape = 1, self.network.sizes[i]  # a mask may be a single number
                masks[i] = np.broadcast_to(plan.masks[f"mask{i}"], shape)[0]
        return self.network.thin(masks).predict(X)

    def _predict_masked(self, X, plan):
        if issparse(X):
            plan.x.rows = X.copy()
        else:
            np.copyto(plan.x, X)  # each time: inputs are dropped in place
        return plan.forward()

    def _each_block(self):
        """Yield the blocks, with the generator as it has to be for each."""
        start = self.rng.bit_generator.state
        for block in self.blocks:
            if self.same_networks:
                self.rng.bit_generator.state = start
            yield block
