"""Every schedule against its formula, at the ends of a training, and from end to end in a fit.

A fit asks one for the learning rate of each step, and one for the dropout rates of each epoch.
"""

import pickle
from contextlib import nullcontext
from dataclasses import dataclass
from inspect import getdoc
from itertools import pairwise
from math import cos, inf, nan, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

from skdropout import DropoutMLPClassifier, DropoutMLPRegressor, schedules
from skdropout.schedules import (
    DROPOUT_SCHEDULES,
    SCHEDULES,
    Adaptive,
    Constant,
    Cosine,
    Early,
    FlatCosine,
    InverseScaling,
    InverseTime,
    Late,
    Linear,
    OneCycle,
    Progress,
    Schedule,
)

pytestmark = pytest.mark.filterwarnings("ignore:The fit came to nothing")  # after a few epochs


def flat_cosine(t, flat):
    return 1.0 if t < flat else (1 + cos(pi * (t - flat) / (1 - flat))) / 2


def one_cycle(t, warm_up, start, end):
    if t < warm_up:
        return start + (1 - start) * (1 - cos(pi * t / warm_up)) / 2
    return end + (1 - end) * (1 + cos(pi * (t - warm_up) / (1 - warm_up))) / 2


# the same once more, as a function of the progress `p`
FORMULAS = [
    (Constant(), lambda p: 1.0),
    (InverseScaling(), lambda p: 1 / sqrt(p.n_samples + 1)),
    (InverseScaling(power_t=2), lambda p: 1 / (p.n_samples + 1) / (p.n_samples + 1)),
    (InverseScaling(power_t=0), lambda p: 1.0),
    (Adaptive(), lambda p: 0.2**p.n_plateaus),
    (Adaptive(factor=2), lambda p: 0.5**p.n_plateaus),
    (InverseTime(), lambda p: 1000 / (1000 + p.step)),
    (InverseTime(decay=0.5), lambda p: 2 / (2 + p.step)),
    (InverseTime(decay=0), lambda p: 1.0),
    (Cosine(), lambda p: (1 + cos(pi * p.step / p.n_steps)) / 2),
    (Linear(), lambda p: 1 - p.step / p.n_steps),
    (Early(), lambda p: float(2 * p.step < p.n_steps)),
    (Early(end=0.3), lambda p: float(10 * p.step < 3 * p.n_steps)),
    (Early(end=1), lambda p: 1.0),
    (Late(), lambda p: float(2 * p.step >= p.n_steps)),
    (Late(start=0.3), lambda p: float(10 * p.step >= 3 * p.n_steps)),
    (Late(start=0), lambda p: 1.0),
    (FlatCosine(), lambda p: flat_cosine(p.step / p.n_steps, 0.5)),
    (FlatCosine(flat=0.8), lambda p: flat_cosine(p.step / p.n_steps, 0.8)),
    (FlatCosine(flat=0), lambda p: flat_cosine(p.step / p.n_steps, 0.0)),
    (OneCycle(), lambda p: one_cycle(p.step / p.n_steps, 0.3, 0.04, 0.0)),
    (OneCycle(0.6, start=0.2, end=0.1), lambda p: one_cycle(p.step / p.n_steps, 0.6, 0.2, 0.1)),
]
INSTANCES = [schedule for schedule, _ in FORMULAS]

PROGRESS = [
    Progress(),
    Progress(step=1, n_steps=40, n_samples=25),
    Progress(step=12, n_steps=40, epoch=3, n_samples=300, n_plateaus=1),
    Progress(step=20, n_steps=40, epoch=5, n_samples=500.5, n_plateaus=2),
    Progress(step=24, n_steps=40, epoch=6, n_samples=600, n_plateaus=2),
    Progress(step=33, n_steps=40, epoch=8, n_samples=800, n_plateaus=2),
    Progress(step=39, n_steps=40, epoch=9, n_samples=900, n_plateaus=7),
]

ANNEALING = {"cosine", "flat_cosine", "one_cycle", "linear", "early", "late"}
NAMED = {**SCHEDULES, **DROPOUT_SCHEDULES}
RISING = OneCycle | Late


def name(value):
    return getattr(value, "__name__", repr(value))


