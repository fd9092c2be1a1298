import re
import sys
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skdropout.datasets import _mnist, fetch_mnist, load_sonar, make_spirals

# Sonar


def test_sonar_shapes_and_types():
    sonar = load_sonar()
    assert sonar.data.shape == (208, 60)
    assert sonar.data.dtype == np.float64
    assert sonar.data.flags.c_contiguous
    assert sonar.target.shape == (208,)
    assert sonar.target.dtype == "<U4"
    assert sonar.frame is None
    assert sonar.feature_names.shape == (60,)
    assert_array_equal(sonar.feature_names[[0, 8, 59]], ["band_01", "band_09", "band_60"])


def test_sonar_classes():
    sonar = load_sonar()
    names, counts = np.unique(sonar.target, return_counts=True)
    assert_array_equal(names, ["mine", "rock"])
    assert_array_equal(counts, [111, 97])
    assert_array_equal(sonar.target_names, names)
    assert isinstance(sonar.target[0], str)


def test_sonar_values():
    X, y = load_sonar(return_X_y=True)
    assert X.min() == 0.0
    assert X.max() == 1.0
    assert len(np.unique(X, axis=0)) == 208

    assert y[0] == "rock"
    assert_array_equal(X[0, :5], [0.0200, 0.0371, 0.0428, 0.0207, 0.0954])
    assert_array_equal(X[0, -5:], [0.0167, 0.0180, 0.0084, 0.0090, 0.0032])
    assert y[-1] == "mine"
    assert_array_equal(X[-1, :5], [0.0260, 0.0363, 0.0136, 0.0272, 0.0214])
    assert_array_equal(X[-1, -5:], [0.0061, 0.0040, 0.0036, 0.0061, 0.0115])


def test_sonar_return_X_y():
    sonar = load_sonar()
    X, y = load_sonar(return_X_y=True)
    assert type(X) is type(y) is np.ndarray
    assert_array_equal(X, sonar.data)
    assert_array_equal(y, sonar.target)


def test_sonar_as_frame():
    pd = pytest.importorskip("pandas")
    sonar, arrays = load_sonar(as_frame=True), load_sonar()
    assert sonar.frame.shape == (208, 61)
    assert list(sonar.frame.columns) == [*arrays.feature_names, "target"]
    assert isinstance(sonar.data, pd.DataFrame)
    assert isinstance(sonar.target, pd.Series)
    assert sonar.target.name == "target"
    pd.testing.assert_frame_equal(sonar.data, sonar.frame.drop(columns="target"))
    pd.testing.assert_series_equal(sonar.target, sonar.frame["target"])
    assert (sonar.data.dtypes == np.float64).all()
    assert_array_equal(sonar.data, arrays.data)
    assert_array_equal(sonar.target, arrays.target)
    assert set(sonar) == set(arrays)


def test_sonar_return_X_y_as_frame():
    pd = pytest.importorskip("pandas")
    sonar = load_sonar(as_frame=True)
    X, y = load_sonar(return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X, sonar.data)
    pd.testing.assert_series_equal(y, sonar.target)


def test_sonar_calls_share_no_memory():
    load_sonar().data[:] = -1
    assert load_sonar().data.min() == 0.0


def test_sonar_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"load_sonar\(as_frame=True\) needs pandas"):
        load_sonar(as_frame=True)
    assert load_sonar().data.shape == (208, 60)


@pytest.mark.parametrize("name", ["return_X_y", "as_frame"])
def test_sonar_wants_bools(name):
    with pytest.raises(TypeError, match=f"{name} must be True or False, got 'no'"):
        load_sonar(**{name: "no"})


@pytest.mark.parametrize(
    "words",
    [
        "CC BY 4.0",
        "https://doi.org/10.24432/C5T01Q",
        "https://doi.org/10.1016/0893-6080(88)90023-8",
        "``mine`` (111 instances), ``rock`` (97 instances)",
        "labels\n``R`` and ``M``",
    ],
)
def test_sonar_description(words):
    assert words in load_sonar().DESCR


def test_sonar_file_is_in_the_package():
    sonar = load_sonar()
    assert sonar.filename == "sonar.csv"
    lines = resources.files(sonar.data_module).joinpath(sonar.filename).read_text().splitlines()
    assert len(lines) == 1 + 208
    assert lines[1].endswith("0.0032,rock")


# Spirals


def polar(X):
    """Radius and angle in [0, 2 pi)."""
    x, y = X.T
    return np.hypot(x, y), np.arctan2(y, x) % (2 * np.pi)


def test_spirals_defaults():
    X, y = make_spirals(random_state=0)
    assert X.shape == (100, 2)
    assert X.dtype == np.float64
    assert X.flags.c_contiguous
    assert y.shape == (100,)
    assert y.dtype.kind == "i"
    assert_array_equal(np.bincount(y), [50, 50])


