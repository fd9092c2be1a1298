"""The network as a textbook writes it: the oracle of the fast one, with which it shares no line.

Everything is a new array, and every formula stands where it is used. `Ws`, `bs` are lists of weight
matrices and bias vectors, `activations` names one function per hidden layer. `masks` holds what the
inputs and then each hidden layer are multiplied by, None where nothing is dropped; for alpha
dropout which units are kept, and the rate. `weight_masks` holds what weights are multiplied by.
With `scales` the hidden layers are normalised before their activation, by the weights of the rows.
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


EPSILON = 1e-5


def standardised(u, weight):
    """Every column with mean zero and variance one, by the weights of the rows."""
    share = weight / np.sum(weight)
    mean = share @ u
    variance = share @ (u - mean) ** 2
    return (u - mean) / np.sqrt(variance + EPSILON)


def dstandardised(u, weight):
    """The derivative of each standardised row `j` by each row `i`, of shape (j, i, columns)."""
    share = weight[:, None] / np.sum(weight)
    centred = u - np.sum(share * u, axis=0)
    std = np.sqrt(np.sum(share * centred**2, axis=0) + EPSILON)
    dcentred = np.eye(len(u))[:, :, None] - share  # the mean moves along with each row
    dstd = share * centred / std
    return dcentred / std - centred[:, None] * dstd / std**2


def dropout(mask):
    """What units are multiplied by, and what is added to them then."""
    if mask is None:
        return 1, 0
    if isinstance(mask, tuple):
        kept, rate = mask
        lowest = -SELU_SCALE * SELU_ALPHA
        a = ((1 - rate) * (1 + rate * lowest**2)) ** -0.5
        return a * kept, a * lowest * (1 - kept) - a * lowest * rate
    return mask, 0


def dropped(h, mask):
    factor, shift = dropout(mask)
    return h * factor + shift


def thinned(W, mask):
    return W if mask is None else W * mask


def forward(Ws, bs, X, activations, masks, weight_masks=None, scales=(), weight=None):
    """The inputs `h` of every layer and its raw outputs ``z = h W + b``, if normalised."""
    weight_masks = weight_masks or [None] * len(Ws)
    hs, zs = [dropped(X, masks[0])], []
    for i, (W, b) in enumerate(zip(Ws, bs, strict=True)):
        u = hs[i] @ thinned(W, weight_masks[i])
        zs.append((standardised(u, weight) * scales[i] if i < len(scales) else u) + b)
        if i < len(activations):
            f, _ = ACTIVATIONS[activations[i]]
            hs.append(dropped(f(zs[i]), masks[i + 1]))
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
    if out == "brier":
        return np.sum((s(z) - y) ** 2, axis=1) / 2, (s(z) - y) * s(z) * (1 - s(z))
    log_p, log_q = -np.logaddexp(0, -z), -np.logaddexp(0, z)
    return -np.sum(y * log_p + (1 - y) * log_q, axis=1), np.exp(log_p) - y


def elastic_net(p, alpha, l1_ratio):
    """The penalty of an array of parameters, and its derivative."""
    value = alpha * np.sum(l1_ratio * np.abs(p) + (1 - l1_ratio) / 2 * p**2)
    return value, alpha * (l1_ratio * np.sign(p) + (1 - l1_ratio) * p)


def loss_and_gradient(
    Ws,
    bs,
    X,
    y,
    weight,
    activations,
    out,
    masks,
    *,
    weight_masks=None,
    scales=(),
    alpha,
    l1_ratio,
    bias_alpha,
    smoothing,
):
    """The mean loss by weight plus the penalty; its derivatives for all `Ws`, `bs`, `scales`.

    `alpha`, `l1_ratio` and `bias_alpha` hold a number for each layer.
    """
    total = np.sum(weight)
    weight_masks = weight_masks or [None] * len(Ws)
    hs, zs = forward(Ws, bs, X, activations, masks, weight_masks, scales, weight)
    losses, dlosses = cross_entropy(zs[-1], smoothed(y, out, smoothing), out)
    loss = np.sum(weight * losses) / total
    dz = weight[:, None] * dlosses / total

    dWs, dbs, dscales = [], [], []
    for i in reversed(range(len(Ws))):
        penalty, dpenalty = elastic_net(Ws[i], alpha[i], l1_ratio[i])
        bias_penalty, dbias_penalty = elastic_net(bs[i], bias_alpha[i], l1_ratio[i])
        loss = loss + (penalty + bias_penalty) / total
        dbs = [np.sum(dz, axis=0) + dbias_penalty / total, *dbs]
        V = thinned(Ws[i], weight_masks[i])
        du = dz
        if i < len(scales):
            u = hs[i] @ V
            dscales = [np.sum(dz * standardised(u, weight), axis=0), *dscales]
            du = np.einsum("jik,jk->ik", dstandardised(u, weight), dz * scales[i])
        dWs = [thinned(hs[i].T @ du, weight_masks[i]) + dpenalty / total, *dWs]
        if i > 0:
            _, df = ACTIVATIONS[activations[i - 1]]
            factor, _ = dropout(masks[i])
            dz = du @ V.T * factor * df(zs[i - 1])
    return loss, dWs, dbs, dscales
