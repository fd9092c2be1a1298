"""The reference names everything that is public, and nothing else."""

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
RECIPES = ["optimizers", "schedules", "dropout", "constraints", "initializers"]
MODULES = [*RECIPES, "datasets", "inspection"]


def listed_names():
    """The names in the lists of the page, by module."""
    names = {}
    for block in re.findall(r"^```{eval-rst}\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S):
        (module,) = re.findall(r"^\.\. currentmodule:: (\S+)$", block, re.M)
        (summary,) = re.findall(r"^\.\. autosummary::\n(.*)", block, re.M | re.S)
        names.setdefault(module, []).extend(re.findall(r"^   (\w+)$", summary, re.M))
    return names


def test_every_module_has_a_list():
    assert set(listed_names()) == {"skdropout", *(f"skdropout.{module}" for module in MODULES)}


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_listed(module):
    public = importlib.import_module(f"skdropout.{module}").__all__
    assert sorted(listed_names()[f"skdropout.{module}"]) == sorted(public)


def test_every_name_of_the_package_is_on_the_page():
    package = importlib.import_module("skdropout")
    modules = {name for name in package.__all__ if name in MODULES}
    others = {name for name in package.__all__ if name not in MODULES}
    assert set(listed_names()["skdropout"]) == others - {"__version__"}
    for name in {"__version__", *modules}:
        assert f"`skdropout.{name}`" in PAGE.read_text("utf-8")