def course(schedule, n_steps=1000):
    """The factors of all steps of a training with ten epochs and a plateau at the end of each."""
    n_per_epoch = n_steps // 10
    return np.array(
        [
            schedule(
                Progress(
                    step=step,
                    n_steps=n_steps,
                    epoch=step // n_per_epoch,
                    n_samples=32 * n_per_epoch * (step // n_per_epoch),
                    n_plateaus=step // n_per_epoch,
                )
            )
            for step in range(n_steps)
        ]
    )


def test_every_schedule_has_a_name_and_is_tested():
    public = {getattr(schedules, name) for name in schedules.__all__} - {Schedule, Progress}
    assert set(NAMED.values()) == public == {type(schedule) for schedule in INSTANCES}
    assert {name for name, kind in NAMED.items() if kind.anneals} == ANNEALING
    for name in SCHEDULES.keys() & DROPOUT_SCHEDULES.keys():
        assert SCHEDULES[name] is DROPOUT_SCHEDULES[name]


@pytest.mark.parametrize("estimator", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize(
    "argument, names", [("learning_rate", SCHEDULES), ("dropout_schedule", DROPOUT_SCHEDULES)]
)
def test_names_are_those_of_the_documentation(argument, names, estimator):
    documentation = getdoc(estimator).split(f"\n{argument} : ")[1].split(" : ")[0]
    for name in names:
        assert f'"{name}"' in documentation


@pytest.mark.parametrize("progress", PROGRESS, ids=lambda progress: f"step {progress.step}")
@pytest.mark.parametrize("schedule, formula", FORMULAS, ids=name)
def test_factor_is_the_formula(schedule, formula, progress):
    assert schedule(progress) == pytest.approx(formula(progress), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("schedule", INSTANCES, ids=repr)
def test_progress_is_only_read(schedule):
    progress = Progress(step=3, n_steps=8, epoch=1, n_samples=20, n_plateaus=1)
    first = schedule(progress)
    assert progress == Progress(step=3, n_steps=8, epoch=1, n_samples=20, n_plateaus=1)
    assert schedule(progress) == first


@pytest.mark.parametrize(
    "step, n_steps, fraction", [(0, 1, 0.0), (0, 7, 0.0), (1, 4, 0.25), (3, 4, 0.75)]
)
def test_fraction(step, n_steps, fraction):
    assert Progress(step=step, n_steps=n_steps).fraction == fraction


@pytest.mark.parametrize(
    "schedule", [schedule for schedule in INSTANCES if not isinstance(schedule, RISING)], ids=repr
)
def test_starts_at_one_and_never_rises(schedule):
    factors = course(schedule)
    assert factors[0] == 1
    assert (np.diff(factors) <= 0).all()


@pytest.mark.parametrize(
    "schedule", [OneCycle(), OneCycle(0.6, start=0.2, end=0.1), OneCycle(0.1, start=1.0)], ids=repr
)
def test_one_cycle_rises_to_one_and_falls(schedule):
    factors = course(schedule)
    top = round(1000 * schedule.warm_up)
    assert factors[0] == pytest.approx(schedule.start, rel=1e-12)
    assert factors[top] == factors.max() == 1
    assert (np.diff(factors[: top + 1]) >= 0).all()
    assert (np.diff(factors[top:]) < 0).all()


@pytest.mark.parametrize(
    "schedule, last",
    [
        (Cosine(), 0),
        (Linear(), 0),
        (FlatCosine(), 0),
        (FlatCosine(0.9), 0),
        (OneCycle(), 0),
        (OneCycle(end=0.3), 0.3),
    ],
    ids=repr,
)
def test_annealing_ends_low_but_takes_its_last_step(schedule, last):
    factor = course(schedule)[-1]
    assert last < factor < last + 1.001e-3


@pytest.mark.parametrize("part", [0.001, 0.25, 0.5, 0.999])
def test_early_and_late_divide_the_training_where_they_say(part):
    early, late = course(Early(part)), course(Late(part))
    assert_array_equal(early, np.repeat([1, 0], [round(1000 * part), round(1000 * (1 - part))]))
    assert_array_equal(early + late, 1)


@pytest.mark.parametrize("flat", [0.25, 0.5, 0.75])
def test_flat_cosine_is_flat_first(flat):
    factors = course(FlatCosine(flat))
    assert (factors == 1).sum() == 1000 * flat + 1  # the fall begins at a factor of one


@pytest.mark.parametrize(
    "learning_rate, ends", [(1e-3, False), (1.1e-6, False), (1e-6, True), (1e-9, True)]
)
def test_adaptive_ends_below_its_minimum(learning_rate, ends):
    assert Adaptive().ends_at(learning_rate) is ends
    assert Adaptive(minimum=1e-5).ends_at(10 * learning_rate) is ends


@pytest.mark.parametrize(
    "schedule", [schedule for schedule in INSTANCES if not isinstance(schedule, Adaptive)], ids=repr
)
@pytest.mark.parametrize("learning_rate", [1e-9, 1.0])
def test_others_end_at_the_first_plateau(schedule, learning_rate):
    assert schedule.ends_at(learning_rate) is True


parts = st.floats(0, 1, exclude_min=True, exclude_max=True)
any_schedule = st.one_of(
    st.builds(Constant),
    st.builds(InverseScaling, power_t=st.floats(0, 10)),
    st.builds(Adaptive, factor=st.floats(1, 100, exclude_min=True)),
    st.builds(InverseTime, decay=st.floats(0, 1e6)),
    st.builds(Cosine),
    st.builds(Linear),
    st.builds(Early, end=st.floats(0, 1, exclude_min=True)),
    st.builds(Late, start=st.floats(0, 1, exclude_max=True)),
    st.builds(FlatCosine, flat=st.floats(0, 1, exclude_max=True)),
    st.builds(
        OneCycle, warm_up=parts, start=st.floats(0, 1, exclude_min=True), end=st.floats(0, 1)
    ),
)


@settings(deadline=None)
@given(schedule=any_schedule, data=st.data())
def test_factor_is_between_zero_and_one(schedule, data):
    schedule.check()
    n_steps = data.draw(st.integers(1, 10**7), label="n_steps")
    progress = Progress(
        step=data.draw(st.integers(0, n_steps - 1), label="step"),
        n_steps=n_steps,
        n_samples=data.draw(st.floats(0, 1e9), label="n_samples"),
        n_plateaus=data.draw(st.integers(0, 100), label="n_plateaus"),
    )
    factor = schedule(progress)
    assert isinstance(factor, float)
    assert 0 <= factor <= 1


# What a fit makes of them: 40 rows in batches of 20 are two steps an epoch.

X, Y = make_classification(40, n_features=4, random_state=0)


def network(learning_rate, **arguments):
    arguments = {"learning_rate_init": 0.01, "max_iter": 6, "tol": 0.0, **arguments}
    return DropoutMLPClassifier(
        (3,), learning_rate=learning_rate, batch_size=20, random_state=0, **arguments
    )


def warns(name):
    """A training that reaches its last epoch warns, unless that was the plan."""
    return nullcontext() if name in ANNEALING else pytest.warns(ConvergenceWarning, match="reached")


@pytest.mark.parametrize("name", SCHEDULES)
def test_learning_rate_of_a_fit(name):
    schedule = SCHEDULES[name]()
    formula = next(formula for other, formula in FORMULAS if other == schedule)
    expected = [
        0.01 * formula(Progress(step=2 * epoch + 1, n_steps=12, epoch=epoch, n_samples=40 * epoch))
        for epoch in range(6)
    ]
    for learning_rate in (name, schedule):
        with warns(name):
            model = network(learning_rate, n_iter_no_change=inf).fit(X, Y)
        assert_allclose(model.history_["learning_rate"], expected, rtol=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_only_annealing_goes_on_after_a_plateau(name):
    assert SCHEDULES[name].anneals == (name in ANNEALING)
    model = network(name, tol=10.0, n_iter_no_change=2, learning_rate_init=1e-6).fit(X, Y)
    assert model.n_iter_ == (6 if name in ANNEALING else 4)


def test_adaptive_falls_at_each_plateau_and_ends_at_its_minimum():
    model = network(
        "adaptive", tol=10.0, n_iter_no_change=2, learning_rate_init=1e-5, max_iter=20
    ).fit(X, Y)
    # the first epoch is a gain, then each third one without a gain is a plateau
    expected = [1e-5] * 4 + [2e-6] * 3 + [4e-7] * 3
    assert_allclose(model.history_["learning_rate"], expected, rtol=1e-12)


def test_progress_of_a_fit():
    seen = []

    @dataclass(repr=False)
    class Recorder(Schedule):
        anneals = True

        def __call__(self, progress):
            seen.append((progress.step, progress.n_steps, progress.epoch, progress.n_samples))
            return 1.0

    network(Recorder(), max_iter=3).fit(X, Y)
    assert seen == [
        (0, 6, 0, 0),
        (1, 6, 0, 0),
        (2, 6, 1, 40),
        (3, 6, 1, 40),
        (4, 6, 2, 80),
        (5, 6, 2, 80),
    ]


@pytest.mark.parametrize("factor", [np.float64(0.5), np.float32(0.5), 1])
def test_factor_of_any_type_leaves_a_plain_learning_rate(factor):
    @dataclass(repr=False)
    class Fixed(Schedule):
        anneals = True

        def __call__(self, progress):
            return factor

    model = network(Fixed(), max_iter=1).fit(X, Y)
    (learning_rate,) = model.history_["learning_rate"]
    assert type(learning_rate) is float
    assert learning_rate == 0.01 * factor


# What a fit makes of one for the dropout rates: 6 epochs.

RATES = {"dropout_rate": 0.4, "input_dropout_rate": 0.2}
FACTORS = {  # of the six epochs
    "constant": [1.0] * 6,
    "linear": [1 - epoch / 6 for epoch in range(6)],
    "flat_cosine": [1, 1, 1, 1, (1 + cos(pi / 3)) / 2, (1 + cos(2 * pi / 3)) / 2],
    "early": [1, 1, 1, 0, 0, 0],
    "late": [0, 0, 0, 1, 1, 1],
}


def dropping(dropout_schedule, estimator=DropoutMLPClassifier, **arguments):
    """A network with dropout, which stops at no plateau and warns of nothing."""
    defaults = {"batch_size": 20, "max_iter": 6, "random_state": 0, "hidden_layer_sizes": (4, 3)}
    defaults |= {"learning_rate": "cosine", "learning_rate_init": 0.01, **RATES}
    return estimator(dropout_schedule=dropout_schedule, **{**defaults, **arguments})


def parameters(net):
    return np.concatenate([p.ravel() for p in net.coefs_ + net.intercepts_])


def assert_rates(net, factors, first=0):
    """The history tells the rates of the epochs from the first one on."""
    factors = np.asarray(factors, dtype=float)
    for name, rate in RATES.items():
        values = net.history_[name]
        assert len(values) == len(net.loss_curve_) == first + len(factors)
        assert {type(value) for value in values} == {float}
        assert_allclose(values[first:], rate * factors, rtol=1e-12)


class Table(Schedule):
    """Factors that are looked up."""

    factors: tuple = ()

    anneals = True

    def __call__(self, progress):
        return self.factors[progress.epoch]


def test_factors_of_every_name_are_tested():
    assert set(FACTORS) == set(DROPOUT_SCHEDULES)


@pytest.mark.parametrize("estimator", [DropoutMLPClassifier, DropoutMLPRegressor])
@pytest.mark.parametrize("name", DROPOUT_SCHEDULES)
def test_dropout_rates_of_a_fit(name, estimator):
    by_name, by_object = (
        dropping(schedule, estimator).fit(X, Y) for schedule in (name, DROPOUT_SCHEDULES[name]())
    )
    assert_rates(by_name, FACTORS[name])
    assert by_name.history_ == by_object.history_
    assert_array_equal(parameters(by_name), parameters(by_object))


SCHEDULE_OBJECTS = [
    (Early(end=0.2), [1, 1, 0, 0, 0, 0]),
    (Late(start=0.9), [0] * 6),
    (Late(start=0.8), [0, 0, 0, 0, 0, 1]),
    (FlatCosine(flat=0), [(1 + cos(pi * epoch / 6)) / 2 for epoch in range(6)]),
    (Cosine(), [(1 + cos(pi * epoch / 6)) / 2 for epoch in range(6)]),
    (InverseScaling(), [1 / sqrt(40 * epoch + 1) for epoch in range(6)]),
    (InverseTime(decay=1), [1 / (2 * epoch + 1) for epoch in range(6)]),
    (Table((1, 0, 2, 0.5, np.float32(1), np.float64(0.25))), [1, 0, 2, 0.5, 1, 0.25]),
]


@pytest.mark.parametrize("schedule, factors", SCHEDULE_OBJECTS, ids=name)
def test_any_schedule_may_be_one_of_dropout(schedule, factors):
    assert_rates(dropping(schedule).fit(X, Y), factors)


@pytest.mark.parametrize("schedule", ["linear", "late", Table((1, 0, 2, 0.5, 0, 1))], ids=str)
def test_each_layer_keeps_its_share_of_the_rate(schedule):
    net = dropping(schedule, dropout_rate=(0.4, 0.1)).fit(X, Y)
    factors = FACTORS.get(schedule) if isinstance(schedule, str) else schedule.factors
    rates = net.history_["dropout_rate"]
    for rate, factor in zip(rates, factors, strict=True):
        assert rate == pytest.approx((0.4 * factor, 0.1 * factor), rel=1e-12)


def test_every_schedule_of_dropout_trains_another_network():
    nets = [dropping(name, max_iter=12).fit(X, Y) for name in DROPOUT_SCHEDULES]
    for i, net in enumerate(nets):
        for other in nets[:i]:
            assert np.abs(parameters(net) - parameters(other)).max() > 1e-6


@pytest.mark.parametrize("dropout", ["batchwise", "bernoulli", "gaussian", "alpha", "dropconnect"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    "schedule", ["early", "late", Table((0, 1, 0, 0, 0.5, 0))], ids=["early", "late", "table"]
)
def test_an_epoch_of_factor_zero_is_one_without_dropout(schedule, batch_norm, dropout):
    """To the last bit, with the network that the epochs before have left."""
    arguments = {"dropout": dropout, "activation": "selu", "batch_norm": batch_norm}
    scheduled = dropping(schedule, **arguments)
    twin = dropping("constant", **arguments)
    factors = FACTORS[schedule] if isinstance(schedule, str) else schedule.factors
    for factor in factors:
        scheduled.partial_fit(X, Y, classes=[0, 1])
        rates = {rate: factor * value for rate, value in RATES.items()}
        twin.set_params(**rates).partial_fit(X, Y, classes=[0, 1])
        assert_array_equal(parameters(scheduled), parameters(twin))
        assert scheduled.loss_ == twin.loss_


def test_late_dropout_begins_with_a_fit_without():
    late = dropping("late").fit(X, Y)
    without = dropping("constant", dropout_rate=0, input_dropout_rate=0).fit(X, Y)
    assert late.loss_curve_[:3] == without.loss_curve_[:3]
    assert late.loss_curve_[3] != without.loss_curve_[3]


def test_dropout_schedule_counts_for_nothing_without_dropout():
    nets = [
        dropping(name, dropout_rate=0, input_dropout_rate=0).fit(X, Y) for name in DROPOUT_SCHEDULES
    ]
    for first, second in pairwise(nets):
        assert_array_equal(parameters(first), parameters(second))
        assert first.history_ == second.history_


@pytest.mark.parametrize("name", DROPOUT_SCHEDULES)
def test_a_call_of_partial_fit_is_an_epoch_of_the_dropout_schedule(name):
    net, fitted = (dropping(name, standardize=False) for _ in range(2))
    fitted.fit(X, Y)
    for epoch in range(6):
        net.partial_fit(X, Y, classes=[0, 1])
        assert_rates(net, FACTORS[name][: epoch + 1])
    assert_array_equal(parameters(net), parameters(fitted))
    assert net.history_ == fitted.history_
    for _ in range(2):  # more calls than max_iter: the factor stays that of the end
        net.partial_fit(X, Y)
    assert_rates(net, 2 * [DROPOUT_SCHEDULES[name]()(Progress(step=12, n_steps=12))], first=6)


def test_warm_start_begins_the_dropout_schedule_anew():
    net = dropping("linear", warm_start=True).fit(X, Y).fit(X, Y)
    assert_rates(net, 2 * FACTORS["linear"])


BAD_FACTORS = [
    (nan, "got nan"),
    (-0.1, "got -0.1"),
    (inf, "got inf"),
    (None, "must give one finite number that is not negative, got None"),
    (np.ones(2), r"got array\(\[1., 1.\]\)"),
    (2.5, "gave the factor 2.5, with which a dropout rate of 0.4 is no longer below 1"),
    (1e9, "gave the factor 1000000000.0, with which"),
]


@pytest.mark.parametrize("epoch", [0, 2])
@pytest.mark.parametrize("factor, message", BAD_FACTORS, ids=str)
def test_bad_factor_of_dropout_is_refused_and_nothing_is_lost(factor, message, epoch):
    schedule = Table((1.0,) * epoch + (factor,) * 6)
    net = dropping(schedule)
    with pytest.raises(ValueError, match=f"(?s)dropout_schedule=Table.*{message}"):
        net.fit(X, Y)
    assert set(vars(net)) == set(net.get_params(deep=False))

    net.set_params(dropout_schedule="linear", warm_start=True).fit(X, Y)
    before, p, history = vars(net).copy(), parameters(net), str(net.history_)
    with pytest.raises(ValueError, match=message):
        net.set_params(dropout_schedule=schedule).fit(X, Y)
    before["dropout_schedule"] = schedule
    assert vars(net) == before
    assert_array_equal(parameters(net), p)
    assert str(net.history_) == history


def test_dropout_that_waits_for_plateaus_needs_a_learning_rate_that_does():
    with pytest.raises(
        ValueError, match=r"dropout_schedule=Adaptive.* needs learning_rate='adaptive'"
    ):
        dropping(Adaptive()).fit(X, Y)
    net = dropping(Adaptive(), learning_rate="adaptive", n_iter_no_change=1, tol=10.0)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        net.fit(X, Y)
    assert len(set(net.history_["dropout_rate"])) > 1


def test_bad_factor_in_a_call_of_partial_fit_loses_nothing():
    net, twin = (dropping(Table((1.0, 0.5, nan))) for _ in range(2))
    for _ in range(2):
        net.partial_fit(X, Y, classes=[0, 1])
        twin.partial_fit(X, Y, classes=[0, 1])
    p = parameters(net)
    with pytest.raises(ValueError, match="got nan"):
        net.partial_fit(X, Y)
    assert_array_equal(parameters(net), p)
    for each in (net, twin):  # goes on as if nothing had been
        each.set_params(dropout_schedule="constant").partial_fit(X, Y)
    assert_array_equal(parameters(net), parameters(twin))
    assert net.history_ == twin.history_


@pytest.mark.parametrize("factor", [0.0, 1 / 0.4 - 1e-9])
def test_largest_factor_of_dropout_is_where_a_rate_is_one(factor):
    assert_rates(dropping(Table((factor,) * 6)).fit(X, Y), [factor] * 6)


@pytest.mark.parametrize("name", DROPOUT_SCHEDULES)
def test_annealed_dropout_runs_to_its_last_epoch(name):
    """At a plateau, where the loss no longer counts, and without a warning at the end."""
    arguments = {"learning_rate": "constant", "learning_rate_init": 1e-6}
    net = dropping(name, tol=10.0, n_iter_no_change=2, **arguments).fit(X, Y)
    assert net.n_iter_ == (4 if name == "constant" else 6)
    with warns(name):
        dropping(name, n_iter_no_change=inf, **arguments).fit(X, Y)


@pytest.mark.parametrize("name", ["linear", "late"])
def test_a_validation_score_stops_annealed_dropout(name):
    stopping = {"early_stopping": True, "tol": 10.0, "n_iter_no_change": 2}
    net = dropping(name, learning_rate="constant", **stopping).fit(X, Y)
    assert net.n_iter_ == 4


def test_learning_rate_adapts_under_annealed_dropout():
    arguments = {"learning_rate": "adaptive", "learning_rate_init": 1e-5, "max_iter": 9}
    net = dropping("linear", tol=10.0, n_iter_no_change=2, **arguments).fit(X, Y)
    assert_allclose(net.history_["learning_rate"], [1e-5] * 4 + [2e-6] * 3 + [4e-7] * 2, rtol=1e-12)


def test_dropout_schedule_is_asked_once_an_epoch():
    seen = []

    class Recorder(Schedule):
        anneals = True

        def __call__(self, progress):
            seen.append((progress.step, progress.n_steps, progress.epoch, progress.n_samples))
            return 1.0

    recorded = dropping(Recorder(), max_iter=3).fit(X, Y)
    assert seen == [(0, 6, 0, 0), (2, 6, 1, 40), (4, 6, 2, 80)]
    constant = dropping("constant", max_iter=3).fit(X, Y)
    assert_array_equal(parameters(recorded), parameters(constant))


@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() ^ DROPOUT_SCHEDULES.keys()))
def test_names_for_learning_rates_and_dropout_are_not_mixed_up(name):
    argument = "learning_rate" if name in DROPOUT_SCHEDULES else "dropout_schedule"
    with pytest.raises(ValueError, match=f"{argument} must be one of .* got '{name}'"):
        dropping("constant").set_params(**{argument: name}).fit(X, Y)
    if not NAMED[name].adapts:  # which is not for dropout alone
        dropping("constant").set_params(**{argument: NAMED[name](), "tol": 0.0}).fit(X, Y)


# A schedule is a recipe.


@pytest.mark.parametrize("schedule", INSTANCES, ids=repr)
def test_copies_are_equal(schedule):
    for copy in (clone(schedule), pickle.loads(pickle.dumps(schedule))):
        assert copy is not schedule
        assert copy == schedule
    assert type(schedule)().set_params(**schedule.get_params()) == schedule
    assert [schedule == other for other in INSTANCES].count(True) == 1


@pytest.mark.parametrize("schedule", INSTANCES, ids=repr)
def test_repr_is_the_call_that_makes_it(schedule):
    names = {name: getattr(schedules, name) for name in schedules.__all__}
    assert eval(repr(schedule), names) == schedule


@pytest.mark.parametrize("schedule", INSTANCES, ids=repr)
def test_good_values_pass(schedule):
    schedule.check()


BAD = [
    (InverseScaling(power_t=-0.5), ValueError, "power_t must be a number in [0, inf"),
    (InverseScaling(power_t="0.5"), TypeError, "power_t must be a number in [0, inf"),
    (Adaptive(factor=1), ValueError, "factor must be a number in (1, inf)"),
    (Adaptive(factor=inf), ValueError, "factor must be a number in (1, inf)"),
    (Adaptive(minimum=-1e-6), ValueError, "minimum must be a number in [0, inf"),
    (InverseTime(decay=-1.0), ValueError, "decay must be a number in [0, inf"),
    (InverseTime(decay=nan), ValueError, "decay must be a number in [0, inf"),
    (Early(end=0), ValueError, "end must be a number in (0, 1]"),
    (Early(end=1.1), ValueError, "end must be a number in (0, 1]"),
    (Early(end=None), TypeError, "end must be a number in (0, 1]"),
    (Late(start=-0.1), ValueError, "start must be a number in [0, 1)"),
    (Late(start=1), ValueError, "start must be a number in [0, 1)"),
    (Late(start=nan), ValueError, "start must be a number in [0, 1)"),
    (FlatCosine(flat=-0.1), ValueError, "flat must be a number in [0, 1)"),
    (FlatCosine(flat=1.0), ValueError, "flat must be a number in [0, 1)"),
    (OneCycle(warm_up=0.0), ValueError, "warm_up must be a number in (0, 1)"),
    (OneCycle(warm_up=1.0), ValueError, "warm_up must be a number in (0, 1)"),
    (OneCycle(start=0.0), ValueError, "start must be a number in (0, 1]"),
    (OneCycle(start=1.1), ValueError, "start must be a number in (0, 1]"),
    (OneCycle(end=-0.1), ValueError, "end must be a number in [0, 1]"),
    (OneCycle(end=True), TypeError, "end must be a number in [0, 1]"),
]


@pytest.mark.parametrize("schedule, error, message", BAD, ids=lambda value: str(value)[:40])
def test_check_names_what_is_wrong(schedule, error, message):
    with pytest.raises(error) as caught:
        schedule.check()
    bad = schedule.get_params()[message.split()[0]]
    assert str(caught.value).startswith(message)
    assert f", got {bad!r}." in str(caught.value)


def test_every_hyper_parameter_has_a_bad_value():
    tested = {(type(schedule), message.split()[0]) for schedule, _, message in BAD}
    assert tested == {(cls, name) for cls in NAMED.values() for name in cls().get_params()}


def test_base_class_has_no_formula():
    with pytest.raises(NotImplementedError, match="Schedule must implement __call__"):
        Schedule()(Progress())


def test_steep_inverse_scaling_goes_to_zero():
    assert InverseScaling(power_t=200)(Progress(n_samples=1000)) == 0.0


def test_endless_decay_is_refused():
    with pytest.raises(ValueError, match=r"decay must be a number in \[0, inf\), got inf"):
        InverseTime(decay=np.inf).check()
