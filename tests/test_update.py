"""From a gradient to new parameters: each part on its own, and their order."""

import tracemalloc

import numpy as np
import pytest
from cases import make_network, make_update
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification

from skdropout import DropoutMLPClassifier
from skdropout._core import tuning
from skdropout._core.penalties import ElasticNet
from skdropout._training.update import OptimizerState, clip
from skdropout.constraints import Constraint, MaxNorm
from skdropout.optimizers import OPTIMIZERS, SGD, Adam, Optimizer

PLAIN = SGD(momentum=0.0)  # p -= lr g
N_WEIGHTS = 5 * 4 + 4 * 3  # of the network below; its biases come after them


def make_sparse_network(dtype=np.float64):
    """A network with random weights and biases, some of them zero."""
    network = make_network((5, 4, 3), "relu", dtype)
    network.parameters.flat[::6] = 0
    return network


def gradients(n_steps, size):
    return np.random.default_rng(1).normal(size=(n_steps, size))


def take_steps(net, update, n_steps=1, lr=0.1, batch_weight=8.0):
    """Take steps along random gradients; return the penalties."""
    values = []
    for gradient in gradients(n_steps, net.parameters.flat.size):
        update.gradient.flat[:] = gradient
        values.append(update.step(lr, batch_weight))
    return values


class Recorder(Optimizer):
    """Moves nothing; writes down what it is given."""

    slots = ("memory",)

    def __post_init__(self):
        self.seen = []

    def update(self, p, g, memory, *, tmp, t, lr):
        assert p.shape == g.shape == memory.shape == tmp.shape
        self.seen.append((g.copy(), memory.copy(), t, lr))

    @property
    def gradient(self):
        """All that came in, in one vector."""
        return np.concatenate([g for g, *_ in self.seen])


def test_state_at_the_start():
    update = make_update(make_sparse_network(np.float32), Adam())
    size = update.gradient.flat.size
    assert (update.state.optimizer, update.state.t) == ("Adam", 0)
    assert_array_equal(update.state.memory, np.zeros(2 * size, np.float32), strict=True)
    assert [buffer.flat.size for buffer in update.buffers] == 3 * [size]  # parameters, m, v
    for i in range(3):
        assert not np.shares_memory(update.buffers[i].flat, update.buffers[i - 1].flat)


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=repr)
def test_an_update_goes_on_with_the_state_of_another(optimizer):
    net, straight = make_sparse_network(), make_sparse_network()
    first = make_update(net, optimizer)
    take_steps(net, first, n_steps=3)
    second = make_update(net, optimizer, state=first.state)
    assert second.state is first.state
    assert second.state.t == 3
    take_steps(net, second, n_steps=2)
    whole = make_update(straight, optimizer)
    for update, n_steps in ((whole, 3), (whole, 2)):
        take_steps(straight, update, n_steps=n_steps)
    assert_array_equal(net.parameters.flat, straight.parameters.flat)
    assert_array_equal(second.state.memory, whole.state.memory)
    assert second.state.t == whole.state.t == 5


@pytest.mark.parametrize(
    "state",
    [OptimizerState("Adam", 7, np.ones(39)), OptimizerState("SGD", 7, np.ones(38))],
    ids=["of another optimizer", "of another size"],
)
def test_a_state_that_does_not_belong_to_it_starts_anew(state):
    net = make_sparse_network()
    update = make_update(net, SGD(), state=state)
    take_steps(net, update)
    assert state.t == 7
    assert_array_equal(state.memory, 1)
    fresh = make_sparse_network()
    take_steps(fresh, make_update(fresh, SGD()))
    assert_array_equal(net.parameters.flat, fresh.parameters.flat)
    assert (update.state.optimizer, update.state.t) == ("SGD", 1)


def test_gradient_is_laid_out_like_the_parameters():
    net = make_sparse_network()
    update = make_update(net, PLAIN)
    for name in ("W0", "W1", "b0", "b1"):
        assert update.gradient[name].shape == net.parameters[name].shape
        assert update.gradient.span(name) == net.parameters.span(name)


