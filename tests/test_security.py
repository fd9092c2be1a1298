"""What SECURITY.md says, sentence by sentence."""

import ast
import gzip
import io
import json
import pickle
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdropout
from skdropout import DropoutMLPClassifier, DropoutMLPRegressor
from skdropout._network.network import Network
from skdropout.constraints import MaxNorm
from skdropout.datasets import fetch_mnist
from skdropout.dropout import Gaussian
from skdropout.initializers import Normal
from skdropout.optimizers import Adam
from skdropout.schedules import Cosine

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROOT = Path(__file__).parents[1]
PACKAGE = Path(skdropout.__file__).parent
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
SOURCES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
    for path in PACKAGE.rglob("*.py")
}

X, Y = make_classification(90, n_features=8, random_state=0)
OURS = {
    "classifier": "skdropout._estimators.classifier.DropoutMLPClassifier",
    "regressor": "skdropout._estimators.regressor.DropoutMLPRegressor",
}


def make(network=DropoutMLPClassifier, **arguments):
    defaults = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
    return network(**{**defaults, **arguments})


def test_the_examples_run(tmp_path, monkeypatch):
    pytest.importorskip("skops.io")
    monkeypatch.chdir(tmp_path)
    names = {}
    for example in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(example, "SECURITY.md", "exec"), names)
    assert "network" in names


# what the package does


RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
ELSEWHERE = {
    *("pickle", "marshal", "shelve", "dill", "cloudpickle", "ctypes", "cffi", "code", "runpy"),
    *(
        "subprocess",
        "socket",
        "ssl",
        "http",
        "ftplib",
        "urllib",
        "requests",
        "smtplib",
        "webbrowser",
    ),
    *("tempfile", "shutil", "importlib", "pty", "signal"),
}
OF_OS = {"system", "popen", "fork", "kill", "remove", "unlink", "rename", "replace", "mkdir"}


def used_in(tree):
    """Names of functions that are called, modules that are imported, and what is taken of `os`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
        elif isinstance(node, ast.Attribute):
            is_of_os = isinstance(node.value, ast.Name) and node.value.id == "os"
            yield f"os.{node.attr}" if is_of_os else f".{node.attr}"
        elif isinstance(node, ast.Import):
            yield from (f"import {alias.name.partition('.')[0]}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield f"import {node.module.partition('.')[0]}"
            yield from (f"from {node.module} {alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_no_module_runs_text_unpickles_starts_programs_or_opens_connections(module):
    used = set(used_in(SOURCES[module]))
    assert not used & RUNS_TEXT
    assert not used & {f"import {name}" for name in ELSEWHERE} - may_use(module)
    assert not used & {f"os.{name}" for name in OF_OS}
    assert not used & {
        ".loads",
        ".save",
        ".tofile",
        ".dump",
        ".memmap",
        ".write_text",
        ".write_bytes",
    }


def may_use(module):
    """The files that come with the package are read by way of `importlib.resources`."""
    return {"import importlib"} if module == "datasets/_sonar.py" else set()


def test_two_functions_open_files_and_none_reads_objects():
    opens = {
        module: [node for node in ast.walk(tree) if is_opening(node)]
        for module, tree in SOURCES.items()
    }
    opening = {module for module, calls in opens.items() if calls}
    assert opening == {"datasets/_mnist.py", "datasets/_sonar.py"}
    loads = [
        node for node in ast.walk(SOURCES["datasets/_mnist.py"]) if is_call_of(node, "np.load")
    ]
    assert loads
    assert not any(keyword.arg == "allow_pickle" for node in loads for keyword in node.keywords)


def is_call_of(node, *functions):
    """Whether it calls one of these."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith(functions)


def is_opening(node):
    return is_call_of(node, "open", "np.load", "np.loadtxt", "np.genfromtxt")


def test_one_function_asks_the_network():
    asking = {
        module
        for module, tree in SOURCES.items()
        if any("openml" in used or "urlopen" in used for used in used_in(tree))
    }
    assert asking == {"datasets/_mnist.py"}


WATCHED = """
import sys
import numpy as np
from skdropout import DropoutMLPClassifier, DropoutMLPRegressor

X = np.random.default_rng(0).normal(size=(200, 5))
y = (X[:, 0] > 0).astype(int)


def use(cv):
    for kind in (DropoutMLPClassifier, DropoutMLPRegressor):
        network = kind((8,), dropout_rate=0.2, max_iter=3, cv=cv, random_state=0).fit(X, y)
        network.predict(X), network.score(X, y), network.to_sklearn().predict(X)
        network.partial_fit(X, y), repr(network)


for cv in (None, 3):
    use(cv)  # what is imported late is there by now
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, str(arguments)[:80])))
for cv in (None, 3):
    use(cv)
seen = [one for one in seen if not one[0].startswith(("object.", "sys._getframe", "gc."))]
print(sorted({event for event, _ in seen}))
"""


