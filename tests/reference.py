"""The network as a textbook writes it: the oracle of the fast one, with which it shares no line.

Everything is a new array, and every formula stands where it is used. `Ws`, `bs` are lists of weight
matrices and bias vectors, `activations` names one function per hidden layer. `masks` holds what the
inputs and then each hidden layer are multiplied by, None where nothing is dropped.
"""

import numpy as np
from scipy.special import erf, logsumexp


def s(x):
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


def Phi(x):
    """The standard normal distribution function."""
    return (1 + erf(x / np.sqrt(2))) / 2


def phi(x):
    """The standard normal density."""
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


# SELU of a standard normal variable has mean zero and variance one: E max(x, 0) = phi(0) and
# E max(x, 0)^2 = 1/2, the other two moments are those of exp(x) - 1 where x < 0.
SELU_ALPHA = phi(0) / (1 / 2 - np.sqrt(np.e) * Phi(-1))
SELU_SCALE = 1 / np.sqrt(
    1 / 2 + SELU_ALPHA**2 * (np.e**2 * Phi(-2) - 2 * np.sqrt(np.e) * Phi(-1) + 1 / 2)
)

ACTIVATIONS = {  # f and f'
    "identity": (lambda x: x, lambda x: np.ones_like(x)),
    "logistic": (s, lambda x: s(x) * (1 - s(x))),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "relu": (lambda x: np.where(x > 0, x, 0), lambda x: np.where(x > 0, 1, 0)),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    "elu": (lambda x: np.where(x > 0, x, np.exp(x) - 1), lambda x: np.where(x > 0, 1, np.exp(x))),
    "selu": (
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * (np.exp(x) - 1)),
        lambda x: SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(x)),
    ),
    "gelu": (lambda x: x * Phi(x), lambda x: Phi(x) + x * phi(x)),
    "silu": (lambda x: x * s(x), lambda x: s(x) + x * s(x) * (1 - s(x))),
}


def dropped(h, mask):
    return h if mask is None else h * mask


def forward(Ws, bs, X, activations, masks):
    """The inputs `h` of every layer and its raw outputs ``z = h W + b``."""
    hs, zs = [dropped(X, masks[0])], []
    for W, b, name, mask in zip(Ws[:-1], bs[:-1], activations, masks[1:], strict=True):
        f, _ = ACTIVATIONS[name]
        zs.append(hs[-1] @ W + b)
        hs.append(dropped(f(zs[-1]), mask))
    zs.append(hs[-1] @ Ws[-1] + bs[-1])
    return hs, zs


def smoothed(y, out, smoothing):
    """Targets of which a part is spread evenly over all classes."""
    n_classes = y.shape[1] if out == "softmax" else 2
    return (1 - smoothing) * y + smoothing / n_classes


def cross_entropy(z, y, out):
    """The loss of each row, and its derivative with respect to `z`."""
    if out == "softmax":
        log_p = z - logsumexp(z, axis=1, keepdims=True)
        return -np.sum(y * log_p, axis=1), np.exp(log_p) - y
    log_p, log_q = -np.logaddexp(0, -z), -np.logaddexp(0, z)
    return -np.sum(y * log_p + (1 - y) * log_q, axis=1), np.exp(log_p) - y


def elastic_net(p, alpha, l1_ratio):
    """The penalty of an array of parameters, and its derivative."""
    value = alpha * np.sum(l1_ratio * np.abs(p) + (1 - l1_ratio) / 2 * p**2)
    return value, alpha * (l1_ratio * np.sign(p) + (1 - l1_ratio) * p)


def loss_and_gradient(
    Ws, bs, X, y, weight, activations, out, masks, *, alpha, l1_ratio, bias_alpha, smoothing
):
    """The mean loss by weight plus the penalty, and its derivatives for all `Ws` and `bs`."""
    total = np.sum(weight)
    hs, zs = forward(Ws, bs, X, activations, masks)
    losses, dlosses = cross_entropy(zs[-1], smoothed(y, out, smoothing), out)
    loss = np.sum(weight * losses) / total
    dz = weight[:, None] * dlosses / total

    dWs, dbs = [], []
    for i in reversed(range(len(Ws))):
        penalty, dpenalty = elastic_net(Ws[i], alpha, l1_ratio)
        bias_penalty, dbias_penalty = elastic_net(bs[i], bias_alpha, l1_ratio)
        loss = loss + (penalty + bias_penalty) / total
        dWs = [hs[i].T @ dz + dpenalty / total, *dWs]
        dbs = [np.sum(dz, axis=0) + dbias_penalty / total, *dbs]
        if i > 0:
            _, df = ACTIVATIONS[activations[i - 1]]
            dz = dropped(dz @ Ws[i].T, masks[i]) * df(zs[i - 1])
    return loss, dWs, dbs
