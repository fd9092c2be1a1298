"""What all objects that may be handed to an estimator have in common: they are hyper-parameters."""

from dataclasses import dataclass
from typing import Any, dataclass_transform

import numpy as np
from sklearn.base import BaseEstimator


@dataclass_transform()
class Recipe(BaseEstimator):
    """Hyper-parameters and a formula, no state.

    A subclass is made a dataclass: its annotated attributes are its hyper-parameters. Recipes can
    be cloned, compared by value, hashed, printed, and searched over: ``solver__beta_1`` in a grid
    is ``beta_1`` of the solver.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(cls, repr=False, eq=False)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        mine, theirs = self.get_params(deep=False), other.get_params(deep=False)
        return all(np.array_equal(mine[name], theirs[name]) for name in mine)

    def __hash__(self) -> int:
        return hash(type(self))  # hyper-parameters may be lists or arrays

    def check(self) -> None:
        """Raise a ValueError or TypeError if a hyper-parameter is out of its range."""

    @classmethod
    def _withdraw(cls, method: str, **promises: Any) -> None:
        """Take back each promise that was not made for the `method` that the class has.

        It gets the value given here, that of no promise.
        """

        def place(name: str) -> int:
            return next(i for i, base in enumerate(cls.__mro__) if name in vars(base))

        for promise, none in promises.items():
            if place(promise) > place(method):
                setattr(cls, promise, none)
