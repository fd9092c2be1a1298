"""Samples on their way to workers: where there is a place for them, they go there once."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from skdropout._training import parallel
from skdropout._training.data import DenseTargets, Samples


@pytest.fixture
def samples():
    X = np.ones((4, 3))
    return Samples(X, DenseTargets(X, 0.0), None)


def use(backend, monkeypatch):
    """Let this be the backend of joblib that is active."""
    monkeypatch.setattr(parallel, "get_active_backend", lambda: (backend, 2))


def test_dask_is_given_the_samples_once_and_forgets_them_afterwards(samples, monkeypatch):
    sent = []

    def scatter(data, **options):
        sent.append((data, options))
        return "a future"

    backend = SimpleNamespace(client=SimpleNamespace(scatter=scatter), data_futures={1: "another"})
    use(backend, monkeypatch)
    with parallel.sent_once(samples):
        assert backend.data_futures == {1: "another", id(samples): "a future"}
    assert backend.data_futures == {1: "another"}
    assert sent == [(samples, {"broadcast": True, "hash": False})]


def test_ray_keeps_the_samples_and_messages_say_where(samples, monkeypatch):
    ray = ModuleType("ray")
    ray.put, ray.get = (lambda data: ["kept", data]), (lambda place: place[1])
    monkeypatch.setitem(sys.modules, "ray", ray)
    use(type("RayBackend", (), {"__module__": "ray.util.joblib"})(), monkeypatch)
    with parallel.sent_once(samples):
        function, (place,) = samples.__reduce__()
    assert function is ray.get
    assert place == ["kept", samples]
