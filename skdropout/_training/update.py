"""From a gradient to new parameters: penalties, clipping, weight decay, the optimizer, constraints.

The vectors are worked through in blocks that stay in the cache.
"""

from dataclasses import dataclass
from functools import partial
from math import inf
from typing import NamedTuple

import numpy as np
from scipy.linalg import get_blas_funcs

from skdropout._core import tuning
from skdropout._core.buffers import Array, Buffer
from skdropout._core.penalties import ElasticNet
from skdropout._core.vectors import flush, is_finite, scal
from skdropout._network.network import Network
from skdropout.constraints import Constraint
from skdropout.optimizers import Optimizer


@dataclass(frozen=True)
class UpdateRule:
    """How a gradient moves the parameters.

    Parameters
    ----------
    optimizer : Optimizer
    weight_decay : float
        Decoupled decay of the weights: ``W -= lr weight_decay W`` before each step.
    clip_norm : float or None
        Largest Euclidean norm of the whole gradient.
    constraint : Constraint or None
        Projects each weight matrix after each step.
    """

    optimizer: Optimizer
    weight_decay: float
    clip_norm: float | None
    constraint: Constraint | None


class Penalties(NamedTuple):
    """What is added to the loss for the weights and for the biases."""

    weights: ElasticNet
    biases: ElasticNet


@dataclass
class OptimizerState:
    """What an optimizer remembers between two trainings: its name, its steps, and its slots."""

    optimizer: str
    t: int
    memory: Array  # (n_slots * n_parameters,)


@dataclass(eq=False, slots=True)
class Block:
    """A piece of all vectors: parameters, gradient, scratch, what the optimizer remembers.

    `penalised` and `decayed` hold the parts of it that a penalty or weight decay acts on.
    """

    p: Array
    g: Array
    tmp: Array
    slots: tuple[Array, ...]
    penalised: list[tuple[ElasticNet, Array, Array, Array]]
    decayed: list[tuple[float, Array]]

    def penalise(self, share: float) -> float:
        """Return `share` times the penalties and add their gradient."""
        value = 0.0
        for penalty, p, g, tmp in self.penalised:
            value += penalty.add(p, g, share, tmp)
        return value


class ParameterUpdate:
    """Moves the parameters of a network against a gradient, step by step.

    Parameters
    ----------
    network : Network
    rule : UpdateRule
    penalties : Penalties
    state : OptimizerState or None
        What an earlier update by the same optimizer left, to go on from; moved in place. None, or
        the state of another optimizer, starts anew.

    Attributes
    ----------
    gradient : Buffer
        Where a pass has to put the gradient; used up by each step.
    state : OptimizerState
        What there is to go on from.
    buffers : list of Buffer
        Parameters, and each of the vectors that the optimizer remembers, laid out alike.
    """

    def __init__(
        self,
        network: Network,
        rule: UpdateRule,
        penalties: Penalties,
        state: OptimizerState | None = None,
    ):
        parameters = network.parameters
        size, dtype = parameters.flat.size, parameters.flat.dtype
        name, slots = type(rule.optimizer).__name__, rule.optimizer.slots
        layout = {slot: (size,) for slot in slots}
        if state is None or state.optimizer != name or state.memory.size != Buffer.size_of(layout):
            state = OptimizerState(name, 0, np.zeros(Buffer.size_of(layout), dtype))
        self.rule, self.state = rule, state
        self.gradient = Buffer(parameters.layout, dtype)
        memory = Buffer(layout, dtype, state.memory)
        self.buffers = [parameters, *(Buffer(parameters.layout, dtype, memory[s]) for s in slots)]
        self._projections = []
        if rule.constraint is not None:
            self._projections = [partial(rule.constraint.project, W) for W in network.weights]
        spans = (
            (network.weights_span, penalties.weights, rule.weight_decay),
            (network.biases_span, penalties.biases, 0.0),
        )
        scratch = np.empty(min(tuning.UPDATE_BLOCK, size), dtype)
        self._blocks = []
        for start in range(0, size, tuning.UPDATE_BLOCK):
            stop = min(start + tuning.UPDATE_BLOCK, size)
            block = Block(
                p=parameters.flat[start:stop],
                g=self.gradient.flat[start:stop],
                tmp=scratch[: stop - start],
                slots=tuple(memory[slot][start:stop] for slot in slots),
                penalised=[],
                decayed=[],
            )
            for span, penalty, decay in spans:
                inside = slice(max(span.start - start, 0), max(span.stop - start, 0))
                p, g, tmp = block.p[inside], block.g[inside], block.tmp[inside]
                if p.size and penalty.alpha:
                    block.penalised.append((penalty, p, g, tmp))
                if p.size and decay:
                    block.decayed.append((decay, p))
            self._blocks.append(block)

    def is_finite(self) -> bool:
        """Whether nothing that the optimizer remembers is NaN or infinite."""
        return is_finite(self.state.memory)

    def step(self, lr: float, batch_weight: float) -> float:
        """Take one step and return the penalty as it was before it.

        Moves the parameters and what the optimizer remembers; the gradient is used up.
        """
        self.state.t += 1
        t, share, optimizer = self.state.t, 1.0 / batch_weight, self.rule.optimizer
        value = 0.0
        clip_norm = self.rule.clip_norm
        if clip_norm is not None:  # needs the whole gradient
            value += sum(block.penalise(share) for block in self._blocks)
            clip(self.gradient.flat, clip_norm)
        for block in self._blocks:
            if clip_norm is None:
                value += block.penalise(share)
            for decay, p in block.decayed:
                scal(1.0 - lr * decay, p)
            optimizer.update(block.p, block.g, *block.slots, tmp=block.tmp, t=t, lr=lr)
            if t % tuning.STEPS_BETWEEN_FLUSHES == 0:
                for x in (block.p, *block.slots):
                    flush(x)
        for project in self._projections:
            project()
        return value


def clip(g: Array, largest: float):
    """``g *= min(1, largest / ||g||)``."""
    find_norm = get_blas_funcs("nrm2", (g,))  # whose squares neither overflow nor underflow
    norm = float(find_norm(g))
    if norm > largest:
        if norm == inf:  # longer than the largest number, or itself not finite
            g /= float(abs(g).max())
            norm = float(find_norm(g))
        g *= largest / norm
