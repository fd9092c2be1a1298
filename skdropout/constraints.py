"""Constraints: projections of a weight matrix after each update; they know no optimizer.

A weight matrix has the shape (fan_in, fan_out): a column holds the weights into one unit.
"""

from typing import Any, ClassVar

import numpy as np

from skdropout._core.buffers import Array
from skdropout._core.checks import check_number
from skdropout._recipe import Recipe

__all__ = ["Constraint", "MaxNorm"]


class Constraint(Recipe):
    """Base class of all constraints.

    A subclass implements ``project(W)``, which moves `W` in place to the nearest allowed matrix.

    Attributes
    ----------
    equivariant : bool, default=False
        Whether the order of rows and of columns makes no difference to `project`, but that its
        result has the same one. Only then may a training with ``dropout="batchwise"`` keep the
        units of large layers in another order, which is faster. A subclass with another `project`
        has to say it again.

    Examples
    --------
    >>> import numpy as np
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.constraints import Constraint
    >>> from skdropout.datasets import load_sonar
    >>> class NonNegative(Constraint):
    ...     equivariant = True
    ...
    ...     def project(self, W: Array) -> None:
    ...         np.maximum(W, 0, out=W)
    >>> X, y = load_sonar(return_X_y=True)
    >>> clf = DropoutMLPClassifier((32,), max_norm=NonNegative(), cv=None, random_state=0)
    >>> min(W.min() for W in clf.fit(X, y).coefs_) >= 0
    np.True_
    """

    equivariant: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._withdraw("project", equivariant=False)

    def project(self, W: Array) -> None:
        """Move `W` in place to the nearest allowed matrix."""
        raise NotImplementedError(f"{type(self).__name__} must implement project.")


class MaxNorm(Constraint):
    """The weights into one unit have a Euclidean norm of at most `max_norm` [1]_.

    A longer column is scaled to that norm: ``W_j *= min(1, max_norm / ||W_j||)``.

    Parameters
    ----------
    max_norm : float > 0, default=3.0
        The largest norm; 3 to 4 is usual. Some sources, [2]_ among them, shrink the weights by
        ``1 - rate`` after training, where units are scaled up in training here: their bound of 3
        is one of 1.5 behind a layer with a rate of 0.5.

    References
    ----------
    .. [1] N. Srebro and A. Shraibman, "Rank, trace-norm and max-norm", COLT 2005.
    .. [2] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
       overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skdropout.constraints import MaxNorm
    >>> W = np.array([[3.0, 0.3], [4.0, 0.4]])
    >>> MaxNorm(1.0).project(W)
    >>> W
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """

    max_norm: float = 3.0

    equivariant: ClassVar[bool] = True

    def check(self) -> None:
        check_number("max_norm", self.max_norm, 0, closed="()")

    def project(self, W: Array) -> None:
        norms = np.sqrt(np.einsum("ij,ij->j", W, W, dtype=np.float64))  # float32 may overflow
        W *= (self.max_norm / np.maximum(norms, self.max_norm)).astype(W.dtype)
