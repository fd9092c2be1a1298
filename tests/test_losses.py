import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss

from skdropout._core.losses import CLASS_LOSSES, NUMBER_LOSSES, RunningLoss, SquaredError
from skdropout._core.tuning import LOSS_ROWS

LOSSES = {**CLASS_LOSSES, **NUMBER_LOSSES}
OUTPUTS = {"binary": ("logistic", 1), "multilabel": ("logistic", 4), "multiclass": ("softmax", 3)}

over_losses = pytest.mark.parametrize("name", LOSSES)
over_outputs = pytest.mark.parametrize("kind", OUTPUTS)
over_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])


def make_problem(kind, n_rows=30, dtype=np.float64):
    """A loss, raw predictions, zeros and ones as targets, weights."""
    name, n_outputs = OUTPUTS[kind]
    rng = np.random.default_rng(0)
    z = rng.normal(scale=3, size=(n_rows, n_outputs))
    if name == "softmax":
        y = np.eye(n_outputs)[rng.integers(n_outputs, size=n_rows)]
    else:
        y = rng.integers(2, size=(n_rows, n_outputs))
    weight = rng.uniform(0.2, 3, n_rows)
    return CLASS_LOSSES[name], z.astype(dtype), y.astype(dtype), weight.astype(dtype)


def value_and_gradient(loss, z, y, weight):
    """The mean loss and its derivative, in new memory."""
    shares = (weight / weight.sum()).reshape(-1, 1)
    dz, row = np.full_like(z, np.nan), np.full_like(shares, np.nan)
    loss.gradient(z, y, shares, dz, row)
    return loss.value(z, y, weight), dz


@over_outputs
def test_value_equals_scikit_learn(kind):
    loss, z, y, weight = make_problem(kind)
    if kind == "multiclass":
        expected = log_loss(y.argmax(axis=1), loss.proba(z), sample_weight=weight)
    else:
        expected = sum(
            log_loss(labels, p, sample_weight=weight)
            for labels, p in zip(y.T, loss.proba(z).T, strict=True)
        )
    assert loss.value(z, y, weight) == pytest.approx(expected, rel=1e-13)


@over_outputs
def test_gradient_equals_difference_quotient(kind):
    loss, z, y, weight = make_problem(kind, n_rows=5)
    y = 0.8 * y + 0.2 / (y.shape[1] if kind == "multiclass" else 2)  # smoothed targets, too
    _, dz = value_and_gradient(loss, z, y, weight)
    step = 1e-5
    for i in np.ndindex(z.shape):
        above, below = z.copy(), z.copy()
        above[i] += step
        below[i] -= step
        quotient = (loss.value(above, y, weight) - loss.value(below, y, weight)) / (2 * step)
        assert dz[i] == pytest.approx(quotient, rel=1e-7, abs=1e-10)


@over_outputs
def test_value_and_gradient_in_float32(kind):
    value, dz = value_and_gradient(*make_problem(kind))
    value_32, dz_32 = value_and_gradient(*make_problem(kind, dtype=np.float32))
    assert dz_32.dtype == np.float32
    assert value_32 == pytest.approx(value, rel=2e-6)
    assert_allclose(dz_32, dz, rtol=0, atol=1e-7)


@over_dtypes
@pytest.mark.parametrize(
    "name, z, y, expected",
    [
        ("logistic", [[1e4]], [[0.0]], 1e4),
        ("logistic", [[-1e4]], [[1.0]], 1e4),
        ("logistic", [[1e4]], [[1.0]], 0.0),
        ("logistic", [[-1e4]], [[0.0]], 0.0),
        ("logistic", [[1e4, -1e4, 0.0]], [[0.0, 1.0, 1.0]], 2e4 + np.log(2)),
        ("softmax", [[1e4, -1e4, 0.0]], [[1.0, 0.0, 0.0]], 0.0),
        ("softmax", [[1e4, -1e4, 0.0]], [[0.0, 1.0, 0.0]], 2e4),
        ("softmax", [[1e4, 1e4, -1e4]], [[1.0, 0.0, 0.0]], np.log(2)),
        ("softmax", [[-1e4, -1e4, -1e4]], [[1.0, 0.0, 0.0]], np.log(3)),
    ],
)
def test_far_logits_cost_what_they_should(name, z, y, expected, dtype):
    loss, z, y = CLASS_LOSSES[name], np.array(z, dtype), np.array(y, dtype)
    value, dz = value_and_gradient(loss, z, y, np.ones(1, dtype))
    assert value == pytest.approx(expected, rel=1e-6)
    p = loss.proba(z)
    assert np.isfinite(p).all()
    assert_allclose(dz, p - y, atol=1e-7)
    assert np.isfinite(loss.log_proba(z)).all()


