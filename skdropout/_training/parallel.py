"""Networks of one training in several processes, or wherever joblib has workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import ceil
from typing import Any, NamedTuple

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed

from skdropout._core.buffers import Array
from skdropout._network.masks import Drops
from skdropout._training.data import Samples
from skdropout._training.engine import Engine
from skdropout._training.member import Epoch, Member, Moved
from skdropout._training.stack import make_stacks

N_STEPS = 300
"""About as many steps a network makes between two messages."""


class Moment(NamedTuple):
    """A network after an epoch: what that came to, what was dropped, what is judged and drawn."""

    epoch: Epoch
    drops: Drops
    judged: Array
    n_samples: float
    streams: dict[str, Any]


def run_parallel(
    members: list[Member], n_jobs: int | None, max_epochs: int
) -> Iterator[list[Epoch]]:
    """Yield the epochs of all members, one after the other; moves the members.

    Workers run some epochs of a stack at once, and send back how each network looked after each of
    them. So the epochs are those of one process, to the last bit. When the last of them is yielded,
    the members are what the workers made of them, and the next ones begin with what came of that.
    The samples, which are the same for all members, go another way, and only once.
    """
    stacks = make_stacks(members, effective_n_jobs(n_jobs))
    n_at_once = ceil(N_STEPS / len(members[0].batches))
    if members[0].settings.schedule.adapts:
        n_at_once = 1  # the next epoch depends on what is made of this one
    samples = members[0].batches.samples
    with Parallel(n_jobs) as parallel, sent_once(samples):
        for done in range(0, max_epochs, n_at_once):
            n_epochs = min(n_at_once, max_epochs - done)
            first = members[0].state.progress.epoch
            done_by = parallel(
                delayed(partial(run_some, [members[i].for_worker() for i in stack], n_epochs))(
                    samples
                )
                for stack in stacks
            )
            by_member = {
                i: run
                for stack, runs in zip(stacks, done_by, strict=True)
                for i, run in zip(stack, runs, strict=True)
            }
            runs = [by_member[i] for i in range(len(members))]
            for i in range(n_epochs):
                for member, (moved, moments) in zip(members, runs, strict=True):
                    if i == n_epochs - 1:
                        member.take(moved)
                    member.drops = moments[i].drops
                    member.judged.memory[:] = moments[i].judged
                    member.state.set_epoch(first + i + 1, moments[i].n_samples)
                    member.state.set_streams(moments[i].streams)
                yield [moments[i].epoch for _, moments in runs]


@contextmanager
def sent_once(samples: Samples) -> Iterator[None]:
    """Let workers find samples that they are given with one task after another.

    loky maps them into the memory of its processes. Dask and Ray have a place for them, too, but
    joblib would put them there anew in each call, or leave them in each task.
    """
    backend, _ = get_active_backend()
    known = getattr(backend, "data_futures", {})  # of Dask: what to send for which argument
    if hasattr(backend, "client"):
        known[id(samples)] = backend.client.scatter(samples, broadcast=True, hash=False)
    elif type(backend).__module__.startswith("ray."):
        import ray

        samples.kept = ray.get, (ray.put(samples),)
    try:
        yield
    finally:
        known.pop(id(samples), None)


def run_some(
    members: list[Member], n_epochs: int, samples: Samples
) -> list[tuple[Moved, list[Moment]]]:
    """Some epochs of a stack: each network, and how it was after each of them."""
    for member in members:
        member.batches.samples = samples
    engine = Engine(members)
    moments: list[list[Moment]] = [[] for _ in members]
    for _ in range(n_epochs):
        for member, epoch, told in zip(members, engine.run(), moments, strict=True):
            state, judged = member.state, member.judged.memory.copy()
            moment = Moment(epoch, member.drops, judged, state.n_samples, state.get_streams())
            told.append(moment)
    engine.release()
    return [(member.moved(), told) for member, told in zip(members, moments, strict=True)]
