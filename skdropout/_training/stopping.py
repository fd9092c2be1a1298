"""When a training ends: the rules, and the patience that they have."""

from dataclasses import dataclass, replace
from math import inf


@dataclass(frozen=True)
class Stopping:
    """When a training ends.

    It watches something over the epochs. A plateau is more than `n_iter_no_change` epochs in a row
    without an improvement of at least `tol`. Early stopping, `X_val` and folds hold rows out, by
    which a training is judged:

    ============================  =================  =================  =========================
    training                      watches            at a plateau       after `max_epochs` epochs
    ============================  =================  =================  =========================
    judged                        loss or score of   ends, goes back    ends, goes back to the
                                  rows held out      to the best epoch  best epoch, warns
    judged, with a schedule that  loss or score of   ends, goes back    ends, goes back to the
    anneals                       rows held out      to the best epoch  best epoch
    with a schedule that anneals  nothing            goes on            ends
    any other                     training loss      ends               ends, warns
    incremental: `partial_fit`    nothing            goes on            ends: one call, one epoch
    ============================  =================  =================  =========================

    With dropout the training loss of an epoch depends on which units were dropped, so the loss of
    the whole network is watched instead. Where the learning rate adapts, something is watched in
    every row, the training loss if there is nothing else, and a plateau lowers the rate, of a
    judged training after it went back to the best epoch; only where the rate can fall no further
    it ends what it would end.

    Attributes
    ----------
    judged : bool
        Whether the training is judged, by a loss or a score.
    anneals : bool
        Whether a schedule means to end with the last epoch, or what is held out is only watched.
    adapts : bool
        Whether the learning rate falls at plateaus.
    incremental : bool
        Whether it is a call of `partial_fit`.
    max_epochs : int
    tol : float
    n_iter_no_change : float
        May be infinite.
    growth : float
        How much longer the patience is for each epoch: a part of the epochs so far.
    """

    judged: bool
    anneals: bool
    adapts: bool
    incremental: bool
    max_epochs: int
    tol: float
    n_iter_no_change: float
    growth: float = 0.0

    def is_plateau(self, patience: "Patience", n_epochs: int) -> bool:
        """Whether there has been no improvement for too long, after so many epochs."""
        return patience.n_bad_epochs > self.n_iter_no_change + self.growth * n_epochs

    @property
    def may_end(self) -> bool:
        """Whether a plateau may end the training."""
        return self.judged or not self.anneals

    @property
    def heeds_plateaus(self) -> bool:
        """Whether a plateau makes any difference."""
        return self.may_end or self.adapts

    @property
    def watches_loss(self) -> bool:
        """Whether it makes a difference which training loss is watched."""
        asked = self.adapts or not (self.anneals or self.incremental)
        return asked and not self.judged and self.n_iter_no_change < inf

    @property
    def warns(self) -> bool:
        """Whether the last epoch is no planned end."""
        return not (self.incremental or self.anneals)


@dataclass
class Patience:
    """The best value seen, and the epochs since the last gain of at least `tol` over it.

    The values are scores or, with the other sign, losses: the greater the better.

    Attributes
    ----------
    judged : bool
        Whether they are those of rows held out.
    best : float
    n_bad_epochs : int
    """

    judged: bool = False
    best: float = -inf
    n_bad_epochs: int = 0

    def resume(self, *, judged: bool) -> "Patience":
        """What to go on with: scores on other samples do not compare, nor do scores and losses."""
        return Patience(judged) if judged or self.judged else replace(self)

    def update(self, value: float, tol: float, *, by_tol: bool = False) -> bool:
        """Take note of a value; return whether it is the best so far. Sets: all but `judged`.

        With `by_tol` a gain of less than `tol` makes no new best.
        """
        gains = value >= self.best + tol
        self.n_bad_epochs = 0 if gains else self.n_bad_epochs + 1
        is_best = gains if by_tol else value > self.best
        if is_best:
            self.best = value
        return is_best