@over_outputs
def test_weight_counts_rows(kind):
    loss, z, y, _ = make_problem(kind, n_rows=4)
    times = np.array([1, 3, 2, 5])
    value, dz = value_and_gradient(loss, z, y, times.astype(float))
    z_all, y_all = np.repeat(z, times, axis=0), np.repeat(y, times, axis=0)
    value_all, dz_all = value_and_gradient(loss, z_all, y_all, np.ones(times.sum()))
    assert value == pytest.approx(value_all, rel=1e-14)
    firsts = np.cumsum(times) - times
    assert_allclose(dz, dz_all[firsts] * times[:, None], rtol=1e-13)


@over_outputs
def test_value_without_weight_is_the_plain_mean(kind):
    loss, z, y, _ = make_problem(kind)
    per_sample = [loss.value(z[i : i + 1], y[i : i + 1]) for i in range(len(z))]
    assert loss.value(z, y) == pytest.approx(np.mean(per_sample), rel=1e-13)


@over_outputs
def test_value_does_not_depend_on_the_scale_of_weights(kind):
    loss, z, y, weight = make_problem(kind)
    assert loss.value(z, y, 1e3 * weight) == pytest.approx(loss.value(z, y, weight), rel=1e-13)


@over_dtypes
@over_outputs
def test_value_changes_nothing(kind, dtype):
    loss, *arrays = make_problem(kind, dtype=dtype)
    before = [array.copy() for array in arrays]
    assert type(loss.value(*arrays)) is float
    for array, array_before in zip(arrays, before, strict=True):
        assert_array_equal(array, array_before)


@over_dtypes
@over_outputs
def test_proba_and_log_proba_agree(kind, dtype):
    loss, z, _, _ = make_problem(kind, dtype=dtype)
    p, log_p = loss.proba(z), loss.log_proba(z)
    assert p.dtype == log_p.dtype == dtype
    rtol = 1e-13 if dtype == np.float64 else 2e-6
    assert_allclose(np.exp(log_p), p, rtol=rtol)
    if kind == "multiclass":
        assert_allclose(p.sum(axis=1), 1, rtol=rtol)
        assert_array_equal(p.argmax(axis=1), z.argmax(axis=1))
    else:
        assert_allclose(np.log(p) - np.log1p(-p), z, rtol=1e-12 if dtype == np.float64 else 1e-3)
    before = z.copy()
    loss.proba(z), loss.log_proba(z)
    assert_array_equal(z, before)


@over_outputs
def test_loss_goes_by_the_name_of_its_link(kind):
    name, _ = OUTPUTS[kind]
    assert CLASS_LOSSES[name].out_activation == name


@over_dtypes
@over_outputs
@pytest.mark.parametrize(
    "sizes", [[1], [30], [7, 7, 3], [LOSS_ROWS, 1], [1, LOSS_ROWS], [3 * LOSS_ROWS + 1, 5]]
)
def test_running_loss_is_the_weighted_sum(sizes, kind, dtype):
    loss, z, y, weight = make_problem(kind, n_rows=sum(sizes), dtype=dtype)
    running = RunningLoss(loss, z.shape[1], dtype)
    for _ in range(2):  # the second time from zero again
        start = 0
        for size in sizes:
            batch = slice(start, start + size)
            running.add(z[batch], y[batch], weight[batch, None], 0.5)
            start += size
        rtol = 1e-12 if dtype == np.float64 else 1e-5
        assert_allclose(running.pop()[0], [0.5 * weight.dot(loss.per_sample(z, y))], rtol=rtol)


@pytest.mark.parametrize("sizes", [(5, LOSS_ROWS - 9, 20, 7), (LOSS_ROWS + 30,)], ids=str)
@pytest.mark.parametrize("n_networks", [None, 2], ids=["alone", "two networks"])
def test_running_loss_sums_terms_of_each_network_too(n_networks, sizes):
    loss, z, y, weight = make_problem("multiclass", n_rows=sum(sizes))
    stack = () if n_networks is None else (n_networks,)
    rng = np.random.default_rng(1)
    factor = rng.uniform(1, 2, stack)
    z, y = z + rng.normal(size=(*stack, 1, 1)), np.broadcast_to(y, (*stack, *y.shape))
    weight = np.broadcast_to(weight[:, None], (*stack, len(weight), 1))
    running = RunningLoss(loss, 3, np.float64, stack, lambda z, y: z * y)
    start = 0
    for size in sizes:
        batch = np.s_[..., start : start + size, :]
        running.add(z[batch], y[batch], weight[batch], factor)
        start += size
    losses = loss.per_sample(z.reshape(-1, 3), y.reshape(-1, 3)).reshape(*stack, -1)
    totals, sums = running.pop()
    shares = weight[..., 0] * np.expand_dims(factor, -1)
    assert_allclose(totals, np.atleast_1d((shares * losses).sum(axis=-1)), rtol=1e-12)
    expected = (shares[..., None] * z * y).sum(axis=-2)
    assert_allclose(sums, expected.reshape(-1, 3), rtol=1e-10)


