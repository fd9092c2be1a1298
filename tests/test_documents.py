"""Every Python example in README and docs runs, every link between the files leads somewhere."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from skdropout import DropoutMLPClassifier

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


def raw_file(path, pandas):
    """A table as it comes: 300 rows, five kinds of columns, holes, three unbalanced classes."""
    rng = np.random.default_rng(0)
    age, city = rng.uniform(18, 80, 300), rng.choice(["Rome", "Oslo", "Lima"], 300)
    score = (age - 50) / 15 + (city == "Oslo") + rng.normal(0, 0.5, 300)
    table = pandas.DataFrame({"customer": [f"C{i}" for i in range(300)], "age": age, "city": city})
    table["joined"] = (np.datetime64("2020-01-01") + rng.integers(0, 900, 300)).astype(str)
    table["visits"] = rng.poisson(3, 300)
    table["plan"] = np.select([score > 2, score > 0.8], ["premium", "plus"], "basic")
    for column in ("age", "city", "plan"):
        table.loc[rng.choice(300, 9, replace=False), column] = None
    table.to_csv(path, index=False)


def test_first_steps_take_a_raw_file(tmp_path):
    """The examples of the page, in whose place a reader puts a file and the name of a column."""
    pandas = pytest.importorskip("pandas")
    raw_file(tmp_path / "raw.csv", pandas)
    _, own, *rest = EXAMPLES[ROOT / "docs" / "first_steps.md"]
    own = own.replace('files("skdropout.datasets.data") / "sonar.csv"', repr(f"{tmp_path}/raw.csv"))
    own = own.replace('target = "object"', 'target = "plan"')
    names = {
        "train_test_split": train_test_split,
        "DropoutMLPClassifier": DropoutMLPClassifier,
    }  # of the first example
    for example in [own, *rest[: ["GridSearchCV" in code for code in rest].index(True)]]:
        exec(compile(example, "first_steps", "exec"), names)
    model, X_test, y_test = names["model"], names["X_test"], names["y_test"]
    assert list(model.classes_) == ["basic", "plus", "premium"]
    assert names["rarest"] == "premium"
    assert model.score(X_test, y_test) > y_test.value_counts(normalize=True).max() + 0.05


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
