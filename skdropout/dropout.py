"""Dropout schemes: how a mask is drawn; they know nothing of layers or training.

Every scheme scales what it keeps (inverted dropout), so that the mean of what it is applied to
stays the same and prediction needs no correction. `rate` is the fraction dropped.
"""

from math import sqrt
from typing import Any, ClassVar

import numpy as np

from skdropout._core import tuning
from skdropout._core.buffers import Array
from skdropout._core.checks import check_number
from skdropout._core.vectors import scal
from skdropout._recipe import Recipe

__all__ = ["Alpha", "Batchwise", "Bernoulli", "DropConnect", "DropoutScheme", "Gaussian"]


class DropoutScheme(Recipe):
    """Base class of all dropout schemes.

    A subclass implements ``draw(rng, rate, out)``, which fills the array `out` with masks of mean
    one: each of its rows is a mask of its own, of a sample or, where one mask serves a batch, of a
    batch. It may override ``mask_shape``, ``n_active`` and the class attributes below. A rate of
    zero asks no scheme: nothing is dropped then.

    Attributes
    ----------
    drops_weights : bool, default=False
        Whether the mask is one of weights, of shape (n_inputs, n_units), instead of units.
    independent : bool, default=False
        Whether all numbers of a mask are drawn on their own, wherever they lie. Sparse inputs need
        that where each row has its own mask: `draw` fills a single row then, with a number for each
        stored entry. Masks of layers with the same rate are drawn as a single row as well.
    batches_per_mask : int, default=1
        Mini-batches for which a mask is kept; more than one only where the shape of the mask
        does not depend on the number of rows. When the rates change, another one is drawn.
    saturation : float, default=0.0
        What dropped units are set to: with a mask `m` of mean ``mean(rate)`` a unit becomes
        ``(x - saturation) m + mean(rate) saturation``.

    Notes
    -----
    What a class says with `independent` and `n_active` it says of its own `draw`: a subclass with
    another one has to say it again.

    Examples
    --------
    A scheme of one's own, here one that drops in a fixed rhythm:

    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.datasets import load_sonar
    >>> from skdropout.dropout import DropoutScheme
    >>> class EveryOther(DropoutScheme):
    ...     def draw(self, rng: np.random.Generator, rate: float, out: Array) -> None:
    ...         out[:] = 0
    ...         for mask in out:
    ...             mask[rng.integers(2) :: 2] = 2
    >>> X, y = load_sonar(return_X_y=True)
    >>> clf = DropoutMLPClassifier(dropout=EveryOther(), dropout_rate=0.5, random_state=0)
    >>> clf.set_params(batch_size=16).fit(X, y).score(X, y) > 0.8
    True
    """

    drops_weights: ClassVar[bool] = False
    independent: ClassVar[bool] = False
    saturation: ClassVar[float] = 0.0
    batches_per_mask = 1  # no annotation: some schemes have it as a hyper-parameter

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._withdraw("draw", independent=False, n_active=DropoutScheme.n_active)

    def mask_shape(self, n_rows: int, n_units: int) -> tuple[int, int]:
        """Shape of the mask for a batch; it is broadcast over (n_rows, n_units)."""
        return n_rows, n_units

    def mean(self, rate: float) -> float:
        """Mean of a mask."""
        return 1.0

    def n_active(self, rate: float, n_units: int) -> int | None:
        """The number of units that every mask keeps, None if it varies.

        A number promises that every such set of units is as likely as any other, and that those
        kept are multiplied by ``n_units / n_active``. Where all rows have one mask of units, a
        training may then choose by itself which units of a large layer it leaves out of its
        products.
        """
        return None

    def draw(self, rng: np.random.Generator, rate: float, out: Array) -> None:
        """Fill `out`, contiguous and of float32 or float64, with a new mask; `rng` is of PCG64."""
        raise NotImplementedError(f"{type(self).__name__} must implement draw.")

    def drops(self, rate: float, n_units: int) -> bool:
        """Whether anything is dropped of so many units."""
        return rate > 0 and self.n_active(rate, n_units) != n_units

    @property
    def draws_per_row(self) -> bool:
        """Whether the rows of a batch have masks of their own."""
        return not self.drops_weights and self.mask_shape(2, 1)[0] == 2


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

    independent: ClassVar[bool] = True

    def draw(self, rng: np.random.Generator, rate: float, out: Array) -> None:
        threshold = _out_of_65536(1.0 - rate)
        flat = out.reshape(-1)
        for start in range(0, flat.size, 4 * tuning.RANDOM_WORDS):
            piece = flat[start : start + 4 * tuning.RANDOM_WORDS]
            words = rng.bit_generator.random_raw(-(-piece.size // 4)).view(np.uint16)
            piece[:] = words[: piece.size] <= threshold - 1  # 65536 is no uint16
            scal(65536 / threshold, piece)


class Batchwise(DropoutScheme):
    """One thinned network for the whole mini-batch [1]_.

    ``round(keep * n_units)`` units, at least one, chosen at random, are kept for every row of the
    batch, scaled by ``n_units`` over their number: each unit has the same chance, the number of
    active units is always the same, and the mean of each mask is exactly one. Where a training of
    large hidden layers is faster so, the units that are kept are neighbours in a random order of
    all, which is drawn anew after a hundred masks and with the first one of an epoch: what is left
    out of the products is contiguous then.

    Parameters
    ----------
    batches_per_mask : int >= 1, default=1
        Mini-batches that train the same thinned network before another one is drawn. A call of
        `partial_fit` begins with a new one.

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

    batches_per_mask: int = 1

    def check(self) -> None:
        check_number("batches_per_mask", self.batches_per_mask, 1, integer=True)

    def mask_shape(self, n_rows: int, n_units: int) -> tuple[int, int]:
        return 1, n_units

    def n_active(self, rate: float, n_units: int) -> int:
        return max(1, round((1.0 - rate) * n_units))

    def draw(self, rng: np.random.Generator, rate: float, out: Array) -> None:
        n_units = out.shape[1]
        # a subclass that draws in its own way, around this one, promises no number
        n_active = self.n_active(rate, n_units) or Batchwise.n_active(self, rate, n_units)
        out[:, :n_active] = n_units / n_active
        out[:, n_active:] = 0.0
        rng.permuted(out, axis=1, out=out)


class Gaussian(DropoutScheme):
    """Each unit of each sample is multiplied by a normal number of mean one [1]_.

    ``mask ~ N(1, rate / (1 - rate))``, which has the variance of a Bernoulli mask.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a
       simple way to prevent neural networks from overfitting", JMLR 15, 2014, section 10.

    Examples
    --------
    >>> import numpy as np
    >>> from skdropout.dropout import Gaussian
    >>> mask = np.empty((1000, 1000))
    >>> Gaussian().draw(np.random.default_rng(0), rate=0.2, out=mask)
    >>> round(mask.mean(), 2), round(mask.var(), 2)
    (np.float64(1.0), np.float64(0.25))
    """

    independent: ClassVar[bool] = True

    def draw(self, rng: np.random.Generator, rate: float, out: Array) -> None:
        rng.standard_normal(out=out, dtype=out.dtype)
        out *= sqrt(rate / (1.0 - rate))
        out += 1.0


class Alpha(Bernoulli):
    """Each unit of each sample is set to SELU's lower bound `s`, mean and variance restored [1]_.

    ``a (x b + s (1 - b)) + c`` with ``b ~ Bernoulli(keep)``, ``s = -1.7581``,
    ``a = (keep + s^2 keep (1 - keep))^(-1/2)`` and ``c = -a s (1 - keep)``: of units with mean
    zero and variance one, which SELU drives its layers to, it keeps both. With the mask
    ``m = a b`` this is ``(x - s) m + a keep s``. It needs ``activation="selu"`` in the layers
    that it is applied to, and as inputs standardised, dense ones. The paper advises rates of 0.05
    and 0.1, less than the default of the classifier.

    References
    ----------
    .. [1] G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, "Self-normalizing neural
       networks", NeurIPS 2017, arXiv 1706.02515.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> clf = DropoutMLPClassifier((64, 64), activation="selu", dropout="alpha", dropout_rate=0.1)
    """

    independent: ClassVar[bool] = True
    saturation: ClassVar[float] = -1.7580993408473766

    def mean(self, rate: float) -> float:
        keep = _out_of_65536(1.0 - rate) / 65536
        return sqrt(keep / (1.0 + self.saturation**2 * (1.0 - keep)))

    def draw(self, rng: np.random.Generator, rate: float, out: Array) -> None:
        super().draw(rng, rate, out)
        out *= self.mean(rate)


class DropConnect(Bernoulli):
    """Weights are dropped instead of units, the same ones for the whole mini-batch [1]_.

    ``y = x (W mask) + b`` with ``mask = B / keep`` and ``B ~ Bernoulli(keep)`` for each weight. The
    rate of a layer is that of the weights which leave it: `input_dropout_rate` is that of the
    first weight matrix. Biases are kept.

    Parameters
    ----------
    batches_per_mask : int >= 1, default=1
        Mini-batches that train the same thinned network before another one is drawn. A call of
        `partial_fit` begins with a new one.

    References
    ----------
    .. [1] L. Wan, M. Zeiler, S. Zhang, Y. LeCun and R. Fergus, "Regularization of neural networks
       using DropConnect", ICML 2013.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.dropout import DropConnect
    >>> clf = DropoutMLPClassifier(dropout=DropConnect(batches_per_mask=10), dropout_rate=0.5)
    """

    batches_per_mask: int = 1

    drops_weights: ClassVar[bool] = True

    def check(self) -> None:
        check_number("batches_per_mask", self.batches_per_mask, 1, integer=True)


def _out_of_65536(chance: float) -> int:
    """A chance as a number of the values that 16 bits have, at least one."""
    return max(1, round(chance * 65536))


DROPOUT_SCHEMES = {
    "batchwise": Batchwise,
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "alpha": Alpha,
    "dropconnect": DropConnect,
}
