"""Every Python example in README and docs runs, every link between the files leads somewhere."""

import re
import tomllib
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


def on_a_package_index(text):
    """The README as the build backend writes it into the package's description."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    for change in tool["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    return text.replace("$HFPR_VERSION", "1.0")


def test_on_a_package_index_the_readme_has_addresses_alone():
    text = on_a_package_index((ROOT / "README.md").read_text("utf-8"))
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []
    site = "https://skdropout.readthedocs.io/en/stable/"
    pages = [link.removeprefix(site) for link in links if link.startswith(site)]
    assert pages[:2] == ["first_steps.html", "user_guide.html"]
    names = {page.partition(".html")[0] for page in pages}
    assert {name for name in names if not (ROOT / "docs" / f"{name}.md").exists()} == set()
    (picture,) = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert picture.startswith("https://raw.githubusercontent.com/skdropout/skdropout/v1.0/docs/")


def test_on_a_package_index_the_package_is_installed_by_its_name():
    command = re.compile(r"pip install ([\w.\[\]\"]+)")
    readme = (ROOT / "README.md").read_text("utf-8")
    assert command.findall(readme) == [".", '".[plot]"']
    assert command.findall(on_a_package_index(readme)) == ["skdropout", '"skdropout[plot]"']
