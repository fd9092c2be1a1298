"""The engine: what an epoch does with the passes that were compiled for it."""

import numpy as np
import pytest
from cases import ALWAYS, NEVER, set_window_costs

from skdropout import DropoutMLPClassifier
from skdropout._core import tuning
from skdropout._network.masks import Masks
from skdropout._training.engine import Engine
from skdropout.dropout import Batchwise, Bernoulli, DropConnect, Gaussian

X = np.random.default_rng(0).normal(size=(88, 6))  # batches of 16, and of 8
Y = np.where(X[:, 0] > 0, 1, 0)
N_BATCHES = 6


def network(scheme, **arguments):
    defaults = {"hidden_layer_sizes": (30, 20), "activation": "tanh", "dropout_rate": 0.5}
    defaults |= {"batch_size": 16, "max_iter": 4, "learning_rate": "cosine", "random_state": 0}
    defaults |= {"cv": None}
    return DropoutMLPClassifier(dropout=scheme, **defaults | arguments)


def record_masks(monkeypatch):
    """Write down all masks that batches get, and the numbers that they are drawn by."""
    masks, numbers, draw = [], [], Masks.draw

    def draw_and_record(self, k):
        draw(self, k)
        numbers.append(k)
        masks.append(self[1].tobytes())

    monkeypatch.setattr(Masks, "draw", draw_and_record)
    return masks, numbers


@pytest.mark.parametrize("ahead", [0, 70, 2000, 1 << 14])
@pytest.mark.parametrize("scheme", [Bernoulli(), Batchwise(), Gaussian(), DropConnect()], ids=str)
@pytest.mark.parametrize("way", ["fit", "partial_fit"])
def test_an_epoch_begins_with_new_masks_whatever_was_drawn_before(way, scheme, ahead, monkeypatch):
    """Of the masks drawn ahead for its batches none is left for a batch of the next one."""
    monkeypatch.setattr(tuning, "MASK_NUMBERS", ahead)
    set_window_costs(monkeypatch, NEVER)
    masks, numbers = record_masks(monkeypatch)
    net = network(scheme)
    if way == "fit":
        net.fit(X, Y)
    else:
        for _ in range(4):
            net.set_params(learning_rate="constant").partial_fit(X, Y, classes=[0, 1])
    assert len(masks) == len(set(masks)) == 4 * N_BATCHES
    assert numbers == 4 * list(range(N_BATCHES))


@pytest.mark.parametrize("costs", [ALWAYS, NEVER], ids=["windows", "masks"])
def test_masks_last_for_their_batches_over_the_end_of_an_epoch(costs, monkeypatch):
    set_window_costs(monkeypatch, costs)
    _, numbers = record_masks(monkeypatch)
    network(Batchwise(batches_per_mask=4), max_iter=3).fit(X, Y)
    assert numbers == [0, 1, 0, 0, 1]  # before batches 0 and 4, 8, 12 and 16


@pytest.mark.parametrize(
    "dropout_schedule, n_compiled", [("constant", 1), ("linear", 4), ("early", 2)]
)
def test_passes_are_compiled_again_where_the_rates_change(
    dropout_schedule, n_compiled, monkeypatch
):
    compiled, compile_passes = [], Engine.compile

    def compile_and_record(self, drops):
        compile_passes(self, drops)
        compiled.append(self.passes)

    monkeypatch.setattr(Engine, "compile", compile_and_record)
    network(Bernoulli(), dropout_schedule=dropout_schedule).fit(X, Y)
    assert len(compiled) == n_compiled
    for passes in compiled:
        assert [n_rows for _, n_rows in passes] == [16, 8]
        (larger, _), (smaller, _) = passes.values()
        assert np.shares_memory(larger.work.flat, smaller.work.flat)
