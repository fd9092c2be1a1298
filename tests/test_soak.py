"""The soak notices what grows and what changes."""

import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
if not FOLDER.is_dir():
    pytest.skip("the folder benchmarks is only in a checkout", allow_module_level=True)


@pytest.fixture
def soak(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)  # it imports what the benchmarks share
    import soak

    yield soak
    for name in ("soak", "soak_situations", "common"):
        sys.modules.pop(name, None)


def notes_of(memory, objects):
    """Notes of a hundred rounds, one a minute."""
    minutes, constant = np.arange(1.0, 101.0), np.full(100, 3)
    return {
        "minute": minutes.tolist(),
        "memory_mb": memory(minutes).tolist(),
        "objects": objects(minutes).tolist(),
        "threads": constant.tolist(),
        "files": constant.tolist(),
    }


def test_what_grows_while_it_warms_up_is_flat(soak):
    compared = soak.compare(
        notes_of(lambda t: 200 + 50 * (t >= 5) + t / 100, lambda t: 1000 + (t == 50))
    )
    assert all(row["is_flat"] for row in compared.values())
    assert compared["memory_mb"]["slope_an_hour"] == pytest.approx(0.6)
    assert compared["objects"]["after_warm_up"] == compared["objects"]["in_the_end"] == 1000


def test_an_object_in_ten_rounds_is_not(soak):
    compared = soak.compare(notes_of(lambda t: 200 + t, lambda t: 1000 + t // 10))
    assert not compared["memory_mb"]["is_flat"]
    assert not compared["objects"]["is_flat"]
    assert compared["threads"]["is_flat"]
    assert compared["files"]["is_flat"]


def test_one_bit_makes_another_digest(soak):
    array = np.arange(6.0)
    other = array.copy()
    other[3] = np.nextafter(3.0, 4.0)
    assert soak.digest_of([array]) == soak.digest_of([array.copy()])
    assert soak.digest_of([array]) != soak.digest_of([other])
    assert soak.digest_of([array]) != soak.digest_of([array.reshape(2, 3)])


def test_a_short_run_tells_of_each_situation(soak, monkeypatch, capsys):
    """One of them comes to something else each time."""
    rng = np.random.default_rng(0)

    def steady():
        return [np.ones(3)]

    def unsteady():
        return [rng.random(3)]

    saved = {}
    monkeypatch.setattr(soak, "SITUATIONS", (steady, unsteady))
    monkeypatch.setattr(soak, "OF_JOBLIB", 0)
    monkeypatch.setattr(soak, "save", lambda name, protocol, results: saved.update(results))
    assert soak.main(0) == 1
    assert "unsteady" in capsys.readouterr().out
    same = {name: told["same_bits"] for name, told in saved["situations"].items()}
    assert same == {"steady": True, "unsteady": False}
    assert saved["rounds"] == soak.N_ROUNDS
