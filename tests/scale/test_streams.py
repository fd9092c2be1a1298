"""`partial_fit` over Parquet, Dask and Ray: the source of a stream makes no difference."""

import re
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdropout import DropoutMLPClassifier

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.parquet")
ds = pytest.importorskip("pyarrow.dataset")

N_CHUNKS, N_ROWS = 5, 60
GUIDE = Path(__file__).parents[2] / "docs" / "user_guide.md"


def make_chunk(k, dtype=np.float64):
    """Numbers on wild scales and labels that are words."""
    rng = np.random.default_rng(k)
    a, b, c = rng.normal(size=(3, N_ROWS))
    numbers = {"a": 1e6 * a + 1e7, "b": 1e-3 * b, "c": np.exp(c)}
    words = np.where(a * b > 0, "yes", "no")
    return pd.DataFrame(numbers).astype(dtype).assign(label=words)


@pytest.fixture(params=[np.float64, np.float32], ids=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture
def folder(tmp_path, dtype):
    """A file for each chunk."""
    for k in range(N_CHUNKS):
        make_chunk(k, dtype).to_parquet(tmp_path / f"{k}.parquet")
    return tmp_path


@pytest.fixture(scope="module")
def ray():
    """Ray with one process."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


rays_own = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray")


def learn(batches):
    """A network after one pass."""
    network = DropoutMLPClassifier((8,), dropout_rate=0.2, batch_size=20, random_state=0)
    for batch in batches:
        X = batch.drop(columns="label")
        network.partial_fit(X, batch["label"], classes=["no", "yes"])
    return network


def assert_same(network, dtype):
    """As by the chunks themselves, to the last bit, and of their type."""
    expected = learn(make_chunk(k, dtype) for k in range(N_CHUNKS))
    assert network.t_ == N_CHUNKS * N_ROWS
    assert {p.dtype for p in network.coefs_ + network.intercepts_} == {np.dtype(dtype)}
    assert_array_equal(network._network.memory, expected._network.memory)
    assert network.history_ == expected.history_


def test_arrays(dtype):
    network = DropoutMLPClassifier((8,), dropout_rate=0.2, batch_size=20, random_state=0)
    for k in range(N_CHUNKS):
        chunk = make_chunk(k, dtype)
        X = chunk.drop(columns="label").to_numpy()
        network.partial_fit(X, chunk["label"].to_numpy(str), classes=["no", "yes"])
    assert_same(network, dtype)


def test_parquet(folder, dtype):
    batches = ds.dataset(folder).to_batches(batch_size=N_ROWS)
    assert_same(learn(batch.to_pandas() for batch in batches), dtype)


def test_parquet_as_columns_of_arrow(folder, dtype):
    """They come to scikit-learn as objects, of which it makes float64, unless we say otherwise."""
    batches = ds.dataset(folder).to_batches(batch_size=N_ROWS)
    tables = [batch.to_pandas(types_mapper=pd.ArrowDtype) for batch in batches]
    numbers = dict.fromkeys("abc", dtype)
    assert_same(learn(table.astype(numbers) for table in tables), dtype)
    chunks = [make_chunk(k, dtype).astype(dict.fromkeys("abc", float)) for k in range(N_CHUNKS)]
    as_they_are = learn(tables)
    assert as_they_are.coefs_[0].dtype == np.float64
    assert_array_equal(as_they_are._network.memory, learn(chunks)._network.memory)


def test_partitions_of_dask(folder, dtype):
    dd = pytest.importorskip("dask.dataframe")
    table = dd.read_parquet(folder)
    assert table.npartitions == N_CHUNKS
    assert_same(learn(part.compute() for part in table.partitions), dtype)


@rays_own
def test_batches_of_ray(folder, dtype, ray):
    ray.data.DataContext.get_current().execution_options.preserve_order = True
    table = ray.data.read_parquet(str(folder))
    batches = table.iter_batches(batch_size=N_ROWS, batch_format="numpy")
    assert_same(learn(map(pd.DataFrame, batches)), dtype)


def make_rides(rng, tip, n=800):
    """Long ones bring a tip in the evening, short ones in the morning."""
    metres = np.exp(8 + rng.normal(size=n))
    hour = rng.normal(np.where((metres > 3000) == tip, 20, 9), 4)
    return pd.DataFrame({"metres": metres, "hour": hour, "tip": np.full(n, tip)})


@rays_own
def test_the_recipe_of_the_user_guide(tmp_path, monkeypatch, ray):
    """On files that are sorted by what is to be predicted; a linear model learns nothing of it."""
    rng = np.random.default_rng(0)
    (tmp_path / "rides").mkdir()
    for i in range(10):
        make_rides(rng, tip=i < 5).to_parquet(tmp_path / "rides" / f"{i}.parquet")
    monkeypatch.chdir(tmp_path)
    guide, names = GUIDE.read_text(), {}
    (save,) = re.findall(r"^```python\n([^`]*?^def save\(.*?)^```", guide, re.M | re.S)
    (recipe,) = re.findall(r"^```{code-block} python\n(.*?)^```", guide, re.M | re.S)
    for code in (save, recipe):
        exec(compile(code, GUIDE, "exec"), names)
    network = names["network"]
    assert network.t_ == 3 * 8000
    new = pd.concat([make_rides(rng, tip) for tip in (False, True)])
    X, y = new[["metres", "hour"]].to_numpy(), new["tip"].to_numpy()
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    assert network.score(X, y) > linear.score(X, y) + 0.2
    assert np.mean(names["scores"]) > linear.score(X, y)
    saved = joblib.load("network.joblib")
    assert_array_equal(saved._network.memory, network._network.memory)
    assert not Path("network.joblib.part").exists()