@pytest.mark.parametrize("weight", [1e-44, 1e37])
def test_running_loss_neither_overflows_nor_loses_digits_with_the_weights(weight):
    loss, z, y, _ = make_problem("multiclass", dtype=np.float32)
    running = RunningLoss(loss, 3, np.float32)
    running.add(100 * z, y, np.full((30, 1), 1 / 30, np.float32), 30 * weight)
    (total,), _ = running.pop()
    assert total / weight == pytest.approx(30 * loss.value(100 * z, y), rel=1e-5)


@over_dtypes
def test_running_loss_works_in_the_type_of_the_network(dtype):
    seen = set()

    class Noted(SquaredError):
        def per_sample(self, z, y):
            seen.update([z.dtype, y.dtype])
            return super().per_sample(z, y)

    running = RunningLoss(Noted(), 2, dtype)
    running.add(np.ones((4, 2), dtype), np.ones((4, 2), dtype), np.ones((4, 1), dtype), 1.0)
    assert running.pop()[0] == [0.0]
    assert seen == {np.dtype(dtype)}


def test_running_loss_of_many_outputs_takes_little_memory():
    z, weight = np.zeros((8, 50_000), np.float32), np.full((8, 1), 0.125, np.float32)
    tracemalloc.start()
    running = RunningLoss(NUMBER_LOSSES["squared_error"], 50_000, np.float32)
    running.add(z, z, weight, 8.0)
    assert running.pop() == ([0.0], [0.0])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * z.nbytes


# the link and the average


def mean_of(loss, z):
    """Probabilities or means of raw predictions."""
    return loss.proba(z) if hasattr(loss, "proba") else loss.mean(z)


def make_draws(name, dtype=np.float64, *, scale=2.0):
    """Raw predictions of four networks for nine rows, and weights of sum one."""
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.2, 1, (4, 9, 1))
    draws = rng.normal(scale=scale, size=(4, 9, 3))
    return LOSSES[name], draws.astype(dtype), (weight / weight.sum(axis=0)).astype(dtype)


@over_losses
def test_link_gives_the_raw_predictions_of_a_mean(name):
    loss = LOSSES[name]
    mean = np.array([[0.2, 0.5, 0.3], [0.98, 0.01, 0.01]])
    assert_allclose(mean_of(loss, loss.link(mean)), mean, rtol=1e-12)


@over_losses
def test_link_is_finite_where_a_class_is_missing(name):
    loss = LOSSES[name]
    z = loss.link(np.array([1.0, 0.0, 0.0]))
    assert np.isfinite(z).all()
    assert_allclose(mean_of(loss, z[np.newaxis]), [[1.0, 0.0, 0.0]], atol=1e-5)


@over_losses
def test_no_constant_has_a_smaller_loss_than_the_link_of_the_mean(name):
    loss, rng = LOSSES[name], np.random.default_rng(2)
    y = np.eye(3)[rng.integers(3, size=20)] if name == "softmax" else rng.integers(2, size=(20, 3))
    z = loss.link(y.mean(axis=0))
    least = loss.value(np.tile(z, (20, 1)), y)
    for step in rng.normal(scale=0.1, size=(20, 3)):
        assert loss.value(np.tile(z + step, (20, 1)), y) > least - 1e-12


@over_dtypes
@over_losses
def test_the_average_has_the_mean_of_the_probabilities(name, dtype):
    loss, draws, weight = make_draws(name, dtype)
    z = loss.average(draws, weight)
    assert z.dtype == dtype
    expected = sum(w * mean_of(loss, draw) for w, draw in zip(weight, draws, strict=True))
    assert_allclose(mean_of(loss, z), expected, rtol=1e-12 if dtype == np.float64 else 1e-5)


@over_losses
def test_a_draw_without_weight_has_no_part_in_the_average(name):
    loss, draws, _ = make_draws(name)
    weight = np.zeros((4, 9, 1))
    weight[:2] = 0.5
    draws[2:] = 1e3
    assert_allclose(loss.average(draws, weight), loss.average(draws[:2], weight[:2]), rtol=1e-13)


@over_losses
def test_the_average_of_equals_is_the_same(name):
    loss, draws, weight = make_draws(name)
    z = loss.average(np.repeat(draws[:1], 4, axis=0), weight)
    pair = z, draws[0]
    if name == "brier_of_many":  # whose outputs are divided by their sum
        pair = mean_of(loss, z), mean_of(loss, draws[0])
    same = pair[0] - pair[1]
    if name == "softmax":  # up to what all classes have in common
        same -= same[:, :1]
    assert_allclose(same, 0, atol=1e-12)


@over_dtypes
@pytest.mark.parametrize("name", CLASS_LOSSES)
def test_the_average_of_far_logits_is_finite(name, dtype):
    loss, draws, weight = make_draws(name, dtype, scale=1e4)
    z = loss.average(draws, weight)
    assert np.isfinite(z).all()
    assert np.isfinite(loss.log_proba(z)).all()
    assert np.abs(z).max() > 1e3
