"""Every Python example in README and docs runs, every link between the files leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = ROOT / "docs" / "clusters.md"  # whose examples tests/scale runs, on clusters
EXAMPLES = {
    page: re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    for page in PAGES
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if EXAMPLES[page] and page != ELSEWHERE],
    ids=lambda page: page.name,
)
def test_examples_run_from_top_to_bottom(page, capsys):
    names = {"__name__": "example"}
    if "import pandas" in "".join(EXAMPLES[page]):
        pytest.importorskip("pandas")
    for example in EXAMPLES[page]:
        exec(compile(example, page, "exec"), names)
        if "GridSearchCV" in example:
            assert "dropout_rate': " in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
    inner = [link for link in links if "://" not in link]
    assert [link for link in inner if not (page.parent / link).exists()] == []