@settings(deadline=None)
@given(
    n_classes=st.integers(1, 7),
    extra=st.integers(0, 60),
    n_turns=st.floats(0, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_spirals_without_noise_follow_the_formula(n_classes, extra, n_turns, seed):
    n_samples = n_classes + extra
    X, y = make_spirals(n_samples, n_classes, n_turns=n_turns, random_state=seed)
    assert X.shape == (n_samples, 2)
    sizes = np.bincount(y, minlength=n_classes)
    assert len(sizes) == n_classes
    assert sizes.max() - sizes.min() <= 1
    assert_array_equal(sizes, sorted(sizes, reverse=True))

    radius, _ = polar(X)
    angle = 2 * np.pi * (n_turns * radius + y / n_classes)
    assert_allclose(X[:, 0], radius * np.cos(angle), rtol=0, atol=1e-13)
    assert_allclose(X[:, 1], radius * np.sin(angle), rtol=0, atol=1e-13)
    for k, m in enumerate(sizes):
        assert_allclose(np.sort(radius[y == k]) ** 2, (np.arange(m) + 0.5) / m, rtol=1e-12)


def test_spirals_same_seed_same_points():
    X, y = make_spirals(60, 3, noise=0.1, random_state=7)
    X_again, y_again = make_spirals(60, 3, noise=0.1, random_state=7)
    assert_array_equal(X, X_again)
    assert_array_equal(y, y_again)
    X_rng, _ = make_spirals(60, 3, noise=0.1, random_state=np.random.RandomState(7))
    assert_array_equal(X, X_rng)
    X_other, y_other = make_spirals(60, 3, noise=0.1, random_state=8)
    assert not np.array_equal(X, X_other)
    assert not np.array_equal(y, y_other)


def test_spirals_rows_are_shuffled():
    X, y = make_spirals(200, 2, random_state=0)
    assert len(set(y[:20])) == 2
    radius, _ = polar(X)
    assert abs(np.corrcoef(radius, np.arange(200))[0, 1]) < 0.3


def test_spirals_noise_is_gaussian_of_the_given_width():
    clean, y = make_spirals(20_000, 2, random_state=0)
    noisy, y_noisy = make_spirals(20_000, 2, noise=0.3, random_state=0)
    assert_array_equal(y, y_noisy)
    noise = (noisy - clean) / 0.3
    assert_allclose(noise.mean(axis=0), 0, atol=0.03)
    assert_allclose(np.cov(noise.T), np.eye(2), atol=0.04)
    assert_allclose((noise**4).mean(axis=0), 3, atol=0.25)


def test_spirals_turn_anticlockwise():
    X, _ = make_spirals(50, 1, n_turns=0.9, random_state=0)
    radius, angle = polar(X)
    assert (np.diff(angle[np.argsort(radius)]) > 0).all()


def test_spirals_take_numpy_numbers():
    X, _ = make_spirals(
        np.int32(9), np.uint8(3), n_turns=np.float32(2), noise=np.float32(0), random_state=0
    )
    assert_array_equal(X, make_spirals(9, 3, n_turns=2, random_state=0)[0])


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"n_samples": 2.0}, TypeError, "n_samples must be an integer in [2, inf), got 2.0"),
        ({"n_samples": (9, 9)}, TypeError, "n_samples must be an integer in [2, inf), got (9, 9)"),
        ({"n_samples": 1}, ValueError, "n_samples must be an integer in [2, inf), got 1"),
        ({"n_samples": -5}, ValueError, "n_samples must be an integer in [2, inf), got -5"),
        (
            {"n_samples": 4, "n_classes": 5},
            ValueError,
            "n_samples must be an integer in [5, inf), got 4",
        ),
        ({"n_classes": "two"}, TypeError, "n_classes must be an integer in [1, inf), got 'two'"),
        ({"n_classes": True}, TypeError, "n_classes must be an integer in [1, inf), got True"),
        ({"n_classes": 0}, ValueError, "n_classes must be an integer in [1, inf), got 0"),
        ({"n_turns": None}, TypeError, "n_turns must be a number in [0, inf), got None"),
        ({"n_turns": -1}, ValueError, "n_turns must be a number in [0, inf), got -1"),
        ({"noise": "0.1"}, TypeError, "noise must be a number in [0, inf), got '0.1'"),
        ({"noise": -0.1}, ValueError, "noise must be a number in [0, inf), got -0.1"),
        ({"noise": np.nan}, ValueError, "noise must be a number in [0, inf), got nan"),
        ({"noise": np.inf}, ValueError, "noise must be a number in [0, inf), got inf"),
        ({"random_state": "seed"}, ValueError, "'seed' cannot be used to seed"),
    ],
)
def test_spirals_refuse_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make_spirals(**arguments)


