"""Every optimizer against its formula and on functions with a known minimum; as a recipe."""

import pickle
import tracemalloc
from itertools import pairwise
from math import cos, pi

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skdropout import optimizers
from skdropout.optimizers import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AMSGrad,
    NAdam,
    Optimizer,
    RMSprop,
)

# The formulas as in a textbook: what comes out are new parameters, then new slots.


def heavy_ball(o, p, g, v, t, lr):
    v = o.momentum * v - lr * g
    return p + v, v


def nesterov(o, p, g, v, t, lr):
    v = o.momentum * v - lr * g
    return p + o.momentum * v - lr * g, v


def adagrad(o, p, g, s, t, lr):
    s = s + g**2
    return p - lr * g / (np.sqrt(s) + o.epsilon), s


def adadelta(o, p, g, v, u, t, lr):
    v = o.rho * v + (1 - o.rho) * g**2
    step = np.sqrt(u + o.epsilon) / np.sqrt(v + o.epsilon) * g
    u = o.rho * u + (1 - o.rho) * step**2
    return p - lr * step, v, u


def rmsprop(o, p, g, v, t, lr):
    v = o.rho * v + (1 - o.rho) * g**2
    return p - lr * g / (np.sqrt(v) + o.epsilon), v


def adam(o, p, g, m, v, t, lr):
    m = o.beta_1 * m + (1 - o.beta_1) * g
    v = o.beta_2 * v + (1 - o.beta_2) * g**2
    lr_t = lr * np.sqrt(1 - o.beta_2**t) / (1 - o.beta_1**t)
    return p - lr_t * m / (np.sqrt(v) + o.epsilon), m, v


def amsgrad(o, p, g, m, v, v_max, t, lr):
    m = o.beta_1 * m + (1 - o.beta_1) * g
    v = o.beta_2 * v + (1 - o.beta_2) * g**2
    v_max = np.maximum(v_max, v)
    lr_t = lr * np.sqrt(1 - o.beta_2**t) / (1 - o.beta_1**t)
    return p - lr_t * m / (np.sqrt(v_max) + o.epsilon), m, v, v_max


def nadam(o, p, g, m, v, t, lr):
    m = o.beta_1 * m + (1 - o.beta_1) * g
    v = o.beta_2 * v + (1 - o.beta_2) * g**2
    ahead = o.beta_1 * m / (1 - o.beta_1 ** (t + 1)) + (1 - o.beta_1) * g / (1 - o.beta_1**t)
    epsilon = o.epsilon / np.sqrt(1 - o.beta_2**t)  # added before v is corrected, as in Adam
    return p - lr * ahead / (np.sqrt(v / (1 - o.beta_2**t)) + epsilon), m, v


FORMULAS = [
    (SGD(), nesterov),
    (SGD(momentum=0.5), nesterov),
    (SGD(momentum=0.0), nesterov),
    (SGD(nesterovs_momentum=False), heavy_ball),
    (SGD(momentum=0.5, nesterovs_momentum=False), heavy_ball),
    (Adagrad(), adagrad),
    (Adagrad(epsilon=0.1), adagrad),
    (Adadelta(), adadelta),
    (Adadelta(rho=0.6, epsilon=0.1), adadelta),
    (RMSprop(), rmsprop),
    (RMSprop(rho=0.6, epsilon=0.1), rmsprop),
    (Adam(), adam),
    (Adam(beta_1=0.6, beta_2=0.7, epsilon=0.1), adam),
    (AMSGrad(), amsgrad),
    (AMSGrad(beta_1=0.6, beta_2=0.7, epsilon=0.1), amsgrad),
    (NAdam(), nadam),
    (NAdam(beta_1=0.6, beta_2=0.7, epsilon=0.1), nadam),
]
INSTANCES = [optimizer for optimizer, _ in FORMULAS]


def name(value):
    return getattr(value, "__name__", repr(value))


def new_slots(optimizer, p):
    return [np.zeros_like(p) for _ in optimizer.slots]


