"""Whatever goes wrong: an earlier fit is left as it was, and so are data, threads and files."""

import errno
import io
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info

from skdropout import DropoutMLPClassifier
from skdropout._training.member import Member
from skdropout._training.state import TrainingState
from skdropout.constraints import MaxNorm
from skdropout.dropout import Bernoulli
from skdropout.initializers import Normal
from skdropout.optimizers import SGD
from skdropout.schedules import Constant

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
posix = pytest.mark.skipif(os.name != "posix", reason="asks POSIX for signals and forks")

X, Y = make_classification(90, n_features=8, random_state=0)
GUIDE = Path(__file__).parents[1] / "docs" / "user_guide.md"
WAYS = {"single": {"cv": None}, "ensemble": {"cv": 3}, "warm": {"cv": None, "warm_start": True}}
over_ways = pytest.mark.parametrize("way", WAYS)


class Fault:
    """Something that happens at the n-th time that somebody asks; nothing before it is set."""

    def __init__(self):
        self.n_left, self.happens = 0, None

    def set(self, n, happens):
        self.n_left, self.happens = n, happens

    def ask(self, *about):
        self.n_left -= 1
        if self.n_left == 0:
            self.happens(*about)


FAULT = Fault()


@pytest.fixture(autouse=True)
def _no_fault_of_another_test():
    FAULT.set(0, None)


class Optimizer(SGD):
    def update(self, p, g, *slots, **step):
        super().update(p, g, *slots, **step)
        FAULT.ask(p)


class Schedule(Constant):
    def __call__(self, progress):
        FAULT.ask()
        return super().__call__(progress)


class Scheme(Bernoulli):
    def draw(self, rng, rate, out):
        super().draw(rng, rate, out)
        FAULT.ask(out)


class Norm(MaxNorm):
    def project(self, W):
        super().project(W)
        FAULT.ask(W)


class Start(Normal):
    def __call__(self, rng, fan_in, fan_out):
        W = super().__call__(rng, fan_in, fan_out)
        FAULT.ask(W)
        return W


def score(estimator, x, y):
    FAULT.ask(estimator, x, y)
    return estimator.score(x, y)


class Seed(np.random.RandomState):
    def randint(self, *args, **kwargs):
        FAULT.ask()
        return np.random.RandomState(0).randint(*args, **kwargs)


PLACES = {
    "optimizer": {"solver": Optimizer()},
    "schedule": {"learning_rate": Schedule()},
    "rates": {"dropout_schedule": Schedule()},
    "dropout": {"dropout": Scheme()},
    "constraint": {"max_norm": Norm(3.0)},
    "initializer": {"weight_init": Start()},
    "scorer": {"scoring": score, "early_stopping": True},
    "seed": {"random_state": Seed()},
}
each_place = pytest.mark.parametrize("place", PLACES)


def make(network=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (6,), "max_iter": 5, "batch_size": 30, "random_state": 0}
    return network(**{**defaults, "cv": None, "dropout_rate": 0.3, **arguments})


def at(place, way="single"):
    """A fitted network, where a fault may happen, and in which way the next fit goes."""
    arguments = {**PLACES[place], **WAYS[way]}
    if way == "ensemble":
        arguments.pop("early_stopping", None)
    return make(**arguments).fit(X, Y)


def threads():
    return [library["num_threads"] for library in threadpool_info()]


@contextmanager
def nothing_lost(estimator, *data):
    """Compare all that there is before and after, bit for bit."""
    before = pickle.dumps(estimator), estimator.predict_proba(X), threads()
    copies = [pickle.dumps(array) for array in (X, Y, *data)]
    yield
    assert pickle.dumps(estimator) == before[0]
    assert_array_equal(estimator.predict_proba(X), before[1])
    assert threads() == before[2]
    assert [pickle.dumps(array) for array in (X, Y, *data)] == copies


def raiser(error):
    def happens(*about):
        raise error

    return happens


# errors in the middle of a fit

