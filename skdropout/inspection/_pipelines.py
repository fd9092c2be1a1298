"""The network at the end of a pipeline."""

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def split_pipeline(estimator):
    """Return what comes before the last step of a pipeline, as a list, and that step, fitted.

    Pipelines that end in pipelines are followed to their end. Anything else is a last step with
    nothing before it.
    """
    before = []
    while isinstance(estimator, Pipeline):
        if len(estimator.steps) > 1:
            before.append(estimator[:-1])
        estimator = estimator.steps[-1][1]
    check_is_fitted(estimator)
    return before, estimator
