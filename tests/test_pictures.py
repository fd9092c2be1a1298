"""The front end of patches that a benchmark and an example put in front of a network."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.image import PatchExtractor
from sklearn.pipeline import make_pipeline

from skdropout import DropoutMLPClassifier

ROOT = Path(__file__).parents[1]
BENCHMARK = ROOT / "benchmarks" / "pictures.py"
if not BENCHMARK.exists():
    pytest.skip("the folder benchmarks is only in a checkout", allow_module_level=True)


@pytest.fixture
def patch_features(monkeypatch):
    """The class; importing a benchmark sets variables of the environment, which are put back."""
    for name in "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS":
        monkeypatch.setenv(name, "1")
    monkeypatch.syspath_prepend(BENCHMARK.parent)  # it imports what the benchmarks share
    spec = importlib.util.spec_from_file_location("pictures", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PatchFeatures


def draw_stripes(n, seed):
    """Colour pictures: red stripes that lie, or green ones that stand, anywhere, with noise."""
    rng = np.random.default_rng(seed)
    X = 0.2 * rng.random((n, 16, 12, 3), dtype=np.float32)
    y = rng.integers(2, size=n)
    for picture, is_green in zip(X, y, strict=True):
        place = rng.integers(2, 10)
        if is_green:
            picture[:, place : place + 2, 1] += 0.6
        else:
            picture[place : place + 2, :, 0] += 0.6
    return X, y


def test_features_are_what_a_plain_loop_gives(patch_features):
    X, _ = draw_stripes(30, seed=0)
    front = patch_features(n_centers=8, patch_size=5, grid=2, random_state=0).fit(X)
    expected = np.zeros((2, 2, 8))
    rows, columns = 12, 8  # places of a patch of 5 in 16 x 12
    for i in range(rows):
        for j in range(columns):
            patch = X[3, i : i + 5, j : j + 5].astype(float).ravel()
            patch = (patch - patch.mean()) / np.sqrt(patch.var() + 1e-4)
            z = np.linalg.norm((patch - front.mean_) @ front.whitening_ - front.centers_, axis=1)
            expected[i // 6, j // 4] += np.maximum(0, z.mean() - z)
    np.testing.assert_allclose(front.transform(X[3:4]), [expected.ravel()], rtol=1e-3)


def test_whitening_takes_each_direction_to_a_variance_of_nearly_one(patch_features):
    X, _ = draw_stripes(60, seed=0)
    front = patch_features(n_centers=8, patch_size=3, random_state=0).fit(X)
    cutter = PatchExtractor(patch_size=(3, 3), max_patches=20, random_state=0)
    patches = front._normalize(cutter.fit_transform(X))
    before = np.linalg.eigvalsh(np.cov(patches, rowvar=False))
    after = np.linalg.eigvalsh(np.cov((patches - front.mean_) @ front.whitening_, rowvar=False))
    assert before.max() > 3
    np.testing.assert_allclose(after, before / (before + 0.1), atol=1e-5)


def test_colour_pictures_go_through_a_pipeline(patch_features):
    X, y = draw_stripes(120, seed=0)
    X_test, y_test = draw_stripes(80, seed=1)
    front = patch_features(n_centers=16, patch_size=4, random_state=0)
    network = DropoutMLPClassifier((32,), dropout_rate=0.2, cv=None, random_state=0)
    pipeline = make_pipeline(front, network).fit(X, y)
    assert pipeline[0].transform(X).shape == (120, 4 * 16)
    assert pipeline[0].transform(X).dtype == np.float32
    assert pipeline.score(X_test, y_test) > 0.95


def test_the_same_seed_gives_the_same_features(patch_features):
    X, _ = draw_stripes(20, seed=0)
    front = patch_features(n_centers=6, random_state=3)
    first, second = (clone(front).fit_transform(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.all(first >= 0)


def test_the_example_has_the_class_of_the_benchmark():
    example = ROOT / "examples" / "classics" / "plot_mnist_patches.py"
    whole = re.compile(r"^class PatchFeatures.*?(?=\n\n\n)", re.MULTILINE | re.DOTALL)
    first, second = (whole.search(path.read_text("utf-8"))[0] for path in (BENCHMARK, example))
    assert first == second
