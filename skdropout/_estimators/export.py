"""A fitted network as one of scikit-learn's own, for whatever takes only those."""

from copy import deepcopy
from inspect import signature
from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer, LabelEncoder
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skdropout._core.checks import is_sequence
from skdropout._estimators.arguments import arguments_of
from skdropout._estimators.labels import Numbers

KNOWN_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
KNOWN_NAMES = {
    "solver": ("lbfgs", "sgd", "adam"),
    "learning_rate": ("constant", "invscaling", "adaptive"),
}


def to_classifier(estimator: Any) -> MLPClassifier | VotingClassifier:
    """Return an MLPClassifier with the weights and classes of a DropoutMLPClassifier.

    For an ensemble, a vote of such.
    """
    members = vars(estimator).get("estimators_")
    if members is None:
        return _to_mlp_classifier(estimator)
    if estimator._is_multilabel:
        raise ValueError(
            "scikit-learn's VotingClassifier does not know many labels: convert each of "
            "estimators_, and take the mean of their probabilities."
        )
    networks = [_to_mlp_classifier(member) for member in members]
    codes = np.arange(len(estimator.classes_))
    for network in networks:  # a vote hands on the codes of the classes
        network.classes_ = codes
        network._label_binarizer = LabelBinarizer().fit(codes)
    # converters to ONNX know no flat ones
    vote = _to_vote(VotingClassifier, networks, voting="soft", flatten_transform=False)
    vote.classes_ = estimator.classes_
    vote.le_ = LabelEncoder().fit(estimator.classes_)
    return vote


def to_regressor(estimator: Any) -> MLPRegressor | VotingRegressor:
    """Return an MLPRegressor with the weights of a DropoutMLPRegressor, for an ensemble a vote."""
    members = vars(estimator).get("estimators_")
    if members is None:
        return _to_mlp_regressor(estimator)
    if estimator.n_outputs_ > 1:
        raise ValueError(
            "scikit-learn's VotingRegressor does not know several outputs: convert each of "
            "estimators_, and take the mean of their predictions."
        )
    return _to_vote(VotingRegressor, [_to_mlp_regressor(member) for member in members])


def _to_vote(their_class: type, networks: list, **arguments: Any) -> Any:
    """A fitted vote of fitted networks."""
    named = [(f"network{i}", network) for i, network in enumerate(networks)]
    vote = their_class(named, **arguments)
    vote.estimators_ = networks
    vote.named_estimators_ = Bunch(**dict(named))
    return vote


def _to_mlp_classifier(estimator: Any) -> MLPClassifier:
    """A single network."""
    mlp = _to_mlp(MLPClassifier, estimator)
    classes = estimator.classes_
    if len(classes) == 1:
        raise ValueError(
            "MLPClassifier has two probabilities for a single class, so it cannot be the same as "
            f"this network, whose only class is {classes[0]!r}."
        )
    if len(classes) > 2 and not estimator._is_multilabel and mlp.out_activation_ == "logistic":
        raise ValueError(
            "MLPClassifier has no logistic outputs for more than two classes, which "
            "loss='squared_error' has."
        )
    kinds = np.eye(len(classes), dtype=int) if estimator._is_multilabel else classes
    mlp._label_binarizer = LabelBinarizer().fit(kinds)  # without it, no prediction
    return mlp


def _to_mlp_regressor(estimator: Any) -> MLPRegressor:
    """A single network."""
    mlp = _to_mlp(MLPRegressor, estimator)
    loss = Numbers.by_activation(estimator.out_activation_).loss_name
    if "loss" in signature(MLPRegressor).parameters:
        return mlp.set_params(loss=loss)
    if loss == "poisson":
        raise ValueError("loss='poisson' needs scikit-learn 1.7 or newer, which knows it.")
    return mlp


def _to_mlp(their_class: type, estimator: Any) -> Any:
    """An estimator of scikit-learn with the arguments and parameters that both know."""
    check_is_fitted(estimator)
    activations = estimator._network.activations
    if len(set(activations)) != 1 or activations[0] not in KNOWN_ACTIVATIONS:
        raise ValueError(
            f"{their_class.__name__} needs at least one hidden layer and the same activation for "
            f"all, one of {', '.join(KNOWN_ACTIVATIONS)}; the activations of this network are "
            f"{activations}."
        )
    arguments = arguments_of(estimator)
    shared = {k: v for k, v in arguments.items() if k in signature(their_class).parameters}
    shared["activation"] = activations[0]
    shared["hidden_layer_sizes"] = estimator._network.sizes[1:-1]
    for name, known in KNOWN_NAMES.items():
        if not (isinstance(shared[name], str) and shared[name] in known):
            del shared[name]
    if is_sequence(shared["alpha"]):
        del shared["alpha"]
    shared["early_stopping"] = shared["early_stopping"] is True
    if shared["n_iter_no_change"] == "auto":
        del shared["n_iter_no_change"]
    mlp = their_class(**shared)
    network = estimator._network.fold()
    mlp.coefs_ = [W.copy() for W in network.weights]
    mlp.intercepts_ = [b.copy() for b in network.biases]
    for name, value in vars(estimator).items():
        if name.endswith("_") and name != "history_":
            setattr(mlp, name, deepcopy(value))
    mlp.best_loss_ = min(estimator.loss_curve_)
    mlp._no_improvement_count = 0  # these three are what a warm start goes on with
    mlp._best_coefs = [W.copy() for W in network.weights]
    mlp._best_intercepts = [b.copy() for b in network.biases]
    return mlp
