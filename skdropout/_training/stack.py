"""Which networks are trained as one stack: in the same calls, to the same numbers as alone.

A step of a small network is mostly calls, which a stack shares. A large one gains nothing, as what
moves it leaves the cache when the next one comes.
"""

from collections.abc import Hashable, Sequence
from itertools import accumulate, groupby
from math import ceil

import numpy as np

from skdropout._core import tuning
from skdropout._core.buffers import Array
from skdropout._network import windows
from skdropout._network.network import Network
from skdropout._training.member import Member
from skdropout._training.update import OptimizerState
from skdropout.schedules import Constant, InverseScaling

OURS = "skdropout."


def make_stacks(members: Sequence[Member], n_stacks: int = 1) -> list[list[int]]:
    """Divide networks into stacks, given by their numbers, and as many of each kind or more.

    In a stack those come together that have as many rows, and among them those of one rule.
    """
    if len(members) == 1:
        return [[0]]
    kinds: dict[Hashable, list[int]] = {}
    for i, member in enumerate(members):
        kinds.setdefault(kind_of(member) or i, []).append(i)
    stacks = []
    for alike in kinds.values():
        n_at_once = max(1, min(largest_stack(members[alike[0]]), ceil(len(alike) / n_stacks)))
        rules = [rule_of(members[i]) for i in alike]
        first_alike = dict(zip(alike, map(rules.index, rules), strict=True))
        alike.sort(key=lambda i: (len(members[i].batches.rows), first_alike[i]))
        n_parts = ceil(len(alike) / n_at_once)
        stacks += [part.tolist() for part in np.array_split(alike, n_parts)]
    return stacks


def kind_of(member: Member) -> Hashable | None:
    """What networks of one stack have in common; None where a network is trained by itself.

    That is where the objects of a user's own take part, whose errors are to be those of one fit,
    and what is done for one network alone: windows, batch normalisation, sparse rows, no biases.
    """
    settings, network, batches = member.settings, member.network, member.batches
    drops, rule = settings.drops, member.rule
    constraints = (each for each in rule.constraints if each is not None)
    parts = (*drops.schemes, settings.schedule, rule.optimizer, *constraints)
    if (
        network.batch_norm
        or not network.fit_intercept
        or batches.is_sparse
        or drops.batches_per_mask > 1
        or settings.dropout_schedule != Constant()
        or not all(type(part).__module__.startswith(OURS) for part in parts)
    ):
        return None
    sizes = batches.sizes
    largest = max(sizes)
    kept = windows.kept_sizes(
        network.sizes, drops, n_rows=largest, n_draws=sizes[largest], costs=windows.COSTS
    )
    if kept is not None or largest_stack(member) < 2:
        return None
    targets, progress, rates = batches.targets, member.state.progress, drops.rates
    n_whole, rest = divmod(len(batches.rows), batches.batch_size)
    drawn_together = tuple(rates.index(rate) if rate else None for rate in rates)
    saturates = any(scheme.saturation for scheme in drops.schemes)
    return (
        *(network.sizes, network.activations, network.dtype, type(member.loss)),
        *(type(targets), targets.smoothing, batches.weight is None, member.score is None),
        *(batches.batch_size, n_whole, rest > 0, batches.rng is None, settings.averages),
        *(drops.schemes, rates if saturates else drawn_together),
        *(progress.epoch, progress.step),
    )


def largest_stack(member: Member) -> int:
    """The number of networks like this one that gain by it, and whose data may be copied."""
    n_networks = tuning.STACKED_PARAMETERS // member.network.memory.size
    if n_networks < tuning.FEWEST_STACKED:
        return 1
    n_numbers = member.batches.X.shape[1] * len(member.batches.rows)
    return min(n_networks, tuning.STACKED_NUMBERS // n_numbers)


def rule_of(member: Member) -> tuple:
    """By what a network moves; those that have it in common move together."""
    settings, state = member.settings, member.state
    remembered = state.optimizer and (state.optimizer.optimizer, state.optimizer.t)
    rate = settings.learning_rate, settings.schedule, state.progress
    by_samples = isinstance(settings.schedule, InverseScaling)
    pace = member.batches.total_weight if by_samples else None  # of the samples to come
    return member.rule, settings.penalties, *rate, pace, remembered


def runs_of_one_rule(members: Sequence[Member]) -> list[slice]:
    """Networks next to each other that move together."""
    sizes = [len(list(run)) for _, run in groupby(members, key=rule_of)]
    return [slice(stop - size, stop) for size, stop in zip(sizes, accumulate(sizes), strict=True)]


def stack_networks(networks: Sequence[Network]) -> Network:
    """Let networks of one kind lie side by side. Moves them to the rows of the memory of all."""
    first = networks[0]
    memory = np.empty((len(networks), first.memory.size), first.dtype)
    for network, row in zip(networks, memory, strict=True):
        network.move_to(row)
    return Network(first.sizes, first.activations, first.dtype, memory=memory)


def stack_states(states: Sequence[OptimizerState | None], n_slots: int) -> OptimizerState | None:
    """What an optimizer remembers of several networks, slot by slot."""
    known = [state for state in states if state is not None]
    if not known:
        return None
    memories = [state.memory.reshape(n_slots, -1) for state in known]
    memory = np.stack(memories, axis=1).reshape(-1)
    return OptimizerState(known[0].optimizer, known[0].t, memory)


def split_state(state: OptimizerState, n_slots: int, n_networks: int) -> list[OptimizerState]:
    """The opposite: what it remembers of each network, in memory of its own."""
    if n_networks == 1:
        return [state]
    memory: Array = state.memory.reshape(n_slots, n_networks, -1)
    return [
        OptimizerState(state.optimizer, state.t, memory[:, i].copy().reshape(-1))
        for i in range(n_networks)
    ]
