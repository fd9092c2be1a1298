"""Schedules: pure functions from the progress of the training to a factor.

The factor is that of the learning rate, in each step, or that of the dropout rates, in each epoch.

A new schedule is a class of a few lines::

    class Steps(Schedule):
        def __call__(self, progress: Progress) -> float:
            return 0.1 ** (progress.epoch // 30)
"""

from dataclasses import dataclass
from math import cos, pi
from typing import ClassVar

from skdropout._core.checks import check_number
from skdropout._recipe import Recipe

__all__ = [
    "Adaptive",
    "Constant",
    "Cosine",
    "Early",
    "FlatCosine",
    "InverseScaling",
    "InverseTime",
    "Late",
    "Linear",
    "OneCycle",
    "Progress",
    "Schedule",
]


@dataclass(slots=True)
class Progress:
    """How far the training has come.

    Attributes
    ----------
    step : int
        Updates of the parameters so far.
    n_steps : int
        Updates that the training will make if it runs to its last epoch.
    epoch : int
        Epochs finished so far.
    n_samples : int or float
        Samples seen before the current epoch (their summed weight), 0 in the first one.
    n_plateaus : int
        How often the training loss, or the validation score, stopped improving.
    """

    step: int = 0
    n_steps: int = 1
    epoch: int = 0
    n_samples: float = 0
    n_plateaus: int = 0

    @property
    def fraction(self) -> float:
        """The part of the training that is behind, in [0, 1]."""
        return min(1.0, self.step / self.n_steps) if self.n_steps else 1.0


class Schedule(Recipe):
    """Base class of all schedules.

    A subclass implements ``__call__(progress)``, which returns the factor by which
    ``learning_rate_init`` is multiplied in the next step or, as `dropout_schedule`, the dropout
    rates in the next epoch; see :class:`Progress`.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.datasets import load_sonar
    >>> from skdropout.schedules import Schedule
    >>> class Steps(Schedule):
    ...     every: int = 2
    ...     anneals = True
    ...
    ...     def __call__(self, progress):
    ...         return 0.1 ** (progress.epoch // self.every)
    >>> X, y = load_sonar(return_X_y=True)
    >>> clf = DropoutMLPClassifier(learning_rate=Steps(), learning_rate_init=0.01, max_iter=4)
    >>> [float(f"{rate:.3g}") for rate in clf.fit(X, y).history_["learning_rate"]]
    [0.01, 0.01, 0.001, 0.001]
    """

    anneals: ClassVar[bool] = False
    """Whether the last epoch is the planned end: the training loss does not stop the training
    before it (a validation score does), and reaching it is nothing to warn of."""

    adapts: ClassVar[bool] = False
    """Whether it heeds the plateaus of the training."""

    def __call__(self, progress: Progress) -> float:
        raise NotImplementedError(f"{type(self).__name__} must implement __call__.")

    def ends_at(self, learning_rate: float) -> bool:
        """Whether a training that no longer improves at this learning rate is over."""
        return True


class Constant(Schedule):
    """No change: the factor is 1.

    Examples
    --------
    >>> from skdropout.schedules import Constant, Progress
    >>> Constant()(Progress(step=7))
    1.0
    """

    def __call__(self, progress: Progress) -> float:
        return 1.0


class InverseScaling(Schedule):
    """``1 / (t + 1)^power_t``, `t` the samples seen before the epoch, as in scikit-learn.

    Parameters
    ----------
    power_t : float >= 0, default=0.5
        The exponent.

    Examples
    --------
    >>> from skdropout.schedules import InverseScaling, Progress
    >>> InverseScaling()(Progress(n_samples=99))
    0.1
    """

    power_t: float = 0.5

    def check(self) -> None:
        check_number("power_t", self.power_t, 0)

    def __call__(self, progress: Progress) -> float:
        return (progress.n_samples + 1) ** -float(self.power_t)