def run(optimizer, p, gradients, pieces=(slice(None),), lr=0.1, number=int):
    """Parameters and slots after one update with each of the gradients; `lr` falls."""
    p, slots = p.copy(), new_slots(optimizer, p)
    for t, gradient in enumerate(gradients, start=1):
        g, tmp = gradient.copy(), np.full_like(p, np.nan)
        for piece in pieces:
            optimizer.update(
                p[piece],
                g[piece],
                *(slot[piece] for slot in slots),
                tmp=tmp[piece],
                t=number(t),
                lr=lr / t,
            )
    return p, slots


def problem(dtype=np.float64):
    """Parameters, and gradients of twenty steps; some are zero throughout."""
    rng = np.random.default_rng(0)
    p, gradients = rng.normal(size=23), rng.normal(size=(20, 23))
    gradients[:, :3] = 0
    return p.astype(dtype), gradients.astype(dtype)


def test_every_optimizer_has_a_name_and_is_tested():
    public = {getattr(optimizers, name) for name in optimizers.__all__} - {Optimizer}
    assert set(OPTIMIZERS.values()) == public == {type(optimizer) for optimizer in INSTANCES}


@pytest.mark.parametrize("optimizer, formula", FORMULAS, ids=name)
def test_update_is_the_formula(optimizer, formula):
    start, gradients = problem()
    expected, *expected_slots = start, *new_slots(optimizer, start)
    for t, g in enumerate(gradients, start=1):
        expected, *expected_slots = formula(optimizer, expected, g, *expected_slots, t, 0.1 / t)
    p, slots = run(optimizer, start, gradients)
    assert_allclose(p, expected, rtol=0, atol=1e-12)
    assert_allclose(slots, expected_slots, rtol=1e-12, atol=1e-14)
    assert_array_equal(p[:3], start[:3])  # no gradient, no step


