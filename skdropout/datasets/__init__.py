"""Data to try a network on: one real table shipped with the package, one made-up problem."""

from skdropout.datasets._sonar import load_sonar
from skdropout.datasets._spirals import make_spirals

__all__ = ["load_sonar", "make_spirals"]
