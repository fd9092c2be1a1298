"""Optimizers: how a gradient moves the parameters; they know nothing of networks.

An optimizer holds hyper-parameters only. What it has to remember between two steps - its *slots*,
vectors as long as the parameters - is kept for it by the training, so one object can serve any
number of fits. The learning rate comes from the estimator, with every step.

A new optimizer is a class of a few lines::

    class SignSGD(Optimizer):
        def update(self, p, g, *, tmp, t, lr):
            p -= np.multiply(np.sign(g, out=tmp), lr, out=tmp)

Where inputs are sparse, most of the first layer has the gradient zero in every step. Whoever says
what so many steps come to, in `catch_up`, lets these weights wait until an input needs them: lazy
updates, as B. Carpenter has them for linear models [Lazy sparse stochastic gradient descent for
regularized multinomial logistic regression, 2008].
"""

from math import sqrt
from typing import Any, ClassVar

import numpy as np

from skdropout._core.buffers import Array
from skdropout._core.checks import check_flag, check_number
from skdropout._core.vectors import axpy, lerp, scal
from skdropout._recipe import Recipe

__all__ = [
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "NAdam",
    "Optimizer",
    "RMSprop",
]


class Optimizer(Recipe):
    """Base class of all optimizers.

    A subclass names the vectors that it remembers in `slots` (they start at zero and have to stay
    finite; subnormal numbers in them become zero now and then) and implements
    ``update(p, g, *slots, tmp, t, lr)``, which moves the parameters `p` in place. `g` is the
    gradient and may be used up, `tmp` is scratch of the same shape, `t` counts the steps from 1 and
    `lr` is the learning rate. All arrays are contiguous vectors of one type. Every formula has to
    work element by element: an update is called several times a step, for one piece of the vectors
    after the other.

    A subclass may implement `catch_up` and, if parameters move without a gradient, `drift`, too;
    then sparse inputs with many features are several times faster. With a penalty, that is so for
    optimizers alone that are `adaptive`: steps of theirs do not grow with the gradient, as they are
    divided by its size. All three belong to the `update` beside them: a class that has an `update`
    of its own inherits none.

    Examples
    --------
    >>> import numpy as np
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.datasets import load_sonar
    >>> from skdropout.optimizers import Optimizer
    >>> class SignSGD(Optimizer):
    ...     def update(self, p, g, *, tmp, t, lr):
    ...         p -= np.multiply(np.sign(g, out=tmp), lr, out=tmp)
    >>> X, y = load_sonar(return_X_y=True)
    >>> clf = DropoutMLPClassifier(solver=SignSGD(), dropout_rate=0.2, learning_rate_init=0.001)
    >>> clf.set_params(random_state=0).fit(X, y).score(X, y) > 0.8
    True
    """

    slots: ClassVar[tuple[str, ...]] = ()

    adaptive: ClassVar[bool] = False
    """Whether a step is divided by the size of the gradients, so that a large one is no danger."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        promises = {"drift": Optimizer.drift, "catch_up": Optimizer.catch_up, "adaptive": False}
        cls._withdraw("update", **promises)

    def update(self, p: Array, g: Array, *slots: Any, **step: Any) -> None:
        """Move `p` in place by the gradient `g`; `step` holds `tmp`, `t` and `lr`."""
        raise NotImplementedError(f"{type(self).__name__} must implement update.")

    def drift(self, t: int, lr: float) -> tuple[float, float]:
        """How parameters move without a gradient: ``p -= rate direction`` in step `t`.

        Returns the rate, and by what `direction` shrinks with each step.
        """
        return 0.0, 0.0

    def catch_up(self, p: Array, *slots: Any, **steps: Any) -> None:
        """Take some steps at once, all of them with the gradient zero.

        Row `i` of the parameters, of shape (n_rows, n_columns) as all the others, takes ``n[i, 0]``
        steps. `drift`, of shape (n_rows, 1) as `n`, is the sum of the rates of these steps, each
        times what the direction has shrunk by.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement catch_up.")

    @property
    def is_lazy(self) -> bool:
        """Whether `catch_up` tells what `update` does without a gradient."""
        return type(self).catch_up is not Optimizer.catch_up


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    ``v = momentum v - lr g``, then ``p += v``; with Nesterov's momentum ``p += momentum v - lr g``
    instead, which looks one step ahead [1]_.

    Parameters
    ----------
    momentum : float in [0, 1], default=0.9
        Part of the last step that is taken again.
    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's form.

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance of initialization
       and momentum in deep learning", ICML 2013.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.optimizers import SGD
    >>> DropoutMLPClassifier(solver=SGD(momentum=0.95))
    DropoutMLPClassifier(solver=SGD(momentum=0.95))
    """

    momentum: float = 0.9
    nesterovs_momentum: bool = True

    slots: ClassVar[tuple[str, ...]] = ("v",)

    def check(self) -> None:
        check_number("momentum", self.momentum, 0, 1, closed="[]")
        check_flag("nesterovs_momentum", self.nesterovs_momentum)

    def update(self, p: Array, g: Array, v: Array, *, tmp: Array, t: int, lr: float) -> None:
        scal(self.momentum, v)
        axpy(-lr, g, v)
        if self.nesterovs_momentum:
            axpy(self.momentum, v, p)
            axpy(-lr, g, p)
        else:
            p += v

    def drift(self, t: int, lr: float) -> tuple[float, float]:
        return (self.momentum if self.nesterovs_momentum else 1.0), self.momentum

    def catch_up(self, p: Array, v: Array, *, n: Array, drift: Array, tmp: Array) -> None:
        p += np.multiply(v, drift, out=tmp)
        v *= self.momentum**n


class Adagrad(Optimizer):
    """Steps that shrink with the sum of all squared gradients so far [1]_.

    ``s += g^2``, then ``p -= lr g / (sqrt(s) + epsilon)``.

    Parameters
    ----------
    epsilon : float > 0, default=1e-8
        Keeps the denominator from zero.

    References
    ----------
    .. [1] J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and
       stochastic optimization", JMLR 12, 2011.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.optimizers import Adagrad
    >>> DropoutMLPClassifier(solver=Adagrad(), learning_rate_init=0.01)
    DropoutMLPClassifier(learning_rate_init=0.01, solver=Adagrad())
    """

    epsilon: float = 1e-8

    slots: ClassVar[tuple[str, ...]] = ("s",)
    adaptive: ClassVar[bool] = True

    def check(self) -> None:
        check_number("epsilon", self.epsilon, 0, closed="()")

    def update(self, p: Array, g: Array, s: Array, *, tmp: Array, t: int, lr: float) -> None:
        s += np.square(g, out=tmp)
        denominator = np.sqrt(s, out=tmp)
        denominator += self.epsilon
        g /= denominator
        axpy(-lr, g, p)

    def catch_up(self, p: Array, s: Array, **steps: Array) -> None:
        """Without a gradient nothing moves."""


class Adadelta(Optimizer):
    """Steps in the unit of the parameters, from two running averages [1]_.

    ``lerp(v, g^2, 1 - rho)``, ``step = g sqrt(u + epsilon) / sqrt(v + epsilon)``,
    ``lerp(u, step^2, 1 - rho)``, then ``p -= lr step``. The paper has ``lr = 1``: set
    ``learning_rate_init=1.0``.

    Parameters
    ----------
    rho : float in [0, 1), default=0.95
        Part of the averages that is kept at each step.
    epsilon : float > 0, default=1e-6
        Sets the first steps and keeps the denominator from zero.

    References
    ----------
    .. [1] M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012, arXiv 1212.5701.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.optimizers import Adadelta
    >>> DropoutMLPClassifier(solver=Adadelta(rho=0.9), learning_rate_init=1.0)
    DropoutMLPClassifier(learning_rate_init=1.0, solver=Adadelta(rho=0.9))
    """

    rho: float = 0.95
    epsilon: float = 1e-6

    slots: ClassVar[tuple[str, ...]] = ("v", "u")
    adaptive: ClassVar[bool] = True

    def check(self) -> None:
        check_number("rho", self.rho, 0, 1)
        check_number("epsilon", self.epsilon, 0, closed="()")

    def update(
        self, p: Array, g: Array, v: Array, u: Array, *, tmp: Array, t: int, lr: float
    ) -> None:
        lerp(v, np.square(g, out=tmp), 1.0 - self.rho)
        ratio = np.add(u, self.epsilon, out=tmp)
        v += self.epsilon  # for one line: there is no second scratch
        ratio /= v
        v -= self.epsilon
        g *= np.sqrt(ratio, out=ratio)
        lerp(u, np.square(g, out=tmp), 1.0 - self.rho)
        axpy(-lr, g, p)

    def catch_up(self, p: Array, v: Array, u: Array, *, n: Array, **steps: Array) -> None:
        shrunk = self.rho**n
        v *= shrunk
        u *= shrunk


class RMSprop(Optimizer):
    """Gradients divided by their running root mean square [1]_.

    ``lerp(v, g^2, 1 - rho)``, then ``p -= lr g / (sqrt(v) + epsilon)``.

    Parameters
    ----------
    rho : float in [0, 1), default=0.9
        Part of the average that is kept at each step.
    epsilon : float > 0, default=1e-8
        Keeps the denominator from zero.

    References
    ----------
    .. [1] T. Tieleman and G. Hinton, "Lecture 6.5 - rmsprop", COURSERA: Neural Networks for
       Machine Learning, 2012.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.optimizers import RMSprop
    >>> DropoutMLPClassifier(solver=RMSprop(rho=0.99))
    DropoutMLPClassifier(solver=RMSprop(rho=0.99))
    """

    rho: float = 0.9
    epsilon: float = 1e-8

    slots: ClassVar[tuple[str, ...]] = ("v",)
    adaptive: ClassVar[bool] = True

    def check(self) -> None:
        check_number("rho", self.rho, 0, 1)
        check_number("epsilon", self.epsilon, 0, closed="()")

    def update(self, p: Array, g: Array, v: Array, *, tmp: Array, t: int, lr: float) -> None:
        lerp(v, np.square(g, out=tmp), 1.0 - self.rho)
        denominator = np.sqrt(v, out=tmp)
        denominator += self.epsilon
        g /= denominator
        axpy(-lr, g, p)

    def catch_up(self, p: Array, v: Array, *, n: Array, **steps: Array) -> None:
        v *= self.rho**n


class _Moments(Optimizer):
    """First and second moments of the gradient, to which Adam and its kin do different things."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    slots: ClassVar[tuple[str, ...]] = ("m", "v")

    def check(self) -> None:
        check_number("beta_1", self.beta_1, 0, 1)
        check_number("beta_2", self.beta_2, 0, 1)
        check_number("epsilon", self.epsilon, 0, closed="()")

    @property
    def is_lazy(self) -> bool:
        """Not where `v` vanishes before `m` does, and epsilon takes its place."""
        return super().is_lazy and self.beta_1 <= self.beta_2 and self.beta_2 > 0.0

    def _catch_up(
        self, p: Array, m: Array, v: Array, *, n: Array, drift: Array, tmp: Array
    ) -> None:
        """``m / (sqrt(v) + epsilon)`` shrinks by ``beta_1 / sqrt(beta_2)``, as if epsilon did too.

        By that the drift is off by less than epsilon in sqrt(v).
        """
        self._move(p, m, v, drift, tmp)
        m *= self.beta_1**n
        v *= self.beta_2**n

    def _move(self, p: Array, m: Array, v: Array, drift: Array, tmp: Array) -> None:
        """``p -= drift m / (sqrt(v) + epsilon)``."""
        denominator = np.sqrt(v, out=tmp)
        denominator += self.epsilon
        direction = np.divide(m, denominator, out=tmp)
        p -= np.multiply(direction, drift, out=tmp)


