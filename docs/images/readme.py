"""Draw the picture of the README: ``python docs/images/readme.py`` writes readme.png beside it."""

from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons

from skdropout import DropoutMLPClassifier
from skdropout.inspection import NetworkDisplay, UncertaintyDisplay

TITLES = "The network, in prediction", "In one step of training", "Where thinned networks disagree"


def fit(sizes, **arguments):
    """A network that tells two moons apart, and the moons."""
    X, y = make_moons(400, noise=0.15, random_state=0)
    arguments = dict(dropout_rate=0.5, batch_size=32, cv=None) | arguments
    return DropoutMLPClassifier(sizes, **arguments, random_state=0).fit(X, y), X, y


def draw():
    """A network, a thinned one, and the uncertainty of a larger one."""
    figure, axes = plt.subplots(
        1, 3, figsize=(13.5, 4), layout="constrained", width_ratios=[4, 4, 5]
    )
    small, *_ = fit((8, 8), max_iter=30)
    NetworkDisplay.from_estimator(small, ax=axes[0])
    NetworkDisplay.from_estimator(small, random_state=0, ax=axes[1])
    large, X, y = fit((100, 100), learning_rate_init=0.005, max_iter=200)
    UncertaintyDisplay.from_estimator(large, X, y, eps=2, random_state=0, ax=axes[2])
    for title, ax in zip(TITLES, axes, strict=True):
        ax.set_title(title)
    return figure


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
