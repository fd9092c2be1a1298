"""What a search tried: its candidates, their parameters and the names of its scores."""

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np


def pick_metric(results: dict[str, Any], metric: str | None, refit: Any) -> str:
    """The name of the score to show, which is "score" where there is only one."""
    start = "mean_test_"
    known = [name.removeprefix(start) for name in results if name.startswith(start)]
    if metric is None and isinstance(refit, str):
        metric = refit
    if metric in known:
        return metric
    if metric is None and len(known) == 1:
        return known[0]
    names = ", ".join(map(repr, known))
    raise ValueError(f"metric must be one of those of the search, {names}, got {metric!r}.")


def fill(search: Any) -> list[dict[str, Any]]:
    """The candidates with all parameters of all grids that they have, by the estimator's values."""
    candidates, defaults = search.cv_results_["params"], search.estimator.get_params()
    resource = getattr(search, "resource", None)  # of a halving search, perhaps a parameter
    names = [name for name in _names_in(candidates) if name != resource]

    def has(candidate, name):
        replaced = any(name.startswith(f"{other}__") for other in candidate)
        return name in candidate or (name in defaults and not replaced)

    return [{n: c.get(n, defaults.get(n)) for n in names if has(c, n)} for c in candidates]


def pick_parameters(
    candidates: list[dict[str, Any]], means: np.ndarray, x: str | None, y: str | None
) -> tuple[str, str | None, list[str]]:
    """Full names of the parameters of columns and rows, and of the others that vary.

    Rows have none where a single parameter has more than one value. Where more have than can be
    shown, it is those that matter most.
    """
    names = _names_in(candidates)
    if not names:
        raise ValueError("The search has no parameters: its grid is empty.")
    x, y = (None if given is None else _complete(given, names) for given in (x, y))
    if x is not None and x == y:
        raise ValueError(f"x and y must be two parameters, got {x!r} for both.")
    varying = [n for n in names if len(distinct(c[n] for c in candidates if n in c)) > 1]
    free = [name for name in varying if name not in (x, y)]
    n_free = (x is None) + (y is None)
    by_effect = sorted(free, key=lambda name: -_effect(candidates, means, name))
    chosen = [name for name in free if name in by_effect[:n_free]]  # in the order of the grid
    if x is None:  # of two, the first one is for the rows, as the last one varies fastest
        x = chosen.pop() if chosen else next(name for name in names if name != y)
    if y is None and chosen:
        y = chosen[0]
    return x, y, [name for name in varying if name not in (x, y)]


def _effect(candidates, means, name):
    """How much worse the best candidate of the worst value is than that of the best value.

    Numbers that hardly repeat are taken in four groups.
    """
    having = [i for i, c in enumerate(candidates) if name in c and np.isfinite(means[i])]
    values = distinct(candidates[i][name] for i in having)
    position_of = positions(values)
    group = [position_of[repr(candidates[i][name])] for i in having]
    if are_numbers(values) and len(values) > 4:
        group = [position * 4 // len(values) for position in group]
    best: dict[int, float] = {}
    for i, k in zip(having, group, strict=True):
        best[k] = max(best.get(k, -np.inf), means[i])
    return max(best.values(), default=0.0) - min(best.values(), default=0.0)


def _names_in(candidates):
    """All parameters, in the order of the grids."""
    return list(dict.fromkeys(name for candidate in candidates for name in candidate))


def _complete(given, names):
    """The name in the grid that is `given`, or the only one that ends in it."""
    found = [name for name in names if name == given]
    found = found or [name for name in names if name.endswith(f"__{given}")]
    if len(found) == 1:
        return found[0]
    problem = "is not a parameter of the search" if not found else "is more than one parameter"
    raise ValueError(f"{given!r} {problem}, which has {', '.join(map(repr, names))}.")


def distinct(values: Iterable[Any]) -> list[Any]:
    """Values without their repetitions: numbers by size, others, which need no hash, as found."""
    values = list({repr(value): value for value in values}.values())
    return sorted(values) if are_numbers(values) else values  # a random search has no order


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether all values are numbers, which True and False are not."""
    return all(isinstance(v, Real) and not isinstance(v, bool | np.bool_) for v in values)


def positions(values: Iterable[Any]) -> dict[str, int]:
    """Where each value stands, by its representation, as not every value has a hash."""
    return {repr(value): position for position, value in enumerate(values)}


def name_score(search: Any, metric: str) -> str:
    """What the scores are, in words."""
    if metric != "score":
        return metric.replace("_", " ")
    return search.scoring.replace("_", " ") if isinstance(search.scoring, str) else "test score"