# MNIST


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """Six images to train and three to test in a file, which is returned with its path."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in ("train", 6), ("test", 3):
        arrays[f"X_{part}"] = rng.integers(256, size=(n, 28, 28), dtype=np.uint8)
        arrays[f"y_{part}"] = rng.integers(10, size=n, dtype=np.uint8)
    path = tmp_path / "mnist.npz"
    np.savez(path, **arrays)
    monkeypatch.setenv("SKDROPOUT_DATA", str(tmp_path))
    return path, arrays


@pytest.mark.parametrize("subset", ["train", "test"])
def test_mnist_from_a_file(mnist, subset):
    _, arrays = mnist
    digits = fetch_mnist(subset=subset)
    images = arrays[f"X_{subset}"].reshape(-1, 784)
    assert_allclose(digits.data, images / 255, rtol=1e-7)
    assert_array_equal(digits.target, arrays[f"y_{subset}"])
    assert_array_equal(digits.target_names, range(10))
    assert digits.data.dtype == np.float32
    assert digits.target.dtype == np.int64
    X, y = fetch_mnist(subset=subset, return_X_y=True)
    assert_array_equal(X, digits.data)
    assert_array_equal(y, digits.target)


@pytest.mark.parametrize("folder", [None, "", "elsewhere"])
def test_mnist_from_openml(folder, monkeypatch):
    if folder is None:
        monkeypatch.delenv("SKDROPOUT_DATA", raising=False)
    else:
        monkeypatch.setenv("SKDROPOUT_DATA", folder)
    images = np.arange(70_000)[:, None] % 256 * np.ones(784, dtype=np.uint8)
    digits = (np.arange(70_000) % 10).astype(str).astype(object)
    asked = []

    def fetch(name, **arguments):
        asked.append((name, arguments["version"], arguments["data_home"]))
        return images, digits

    monkeypatch.setattr(_mnist, "fetch_openml", fetch)
    X, y = fetch_mnist(data_home="here", return_X_y=True)
    assert asked == [("mnist_784", 1, "here")]
    assert X.shape == (60_000, 784)
    X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
    assert X_test.shape == (10_000, 784)
    assert_array_equal(np.concatenate([y, y_test]), np.arange(70_000) % 10)
    assert_allclose(X_test[:, 0], np.arange(60_000, 70_000) % 256 / 255, rtol=1e-6)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"subset": "all"}, ValueError, "subset must be one of 'train', 'test', got 'all'"),
        ({"subset": None}, TypeError, "subset must be one of"),
        ({"return_X_y": 1}, TypeError, "return_X_y must be"),
    ],
)
def test_mnist_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        fetch_mnist(**arguments)


def test_mnist_without_a_network(monkeypatch):
    monkeypatch.setenv("SKDROPOUT_DATA", "elsewhere")

    def fetch(name, **arguments):
        raise OSError("no route")

    monkeypatch.setattr(_mnist, "fetch_openml", fetch)
    with pytest.raises(
        OSError, match="variable SKDROPOUT_DATA names its folder; it is 'elsewhere'"
    ):
        fetch_mnist()


def test_mnist_as_rows(mnist):
    path, arrays = mnist
    before = fetch_mnist().data
    np.savez(path, **arrays | {"X_train": arrays["X_train"].reshape(-1, 784)})
    assert_array_equal(fetch_mnist().data, before)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda a: a.pop("y_train"), "is no NPZ file with arrays X_train and y_train"),
        (lambda a: a.update(X_train=a["X_train"] / 255), "28 x 28 bytes .* got float64"),
        (lambda a: a.update(X_train=a["X_train"][:5]), r"shape \(5, 28, 28\) for .* \(6,\)"),
        (lambda a: a.update(X_train=a["X_train"].T), r"shape \(28, 28, 6\)"),
        (lambda a: a.update(y_train=a["y_train"][:, None]), r"digits of shape \(6, 1\)"),
        (lambda a: a.update(y_train=a["y_train"] + 10), "y_train .* from 0 to 9"),
        (lambda a: a.update(y_train=a["y_train"] + 0.5), "y_train .* from 0 to 9"),
        (lambda a: a.update(X_train=a["X_train"][:0], y_train=a["y_train"][:0]), "28 x 28 bytes"),
    ],
)
def test_mnist_bad_arrays(mnist, change, message):
    path, arrays = mnist
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=message):
        fetch_mnist()


@pytest.mark.parametrize("content", ["nothing", "garbage", "half", "one array"])
def test_mnist_bad_file(mnist, content):
    path, arrays = mnist
    whole = path.read_bytes()
    path.write_bytes({"garbage": b"garbage", "half": whole[: len(whole) // 2]}.get(content, b""))
    if content == "one array":
        with path.open("wb") as file:
            np.save(file, arrays["X_train"])
    with pytest.raises(ValueError, match="is no NPZ file with arrays X_train and y_train"):
        fetch_mnist()