class Adaptive(Schedule):
    """Constant as long as training improves; divided by `factor` at each plateau.

    A plateau is ``n_iter_no_change`` epochs without an improvement by ``tol``. Training ends at a
    plateau whose learning rate is at most `minimum`.

    Parameters
    ----------
    factor : float > 1, default=5.0
        The divisor.
    minimum : float >= 0, default=1e-6
        The learning rate below which no plateau is followed by another try.

    Examples
    --------
    >>> from skdropout.schedules import Adaptive, Progress
    >>> Adaptive()(Progress(n_plateaus=1))
    0.2
    """

    factor: float = 5.0
    minimum: float = 1e-6

    adapts: ClassVar[bool] = True

    def check(self) -> None:
        check_number("factor", self.factor, 1, closed="()")
        check_number("minimum", self.minimum, 0)

    def __call__(self, progress: Progress) -> float:
        return float(self.factor) ** -progress.n_plateaus

    def ends_at(self, learning_rate: float) -> bool:
        return learning_rate <= self.minimum


class InverseTime(Schedule):
    """``1 / (1 + decay t)``, `t` the steps so far.

    Parameters
    ----------
    decay : float >= 0, default=1e-3
        Decay per step: after ``1 / decay`` steps the learning rate is halved.

    Examples
    --------
    >>> from skdropout.schedules import InverseTime, Progress
    >>> InverseTime(decay=0.01)(Progress(step=100))
    0.5
    """

    decay: float = 1e-3

    def check(self) -> None:
        check_number("decay", self.decay, 0)

    def __call__(self, progress: Progress) -> float:
        return 1.0 / (1.0 + self.decay * progress.step)


class Cosine(Schedule):
    """``(1 + cos(pi t)) / 2``, `t` the finished part of the training: from 1 to 0 [1]_.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts",
       ICLR 2017, arXiv 1608.03983.

    Examples
    --------
    >>> from skdropout.schedules import Cosine, Progress
    >>> [round(Cosine()(Progress(step=step, n_steps=4)), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """

    anneals: ClassVar[bool] = True

    def __call__(self, progress: Progress) -> float:
        return 0.5 * (1.0 + cos(pi * progress.fraction))


class Linear(Schedule):
    """``1 - t``, `t` the finished part of the training: from 1 to 0.

    For dropout rates it is annealed dropout [1]_.

    References
    ----------
    .. [1] S. Rennie, V. Goel and S. Thomas, "Annealed dropout training of deep networks", SLT 2014,
       doi 10.1109/SLT.2014.7078567.

    Examples
    --------
    >>> from skdropout.schedules import Linear, Progress
    >>> [Linear()(Progress(step=step, n_steps=4)) for step in range(4)]
    [1.0, 0.75, 0.5, 0.25]
    """

    anneals: ClassVar[bool] = True

    def __call__(self, progress: Progress) -> float:
        return 1.0 - progress.fraction


class Early(Schedule):
    """1 in the first part of the training, then 0 [1]_.

    Dropout at the beginning only lets a network that is too small for its data learn more of them.

    Parameters
    ----------
    end : float in (0, 1], default=0.5
        Where the first part ends.

    References
    ----------
    .. [1] Z. Liu, Z. Xu, J. Jin, Z. Shen and T. Darrell, "Dropout reduces underfitting", ICML 2023,
       arXiv 2303.01500.

    Examples
    --------
    >>> from skdropout.schedules import Early, Progress
    >>> [Early()(Progress(step=step, n_steps=4)) for step in range(4)]
    [1.0, 1.0, 0.0, 0.0]
    """

    end: float = 0.5

    anneals: ClassVar[bool] = True

    def check(self) -> None:
        check_number("end", self.end, 0, 1, closed="(]")

    def __call__(self, progress: Progress) -> float:
        return 1.0 if progress.fraction < self.end else 0.0


