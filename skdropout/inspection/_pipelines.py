"""The network at the end of a pipeline or a search."""

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


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
