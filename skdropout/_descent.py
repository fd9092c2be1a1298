"""From a gradient to new parameters: penalties, clipping, weight decay, the optimizer, constraints.

The vectors are worked through in blocks that stay in the cache.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import get_blas_funcs

from skdropout._buffers import Array, Buffer
from skdropout._network import Network
from skdropout._penalties import ElasticNet
from skdropout.constraints import Constraint
from skdropout.optimizers import Optimizer

BLOCK = 1 << 16
NO_PENALTY = ElasticNet(0.0, 0.0)


@dataclass(eq=False, slots=True)
class Block:
    """A piece of all vectors: parameters, gradient, scratch, what the optimizer remembers."""

    p: Array
    g: Array
    tmp: Array
    slots: tuple[Array, ...]
    penalties: tuple[ElasticNet, ...]
    decay: float


class Descent:
    """Moves the parameters of a network against a gradient, step by step.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
    penalty, bias_penalty : ElasticNet
    weight_decay : float
        Decoupled decay of the weights: ``W -= lr weight_decay W`` before each step.
    clip_norm : float or None
        Largest Euclidean norm of the whole gradient.
    constraint : Constraint or None
        Projects each weight matrix after each step.
    state : dict, default=None
        What `get_state` of an earlier descent of the same optimizer returned, to go on from.

    Attributes
    ----------
    gradient : Buffer
        Where a plan has to put the gradient; used up by each step.
    memory : Buffer
        What the optimizer remembers, a view for each of its slots.
    t : int
        Steps so far.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        *,
        penalty: ElasticNet,
        bias_penalty: ElasticNet,
        weight_decay: float,
        clip_norm: float | None,
        constraint: Constraint | None,
        state: dict | None = None,
    ):
        parameters = network.parameters
        size, dtype = parameters.flat.size, parameters.flat.dtype
        self.optimizer = optimizer
        self.clip_norm = clip_norm
        self.constraint = constraint
        self.gradient = Buffer(parameters.layout, dtype)
        if state is None or state["optimizer"] != type(optimizer).__name__:
            state = {"t": 0, "memory": None}
        self.t = state["t"]
        slots = {slot: (size,) for slot in optimizer.slots}
        self.memory = Buffer(slots, dtype, memory=state["memory"])
        self._constrained = network.weights if constraint is not None else ()
        self._blocks = []
        scratch = np.empty(min(BLOCK, size), dtype)

        def cut(span: slice, penalty: ElasticNet, decay: float):
            for start in range(span.start, span.stop, BLOCK):
                piece = slice(start, min(start + BLOCK, span.stop))
                block = Block(
                    p=parameters.flat[piece],
                    g=self.gradient.flat[piece],
                    tmp=scratch[: piece.stop - piece.start],
                    slots=tuple(self.memory[slot][piece] for slot in optimizer.slots),
                    penalties=(penalty,) if penalty.alpha else (),
                    decay=decay,
                )
                self._blocks.append(block)

        cut(network.weights_span, penalty, weight_decay)
        cut(network.biases_span, bias_penalty, 0.0)
        cut(slice(network.biases_span.stop, size), NO_PENALTY, 0.0)

    def get_state(self) -> dict:
        """What the optimizer remembers, as plain values and one array."""
        name = type(self.optimizer).__name__
        return {"optimizer": name, "t": self.t, "memory": self.memory.flat}

    def step(self, lr: float, batch_weight: float) -> float:
        """Take one step and return the penalty as it was before it."""
        self.t += 1
        value = 0.0
        for block in self._blocks:
            for penalty in block.penalties:
                value += penalty.add(block.p, block.g, 1.0 / batch_weight, block.tmp)
        if self.clip_norm is not None:
            clip(self.gradient.flat, self.clip_norm)
        for block in self._blocks:
            if block.decay:
                block.p *= 1.0 - lr * block.decay
            self.optimizer._update(block.p, block.g, *block.slots, tmp=block.tmp, t=self.t, lr=lr)
        for W in self._constrained:
            self.constraint.project(W)
        return value


def clip(g: Array, largest: float):
    """``g *= min(1, largest / ||g||)``."""
    norm = float(get_blas_funcs("nrm2", (g,))(g))  # which neither overflows nor underflows
    if norm > largest:
        g *= largest / norm
