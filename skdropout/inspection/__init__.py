"""Pictures of a training, a network, a search and of what a network doesn't know."""

from skdropout.inspection._network import NetworkDisplay
from skdropout.inspection._search import SearchDisplay
from skdropout.inspection._training import TrainingCurveDisplay
from skdropout.inspection._uncertainty import UncertaintyDisplay

__all__ = ["NetworkDisplay", "SearchDisplay", "TrainingCurveDisplay", "UncertaintyDisplay"]