class Adam(_Moments):
    """Bias-corrected first and second moments of the gradient [1]_.

    ``lerp(m, g, 1 - beta_1)``, ``lerp(v, g^2, 1 - beta_2)``, then ``p -= lr_t m / (sqrt(v) +
    epsilon)`` with ``lr_t = lr sqrt(1 - beta_2^t) / (1 - beta_1^t)``, as scikit-learn has it.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Part of the first moment that is kept at each step.
    beta_2 : float in [0, 1), default=0.999
        Part of the second moment that is kept at each step.
    epsilon : float > 0, default=1e-8
        Keeps the denominator from zero.

    References
    ----------
    .. [1] D. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2014,
       arXiv 1412.6980.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.optimizers import Adam
    >>> DropoutMLPClassifier(solver=Adam(beta_2=0.95), weight_decay=0.01)
    DropoutMLPClassifier(solver=Adam(beta_2=0.95), weight_decay=0.01)
    """

    def update(
        self, p: Array, g: Array, m: Array, v: Array, *, tmp: Array, t: int, lr: float
    ) -> None:
        lerp(v, np.square(g, out=tmp), 1.0 - self.beta_2)
        lerp(m, g, 1.0 - self.beta_1)
        denominator = np.sqrt(v, out=tmp)
        denominator += self.epsilon
        step = np.divide(m, denominator, out=tmp)
        axpy(-lr * sqrt(1.0 - self.beta_2**t) / (1.0 - self.beta_1**t), step, p)

    def drift(self, t: int, lr: float) -> tuple[float, float]:
        rate = lr * sqrt(1.0 - self.beta_2**t) / (1.0 - self.beta_1**t)
        return rate, self.beta_1 / sqrt(self.beta_2)

    catch_up = _Moments._catch_up
    adaptive: ClassVar[bool] = True


