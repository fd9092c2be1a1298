"""Multilayer perceptrons with dropout for scikit-learn, on NumPy and SciPy alone."""

from joblib import register_parallel_backend

from skdropout import constraints, dropout, initializers, optimizers, schedules
from skdropout._estimators.classifier import DropoutMLPClassifier
from skdropout._estimators.regressor import DropoutMLPRegressor
from skdropout._training.backend import StackingBackend

__version__ = "0.1.0"

register_parallel_backend("skdropout", StackingBackend)

__all__ = [
    "DropoutMLPClassifier",
    "DropoutMLPRegressor",
    "__version__",
    "constraints",
    "dropout",
    "initializers",
    "optimizers",
    "schedules",
]
