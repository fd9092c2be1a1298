"""Displays of training curves, networks, grid searches and uncertain predictions."""

from skdropout.inspection._bands import UncertaintyBandDisplay
from skdropout.inspection._network import NetworkDisplay
from skdropout.inspection._reliability import ReliabilityDisplay
from skdropout.inspection._search import SearchDisplay
from skdropout.inspection._training import TrainingCurveDisplay
from skdropout.inspection._uncertainty import UncertaintyDisplay

__all__ = [
    "NetworkDisplay",
    "ReliabilityDisplay",
    "SearchDisplay",
    "TrainingCurveDisplay",
    "UncertaintyBandDisplay",
    "UncertaintyDisplay",
]
