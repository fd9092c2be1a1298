import runpy
from pathlib import Path

import pytest

from skdropout.datasets._mnist import find_file

EXAMPLES = Path(__file__).parents[1] / "examples"
NEEDED = {  # modules that not every environment of the tests has
    "plot_callbacks": ["sklearn.callback"],
    "plot_dask": ["dask.dataframe"],
    "plot_onnx": ["skl2onnx", "onnxruntime"],
    "plot_parquet": ["pandas", "pyarrow.dataset"],
}


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("plot_*.py")), ids=lambda path: path.stem)
def test_example_holds_what_it_claims(path, monkeypatch):
    for module in NEEDED.get(path.stem, []):
        pytest.importorskip(module, exc_type=ImportError)
    if path.stem.startswith("plot_mnist") and find_file() is None:
        pytest.skip("there is no mnist.npz in a folder SKDROPOUT_DATA")
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: None)
    runpy.run_path(str(path), run_name="__main__")  # asserts it
    assert plt.get_fignums()
