"""From a gradient to new parameters: each part on its own, and their order."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification

from skdropout import DropoutMLPClassifier
from skdropout._core.penalties import ElasticNet
from skdropout._network.network import Network
from skdropout._training import descent as _descent
from skdropout._training.descent import FLUSHING, Descent, clip
from skdropout.constraints import Constraint, MaxNorm
from skdropout.optimizers import OPTIMIZERS, SGD, Adam, Optimizer

PLAIN = SGD(momentum=0.0)  # p -= lr g
NO_PENALTY = ElasticNet(0.0, 0.0)
N_WEIGHTS = 5 * 4 + 4 * 3  # of the network below; its biases come after them


def network(dtype=np.float64):
    """A network with random weights and biases, some of them zero."""
    net = Network((5, 4, 3), ["relu"], dtype)
    flat = net.parameters.flat
    flat[:] = np.random.default_rng(0).normal(size=flat.size)
    flat[::6] = 0
    return net


def descent(net, optimizer=PLAIN, **arguments):
    """A descent that does nothing but what is asked for."""
    nothing = {
        "penalty": NO_PENALTY,
        "bias_penalty": NO_PENALTY,
        "weight_decay": 0.0,
        "clip_norm": None,
        "constraint": None,
    }
    return Descent(net, optimizer, **(nothing | arguments))


def gradients(n_steps, size):
    return np.random.default_rng(1).normal(size=(n_steps, size))


def take_steps(net, down, n_steps=1, lr=0.1, batch_weight=8.0):
    """Take steps along random gradients; return the penalties."""
    values = []
    for gradient in gradients(n_steps, net.parameters.flat.size):
        down.gradient.flat[:] = gradient
        values.append(down.step(lr, batch_weight))
    return values


@dataclass(repr=False)
class Recorder(Optimizer):
    """Moves nothing; writes down what it is given."""

    slots = ("memory",)

    def __post_init__(self):
        self.seen = []

    def _update(self, p, g, memory, *, tmp, t, lr):
        assert p.shape == g.shape == memory.shape == tmp.shape
        self.seen.append((g.copy(), memory.copy(), t, lr))

    @property
    def gradient(self):
        """All that came in, in one vector."""
        return np.concatenate([g for g, *_ in self.seen])


def test_state_at_the_start():
    down = descent(network(np.float32), Adam())
    size = down.gradient.flat.size
    assert down.t == 0
    assert set(down.memory.layout) == {"m", "v"}
    for slot in ("m", "v"):
        assert_array_equal(down.memory[slot], np.zeros(size, np.float32), strict=True)
    assert not np.shares_memory(down.memory["m"], down.memory["v"])


def test_gradient_is_laid_out_like_the_parameters():
    net = network()
    down = descent(net)
    for name in ("W0", "W1", "b0", "b1"):
        assert down.gradient[name].shape == net.parameters[name].shape
        assert down.gradient.span(name) == net.parameters.span(name)


def test_step_without_anything_else():
    net = network()
    start = net.parameters.flat.copy()
    assert take_steps(net, descent(net)) == [0.0]
    assert_allclose(net.parameters.flat, start - 0.1 * gradients(1, start.size)[0], rtol=1e-14)


def test_what_reaches_the_optimizer():
    net, optimizer = network(), Recorder()
    take_steps(net, descent(net, optimizer), n_steps=3)
    sent = gradients(3, net.parameters.flat.size)
    assert_array_equal(optimizer.gradient, sent.ravel())
    assert all(not memory.any() for _, memory, _, _ in optimizer.seen)
    steps = [t for _, _, t, _ in optimizer.seen]
    assert sorted(set(steps)) == [1, 2, 3]
    assert steps == sorted(steps)
    assert {lr for *_, lr in optimizer.seen} == {0.1}


# Penalties


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("of", ["weights", "biases"])
def test_elastic_net(alpha, l1_ratio, of):
    net, optimizer = network(), Recorder()
    name = "penalty" if of == "weights" else "bias_penalty"
    (value,) = take_steps(net, descent(net, optimizer, **{name: ElasticNet(alpha, l1_ratio)}))
    p = net.parameters.flat
    span = slice(None, N_WEIGHTS) if of == "weights" else slice(N_WEIGHTS, None)
    (expected,) = gradients(1, p.size)
    expected[span] += alpha * (l1_ratio * np.sign(p[span]) + (1 - l1_ratio) * p[span]) / 8
    penalty = alpha * np.sum(l1_ratio * abs(p[span]) + (1 - l1_ratio) / 2 * p[span] ** 2) / 8
    assert value == pytest.approx(penalty, rel=1e-14)
    assert_allclose(optimizer.gradient, expected, rtol=1e-14)


@pytest.mark.parametrize("alpha, l1_ratio", [(0.5, 0.0), (0.5, 0.3), (0.5, 1.0)])
def test_gradient_of_the_elastic_net_is_that_of_its_value(alpha, l1_ratio):
    penalty, rng = ElasticNet(alpha, l1_ratio), np.random.default_rng(0)
    p, direction = rng.normal(size=(2, 50))
    g, nowhere, tmp = np.zeros((3, 50))
    penalty.add(p, g, 0.25, tmp)
    h = 1e-6
    ahead, behind = (penalty.add(p + s * h * direction, nowhere, 0.25, tmp) for s in (1, -1))
    assert g @ direction == pytest.approx((ahead - behind) / (2 * h), rel=1e-8)


def test_penalty_is_the_one_before_the_step():
    net = network()
    before = net.parameters.flat[:N_WEIGHTS].copy()
    (value,) = take_steps(net, descent(net, penalty=ElasticNet(1.0, 0.0)), batch_weight=1.0)
    assert value == pytest.approx(np.sum(before**2) / 2, rel=1e-14)
    assert type(value) is float


def test_penalties_of_weights_and_biases_add_up():
    of_weights, of_biases = ElasticNet(0.5, 0.3), ElasticNet(2.0, 0.3)

    def value(**penalties):
        net = network()
        return take_steps(net, descent(net, **penalties))[0]

    both = value(penalty=of_weights, bias_penalty=of_biases)
    assert value(penalty=of_weights) > 0
    assert value(bias_penalty=of_biases) > 0
    assert both == pytest.approx(value(penalty=of_weights) + value(bias_penalty=of_biases))


# Decay, clipping, projection


@pytest.mark.parametrize("lr", [0.1, 0.01])
@pytest.mark.parametrize("weight_decay", [0.5, 2.0])
def test_weight_decay_shrinks_weights_by_the_learning_rate(lr, weight_decay):
    net, optimizer = network(), Recorder()
    start = net.parameters.flat.copy()
    take_steps(net, descent(net, optimizer, weight_decay=weight_decay), lr=lr)
    expected = start.copy()
    expected[:N_WEIGHTS] *= 1 - lr * weight_decay
    assert_allclose(net.parameters.flat, expected, rtol=1e-15)
    assert_array_equal(net.parameters.flat[N_WEIGHTS:], start[N_WEIGHTS:])
    assert_array_equal(optimizer.gradient, gradients(1, start.size)[0])  # decoupled


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("part", [0.01, 0.5, 0.999])
def test_long_gradient_is_cut_to_the_limit(part, dtype):
    (g,) = gradients(1, 100).astype(dtype)
    before, limit = g.astype(np.float64), float(part * np.linalg.norm(g))
    clip(g, limit)
    assert np.linalg.norm(g.astype(np.float64)) <= limit * (1 + 4 * np.finfo(dtype).eps)
    assert_allclose(g, before * part, rtol=10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("limit", [1.0, 1.001, 1e9])
def test_short_gradient_is_left_alone(limit):
    g = np.array([0.6, -0.8, 0.0])
    clip(g, limit)
    assert_array_equal(g, [0.6, -0.8, 0.0])


def test_zero_gradient_is_left_alone():
    g = np.zeros(3)
    clip(g, 0.1)
    assert_array_equal(g, np.zeros(3))


@pytest.mark.parametrize("clip_norm", [0.01, 1.0, 3.0])
def test_norm_of_what_reaches_the_optimizer(clip_norm):
    net, optimizer = network(), Recorder()
    take_steps(net, descent(net, optimizer, clip_norm=clip_norm))
    (sent,) = gradients(1, net.parameters.flat.size)
    assert np.linalg.norm(optimizer.gradient) == pytest.approx(clip_norm, rel=1e-14)
    assert_allclose(optimizer.gradient, sent * clip_norm / np.linalg.norm(sent), rtol=1e-13)


def test_each_weight_matrix_is_projected_after_the_step():
    net, shapes = network(), []

    @dataclass(repr=False)
    class Ones(Constraint):
        def project(self, W):
            shapes.append(W.shape)
            W[:] = 1

    take_steps(net, descent(net, constraint=Ones()), n_steps=2)
    assert shapes == 2 * [(5, 4), (4, 3)]
    assert_array_equal(net.parameters.flat[:N_WEIGHTS], np.ones(N_WEIGHTS))
    assert (net.parameters.flat[N_WEIGHTS:] != 1).all()


# All at once

EVERYTHING = {
    "penalty": ElasticNet(0.7, 0.3),
    "bias_penalty": ElasticNet(0.4, 0.3),
    "weight_decay": 0.9,
    "clip_norm": 2.0,
    "constraint": MaxNorm(1.5),
}


def textbook_steps(n_steps, lr=0.1, batch_weight=8.0, momentum=0.9):
    """Penalty, clipping, decay, momentum and projection, in this order; all with new arrays."""
    p = network().parameters.flat.copy()
    is_weight = np.arange(p.size) < N_WEIGHTS
    alpha = np.where(is_weight, 0.7, 0.4)
    v, values = np.zeros(p.size), []
    for g in gradients(n_steps, p.size):
        values.append(np.sum(alpha * (0.3 * abs(p) + 0.7 / 2 * p**2)) / batch_weight)
        g = g + alpha * (0.3 * np.sign(p) + 0.7 * p) / batch_weight
        g = g * min(1, 2.0 / np.linalg.norm(g))
        p = np.where(is_weight, p - lr * 0.9 * p, p)
        v = momentum * v - lr * g
        p = p + v
        for span, shape in ((slice(0, 20), (5, 4)), (slice(20, 32), (4, 3))):
            W = p[span].reshape(shape)
            p[span] = (W * np.minimum(1, 1.5 / np.linalg.norm(W, axis=0))).ravel()
    return p, values


def test_everything_in_order():
    net = network()
    down = descent(net, SGD(0.9, nesterovs_momentum=False), **EVERYTHING)
    values = take_steps(net, down, n_steps=10)
    expected, expected_values = textbook_steps(10)
    assert_allclose(net.parameters.flat, expected, rtol=0, atol=1e-13)
    assert_allclose(values, expected_values, rtol=1e-13)


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=repr)
@pytest.mark.parametrize("block", [1, 7, N_WEIGHTS])
def test_blocks_are_the_whole(optimizer, block, monkeypatch):
    net = network()
    values = take_steps(net, descent(net, optimizer, **EVERYTHING), n_steps=5)
    monkeypatch.setattr(_descent, "BLOCK", block)
    cut = network()
    cut_values = take_steps(cut, descent(cut, optimizer, **EVERYTHING), n_steps=5)
    assert_array_equal(cut.parameters.flat, net.parameters.flat)
    assert_allclose(cut_values, values, rtol=1e-14)


def test_blocks_are_seen_by_the_optimizer_in_order(monkeypatch):
    monkeypatch.setattr(_descent, "BLOCK", 7)
    net, optimizer = network(), Recorder()
    take_steps(net, descent(net, optimizer))
    assert [g.size for g, *_ in optimizer.seen] == [7, 7, 7, 7, 7, 4]  # weights and biases
    assert_array_equal(optimizer.gradient, gradients(1, 39)[0])


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=repr)
def test_float32_stays_float32(optimizer):
    net, double = network(np.float32), network()
    down = descent(net, optimizer, **EVERYTHING)
    values = take_steps(net, down, n_steps=5)
    expected = take_steps(double, descent(double, optimizer, **EVERYTHING), n_steps=5)
    assert {a.dtype for a in (net.parameters.flat, down.gradient.flat, down.memory.flat)} == {
        np.dtype(np.float32)
    }
    assert_allclose(net.parameters.flat, double.parameters.flat, rtol=0, atol=1e-4)
    assert_allclose(values, expected, rtol=1e-4)


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS.values()])
def test_what_vanishes_becomes_zero_and_not_subnormal(optimizer):
    """Both what is remembered of gradients that are zero, and weights that a penalty shrinks."""
    net = network(np.float32)
    down = descent(net, optimizer(), penalty=ElasticNet(1e-3, 0.0), weight_decay=0.1)
    take_steps(net, down, n_steps=20)
    net.parameters.flat[:4] = np.float32(1e-39)
    while down.t < 20 * FLUSHING:
        down.gradient.flat.fill(0.0)
        down.step(0.1, 8.0)
    for values in (net.parameters.flat, down.memory.flat):
        assert not np.any((values != 0.0) & (abs(values) < np.finfo(np.float32).tiny))


def test_step_allocates_nothing_that_grows():
    net = Network((300, 400, 10), ["relu"], np.float64)
    down = descent(net, Adam(), **(EVERYTHING | {"constraint": None}))
    down.gradient.flat[:] = 1
    tracemalloc.start()
    down.step(0.1, 8.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000


def test_descents_of_one_optimizer_share_nothing():
    net, other, optimizer = network(), network(), Adam()
    down, _ = descent(net, optimizer), take_steps(other, descent(other, optimizer), n_steps=3)
    take_steps(net, down, n_steps=3)
    assert_array_equal(net.parameters.flat, other.parameters.flat)


@pytest.mark.parametrize("learning_rate_init", [1, np.float32(0.5), np.float64(0.01)], ids=repr)
def test_a_fit_hands_plain_numbers_to_the_optimizer(learning_rate_init):
    """A NumPy scalar would turn the arithmetic of float32 into that of float64."""
    optimizer = Recorder()
    X, y = make_classification(40, n_features=4, n_redundant=0, random_state=0)
    DropoutMLPClassifier(
        (3,),
        solver=optimizer,
        learning_rate="cosine",
        learning_rate_init=learning_rate_init,
        batch_size=20,
        max_iter=3,
    ).fit(X.astype(np.float32), y)
    assert {(type(t), type(lr)) for _, _, t, lr in optimizer.seen} == {(int, float)}
    assert {t for _, _, t, _ in optimizer.seen} == {1, 2, 3, 4, 5, 6}
    assert max(lr for *_, lr in optimizer.seen) == learning_rate_init
    assert optimizer.gradient.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-30, 0.1, 1.0], ids=["squares", "hardly", "length"])
@pytest.mark.parametrize("limit", [2.0, 1000.0])
def test_gradients_too_long_for_their_type_are_clipped_and_not_lost(limit, size, dtype):
    """The squares may be too large, or the length itself."""
    g = np.full(300, size * np.finfo(dtype).max, dtype)
    clip(g, limit)
    assert_allclose(g, np.full(300, limit / np.sqrt(300)), rtol=1e-6)
    assert g.dtype == dtype


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_clipping_does_not_hide_what_is_not_finite(value):
    g = np.array([1.0, value, 2.0])
    clip(g, 1.0)
    assert not np.isfinite(g).all()
