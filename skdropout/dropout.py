"""Dropout schemes: how a mask is drawn; they know nothing of layers or training.

Every scheme scales what it keeps (inverted dropout), so that the mean of a mask is one and
prediction needs no correction. `rate` is the fraction dropped.
"""

import numpy as np

from skdropout._buffers import Array
from skdropout._recipe import Recipe

__all__ = ["Batchwise", "Bernoulli", "DropoutScheme"]

_WORDS = 1 << 13
"""Raw 64-bit words drawn at once: the scratch memory of a draw stays at 64 kB for any layer."""


class DropoutScheme(Recipe):
    """Base class of all dropout schemes.

    A subclass implements ``draw(rng, rate, out)``, which fills the array `out` with a mask of
    mean one, and may override ``mask_shape``.

    Examples
    --------
    A scheme of one's own, here one that drops in a fixed rhythm:

    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.datasets import load_sonar
    >>> from skdropout.dropout import DropoutScheme
    >>> class EveryOther(DropoutScheme):
    ...     def draw(self, rng, rate, out):
    ...         out[:] = 0
    ...         out[:, rng.integers(2) :: 2] = 2
    >>> X, y = load_sonar(return_X_y=True)
    >>> clf = DropoutMLPClassifier(dropout=EveryOther(), dropout_rate=0.5, random_state=0)
    >>> clf.set_params(batch_size=16, learning_rate="cosine").fit(X, y).score(X, y) > 0.8
    True
    """

    def mask_shape(self, n_rows: int, n_units: int) -> tuple[int, int]:
        """Shape of the mask for a batch; it is broadcast over (n_rows, n_units)."""
        return n_rows, n_units

    def draw(self, rng: np.random.Generator, rate: float, out: Array):
        """Fill the contiguous array `out` with a new mask; `rng` draws words of 64 bits (PCG64)."""
        raise NotImplementedError(f"{type(self).__name__} must implement draw.")


class Bernoulli(DropoutScheme):
    """Each unit of each sample is dropped on its own [1]_.

    ``mask = b / keep`` with ``b ~ Bernoulli(keep)`` and ``keep = 1 - rate``. The chance is resolved
    to 1/65536, and the scale is the inverse of the resolved chance, so the mean is exactly one.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a
       simple way to prevent neural networks from overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skdropout.dropout import Bernoulli
    >>> mask = np.empty((1000, 1000))
    >>> Bernoulli().draw(np.random.default_rng(0), rate=0.2, out=mask)
    >>> round(mask.mean(), 2), round((mask == 0).mean(), 2)
    (np.float64(1.0), np.float64(0.2))
    """

    def draw(self, rng, rate, out):
        threshold = max(1, round((1.0 - rate) * 65536))
        flat = out.reshape(-1)
        for start in range(0, flat.size, 4 * _WORDS):
            piece = flat[start : start + 4 * _WORDS]
            words = rng.bit_generator.random_raw(-(-piece.size // 4)).view(np.uint16)
            np.less_equal(words[: piece.size], threshold - 1, out=piece)  # 65536 is no uint16
            piece *= 65536 / threshold


class Batchwise(DropoutScheme):
    """One thinned network for the whole mini-batch [1]_.

    ``round(keep * n_units)`` units, at least one, chosen at random, are kept for every row of the
    batch, scaled by ``n_units`` over their number: each unit has the same chance, the number of
    active units is always the same, and the mean of each mask is exactly one.

    References
    ----------
    .. [1] B. Graham, J. Reizenstein and L. Robinson, "Efficient batchwise dropout training using
       submatrices", 2015, arXiv 1502.02478.

    Examples
    --------
    >>> import numpy as np
    >>> from skdropout.dropout import Batchwise
    >>> mask = np.empty((1, 5))
    >>> Batchwise().draw(np.random.default_rng(0), rate=0.2, out=mask)
    >>> mask
    array([[1.25, 0.  , 1.25, 1.25, 1.25]])
    """

    def mask_shape(self, n_rows, n_units):
        return 1, n_units

    def draw(self, rng, rate, out):
        n_units = out.size
        n_active = max(1, round((1.0 - rate) * n_units))
        out[:, :n_active] = n_units / n_active
        out[:, n_active:] = 0.0
        rng.shuffle(out[0])


DROPOUT_SCHEMES = {"batchwise": Batchwise, "bernoulli": Bernoulli}
