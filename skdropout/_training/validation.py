"""How a network is scored in the middle of its training, by its loss or by a scorer."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, isnan, nan

import numpy as np
from scipy.sparse import csr_array
from sklearn.metrics import check_scoring

from skdropout._core.buffers import Array
from skdropout._core.losses import Loss
from skdropout._network.network import Network


@dataclass
class Validation:
    """Scores the network on rows that it does not train on.

    ``score(z, loss)`` says how good raw predictions and their loss are, the greater the better.
    """

    network: Network
    loss: Loss
    X: Array | csr_array
    targets: Array
    weight: Array | None
    score: Callable[[Array, float], float]

    def __call__(self) -> tuple[float, float]:
        """Return the score and the loss of the network as it stands."""
        z = self.network.predict(self.X)
        loss = self.loss.value(z, self.targets, self.weight)
        if not (isfinite(loss) and np.isfinite(z).all()):  # no scorer takes such predictions
            return nan, nan
        score = float(self.score(z, loss))
        if isnan(score):
            raise ValueError(
                f"scoring gives NaN on the {len(z)} validation samples: they are too few, or not "
                "of enough classes, for this score."
            )
        return score, loss


def read_scoring(estimator):
    """Return a scorer of scikit-learn, or None for what needs none: the default and "loss"."""
    scoring = estimator.scoring
    if scoring is None or (isinstance(scoring, str) and scoring == "loss"):
        return None
    if not (isinstance(scoring, str) or callable(scoring)):
        raise TypeError(
            "scoring must be None, 'loss', the name of a scorer of scikit-learn or a callable, "
            f"got {scoring!r}."
        )
    return check_scoring(estimator, scoring)


def bind_scorer(scorer, estimator, X, y, weight):
    """A scorer of scikit-learn as a function of raw predictions and loss."""
    nameless = type(estimator)(**estimator.get_params(deep=False))  # X is an array by now
    vars(nameless).update(vars(estimator))
    vars(nameless).pop("feature_names_in_", None)
    weights = {} if weight is None else {"sample_weight": weight}

    def score(z, loss):
        try:
            return scorer(nameless, X, y, **weights)
        except Exception as error:
            error.add_note(
                f"This is what scoring={estimator.scoring!r} said of the validation set."
            )
            raise

    return score


def negative_loss(z, loss):
    """The score for ``scoring="loss"``."""
    return -loss
