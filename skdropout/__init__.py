"""Multilayer perceptrons with dropout for scikit-learn, on NumPy and SciPy alone."""

from skdropout import constraints, dropout, optimizers, schedules
from skdropout._estimators.classifier import DropoutMLPClassifier
from skdropout._estimators.regressor import DropoutMLPRegressor

__version__ = "0.1.0"

__all__ = [
    "DropoutMLPClassifier",
    "DropoutMLPRegressor",
    "__version__",
    "constraints",
    "dropout",
    "optimizers",
    "schedules",
]
