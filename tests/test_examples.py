import ast
import os
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import sem
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier
from skdropout.datasets import load_sonar

EXAMPLES = Path(__file__).parents[1] / "examples"
DATA = Path(os.environ.get("SKDROPOUT_DATA", ""))
NEEDED = {}  # modules of an example that not all have
RATES, SIZES = [0.0, 0.5], [(2,), (3,), (2, 2)]


def functions_of(path):
    """The functions of a script, without running the rest of it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    wanted = (ast.Import, ast.ImportFrom, ast.FunctionDef)
    tree.body = [statement for statement in tree.body if isinstance(statement, wanted)]
    names = {}
    exec(compile(tree, path, "exec"), names)
    return SimpleNamespace(**names)


example = functions_of(EXAMPLES / "classics" / "plot_sonar.py")


@pytest.fixture
def scores():
    """Accuracies of shape (n_folds, n_rates, n_sizes), the last cell the best."""
    rng = np.random.default_rng(0)
    means = np.array([[70.0, 72.0, 74.0], [71.0, 73.0, 90.0]])
    return means + rng.uniform(-1, 1, size=(10, 2, 3))


def test_hits():
    X, y = load_sonar(return_X_y=True)
    arguments = dict(hidden_layer_sizes=(4,), max_iter=3, batch_size=16)
    hits = example.find_hits(arguments, X, y, seed=0)  # and no warning, which would be an error
    assert hits.shape == y.shape
    assert set(hits) == {0.0, 100.0}
    assert_array_equal(hits, example.find_hits(arguments, X, y, seed=0))
    assert np.any(hits != example.find_hits(arguments, X, y, seed=1))


def test_describe():
    hits = np.array([[100.0, 100.0, 0.0, 0.0], [100.0, 100.0, 100.0, 100.0]])
    # means of the repeats 50 and 100; 4 samples at 75 %
    assert example.describe("net", hits).split() == ["net", "75.0", "±", "25.0", "±", "21.7"]


@pytest.mark.parametrize(
    "gain, error, words",
    [
        (2.1, 1.0, "+2.1 ± 1.0 points, a gain of more"),
        (-2.1, 1.0, "-2.1 ± 1.0 points, a loss of more"),
        (2.0, 1.0, "+2.0 ± 1.0 points, within"),
        (-2.0, 1.0, "-2.0 ± 1.0 points, within"),
        (0.0, 0.0, "+0.0 ± 0.0 points, within"),
    ],
)
def test_judge(gain, error, words):
    assert example.judge(gain, error).startswith(words)


def test_table(scores):
    header, *rows = example.tabulate(RATES, SIZES, scores).splitlines()
    assert header.split()[-4:] == ["(2,)", "(3,)", "(2,", "2)"]
    assert [row.split()[0] for row in rows] == ["0.0", "0.5"]
    assert len({len(line.rstrip("*")) for line in (header, *rows)}) == 1
    assert rows[0].count("*") == 0
    mean, error = scores.mean(axis=0), sem(scores)
    assert rows[1].endswith(f"{mean[1, 2]:.1f} ± {error[1, 2]:.1f}*")


def test_take_best(scores):
    assert_array_equal(example.take_best(scores), scores[:, 1, 2])
    assert_array_equal(example.take_best(scores[:, :1]), scores[:, 0, 2])


def test_conclusion_clear_gain(scores):
    text = example.conclude(RATES, SIZES, scores)
    assert "rate 0.5, size (2, 2)." in text
    assert f"the {scores[:, 1, 2].mean():.1f} % are optimistic" in text
    assert ": 1 of 6 cells" in text
    assert "Best of 3 with dropout over best of 3 without:\n+1" in text
    assert "a gain of more than two" in text


def test_conclusion_clear_loss(scores):
    text = example.conclude(RATES, SIZES, scores[:, ::-1])
    assert "rate 0.0, size (2, 2)." in text
    assert "a loss of more than two" in text


def test_conclusion_no_gain(scores):
    text = example.conclude(RATES, SIZES, np.repeat(scores[:, :1], 2, axis=1))
    assert ": 2 of 6 cells" in text
    assert "+0.0 ± 0.0 points, within two" in text


def test_heat_map_of_a_search(tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    X, y = load_sonar(return_X_y=True)
    network = DropoutMLPClassifier(
        learning_rate="one_cycle", learning_rate_init=0.01, max_iter=3, random_state=0
    )
    grid = {
        "dropoutmlpclassifier__dropout_rate": RATES,
        "dropoutmlpclassifier__hidden_layer_sizes": SIZES,
    }
    search = GridSearchCV(make_pipeline(StandardScaler(), network), grid, cv=3).fit(X, y)

    scores = example.fold_scores(search, RATES, SIZES)
    assert scores.shape == (3, 2, 3)
    results = search.cv_results_
    for i, rate in enumerate(RATES):
        for j, size in enumerate(SIZES):
            cell = results["params"].index(dict(zip(grid, (rate, size), strict=True)))
            assert_allclose(scores[:, i, j].mean(), 100 * results["mean_test_score"][cell])

    figure = example.draw(RATES, SIZES, scores)
    texts = [text.get_text() for text in figure.axes[0].texts]
    mean, error = scores.mean(axis=0).ravel(), sem(scores).ravel()
    assert texts == [f"{m:.1f}\n± {e:.1f}" for m, e in zip(mean, error, strict=True)]
    path = tmp_path / "grid.png"
    figure.savefig(path)
    plt.close(figure)
    height, width, _ = plt.imread(path).shape
    assert min(height, width) >= 300


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("plot_*.py")), ids=lambda path: path.stem)
def test_example_holds_what_it_claims(path, monkeypatch):
    for module in NEEDED.get(path.stem, []):
        pytest.importorskip(module, exc_type=ImportError)
    if path.stem.startswith("plot_mnist") and not (DATA / "mnist.npz").exists():
        pytest.skip("there is no mnist.npz in a folder SKDROPOUT_DATA")
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: None)
    runpy.run_path(str(path))  # asserts it
    assert plt.get_fignums()
    plt.close("all")