ERRORS = [
    MemoryError,
    RecursionError,
    SystemExit,
    GeneratorExit,
    StopIteration,
    FloatingPointError,
    BrokenPipeError,
]


@pytest.mark.parametrize("error", ERRORS)
@over_ways
@each_place
def test_an_error_anywhere_leaves_the_earlier_fit(place, way, error):
    if way == "warm" and place == "initializer":
        pytest.skip("draws no weights")
    estimator = at(place, way)
    once = {"initializer", "seed"}
    n = 1 if place in once else random.Random(f"{place}{way}{error}").randint(1, 4)
    with nothing_lost(estimator):
        FAULT.set(n, raiser(error("on purpose")))
        expected = (error, RuntimeError) if error is StopIteration else error
        with pytest.raises(expected):
            estimator.fit(X, Y)
    assert FAULT.n_left == 0


@each_place
def test_the_next_fit_is_as_if_nothing_had_been(place):
    estimator = at(place)
    expected = estimator.predict_proba(X)
    FAULT.set(1, raiser(MemoryError()))
    with pytest.raises(MemoryError):
        estimator.fit(X, Y)
    assert_array_equal(estimator.fit(X, Y).predict_proba(X), expected)


@pytest.mark.parametrize("place", ["initializer", "seed", "schedule", "optimizer"])
def test_an_interruption_before_the_first_epoch_is_done_leaves_the_earlier_fit(place):
    estimator = at(place)
    with nothing_lost(estimator):
        FAULT.set(1, raiser(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(X, Y)


@pytest.mark.parametrize("error", [*ERRORS, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["optimizer", "schedule", "rates", "dropout", "constraint"])
@pytest.mark.parametrize("cv", [None, 3])
def test_a_call_of_a_stream_that_fails_has_not_been(place, error, cv):
    estimator = make(**PLACES[place], cv=cv).fit(X, Y).partial_fit(X, Y)
    straight = pickle.loads(pickle.dumps(estimator)).partial_fit(X, Y)
    with nothing_lost(estimator):
        FAULT.set(1, raiser(error()))
        with pytest.raises((error, RuntimeError)):
            estimator.partial_fit(X, Y)
    assert_array_equal(estimator.partial_fit(X, Y).predict_proba(X), straight.predict_proba(X))


@pytest.mark.parametrize("place", ["optimizer", "dropout", "constraint"])
@over_ways
def test_numbers_that_are_none_leave_the_earlier_fit(place, way):
    estimator = at(place, way)
    with nothing_lost(estimator):
        FAULT.set(2, lambda array: array.fill(np.nan))
        with pytest.raises(ValueError, match="non-finite"):
            estimator.fit(X, Y)


BAD_FACTORS = [np.nan, np.inf, -1.0, None, "high", np.ones(2), 1j]


@pytest.mark.parametrize("factor", BAD_FACTORS, ids=repr)
@pytest.mark.parametrize("argument", ["learning_rate", "dropout_schedule"])
def test_a_schedule_that_gives_no_factor_leaves_the_earlier_fit(argument, factor, monkeypatch):
    estimator = make(**{argument: Schedule()}).fit(X, Y)
    with nothing_lost(estimator):
        monkeypatch.setattr(Schedule, "__call__", lambda self, progress: factor)
        with pytest.raises(ValueError, match=rf"{argument}=.* must give one finite number"):
            estimator.fit(X, Y)


@pytest.mark.parametrize(
    "weights", [np.nan, np.ones(3), np.ones((3, 3)), "much", None, 1j], ids=repr
)
def test_an_initializer_that_gives_no_weights_leaves_the_earlier_fit(weights, monkeypatch):
    estimator = at("initializer")
    with nothing_lost(estimator):
        monkeypatch.setattr(Start, "__call__", lambda self, rng, fan_in, fan_out: weights)
        with pytest.raises(ValueError, match=r"weight_init=.* must return real numbers"):
            estimator.fit(X, Y)


def test_masks_of_another_shape_leave_the_earlier_fit(monkeypatch):
    estimator = at("dropout")
    with nothing_lost(estimator):
        monkeypatch.setattr(Scheme, "mask_shape", lambda self, *shape: (2, 3))
        with pytest.raises(ValueError, match=r"could not be broadcast|shape"):
            estimator.fit(X, Y)


# scorers


@pytest.mark.parametrize("value", [None, "0.5", "high", np.ones(3), [0.5], 1j], ids=repr)
@pytest.mark.parametrize("way", ["single", "ensemble"])
def test_what_is_no_score_is_an_error(value, way, monkeypatch):
    estimator = at("scorer", way)
    with nothing_lost(estimator):
        FAULT.set(2, lambda *about: None)
        monkeypatch.setattr(DropoutMLPClassifier, "score", lambda *about: value)
        with pytest.raises(TypeError, match="A score must be one number, got"):
            estimator.fit(X, Y)


def test_a_score_of_nan_is_an_error(monkeypatch):
    estimator = at("scorer")
    with nothing_lost(estimator):
        monkeypatch.setattr(DropoutMLPClassifier, "score", lambda *about: np.nan)
        with pytest.raises(ValueError, match="scoring gives NaN"):
            estimator.fit(X, Y)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.float16(0.5), np.ones(1), True], ids=repr)
@pytest.mark.parametrize("way", ["single", "ensemble"])
def test_any_other_number_is_a_score(value, way, monkeypatch):
    estimator = at("scorer", way)
    monkeypatch.setattr(DropoutMLPClassifier, "score", lambda *about: value)
    scores = estimator.fit(X, Y).history_["validation_score"]
    assert scores == [float(np.ravel(value)[0])] * estimator.n_iter_
    assert np.isfinite(estimator.predict_proba(X)).all()


def write_into_rows(estimator, x, y):
    x[:] = 0.0


def write_into_entries(estimator, x, y):
    x.data[:] = 0.0


def write_into_targets(estimator, x, y):
    y[:] = 0


@pytest.mark.parametrize("write", [write_into_rows, write_into_targets, write_into_entries])
@pytest.mark.parametrize("way", ["single", "ensemble"])
def test_a_scorer_cannot_write_into_the_data(write, way):
    x = csr_array(X) if write is write_into_entries else X
    arguments = {"early_stopping": True} if way == "single" else {"cv": 3}
    estimator = make(scoring=score, **arguments).fit(x, Y)
    with nothing_lost(estimator, x):
        FAULT.set(1, write)
        with pytest.raises(ValueError, match="read-only"):
            estimator.fit(x, Y)


def test_nor_into_the_rows_to_validate_with():
    estimator, x_val = make(scoring=score), X.copy()
    FAULT.set(1, write_into_rows)
    with pytest.raises(ValueError, match="read-only"):
        estimator.fit(X, Y, X_val=x_val, y_val=Y)
    assert_array_equal(x_val, X)


def forget_all(estimator, x, y):
    for name in list(vars(estimator)):
        if name.endswith("_") and name != "classes_":
            delattr(estimator, name)


def other_arguments(estimator, x, y):
    estimator.set_params(alpha=9.0, max_iter=1, solver__momentum=0.1)


def another_fit(estimator, x, y):
    twin = clone(estimator).set_params(scoring=None, early_stopping=False, cv=None)
    vars(estimator).update(vars(twin.fit(X, 1 - Y)))


@pytest.mark.parametrize("change", [forget_all, other_arguments, another_fit])
@pytest.mark.parametrize("way", ["single", "ensemble"])
def test_what_a_scorer_does_to_its_estimator_stays_with_it(change, way):
    """The estimator that is fitted, and the one that is scored next, are others."""

    def fit(happens):
        def scoring(estimator, x, y):
            value = estimator.score(x, y)
            happens(estimator, x, y)
            return value

        arguments = {"early_stopping": True} if way == "single" else {"cv": 3}
        return make(scoring=scoring, solver=SGD(), **arguments).fit(X, Y)

    changed, expected = fit(change), fit(lambda *about: None)
    assert changed.history_ == expected.history_
    assert changed.get_params()["solver__momentum"] == SGD().momentum
    assert_array_equal(changed.predict_proba(X), expected.predict_proba(X))


# callbacks


class Listener:
    """Does something in the n-th call of one of its hooks."""

    def __init__(self, hook, n=1, happens=None):
        self.hook, self.n_left, self.happens = hook, n, happens

    def call(self, hook, *about):
        if hook == self.hook and self.happens is not None:
            self.n_left -= 1
            if self.n_left == 0:
                self.happens(*about)

    def setup(self, estimator, context):
        self.call("setup", estimator)

    def teardown(self, estimator, context):
        self.call("teardown", estimator)

    def on_fit_task_begin(self, estimator, context):
        self.call("begin", estimator)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.call("end", estimator)
        self.call("look", fitted_estimator)


def listening(hook, n, happens, **arguments):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    listener = Listener(hook, n)
    estimator = make(**arguments).set_callbacks(listener).fit(X, Y)
    listener.n_left = n
    return estimator, listener


@pytest.mark.parametrize("error", [MemoryError, SystemExit, GeneratorExit])
@pytest.mark.parametrize("hook, n", [("setup", 1), ("begin", 1), ("begin", 3), ("end", 2)])
@pytest.mark.parametrize("cv", [None, 3])
def test_each_hook_may_raise(hook, n, error, cv):
    estimator, listener = listening(hook, n, None, cv=cv)
    before, n_threads = estimator.predict_proba(X), threads()
    listener.happens = raiser(error())
    with pytest.raises(error):
        estimator.fit(X, Y)
    assert_array_equal(estimator.predict_proba(X), before)
    assert threads() == n_threads
    assert_array_equal(estimator.fit(X, Y).predict_proba(X), before)


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("hook", ["begin", "end"])
def test_a_callback_may_not_fit_the_estimator_that_is_fitted(hook, cv):
    estimator, listener = listening(hook, 2, None, cv=cv)
    before = estimator.predict_proba(X)
    listener.happens = lambda estimator: estimator.fit(X[:, ::-1], Y)
    with pytest.raises(RuntimeError, match=r"fitted again in the middle .* fit a clone of it"):
        estimator.fit(X, Y)
    assert_array_equal(estimator.predict_proba(X), before)


@pytest.mark.parametrize("cv", [None, 3])
def test_it_may_fit_a_clone(cv):
    estimator, listener = listening("end", 2, None, cv=cv)
    before = estimator.predict_proba(X)
    listener.happens = lambda estimator: clone(estimator).set_callbacks().fit(X[:, ::-1], Y)
    assert_array_equal(estimator.fit(X, Y).predict_proba(X), before)


@pytest.mark.parametrize("cv", [None, 3])
def test_the_history_that_a_callback_looks_at_is_its_own(cv):
    estimator, listener = listening("look", 3, None, cv=cv)
    expected = pickle.loads(pickle.dumps(estimator.history_))

    def happens(fitted):
        fitted.history_["loss"].clear()
        fitted.history_["loss_of_mine"] = [1.0]

    listener.happens = happens
    assert estimator.fit(X, Y).history_ == expected


# data


class Broken:
    """An array, or a column of a frame, that cannot be read."""

    shape, ndim, dtype = (90, 8), 2, np.dtype(float)

    def __len__(self):
        return 90

    def __array__(self, dtype=None, copy=None):
        raise OSError(errno.EIO, "the disk is broken")


class Liar(Broken):
    """One that says something else each time."""

    def __array__(self, dtype=None, copy=None):
        return np.ones(7)


RAGGED = [[0.0] * 8] * 89 + [[0.0] * 7]
BAD_DATA = {
    "a broken disk": ((Broken(), Y), {}, OSError),
    "rows of different lengths": ((RAGGED, Y), {}, ValueError),
    "broken targets": ((X, Broken()), {}, (OSError, ValueError)),
    "broken weights": ((X, Y), {"sample_weight": Broken()}, OSError),
    "weights of another length": ((X, Y), {"sample_weight": Liar()}, ValueError),
    "broken rows held out": ((X, Y), {"X_val": Broken(), "y_val": Y}, OSError),
}


@pytest.mark.parametrize("name", BAD_DATA)
@over_ways
def test_data_that_cannot_be_read_leave_the_earlier_fit(name, way):
    data, more, error = BAD_DATA[name]
    estimator = make(**WAYS[way]).fit(X, Y)
    with nothing_lost(estimator), pytest.raises(error):
        estimator.fit(*data, **more)


def test_weights_of_pandas_with_holes_leave_the_earlier_fit():
    pandas = pytest.importorskip("pandas")
    estimator = make().fit(X, Y)
    for weights in (
        pandas.array([1.0] * 89 + [None], dtype="Float64"),
        pandas.Series(["much"] * 90),
        pandas.Series([1.0] * 89),
    ):
        with nothing_lost(estimator), pytest.raises((ValueError, TypeError)):
            estimator.fit(X, Y, sample_weight=weights)


@posix
@pytest.mark.parametrize("way", ["single", "ensemble"])
def test_a_mapped_file_that_is_removed_is_read_to_the_end(way, tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    estimator = at("optimizer", way)
    expected = estimator.predict_proba(X)
    FAULT.set(2, lambda p: path.unlink())
    assert_array_equal(estimator.fit(mapped, Y).predict_proba(X), expected)
    assert not path.exists()


def test_batches_that_break_off_leave_what_was_learned():
    def batches():
        yield X[:40], Y[:40]
        yield X[40:80], Y[40:80]
        raise OSError(errno.EIO, "the disk is broken")

    estimator, twin = make(), make()
    for one in (estimator, twin):
        one.partial_fit(X, Y, classes=[0, 1])

    def learn():
        for x, y in batches():
            estimator.partial_fit(x, y)

    with pytest.raises(OSError, match="the disk is broken"):
        learn()
    for chunk in (slice(40), slice(40, 80)):
        twin.partial_fit(X[chunk], Y[chunk])
    assert pickle.dumps(estimator) == pickle.dumps(twin)


class BrokenPipe(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(errno.EPIPE, "nobody reads")


@over_ways
def test_nobody_who_reads_what_is_told_leaves_the_earlier_fit(way, monkeypatch):
    estimator = make(verbose=True, **WAYS[way])
    estimator.fit(X, Y)
    with nothing_lost(estimator), monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", BrokenPipe())
        with pytest.raises(BrokenPipeError):
            estimator.fit(X, Y)


# files


class FullDisk(io.BytesIO):
    """Has room for so many bytes."""

    def __init__(self, room):
        super().__init__()
        self.room = room

    def write(self, data):
        if self.tell() + memoryview(data).nbytes > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("dump", [pickle.dump, joblib.dump])
@pytest.mark.parametrize("cv", [None, 3])
def test_a_disk_that_gets_full_leaves_the_network(dump, cv):
    estimator = make(cv=cv).fit(X, Y)
    size = len(pickle.dumps(estimator))
    for room in range(0, size // 2, size // 20):
        with nothing_lost(estimator), pytest.raises(OSError, match="No space left"):
            dump(estimator, FullDisk(room))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("dump", [pickle.dump, joblib.dump])
def test_so_does_a_device_that_is_always_full(dump):
    estimator = make().fit(X, Y)
    with nothing_lost(estimator), pytest.raises(OSError, match="No space left"):  # noqa: SIM117
        with open("/dev/full", "wb", buffering=0) as file:
            dump(estimator, file)


@pytest.fixture(scope="module")
def save():
    """The function of the user guide that writes a whole file or none."""
    (code,) = re.findall(
        r"^```python\n([^`]*def save\(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S
    )
    names = {}
    exec(compile(code, GUIDE, "exec"), names)
    return names["save"]


def in_a_process(task):
    """Run a task in a copy of this process, whose number is returned."""
    child = os.fork()
    if child == 0:
        try:
            task()
            os._exit(0)
        finally:
            os._exit(1)
    return child


def how_it_ended(child):
    """The signal that ended it with a minus, or what it returned."""
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


fork = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@posix
@fork
def test_a_file_too_large_for_the_limit_leaves_the_old_one(save, tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "network.joblib"
    first, second = make().fit(X, Y), make(hidden_layer_sizes=(300,)).fit(X, Y)
    save(first, path)

    def task():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))
        try:
            save(second, path)
        except OSError as error:
            os._exit(7 if error.errno == errno.EFBIG else 8)

    assert how_it_ended(in_a_process(task)) == 7
    assert_array_equal(joblib.load(path).predict_proba(X), first.predict_proba(X))


@pytest.mark.parametrize("room", [0, 1, 1_000, 3_000])
def test_a_full_disk_leaves_the_old_file(save, room, tmp_path, monkeypatch):
    path = tmp_path / "network.joblib"
    first = make().fit(X, Y)
    save(first, path)

    def open_on_a_full_disk(name, mode="r", *args, **kwargs):
        return FullDisk(room) if "w" in mode else open(name, mode, *args, **kwargs)

    monkeypatch.setitem(save.__globals__, "open", open_on_a_full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(make(hidden_layer_sizes=(20,)).fit(X, Y), path)
    monkeypatch.undo()
    assert_array_equal(joblib.load(path).predict_proba(X), first.predict_proba(X))


def test_a_folder_that_is_not_there_leaves_the_network(save, tmp_path):
    estimator = make().fit(X, Y)
    with nothing_lost(estimator), pytest.raises(FileNotFoundError):
        save(estimator, tmp_path / "none" / "network.joblib")


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_so_does_a_folder_that_may_only_be_read(save, tmp_path):
    estimator = make().fit(X, Y)
    tmp_path.chmod(0o500)
    try:
        with nothing_lost(estimator), pytest.raises(PermissionError):
            save(estimator, tmp_path / "network.joblib")
    finally:
        tmp_path.chmod(0o700)


MOMENTS = ["open", "half of the file", "fsync", "replace", "afterwards"]


@posix
@fork
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("has_old", [False, True])
def test_killed_while_it_saves_it_leaves_a_whole_file_or_none(save, moment, has_old, tmp_path):
    path = tmp_path / "network.joblib"
    old, new = make().fit(X, Y), make(hidden_layer_sizes=(20,)).fit(X, Y)
    if has_old:
        save(old, path)

    def die(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)

    def dump_half(network, file):
        file.write(pickle.dumps(network)[:1_000])
        file.flush()
        die()

    def task():
        if moment == "open":
            save.__globals__["open"] = die
        elif moment == "half of the file":
            joblib.dump = dump_half
        elif moment in ("fsync", "replace"):
            setattr(os, moment, die)
        save(new, path)
        die()

    assert how_it_ended(in_a_process(task)) == -signal.SIGKILL
    if moment == "afterwards":
        assert_array_equal(joblib.load(path).predict_proba(X), new.predict_proba(X))
    elif has_old:
        assert_array_equal(joblib.load(path).predict_proba(X), old.predict_proba(X))
    else:
        assert not path.exists()
    save(new, path)  # what is left over is in nobody's way
    assert_array_equal(joblib.load(path).predict_proba(X), new.predict_proba(X))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


N_CALLS = 30
N_OF_A_CHUNK = 20_000
"""Calls of functions while a chunk is learned and written, about."""


def learn_a_stream(save, path, n_calls=N_CALLS):
    """Learn chunk by chunk from the last checkpoint on, and write one after each."""
    arguments = {"dropout": "bernoulli", "solver": "adam", "learning_rate": "cosine"}
    network = (
        joblib.load(path)
        if path.exists()
        else make(hidden_layer_sizes=(60, 40), **arguments, max_iter=99)
    )
    for k in range(getattr(network, "n_iter_", 0), n_calls):
        chunk = np.random.default_rng(k).permutation(90)[:50]
        network.partial_fit(X[chunk], Y[chunk], classes=[0, 1])
        save(network, path)
    return network


def dies_after(n_calls):
    """A profile function that kills the process in the call of that number."""
    left = iter(range(n_calls))

    def profile(frame, event, argument):
        if event in ("call", "c_call") and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    return profile


@posix
@fork
def test_a_stream_that_is_killed_again_and_again_is_learned_bit_for_bit(save, tmp_path):
    straight = learn_a_stream(save, tmp_path / "straight.joblib")
    path, moments, n_killed = tmp_path / "network.joblib", random.Random(0), 0
    while not path.exists() or joblib.load(path).n_iter_ < N_CALLS:
        moment = moments.randrange(4 * N_OF_A_CHUNK)

        def task(moment=moment):
            sys.setprofile(dies_after(moment))
            learn_a_stream(save, path)
            sys.setprofile(None)

        n_killed += how_it_ended(in_a_process(task)) == -signal.SIGKILL
    assert n_killed > 3
    assert pickle.dumps(joblib.load(path)) == pickle.dumps(
        joblib.load(tmp_path / "straight.joblib")
    )
    assert_array_equal(joblib.load(path).predict_proba(X), straight.predict_proba(X))


# processes


@posix
@fork
@pytest.mark.parametrize("way", ["single", "ensemble"])
def test_a_process_may_be_copied_in_the_middle_of_a_fit(way):
    """The copy can fit and predict, and the training goes on as if nothing had been."""
    estimator = at("optimizer", way)
    expected = estimator.predict_proba(X)
    ended = []

    def happens(p):
        def task():
            again = make().fit(X, Y)
            if not np.isfinite(again.predict_proba(X)).all():
                raise AssertionError

        ended.append(how_it_ended(in_a_process(task)))

    FAULT.set(3, happens)
    assert_array_equal(estimator.fit(X, Y).predict_proba(X), expected)
    assert ended == [0]


class Dying(SGD):
    """Ends the process that it is in, unless that is the one of the tests."""

    parent: int = 0

    def update(self, p, g, *slots, tmp, t, lr):
        if self.parent and os.getpid() != self.parent:
            os._exit(3)
        super().update(p, g, *slots, tmp=tmp, t=t, lr=lr)


@posix
@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs were given")
def test_a_worker_that_dies_in_an_ensemble_leaves_the_earlier_fit():
    estimator = make(cv=3, n_jobs=2, solver=Dying()).fit(X, Y)
    expected = estimator.predict_proba(X)
    estimator.set_params(solver=Dying(parent=os.getpid()))
    with nothing_lost(estimator), pytest.raises(Exception, match=r"terminated|abruptly"):
        estimator.fit(X, Y)
    estimator.set_params(solver=Dying())
    assert_array_equal(estimator.fit(X, Y).predict_proba(X), expected)


@posix
@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs were given")
@pytest.mark.parametrize("backend", ["loky", "skdropout"])
def test_a_worker_that_dies_in_a_search_leaves_the_earlier_one(backend):
    search = GridSearchCV(make(), {"solver": [Dying(), Dying()]}, cv=2, n_jobs=2)
    with joblib.parallel_config(backend, n_jobs=2):
        search.fit(X, Y)
        before = search.predict_proba(X)
        search.set_params(param_grid={"solver": [Dying(), Dying(parent=os.getpid())]})
        with pytest.raises(Exception, match=r"terminated|abruptly"):
            search.fit(X, Y)
        assert_array_equal(search.predict_proba(X), before)
        search.set_params(param_grid={"solver": [Dying(), Dying()]})
        assert_array_equal(search.fit(X, Y).predict_proba(X), before)


IN_OTHER_PROCESSES = """
import signal, sys
import numpy as np
from skdropout import DropoutMLPClassifier
from skdropout._training.state import TrainingState

n_jobs, max_iter = map(int, sys.argv[1:])
if n_jobs > 1:
    signal.signal(signal.SIGTERM, lambda *about: sys.exit(7))
X = np.random.default_rng(0).normal(size=(20_000, 20))  # large enough for joblib's folder
y = (X[:, 0] > 0).astype(int)
network = DropoutMLPClassifier((8,), max_iter=max_iter, cv=2, random_state=0, verbose=True)
network.set_params(n_iter_no_change=max_iter, n_jobs=n_jobs).fit(X, y)
"""


def run_in_other_processes(folder, n_jobs, max_iter):
    """A fit whose workers, if there are any, read from a folder."""
    environment = {**os.environ, "JOBLIB_TEMP_FOLDER": str(folder), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-u", "-c", IN_OTHER_PROCESSES, str(n_jobs), str(max_iter)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes)


def wait_until(happens, seconds=60):
    """Whether something happens in time."""
    for _ in range(10 * seconds):
        if happens():
            return True
        time.sleep(0.1)
    return False


def is_empty(group):
    """Whether no process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@posix
@pytest.mark.parametrize("n_jobs, ends", [(1, -signal.SIGTERM), (2, 7)])
def test_a_process_that_is_asked_to_end_leaves_no_workers_and_no_files(n_jobs, ends, tmp_path):
    """With workers it has to end as from `sys.exit`; joblib tidies up then."""
    process = run_in_other_processes(tmp_path, n_jobs, 100_000)
    try:
        assert process.stdout.readline().startswith("Iteration 1,")
        assert any(tmp_path.iterdir()) == (n_jobs > 1)
        process.terminate()
        assert process.wait(60) == ends
        assert wait_until(lambda: is_empty(process.pid))
        assert not any(tmp_path.iterdir())
    finally:
        if not is_empty(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@posix
def test_a_folder_of_joblib_that_cannot_be_written_is_an_error_that_names_it():
    folder = "/dev/null/nowhere"
    process = run_in_other_processes(folder, 2, 1)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert folder in said
    assert wait_until(lambda: is_empty(process.pid))


# what is written down


@pytest.mark.parametrize("moment", range(60, 90))
def test_an_interruption_while_an_epoch_is_written_down_leaves_whole_epochs(moment):
    calls = iter(range(moment))

    def profile(frame, event, argument):
        is_written = frame.f_code is TrainingState.record.__code__ and event == "c_call"
        if is_written and next(calls, None) is None:
            sys.setprofile(None)
            raise KeyboardInterrupt

    network = make(max_iter=9, early_stopping="monitor", learning_rate="constant")
    sys.setprofile(profile)
    try:
        with pytest.warns(UserWarning, match="interrupted by user after"):
            network.fit(X, Y)
    finally:
        sys.setprofile(None)
    assert {len(values) for values in network.history_.values()} == {network.n_iter_}
    assert network.n_iter_ < 9
    again = pickle.loads(pickle.dumps(network))
    assert again.history_ == network.history_


def test_what_an_epoch_tells_for_the_first_time_is_nan_before():
    state = TrainingState(make().fit(X, Y)._network, {})
    state.record({"loss": 2.0})
    state.record({"loss": 1.0, "validation_score": 0.5})
    state.record({"loss": 1.5})
    assert_array_equal(state.history["loss"], [2.0, 1.0, 1.5])
    assert_array_equal(state.history["validation_score"], [np.nan, 0.5, np.nan])
    assert (state.best_loss, state.best_score) == (1.0, 0.5)


def test_numbers_of_batch_norm_that_the_weights_have_no_room_for_are_found_quietly():
    state = make(batch_norm=True, max_iter=3).fit(X, Y)._state
    state.network.statistics["variance0"][:] = 0.0
    state.network.statistics["mean0"][:] = 0.0
    state.network.parameters["scale0"][:] = np.inf
    member = object.__new__(Member)
    member.state, member.standardization = state, None
    assert not member.is_published()
