"""The examples of the page on clusters run from top to bottom."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "clusters.md"


@pytest.mark.filterwarnings("ignore:Port 8787 is already in use")  # by another cluster
def test_examples_of_the_page_run():
    distributed = pytest.importorskip("distributed")
    ray = pytest.importorskip("ray")
    names = {"__name__": "example"}
    try:
        for example in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S):
            exec(compile(example, PAGE, "exec"), names)
        assert names["best"].best_score_ == names["search"].best_score_ > 0.9
        assert isinstance(names["client"], distributed.Client)
    finally:
        ray.shutdown()
        if "client" in names:
            names["client"].close()
