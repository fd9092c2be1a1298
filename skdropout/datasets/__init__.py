"""Data to try a network on: a small table, a made-up problem, and handwritten digits."""

from skdropout.datasets._mnist import fetch_mnist
from skdropout.datasets._sonar import load_sonar
from skdropout.datasets._spirals import make_spirals

__all__ = ["fetch_mnist", "load_sonar", "make_spirals"]
