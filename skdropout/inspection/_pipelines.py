"""The network at the end of a pipeline or a search, and what it gets and knows."""

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdropout._core.buffers import Array


def split_pipeline(estimator: Any) -> tuple[list[Any], Any]:
    """Return what comes before the last step of a pipeline, as a list, and that step, fitted.

    Pipelines that end in pipelines are followed to their end, and searches to the best that they
    found. Anything else is a last step with nothing before it.
    """
    before = []
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            if len(estimator.steps) > 1:
                before.append(estimator[:-1])
            estimator = estimator.steps[-1][1]
        else:
            check_is_fitted(estimator)
            return before, estimator


def transform(before: list[Any], X: Any) -> Any:
    """What reaches the network of samples as the whole estimator takes them."""
    for steps in before:
        X = steps.transform(X)
    return X


def find_unknown(y: Array, classes: Array) -> list[Any]:
    """The labels in `y` that are none of the classes."""
    return sorted(set(y.tolist()) - set(classes.tolist()), key=str)


def name_inputs(before: list[Any], network: Any) -> Any:
    """The names of the features that reach the network, None where those given have no names."""
    names = getattr(network, "feature_names_in_", None)
    if names is not None or not (before and hasattr(before[0], "feature_names_in_")):
        return names
    try:
        for steps in before:
            names = steps.get_feature_names_out(names)
    except AttributeError:  # not every transformer can tell
        return None
    return names