class Late(Schedule):
    """0 in the first part of the training, then 1 [1]_.

    Dropout at the end only lets a network that is too large for its data learn fast at first.

    Parameters
    ----------
    start : float in [0, 1), default=0.5
        Where the first part ends.

    References
    ----------
    .. [1] Z. Liu, Z. Xu, J. Jin, Z. Shen and T. Darrell, "Dropout reduces underfitting", ICML 2023,
       arXiv 2303.01500.

    Examples
    --------
    >>> from skdropout.schedules import Late, Progress
    >>> [Late()(Progress(step=step, n_steps=4)) for step in range(4)]
    [0.0, 0.0, 1.0, 1.0]
    """

    start: float = 0.5

    anneals: ClassVar[bool] = True

    def check(self) -> None:
        check_number("start", self.start, 0, 1)

    def __call__(self, progress: Progress) -> float:
        return 0.0 if progress.fraction < self.start else 1.0


class FlatCosine(Schedule):
    """Constant for the first part of the training, then a cosine from 1 to 0 [1]_.

    Parameters
    ----------
    flat : float in [0, 1), default=0.5
        The part of the training that is flat.

    References
    ----------
    .. [1] L. Wright and N. Demeure, "Ranger21: a synergistic deep learning optimizer", 2021,
       arXiv 2106.13731.

    Examples
    --------
    >>> from skdropout.schedules import FlatCosine, Progress
    >>> [round(FlatCosine()(Progress(step=step, n_steps=4)), 3) for step in range(4)]
    [1.0, 1.0, 1.0, 0.5]
    """

    flat: float = 0.5

    anneals: ClassVar[bool] = True

    def check(self) -> None:
        check_number("flat", self.flat, 0, 1)

    def __call__(self, progress: Progress) -> float:
        fall = max(0.0, (progress.fraction - self.flat) / (1.0 - self.flat))
        return 0.5 * (1.0 + cos(pi * fall))


class OneCycle(Schedule):
    """Up from `start` to 1 and down to `end`, each half of a cosine [1]_.

    ``learning_rate_init`` is the highest learning rate of the cycle.

    Parameters
    ----------
    warm_up : float in (0, 1), default=0.3
        The part of the training in which the rate rises.
    start : float in (0, 1], default=0.04
        The first factor.
    end : float in [0, 1], default=0.0
        The factor that the last step comes close to.

    References
    ----------
    .. [1] L. Smith and N. Topin, "Super-convergence: very fast training of neural networks using
       large learning rates", 2018, arXiv 1708.07120.

    Examples
    --------
    >>> from skdropout.schedules import OneCycle, Progress
    >>> [round(OneCycle()(Progress(step=step, n_steps=10)), 3) for step in (0, 3, 9)]
    [0.04, 1.0, 0.05]
    """

    warm_up: float = 0.3
    start: float = 0.04
    end: float = 0.0

    anneals: ClassVar[bool] = True

    def check(self) -> None:
        check_number("warm_up", self.warm_up, 0, 1, closed="()")
        check_number("start", self.start, 0, 1, closed="(]")
        check_number("end", self.end, 0, 1, closed="[]")

    def __call__(self, progress: Progress) -> float:
        done = progress.fraction
        if done < self.warm_up:
            low, from_top = self.start, 1.0 - done / self.warm_up
        else:
            low, from_top = self.end, (done - self.warm_up) / (1.0 - self.warm_up)
        return low + (1.0 - low) * 0.5 * (1.0 + cos(pi * from_top))


SCHEDULES = {
    "constant": Constant,
    "invscaling": InverseScaling,
    "adaptive": Adaptive,
    "inverse_time": InverseTime,
    "cosine": Cosine,
    "flat_cosine": FlatCosine,
    "one_cycle": OneCycle,
}
DROPOUT_SCHEDULES = {
    "constant": Constant,
    "linear": Linear,
    "flat_cosine": FlatCosine,
    "early": Early,
    "late": Late,
}
