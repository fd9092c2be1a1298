"""What the estimators share: arguments, fitted network, pickles, random predictions."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from skdropout._core.buffers import Array
from skdropout._core.checks import check_flag, check_number
from skdropout._estimators.conventions import LiveArrays, as_rows, random_generator
from skdropout._estimators.fitting import DTYPES, Fitting
from skdropout._estimators.settings import check_sparse_dropout, drops_nothing, read_dropout
from skdropout._network.monte_carlo import MonteCarlo
from skdropout._network.network import Network
from skdropout._training.callbacks import CallbackSupportMixin
from skdropout._training.training import Watch
from skdropout.constraints import Constraint
from skdropout.dropout import DropoutScheme
from skdropout.optimizers import Optimizer
from skdropout.schedules import Schedule


def is_stochastic(estimator):
    """Whether the solver works on batches; the reason why not is the error."""
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True


@dataclass(eq=False, repr=False)
class BaseDropoutMLP(CallbackSupportMixin, Fitting, BaseEstimator):
    """The arguments that all estimators have in common, and what they make of a trained network.

    It is a dataclass so that each argument and its default stand in one place; the constructor
    that it generates stores them as they are.
    """

    _doc_link_module = "skdropout"
    _doc_link_template = (
        "https://skdropout.readthedocs.io/en/stable/api/skdropout.{estimator_name}.html"
    )

    hidden_layer_sizes: int | Sequence[int] = (256, 128)
    activation: str | Sequence[str] = "relu"
    _: KW_ONLY
    dropout_rate: float | Sequence[float] = 0.5
    input_dropout_rate: float = 0.0
    dropout: str | DropoutScheme = "batchwise"
    dropout_schedule: str | Schedule = "constant"
    solver: str | Optimizer = "adam"
    alpha: float = 1e-4
    l1_ratio: float = 0.0
    bias_alpha: float = 0.0
    weight_decay: float | str = "auto"
    max_norm: float | Constraint | None = None
    clip_norm: float | None = None
    batch_norm: bool = False
    weight_init: str = "auto"
    batch_size: int | str = "auto"
    learning_rate: str | Schedule = "auto"
    learning_rate_init: float = 3e-3
    power_t: float = 0.5
    max_iter: int = 100
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    early_stopping: bool = False
    validation_fraction: float = 0.1
    scoring: Any = None
    n_iter_no_change: float = 10
    max_fun: int = 15000

    def _raw_predict(self, X):
        """Raw predictions `z` of shape (n_samples, n_outputs)."""
        if "_network" not in vars(self):  # which alone takes a tenth of the time for one row
            check_is_fitted(self)
        return self._network.predict(self._read_X(X, DTYPES))

    def _monte_carlo(self, X, n_samples, random_state, consistent) -> MonteCarlo:
        """Raw predictions with dropout kept on, by the rates that the arguments have now."""
        check_is_fitted(self)
        check_number("n_samples", n_samples, 1, integer=True)
        check_flag("consistent", consistent)
        scheme, rates = read_dropout(self.get_params(deep=False), self._network.activations)
        sizes = self._network.sizes[:-1]
        if drops_nothing(scheme, rates, sizes):
            raise ValueError(
                "Without dropout all predictions are the same, and say nothing of uncertainty: "
                f"dropout_rate={self.dropout_rate!r} drops nothing of hidden layers of {sizes[1:]} "
                f"units, nor input_dropout_rate={self.input_dropout_rate!r} of {sizes[0]} inputs. "
                "Train with higher rates, or set them now, as in set_params(dropout_rate=0.2)."
            )
        if issparse(X):
            check_sparse_dropout(scheme, rates)
        return MonteCarlo(
            self._network,
            self._read_X(X, self._network.dtype),
            int(n_samples),
            scheme=scheme,
            rates=rates,
            rng=random_generator(random_state),
            consistent=bool(consistent),
        )

    def _read_X(self, X, dtype):
        """Check and convert samples to predict."""
        X = validate_data(self, X, accept_sparse="csr", dtype=dtype, reset=False)
        return as_rows(X)

    def _fitted_network(self, asked_for):
        """The network, if there is one."""
        if "_network" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no {asked_for!r} before it is fitted")
        return self._network

    @property
    def coefs_(self) -> list[Array]:
        """Weight matrices, live: what is assigned to an item becomes part of the network."""
        return LiveArrays(self._fitted_network("coefs_").weights)

    @coefs_.setter
    def coefs_(self, values):
        self.coefs_[:] = values

    @property
    def intercepts_(self) -> list[Array]:
        """Bias vectors, live: what is assigned to an item becomes part of the network."""
        return LiveArrays(self._fitted_network("intercepts_").biases)

    @intercepts_.setter
    def intercepts_(self, values):
        self.intercepts_[:] = values

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "_network" in state:
            lasting = ("history_", "loss_curve_", "validation_scores_", "_optimizer_state")
            state |= deepcopy({name: state[name] for name in lasting if name in state})
            state["_network"] = self._network.get_state()
            state["_watch"] = asdict(self._watch)
            state["_streams"] = {
                name: rng.bit_generator.state for name, rng in self._streams.items()
            }
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "_network" in state:
            self._network = Network.from_state(state["_network"])
            self._watch = Watch(**state["_watch"])
            self._optimizer_state = deepcopy(self._optimizer_state)  # may be mapped, read-only
            self._streams = {name: np.random.default_rng() for name in state["_streams"]}
            for name, rng in self._streams.items():
                rng.bit_generator.state = state["_streams"][name]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