@pytest.mark.parametrize("optimizer", INSTANCES, ids=repr)
def test_float32_stays_float32(optimizer):
    p, slots = run(optimizer, *problem(np.float32))
    assert {array.dtype for array in (p, *slots)} == {np.dtype(np.float32)}
    expected, expected_slots = run(optimizer, *problem(np.float64))
    assert_allclose(p, expected, rtol=0, atol=1e-5)
    assert_allclose(slots, expected_slots, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("optimizer", INSTANCES, ids=repr)
@pytest.mark.parametrize("edges", [(0, 7, 14, 21, 23), (0, 1, 23)], ids=str)
def test_pieces_are_the_whole(optimizer, edges):
    pieces = [slice(start, stop) for start, stop in pairwise(edges)]
    p, slots = run(optimizer, *problem(), pieces)
    expected, expected_slots = run(optimizer, *problem())
    assert_array_equal(p, expected)
    assert_array_equal(slots, expected_slots)


@pytest.mark.parametrize("optimizer", INSTANCES, ids=repr)
def test_type_of_the_step_count_makes_no_difference(optimizer):
    p, slots = run(optimizer, *problem(), number=float)
    expected, expected_slots = run(optimizer, *problem(), number=int)
    assert_array_equal(p, expected)
    assert_array_equal(slots, expected_slots)


@pytest.mark.parametrize("optimizer", INSTANCES, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_update_allocates_nothing_that_grows(optimizer, dtype):
    p, g, tmp = np.ones((3, 100_000), dtype)
    slots = new_slots(optimizer, p)
    tracemalloc.start()
    optimizer.update(p, g, *slots, tmp=tmp, t=1, lr=0.1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000


CURVATURES = np.array([1.0, 3.0, 10.0, 30.0, 100.0])
CENTRE = np.array([1.0, -1.0, 2.0, -2.0, 0.5])


def parabola(p):
    """The gradient of ``sum(CURVATURES * (p - CENTRE)**2) / 2``."""
    return CURVATURES * (p - CENTRE)


def rosenbrock(p):
    """The gradient of ``(1 - x)**2 + 100 * (y - x**2)**2``."""
    x, y = p
    return np.array([2 * (x - 1) - 400 * x * (y - x**2), 200 * (y - x**2)])


LANDSCAPES = {  # where to start, the minimum, the number of steps
    parabola: (np.zeros(5), CENTRE, 1000),
    rosenbrock: (np.array([-1.0, 1.0]), np.ones(2), 3000),
}
DESCENTS = [  # the learning rate at first, the distance to the minimum at last
    (parabola, SGD(momentum=0.0), 0.015, 1e-3),
    (parabola, SGD(nesterovs_momentum=False), 0.01, 1e-9),
    (parabola, SGD(), 0.01, 1e-9),
    (parabola, Adagrad(), 3.0, 1e-9),
    (parabola, Adadelta(), 10.0, 1e-9),
    (parabola, RMSprop(), 0.1, 1e-9),
    (parabola, Adam(), 0.3, 1e-9),
    (parabola, AMSGrad(), 0.3, 1e-9),
    (parabola, NAdam(), 0.3, 1e-9),
    (rosenbrock, SGD(momentum=0.0), 0.003, 0.2),
    (rosenbrock, SGD(nesterovs_momentum=False), 0.003, 1e-6),
    (rosenbrock, SGD(), 0.001, 0.01),
    (rosenbrock, Adagrad(), 1.0, 0.2),
    (rosenbrock, Adadelta(), 1.0, 0.1),
    (rosenbrock, RMSprop(), 0.01, 0.05),
    (rosenbrock, Adam(), 0.1, 1e-6),
    (rosenbrock, AMSGrad(), 0.3, 1e-6),
    (rosenbrock, NAdam(), 0.03, 1e-5),
]


@pytest.mark.parametrize("gradient, optimizer, lr, distance", DESCENTS, ids=name)
def test_reaches_the_minimum(gradient, optimizer, lr, distance):
    start, minimum, n_steps = LANDSCAPES[gradient]
    p, slots, tmp = start.copy(), new_slots(optimizer, start), np.empty_like(start)
    for t in range(1, n_steps + 1):
        cosine = (1 + cos(pi * (t - 1) / n_steps)) / 2
        optimizer.update(p, gradient(p), *slots, tmp=tmp, t=t, lr=lr * cosine)
    assert np.linalg.norm(p - minimum) < distance


def pytorch(optimizer, torch, parameters):
    """The optimizer of PyTorch with the same formula."""
    optim = torch.optim
    match optimizer:
        case SGD():
            nesterov = optimizer.nesterovs_momentum and optimizer.momentum > 0
            return optim.SGD(parameters, momentum=optimizer.momentum, nesterov=nesterov)
        case Adagrad():
            return optim.Adagrad(parameters, eps=optimizer.epsilon)
        case Adadelta():
            return optim.Adadelta(parameters, rho=optimizer.rho, eps=optimizer.epsilon)
        case RMSprop():
            return optim.RMSprop(parameters, alpha=optimizer.rho, eps=optimizer.epsilon)


@pytest.mark.parametrize(
    "optimizer",
    [o for o in INSTANCES if isinstance(o, SGD | Adagrad | Adadelta | RMSprop)],
    ids=repr,
)
def test_pytorch_takes_the_same_steps(optimizer):
    torch = pytest.importorskip("torch")
    start, gradients = problem()
    parameter = torch.tensor(start, requires_grad=True)
    theirs = pytorch(optimizer, torch, [parameter])
    theirs.param_groups[0]["lr"] = 0.01  # SGD folds it into its momentum: it has to be constant
    p, slots, tmp = start.copy(), new_slots(optimizer, start), np.empty_like(start)
    for t, gradient in enumerate(gradients, start=1):
        parameter.grad = torch.tensor(gradient)
        theirs.step()
        optimizer.update(p, gradient.copy(), *slots, tmp=tmp, t=t, lr=0.01)
    assert_allclose(p, parameter.detach().numpy(), rtol=0, atol=1e-12)


# An optimizer is a recipe: hyper-parameters, no state.


@pytest.mark.parametrize("optimizer", INSTANCES, ids=repr)
def test_updates_leave_the_object_alone(optimizer):
    params, attributes = optimizer.get_params(), dict(vars(optimizer))
    run(optimizer, *problem())
    assert optimizer.get_params() == params == attributes == vars(optimizer)


@pytest.mark.parametrize("optimizer", INSTANCES, ids=repr)
@pytest.mark.parametrize("copy", [clone, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_are_equal(optimizer, copy):
    other = copy(optimizer)
    assert other is not optimizer
    assert type(other) is type(optimizer)
    assert other == optimizer
    assert other.get_params() == optimizer.get_params()


def test_equality_is_by_class_and_value():
    for i, first in enumerate(INSTANCES):
        assert [first == other for other in INSTANCES] == [i == j for j in range(len(INSTANCES))]


@pytest.mark.parametrize("optimizer", INSTANCES, ids=repr)
def test_repr_is_the_call_that_makes_it(optimizer):
    names = {name: getattr(optimizers, name) for name in optimizers.__all__}
    assert eval(repr(optimizer), names) == optimizer


def test_repr_leaves_out_defaults():
    assert repr(Adam()) == "Adam()"
    assert repr(Adam(beta_2=0.95)) == "Adam(beta_2=0.95)"


@pytest.mark.parametrize("optimizer", INSTANCES, ids=repr)
def test_params_can_be_set(optimizer):
    params = optimizer.get_params()
    other = type(optimizer)()
    assert other.set_params(**params) is other
    assert other == optimizer
    with pytest.raises(ValueError, match="Invalid parameter 'decay'"):
        other.set_params(decay=1.0)


EDGES = [
    SGD(momentum=0),
    SGD(momentum=1),
    SGD(momentum=np.float32(0.5), nesterovs_momentum=np.False_),
    Adadelta(rho=0),
    RMSprop(rho=0),
    Adam(beta_1=0, beta_2=0),
    Adam(epsilon=np.float64(1e-3)),
]


@pytest.mark.parametrize("optimizer", INSTANCES + EDGES, ids=repr)
def test_good_values_pass(optimizer):
    optimizer.check()


MOMENTS = [Adam, AMSGrad, NAdam]
WITH_RHO = [Adadelta, RMSprop]
WITH_EPSILON = [Adagrad, *WITH_RHO, *MOMENTS]

BAD = [
    (SGD(momentum=-0.1), ValueError, "momentum must be a number in [0, 1], got -0.1."),
    (SGD(momentum=1.5), ValueError, "momentum must be a number in [0, 1], got 1.5."),
    (SGD(momentum=np.nan), ValueError, "momentum must be a number in [0, 1], got nan."),
    (SGD(momentum="0.9"), TypeError, "momentum must be a number in [0, 1], got '0.9'."),
    (SGD(nesterovs_momentum=1), TypeError, "nesterovs_momentum must be True or False, got 1."),
    *[
        (optimizer(rho=value), ValueError, f"rho must be a number in [0, 1), got {value}.")
        for optimizer in WITH_RHO
        for value in (-0.1, 1.0)
    ],
    *[
        (optimizer(**{beta: value}), ValueError, f"{beta} must be a number in [0, 1), got {value}.")
        for optimizer in MOMENTS
        for beta in ("beta_1", "beta_2")
        for value in (-0.1, 1.0)
    ],
    *[
        (optimizer(epsilon=value), ValueError, f"epsilon must be a number in (0, inf), got {value}")
        for optimizer in WITH_EPSILON
        for value in (0.0, -1e-8, np.inf)
    ],
]


@pytest.mark.parametrize("optimizer, error, message", BAD, ids=lambda value: str(value)[:40])
def test_check_names_what_is_wrong(optimizer, error, message):
    with pytest.raises(error) as caught:
        optimizer.check()
    assert str(caught.value).startswith(message)


def test_every_hyper_parameter_has_a_bad_value():
    tested = {(type(o), name) for o, _, message in BAD for name in [message.split()[0]]}
    assert tested == {(cls, name) for cls in OPTIMIZERS.values() for name in cls().get_params()}


def test_base_class_has_no_formula():
    with pytest.raises(NotImplementedError, match="Optimizer must implement update"):
        run(Optimizer(), *problem())
