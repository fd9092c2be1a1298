"""What all objects that may be handed to an estimator have in common: they are hyper-parameters."""

from typing import dataclass_transform

from sklearn.base import BaseEstimator


@dataclass_transform()
class Recipe(BaseEstimator):
    """Hyper-parameters and a formula, no state.

    A subclass is a dataclass (``@dataclass(repr=False)``). Recipes can be cloned, compared by
    value, printed, and searched over: ``solver__beta_1`` in a grid is ``beta_1`` of the solver.
    """

    def check(self):
        """Raise a ValueError or TypeError if a hyper-parameter is out of its range."""
