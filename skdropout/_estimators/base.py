"""What the estimators share: arguments, fitted network, pickles, random predictions."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdropout._core.buffers import Array
from skdropout._core.checks import check_flag, check_number, is_name
from skdropout._estimators.arguments import check_sparse_dropout, drops_now
from skdropout._estimators.callbacks import CallbackSupportMixin
from skdropout._estimators.conventions import LiveArrays, random_generator, read_rows
from skdropout._estimators.fitting import CURVES, DTYPES, publish_history
from skdropout._estimators.standardizer import Standardizer, standardize_inputs
from skdropout._network.ensemble import predict_average
from skdropout._network.monte_carlo import MonteCarlo
from skdropout._network.network import Network
from skdropout._training.state import TrainingState
from skdropout.constraints import Constraint
from skdropout.dropout import DropoutScheme
from skdropout.initializers import Initializer
from skdropout.optimizers import Optimizer
from skdropout.schedules import Schedule

Method = TypeVar("Method", bound=Callable)
WeightInit = str | Initializer | Callable[..., Array]


def is_stochastic(estimator: Any) -> bool:
    """Whether the solver works on batches; the reason why not is the error."""
    if is_name(estimator.solver, "lbfgs"):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True


if TYPE_CHECKING:

    def if_stochastic(method: Method) -> Method:
        """Have a method only where the solver works on batches."""
else:
    if_stochastic = available_if(is_stochastic)


@dataclass(eq=False, repr=False)
class BaseDropoutMLP(CallbackSupportMixin, BaseEstimator):
    """The arguments that all estimators have in common, and what they make of a trained network.

    It is a dataclass so that each argument and its default stand in one place; the constructor
    that it generates stores them as they are.
    """

    _doc_link_module = "skdropout"
    _doc_link_template = (
        "https://skdropout.readthedocs.io/en/stable/api/skdropout.{estimator_name}.html"
    )

    hidden_layer_sizes: int | Sequence[int] | Array | str = "auto"
    activation: str | Sequence[str] = "relu"
    _: KW_ONLY
    dropout_rate: float | Sequence[float] | Array | str = "auto"
    input_dropout_rate: float = 0.0
    dropout: str | DropoutScheme | Sequence[str | DropoutScheme] = "batchwise"
    dropout_schedule: str | Schedule = "constant"
    solver: str | Optimizer = "adam"
    alpha: float | Sequence[float] | Array = 1e-4
    l1_ratio: float | Sequence[float] | Array = 0.0
    bias_alpha: float | Sequence[float] | Array = 0.0
    weight_decay: float | str = "auto"
    max_norm: float | Constraint | Sequence[float | Constraint | None] | None = None
    clip_norm: float | None = None
    batch_norm: bool = False
    fit_intercept: bool = True
    weight_init: WeightInit | Sequence[WeightInit] = "auto"
    batch_size: int | str = "auto"
    learning_rate: str | Schedule = "auto"
    learning_rate_init: float = 3e-3
    power_t: float = 0.5
    max_iter: int = 2000
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
    early_stopping: bool | str = False
    validation_fraction: float = 0.1
    scoring: Any = None
    n_iter_no_change: float | str = "auto"
    max_fun: int = 15000
    standardize: bool = True
    cv: Any = "auto"
    n_jobs: int | None = None

    @property
    def _network(self) -> Network:
        """The fitted network, which the training state owns."""
        return self._state.network

    @property
    def _networks(self) -> list[Network]:
        """The fitted networks: the one there is, or those of the ensemble."""
        if "_state" in vars(self):
            return [self._network]
        return [member._network for member in self.estimators_]

    def __sklearn_is_fitted__(self) -> bool:
        return "_state" in vars(self) or "estimators_" in vars(self)

    def _raw_predict(self, X: Any) -> Array:
        """Raw predictions `z` of shape (n_samples, n_outputs)."""
        if not self.__sklearn_is_fitted__():  # check_is_fitted takes a tenth of the time for a row
            check_is_fitted(self)
        X = read_rows(self, X, dtype=DTYPES)
        return predict_average(self._networks, X, self._fitted_labels.loss)

    def _monte_carlo(
        self, X: Any, n_samples: int, random_state: Any, consistent: bool
    ) -> MonteCarlo:
        """Raw predictions with dropout kept on, by the rates that the arguments have now."""
        check_is_fitted(self)
        check_number("n_samples", n_samples, 1, integer=True)
        check_flag("consistent", consistent)
        networks = self._networks
        drops = drops_now(self)
        sizes = networks[0].sizes[:-1]
        if not drops.drop_any(sizes) and len(networks) == 1:
            raise ValueError(
                "Without dropout all predictions are the same, and say nothing of uncertainty: "
                f"dropout_rate={self.dropout_rate!r} drops nothing of hidden layers of {sizes[1:]} "
                f"units, nor input_dropout_rate={self.input_dropout_rate!r} of {sizes[0]} inputs. "
                "Train with higher rates, or set them now, as in set_params(dropout_rate=0.2)."
            )
        if issparse(X):
            check_sparse_dropout(drops)
        X = read_rows(self, X, dtype=networks[0].dtype)
        standardizer = vars(self).get("_standardizer")
        if standardizer is not None and drops.rates[0]:  # a dropped input is at its mean
            standardization = standardizer.standardization(networks[0].dtype)
            if issparse(X) and standardization.mean.any():
                raise ValueError(
                    "A dropped input is at the mean of its column, so input_dropout_rate="
                    f"{self.input_dropout_rate!r} would make sparse inputs dense for this network, "
                    "which was fitted to dense ones: give a dense X, or set input_dropout_rate=0."
                )
            X = standardize_inputs(X, standardization)
            networks = [standardization.take_inputs(network) for network in networks]
        return MonteCarlo(
            networks,
            X,
            int(n_samples),
            drops=drops,
            rng=random_generator(random_state),
            consistent=bool(consistent),
            reach=self._fitted_labels.loss.reach,
        )

    def _fitted_network(self, asked_for: str) -> Network:
        """The network, if there is a single one."""
        if "estimators_" in vars(self):
            raise AttributeError(
                f"This {type(self).__name__} is an ensemble: {asked_for!r} belongs to a single "
                f"network, as in estimators_[0].{asked_for}. With cv=None there is only one."
            )
        if "_state" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no {asked_for!r} before it is fitted")
        return self._network

    @property
    def coefs_(self) -> list[Array]:
        """Weight matrices, live: what is assigned to an item becomes part of the network."""
        return LiveArrays(self._fitted_network("coefs_").weights)

    @coefs_.setter
    def coefs_(self, values: Sequence[Array]) -> None:
        self.coefs_[:] = values

    @property
    def intercepts_(self) -> list[Array]:
        """Bias vectors, live: what is assigned to an item becomes part of the network."""
        return LiveArrays(self._fitted_network("intercepts_").biases)

    @intercepts_.setter
    def intercepts_(self, values: Sequence[Array]) -> None:
        self.intercepts_[:] = values

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        for name in CURVES:
            state.pop(name, None)
        if "_state" in state:
            state["_state"] = self._state.to_plain()
        if "_standardizer" in state:
            state["_standardizer"] = self._standardizer.to_plain()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_state" in state:
            self._state = TrainingState.from_plain(state["_state"])
            publish_history(self, self._state.history)
        if "estimators_" in state:
            self.estimators_ = [copy(member) for member in state["estimators_"]]
            lead = self.estimators_[0]._state
            for member in self.estimators_:
                member._state.share_history(lead)
            for one in (self, *self.estimators_):
                publish_history(one, lead.history)
        if "_standardizer" in state:
            self._standardizer = Standardizer.from_plain(state["_standardizer"])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