def test_step_without_anything_else():
    net = make_sparse_network()
    start = net.parameters.flat.copy()
    assert take_steps(net, make_update(net, PLAIN)) == [0.0]
    assert_allclose(net.parameters.flat, start - 0.1 * gradients(1, start.size)[0], rtol=1e-14)


def test_what_reaches_the_optimizer():
    net, optimizer = make_sparse_network(), Recorder()
    take_steps(net, make_update(net, optimizer), n_steps=3)
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
    net, optimizer = make_sparse_network(), Recorder()
    penalties = {of: ElasticNet(alpha, l1_ratio)}
    (value,) = take_steps(net, make_update(net, optimizer, penalties=penalties))
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
    net = make_sparse_network()
    before = net.parameters.flat[:N_WEIGHTS].copy()
    update = make_update(net, PLAIN, penalties={"weights": ElasticNet(1.0, 0.0)})
    (value,) = take_steps(net, update, batch_weight=1.0)
    assert value == pytest.approx(np.sum(before**2) / 2, rel=1e-14)
    assert type(value) is float


def test_penalties_of_weights_and_biases_add_up():
    of_weights, of_biases = ElasticNet(0.5, 0.3), ElasticNet(2.0, 0.3)

    def value(**penalties):
        net = make_sparse_network()
        return take_steps(net, make_update(net, penalties=penalties))[0]

    both = value(weights=of_weights, biases=of_biases)
    assert value(weights=of_weights) > 0
    assert value(biases=of_biases) > 0
    assert both == pytest.approx(value(weights=of_weights) + value(biases=of_biases))


# Decay, clipping, projection


@pytest.mark.parametrize("lr", [0.1, 0.01])
@pytest.mark.parametrize("weight_decay", [0.5, 2.0])
def test_weight_decay_shrinks_weights_by_the_learning_rate(lr, weight_decay):
    net, optimizer = make_sparse_network(), Recorder()
    start = net.parameters.flat.copy()
    take_steps(net, make_update(net, optimizer, weight_decay=weight_decay), lr=lr)
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
    clip([g], limit)
    assert np.linalg.norm(g.astype(np.float64)) <= limit * (1 + 4 * np.finfo(dtype).eps)
    assert_allclose(g, before * part, rtol=10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("limit", [1.0, 1.001, 1e9])
def test_short_gradient_is_left_alone(limit):
    g = np.array([0.6, -0.8, 0.0])
    clip([g], limit)
    assert_array_equal(g, [0.6, -0.8, 0.0])


def test_zero_gradient_is_left_alone():
    g = np.zeros(3)
    clip([g], 0.1)
    assert_array_equal(g, np.zeros(3))


@pytest.mark.parametrize("clip_norm", [0.01, 1.0, 3.0])
def test_norm_of_what_reaches_the_optimizer(clip_norm):
    net, optimizer = make_sparse_network(), Recorder()
    take_steps(net, make_update(net, optimizer, clip_norm=clip_norm))
    (sent,) = gradients(1, net.parameters.flat.size)
    assert np.linalg.norm(optimizer.gradient) == pytest.approx(clip_norm, rel=1e-14)
    assert_allclose(optimizer.gradient, sent * clip_norm / np.linalg.norm(sent), rtol=1e-13)


def test_each_weight_matrix_is_projected_after_the_step():
    net, shapes = make_sparse_network(), []

    class Ones(Constraint):
        def project(self, W):
            shapes.append(W.shape)
            W[:] = 1

    take_steps(net, make_update(net, PLAIN, constraint=Ones()), n_steps=2)
    assert shapes == 2 * [(5, 4), (4, 3)]
    assert_array_equal(net.parameters.flat[:N_WEIGHTS], np.ones(N_WEIGHTS))
    assert (net.parameters.flat[N_WEIGHTS:] != 1).all()


# All at once

EVERYTHING = {
    "penalties": {"weights": ElasticNet(0.7, 0.3), "biases": ElasticNet(0.4, 0.3)},
    "weight_decay": 0.9,
    "clip_norm": 2.0,
    "constraint": MaxNorm(1.5),
}


def textbook_steps(n_steps, lr=0.1, batch_weight=8.0, momentum=0.9):
    """Penalty, clipping, decay, momentum and projection, in this order; all with new arrays."""
    p = make_sparse_network().parameters.flat.copy()
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
    net = make_sparse_network()
    update = make_update(net, SGD(0.9, nesterovs_momentum=False), **EVERYTHING)
    values = take_steps(net, update, n_steps=10)
    expected, expected_values = textbook_steps(10)
    assert_allclose(net.parameters.flat, expected, rtol=0, atol=1e-13)
    assert_allclose(values, expected_values, rtol=1e-13)


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=repr)
@pytest.mark.parametrize("block", [1, 7, N_WEIGHTS])
def test_blocks_are_the_whole(optimizer, block, monkeypatch):
    net = make_sparse_network()
    values = take_steps(net, make_update(net, optimizer, **EVERYTHING), n_steps=5)
    monkeypatch.setattr(tuning, "UPDATE_BLOCK", block)
    cut = make_sparse_network()
    cut_values = take_steps(cut, make_update(cut, optimizer, **EVERYTHING), n_steps=5)
    assert_array_equal(cut.parameters.flat, net.parameters.flat)
    assert_allclose(cut_values, values, rtol=1e-14)


