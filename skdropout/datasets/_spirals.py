"""Interleaved spiral arms: points in the plane that no straight line tells apart."""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skdropout._core.checks import check_number


def make_spirals(
    n_samples: int = 100,
    n_classes: int = 2,
    *,
    n_turns: float = 1.5,
    noise: float = 0.0,
    random_state: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Make a classification problem of interleaved spiral arms, one for each class.

    The arms are Archimedean spirals that run from the centre to the unit circle. Point
    :math:`i = 0, \ldots, m - 1` of the :math:`m` points on arm :math:`k` has the polar coordinates

    .. math::

        r = \sqrt{(i + 1/2) / m}, \qquad
        \theta = 2 \pi \left( T r + \frac{k}{K} \right),

    with :math:`T` for `n_turns` and :math:`K` for `n_classes`. Gaussian noise is added to them in
    the plane. The square root spreads the points evenly over the area of the disc, and nearly
    evenly along an arm; no point is the centre itself, where all arms meet. Neighbouring arms are
    ``1 / (n_turns * n_classes)`` apart: they run into each other when `noise` comes near half of
    that.

    Two arms of three turns are the shape of the classic benchmark [1]_.

    Parameters
    ----------
    n_samples : int in [n_classes, inf), default=100
        The number of points. The classes are equally large; where that can't be, the first ones
        have one point more.

    n_classes : int in [1, inf), default=2
        The number of arms.

    n_turns : float in [0, inf), default=1.5
        How often an arm winds around the centre, anticlockwise. More turns make a harder problem;
        0 makes straight rays.

    noise : float in [0, inf), default=0.0
        The standard deviation of the noise added to both coordinates.

    random_state : int, RandomState instance or None, default=None
        Determines the order of the rows and the noise. Pass an int for the same result in every
        call. The order does not depend on `noise`.

    Returns
    -------
    X : ndarray of shape (n_samples, 2)
        The points, shuffled, as float64.

    y : ndarray of shape (n_samples,)
        The arm of each point, an int from 0 to ``n_classes - 1``.

    Raises
    ------
    TypeError
        If a number is of the wrong type.
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] Lang, K. J., & Witbrock, M. J. (1988). Learning to tell two spirals apart. Proceedings of
       the 1988 Connectionist Models Summer School, 52-59. Morgan Kaufmann.

    Examples
    --------
    >>> import numpy as np
    >>> from skdropout.datasets import make_spirals
    >>> X, y = make_spirals(n_samples=100, n_classes=3, noise=0.02, random_state=0)
    >>> X.shape
    (100, 2)
    >>> np.bincount(y)
    array([34, 33, 33])
    """
    check_number("n_classes", n_classes, 1, closed="[)", integer=True)
    check_number("n_samples", n_samples, n_classes, closed="[)", integer=True)
    check_number("n_turns", n_turns, 0, closed="[)")
    check_number("noise", noise, 0, closed="[)")
    rng = check_random_state(random_state)

    i, arm = np.divmod(rng.permutation(n_samples), n_classes)
    m = np.bincount(arm)[arm]
    radius = np.sqrt((i + 0.5) / m)
    angle = 2 * np.pi * (n_turns * radius + arm / n_classes)
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    X += rng.normal(scale=noise, size=X.shape)
    return X, arm
