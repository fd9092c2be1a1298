"""Networks of one training in several processes, or wherever joblib has workers."""

from collections.abc import Iterator
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from skdropout._core.buffers import Array
from skdropout._network.masks import Drops
from skdropout._training.engine import Engine
from skdropout._training.member import Epoch, Member
from skdropout._training.update import UpdateRule

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
    members: list[Member], rule: UpdateRule, n_jobs: int | None, max_epochs: int
) -> Iterator[list[Epoch]]:
    """Yield the epochs of all members, one after the other; moves the members.

    Workers run some epochs at once, and send back how each network looked after each of them. So
    the epochs are those of one process, to the last bit. When the last of them is yielded, the
    members are what the workers made of them, and the next ones begin with what is made of that.
    """
    n_at_once = ceil(N_STEPS / len(members[0].batches))
    if members[0].settings.schedule.adapts:
        n_at_once = 1  # the next epoch depends on what is made of this one
    with Parallel(n_jobs) as parallel:
        for done in range(0, max_epochs, n_at_once):
            n_epochs = min(n_at_once, max_epochs - done)
            first = members[0].state.progress.epoch
            runs = parallel(delayed(run_some)(member, rule, n_epochs) for member in members)
            for i in range(n_epochs):
                for member, (moved, moments) in zip(members, runs, strict=True):
                    if i == n_epochs - 1:
                        member.take(moved)
                    member.drops = moments[i].drops
                    member.judged.memory[:] = moments[i].judged
                    member.state.set_epoch(first + i + 1, moments[i].n_samples)
                    member.state.set_streams(moments[i].streams)
                yield [moments[i].epoch for _, moments in runs]


def run_some(member: Member, rule: UpdateRule, n_epochs: int) -> tuple[Member, list[Moment]]:
    """Some epochs of a network: itself, and how it was after each of them."""
    engine = Engine(member, rule)
    moments = []
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for _ in range(n_epochs):
            epoch = engine.run()
            state, judged = member.state, member.judged.memory.copy()
            moment = Moment(epoch, member.drops, judged, state.n_samples, state.get_streams())
            moments.append(moment)
    member.state.optimizer = engine.update.state
    return member, moments
