"""Every table in README and docs says what the results of the benchmarks say."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "benchmarks"
if not FOLDER.is_dir():
    pytest.skip("the folder benchmarks is only in a checkout", allow_module_level=True)

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RESULTS = sorted((FOLDER / "results").glob("*.json"))


@pytest.fixture
def report(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)  # it imports what the benchmarks share
    spec = importlib.util.spec_from_file_location("report", FOLDER / "report.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_equal_the_results(page, report):
    text = page.read_text("utf-8")
    assert report.fill(text) == text
    assert text.count("<!-- table:") == len(report.MARKED.findall(text))


def test_another_figure_is_noticed(report):
    text = (ROOT / "docs" / "dropout.md").read_text("utf-8")
    tables = [found[0] for found in report.MARKED.finditer(text)]
    assert tables
    for found in tables:
        changed = re.sub(r"\d(?=\D*$)", lambda digit: str(9 - int(digit[0])), found)
        assert report.fill(changed) == found != changed


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
@pytest.mark.parametrize("key", ["date", "machine", "versions", "protocol", "results"])
def test_results_say_how_they_were_made(path, key):
    assert json.loads(path.read_text("utf-8"))[key]