def test_blocks_are_seen_by_the_optimizer_in_order(monkeypatch):
    monkeypatch.setattr(tuning, "UPDATE_BLOCK", 7)
    net, optimizer = make_sparse_network(), Recorder()
    take_steps(net, make_update(net, optimizer))
    assert [g.size for g, *_ in optimizer.seen] == [7, 7, 7, 7, 7, 4]  # weights and biases
    assert_array_equal(optimizer.gradient, gradients(1, 39)[0])


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=repr)
def test_float32_stays_float32(optimizer):
    net, double = make_sparse_network(np.float32), make_sparse_network()
    update = make_update(net, optimizer, **EVERYTHING)
    values = take_steps(net, update, n_steps=5)
    expected = take_steps(double, make_update(double, optimizer, **EVERYTHING), n_steps=5)
    assert {a.dtype for a in (net.parameters.flat, update.gradient.flat, update.state.memory)} == {
        np.dtype(np.float32)
    }
    assert_allclose(net.parameters.flat, double.parameters.flat, rtol=0, atol=1e-4)
    assert_allclose(values, expected, rtol=1e-4)


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS.values()])
def test_what_vanishes_becomes_zero_and_not_subnormal(optimizer):
    """Both what is remembered of gradients that are zero, and weights that a penalty shrinks."""
    net = make_sparse_network(np.float32)
    penalties = {"weights": ElasticNet(1e-3, 0.0)}
    update = make_update(net, optimizer(), penalties=penalties, weight_decay=0.1)
    take_steps(net, update, n_steps=20)
    net.parameters.flat[:4] = np.float32(1e-39)
    while update.state.t < 20 * tuning.STEPS_BETWEEN_FLUSHES:
        update.gradient.flat.fill(0.0)
        update.step(0.1, 8.0)
    for values in (net.parameters.flat, update.state.memory):
        assert not np.any((values != 0.0) & (abs(values) < np.finfo(np.float32).tiny))


def test_step_allocates_nothing_that_grows():
    net = make_network((300, 400, 10))
    update = make_update(net, Adam(), **(EVERYTHING | {"constraint": None}))
    update.gradient.flat[:] = 1
    update.step(0.1, 8.0)  # a tracer notes its lines
    tracemalloc.start()
    update.step(0.1, 8.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000


def test_updates_of_one_optimizer_share_nothing():
    net, other, optimizer = make_sparse_network(), make_sparse_network(), Adam()
    update = make_update(net, optimizer)
    take_steps(other, make_update(other, optimizer), n_steps=3)
    take_steps(net, update, n_steps=3)
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
    clip([g], limit)
    assert_allclose(g, np.full(300, limit / np.sqrt(300)), rtol=1e-6)
    assert g.dtype == dtype


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_clipping_does_not_hide_what_is_not_finite(value):
    g = np.array([1.0, value, 2.0])
    clip([g], 1.0)
    assert not np.isfinite(g).all()