def test_fits_and_predictions_open_no_files_no_connections_and_start_no_programs():
    """By what Python tells its auditors of; threads are looked at, and nothing else."""
    command = [sys.executable, "-W", "ignore", "-c", WATCHED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    events = ast.literal_eval(done.stdout)
    outside = (
        "open",
        "socket",
        "subprocess",
        "os.",
        "shutil",
        "urllib",
        "exec",
        "compile",
        "ctypes",
    )
    # threadpoolctl asks BLAS for its version and its threads; Python 3.14 tells of the calls, too
    calls = {"dlsym", "dlopen", "get_errno", "set_errno", "call_function"}
    allowed = {f"ctypes.{name}" for name in calls}
    assert [event for event in events if event.startswith(outside) and event not in allowed] == []


# files of others


class Harm:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_runs_what_it_says(tmp_path):
    """So it is with all pickles: a network in one does not make it better."""
    network = make().fit(X, Y)
    network.note_ = Harm(tmp_path / "harm")
    pickle.loads(pickle.dumps(network))
    assert (tmp_path / "harm").exists()


def test_a_file_of_digits_with_objects_is_refused(tmp_path, monkeypatch):
    arrays = {f"X_{part}": np.zeros((1, 784), np.uint8) for part in ("train", "test")}
    arrays |= {f"y_{part}": np.array([Harm(tmp_path / "harm")]) for part in ("train", "test")}
    np.savez(tmp_path / "mnist.npz", **arrays)
    monkeypatch.setenv("SKDROPOUT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="is no NPZ file with arrays"):
        fetch_mnist()
    assert not (tmp_path / "harm").exists()


@pytest.mark.filterwarnings("ignore:Invalid cache")
@pytest.mark.filterwarnings("ignore:A network error occurred")
def test_a_download_with_another_checksum_is_refused(tmp_path, monkeypatch):
    """It is scikit-learn that compares it with the one which OpenML tells of."""
    openml = pytest.importorskip("sklearn.datasets._openml")
    pytest.importorskip("pandas")
    description = {
        "data_set_description": {
            **{"id": "554", "name": "mnist_784", "version": "1", "format": "ARFF"},
            **{"file_id": "1", "status": "active", "default_target_attribute": "class"},
            **{"md5_checksum": "0" * 32, "url": "https://api.openml.org/data/v1/download/1"},
            "parquet_url": "https://api.openml.org/none.pq",
        }
    }
    feature = {"is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
    features = [
        {"index": "0", "name": "pixel1", "data_type": "numeric", "is_target": "false", **feature},
        {"index": "1", "name": "class", "data_type": "numeric", "is_target": "true", **feature},
    ]
    answers = {
        "data/list": {"data": {"dataset": [{"did": 554, "status": "active", "version": 1}]}},
        "data/features": {"data_features": {"feature": features}},
        "data/qualities": {"data_qualities": {"quality": []}},
        "json/data/554": description,
    }
    asked = []

    def answer(request, *args, **kwargs):
        url = getattr(request, "full_url", request)
        asked.append(url)
        body = next((json.dumps(a) for part, a in answers.items() if part in url), None)
        body = (
            body or "@RELATION mnist\n@ATTRIBUTE pixel1 REAL\n@ATTRIBUTE class REAL\n@DATA\n0,5\n"
        )
        response = io.BytesIO(gzip.compress(body.encode()))
        response.info = lambda: {"Content-Encoding": "gzip"}
        return response

    monkeypatch.setattr(openml, "urlopen", answer)
    monkeypatch.delenv("SKDROPOUT_DATA", raising=False)
    with pytest.raises(ValueError, match=r"(?i)md5.*checksum"):
        fetch_mnist(data_home=str(tmp_path))
    assert all(url.startswith("https://") for url in asked)


FITTED = {
    "classifier": lambda: make(cv=None).fit(X, Y),
    "ensemble": lambda: make(cv=3).fit(X, Y),
    "words": lambda: make(cv=3).fit(X, np.array(["no", "yes"], object)[Y]),
    "normalised": lambda: make(cv=3, batch_norm=True).fit(X, Y),
    "stream": lambda: make().partial_fit(X, Y, classes=[0, 1]),
    "regressor": lambda: make(DropoutMLPRegressor, cv=None).fit(X, Y),
    "ensemble of regressors": lambda: make(DropoutMLPRegressor, cv=3).fit(X, Y),
    "pipeline": lambda: make_pipeline(StandardScaler(), make(cv=3)).fit(X, Y),
    "search": lambda: GridSearchCV(make(cv=None), {"alpha": [0, 0.1]}, cv=2).fit(X, Y),
}


@pytest.mark.parametrize("name", FITTED)
def test_skops_asks_for_one_type_of_ours(name):
    skops = pytest.importorskip("skops.io")
    estimator = FITTED[name]()
    data = skops.dumps(estimator)
    untrusted = skops.get_untrusted_types(data=data)
    kind = "regressor" if "regressor" in name else "classifier"
    assert [one for one in untrusted if one.startswith("skdropout")] == [OURS[kind]]
    with pytest.raises(Exception, match="Untrusted types"):
        skops.loads(data)
    again = skops.loads(data, trusted=untrusted)
    assert_array_equal(again.predict(X), estimator.predict(X))


def test_and_for_each_recipe_that_is_an_object():
    skops = pytest.importorskip("skops.io")
    recipes = {"solver": Adam(), "learning_rate": Cosine(), "dropout": Gaussian()}
    recipes |= {"max_norm": MaxNorm(3.0), "weight_init": Normal(0.1)}
    data = skops.dumps(make(cv=None, **recipes).fit(X, Y))
    kinds = {f"{type(one).__module__}.{type(one).__name__}" for one in recipes.values()}
    assert set(skops.get_untrusted_types(data=data)) == {OURS["classifier"], *kinds}


@pytest.mark.parametrize("name", sorted(FITTED.keys() - {"pipeline", "search"}))
def test_what_to_sklearn_returns_needs_none_of_ours(name):
    skops = pytest.importorskip("skops.io")
    theirs = FITTED[name]().to_sklearn()
    data = skops.dumps(theirs)
    untrusted = skops.get_untrusted_types(data=data)
    assert set(untrusted) <= {"sklearn.utils._bunch.Bunch"}
    if not hasattr(theirs, "estimators_"):
        assert untrusted == []
    assert_array_equal(skops.loads(data, trusted=untrusted).predict(X), theirs.predict(X))


@pytest.mark.parametrize("name", FITTED)
def test_a_skops_file_has_no_pickles_in_it(name):
    skops = pytest.importorskip("skops.io")
    archive = zipfile.ZipFile(io.BytesIO(skops.dumps(FITTED[name]())))
    for file in archive.namelist():
        assert file.endswith((".json", ".npy"))
        if file.endswith(".npy"):
            np.load(io.BytesIO(archive.read(file)), allow_pickle=False)


STATE = Network((8, 6, 1), ["relu"], np.float64).get_state()


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": (10**9, 10**9, 1)},
        {"sizes": (2, 2, 1)},
        {"memory": np.zeros(1)},
        {"memory": np.zeros((3, 61))},
        {"memory": np.zeros(61, object)},
        {"memory": np.zeros(61, int)},
        {"batch_norm": True},
    ],
    ids=lambda change: str(change)[:30],
)
def test_a_network_that_is_not_of_one_piece_is_refused_before_memory_is_taken(change):
    with pytest.raises(ValueError, match=r"cannot reshape|has \d+ numbers, got"):
        Network.from_state(STATE | change)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "predict_proba", "score"])
def test_arrays_are_checked_wherever_they_come_in(bad, method):
    network = make(cv=None).fit(X, Y)
    hostile = X.copy()
    hostile[3, 2] = bad
    arguments = (hostile,) if method.startswith("predict") else (hostile, Y)
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        getattr(network, method)(*arguments)


def test_objects_in_arrays_are_not_asked_for_more_than_a_number(tmp_path):
    hostile = np.array([[Harm(tmp_path / "harm")] * 8] * 90)
    with pytest.raises((TypeError, ValueError)):
        make().fit(hostile, Y)
    assert not (tmp_path / "harm").exists()


# what others make


def test_each_dependency_is_tested_at_both_ends():
    """`.ci/run` tests the newest ones, and by `make test-lowest` the oldest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+", one) for one in project["dependencies"])
    steps = (ROOT / ".ci" / "run").read_text("utf-8")
    assert re.search(r"^make test ", steps, re.M)
    assert re.search(r"^make test-lowest ", steps, re.M)


def test_the_page_names_the_types():
    for name in OURS.values():
        assert name in PAGE
