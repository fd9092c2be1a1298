"""Scores of a network in the middle of its training, by whatever `scoring` is."""

from collections.abc import Callable
from copy import copy
from numbers import Real
from typing import Any

from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.metrics import check_scoring, get_scorer_names

from skdropout._core.buffers import Array
from skdropout._core.checks import is_name
from skdropout._core.meant import advise_on_name
from skdropout._estimators.arguments import arguments_of
from skdropout._estimators.labels import Scorer


def check_scorer(estimator: Any) -> None:
    """Raise if `scoring` is not "loss", the name of a score or a callable."""
    scoring = estimator.scoring
    if is_name(scoring, "loss"):
        return
    if not (isinstance(scoring, str) or callable(scoring)):
        raise TypeError(
            "scoring must be None, 'loss', the name of a scorer of scikit-learn or a callable, "
            f"got {scoring!r}."
        )
    names = get_scorer_names()
    if isinstance(scoring, str) and scoring not in names:
        raise ValueError(
            "scoring must be the name of a scorer, as sklearn.metrics.get_scorer_names() lists "
            f"them, or 'loss', got {scoring!r}.{advise_on_name('scoring', scoring, names)}"
        )
    check_scoring(estimator, scoring)


def make_scorer(
    estimator: Any,
    X: Any,
    y: Array,
    weight: Array | None,
    publish: Callable[[], None],
    to_outside: Callable[[Array], Array] | None = None,
) -> Scorer:
    """The score on `X`, `y` as a function of raw predictions and their loss.

    The scorer gets an estimator that predicts as it stands, which `publish` sees to; or with
    `to_outside` one whose raw predictions are those, whatever it is asked to predict. It is a new
    one each time, and the data are read-only, so whatever it does stays with it.
    """
    if is_name(estimator.scoring, "loss"):
        return lambda z, loss: -loss
    scorer = check_scoring(estimator, estimator.scoring)
    X, y = read_only(X), read_only(y)
    weights = {} if weight is None else {"sample_weight": read_only(weight)}

    def score(z: Array, loss: float) -> float:
        nameless = object.__new__(type(estimator))  # X is an array by now
        vars(nameless).update(vars(estimator))
        vars(nameless).pop("feature_names_in_", None)
        for name, value in arguments_of(estimator).items():
            if hasattr(value, "get_params"):
                setattr(nameless, name, clone(value, safe=False))
        if to_outside is None:
            publish()
        else:
            outside = to_outside(z)
            nameless._raw_predict = lambda asked: _same(asked, X, outside)
        try:
            return _read_score(scorer(nameless, X, y, **weights))
        except Exception as error:
            error.add_note(
                f"This is what scoring={estimator.scoring!r} said of the validation set."
            )
            raise

    return score


def read_only(data: Any) -> Any:
    """The same data, which nobody can write into; of sparse rows their entries."""
    if issparse(data):
        view = copy(data)
        view.data = read_only(data.data)
        return view
    view = data.view()
    view.flags.writeable = False
    return view


def _read_score(score: Any) -> float:
    """A score as a plain number."""
    if getattr(score, "size", 0) == 1:  # of NumPy
        score = score.item()
    if not isinstance(score, Real):
        raise TypeError(f"A score must be one number, got {score!r}.")
    return float(score)


def _same(asked: Any, X: Any, outside: Array) -> Array:
    """The raw predictions for `X`, if it is what is asked for."""
    if asked is not X:
        raise ValueError(
            "Out of fold each row is predicted by the networks that have not seen it, so a scorer "
            "can predict the X that it is given, as it is, and no other."
        )
    return outside