class AMSGrad(_Moments):
    """Adam whose second moment never shrinks [1]_.

    As :class:`Adam`, with the running maximum of `v` in the denominator.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Part of the first moment that is kept at each step.
    beta_2 : float in [0, 1), default=0.999
        Part of the second moment that is kept at each step.
    epsilon : float > 0, default=1e-8
        Keeps the denominator from zero.

    References
    ----------
    .. [1] S. Reddi, S. Kale and S. Kumar, "On the convergence of Adam and beyond", ICLR 2018,
       arXiv 1904.09237.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.optimizers import AMSGrad
    >>> DropoutMLPClassifier(solver=AMSGrad())
    DropoutMLPClassifier(solver=AMSGrad())
    """

    slots: ClassVar[tuple[str, ...]] = ("m", "v", "v_max")
    adaptive: ClassVar[bool] = True

    def update(
        self, p: Array, g: Array, m: Array, v: Array, v_max: Array, *, tmp: Array, t: int, lr: float
    ) -> None:
        lerp(v, np.square(g, out=tmp), 1.0 - self.beta_2)
        lerp(m, g, 1.0 - self.beta_1)
        np.maximum(v_max, v, out=v_max)
        denominator = np.sqrt(v_max, out=tmp)
        denominator += self.epsilon
        step = np.divide(m, denominator, out=tmp)
        axpy(-lr * sqrt(1.0 - self.beta_2**t) / (1.0 - self.beta_1**t), step, p)

    def drift(self, t: int, lr: float) -> tuple[float, float]:
        return lr * sqrt(1.0 - self.beta_2**t) / (1.0 - self.beta_1**t), self.beta_1

    def catch_up(
        self, p: Array, m: Array, v: Array, v_max: Array, *, n: Array, drift: Array, tmp: Array
    ) -> None:
        self._move(p, m, v_max, drift, tmp)
        m *= self.beta_1**n
        v *= self.beta_2**n


class NAdam(_Moments):
    """Adam with Nesterov's momentum [1]_.

    As :class:`Adam`, but the first moment looks one step ahead: ``m / (1 - beta_1^t)`` becomes
    ``beta_1 m / (1 - beta_1^(t+1)) + (1 - beta_1) g / (1 - beta_1^t)``.

    Parameters
    ----------
    beta_1 : float in [0, 1), default=0.9
        Part of the first moment that is kept at each step.
    beta_2 : float in [0, 1), default=0.999
        Part of the second moment that is kept at each step.
    epsilon : float > 0, default=1e-8
        Keeps the denominator from zero.

    References
    ----------
    .. [1] T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop, 2016.

    Examples
    --------
    >>> from skdropout import DropoutMLPClassifier
    >>> from skdropout.optimizers import NAdam
    >>> DropoutMLPClassifier(solver=NAdam(beta_1=0.95))
    DropoutMLPClassifier(solver=NAdam(beta_1=0.95))
    """

    def update(
        self, p: Array, g: Array, m: Array, v: Array, *, tmp: Array, t: int, lr: float
    ) -> None:
        lerp(v, np.square(g, out=tmp), 1.0 - self.beta_2)
        np.copyto(tmp, g)
        lerp(m, tmp, 1.0 - self.beta_1)
        g *= (1.0 - self.beta_1) / (1.0 - self.beta_1**t)
        ahead = np.multiply(m, self.beta_1 / (1.0 - self.beta_1 ** (t + 1)), out=tmp)
        ahead += g
        denominator = np.sqrt(v, out=g)
        denominator += self.epsilon
        ahead /= denominator
        axpy(-lr * sqrt(1.0 - self.beta_2**t), ahead, p)

    def drift(self, t: int, lr: float) -> tuple[float, float]:
        rate = lr * sqrt(1.0 - self.beta_2**t) * self.beta_1 / (1.0 - self.beta_1 ** (t + 1))
        return rate, self.beta_1 / sqrt(self.beta_2)

    catch_up = _Moments._catch_up
    adaptive: ClassVar[bool] = True


OPTIMIZERS = {
    "adam": Adam,
    "nadam": NAdam,
    "amsgrad": AMSGrad,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "sgd": SGD,
}
