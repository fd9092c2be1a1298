"""From a gradient to new parameters: penalties, clipping, weight decay, the optimizer, constraints.

The vectors are worked through in blocks that stay in the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from math import hypot, inf
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import get_blas_funcs

from skdropout._core import tuning
from skdropout._core.buffers import Array, Buffer
from skdropout._core.penalties import ElasticNet
from skdropout._core.vectors import flush, scal
from skdropout._network.network import Network
from skdropout._training.lazy import LazyRows
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
    constraints : tuple of (Constraint or None)
        What projects each weight matrix after each step.
    """

    optimizer: Optimizer
    weight_decay: float
    clip_norm: float | None
    constraints: tuple[Constraint | None, ...]

    def may_be_lazy(self, penalty: ElasticNet) -> bool:
        """Whether rows of the first matrix without a gradient may wait, with such a penalty."""
        may_wait = not penalty.alpha or (self.optimizer.adaptive and not penalty.l1_ratio)
        return may_wait and self.constraints[0] is None and self.optimizer.is_lazy


class Penalties(NamedTuple):
    """What is added to the loss for the weights and for the biases of each layer."""

    weights: tuple[ElasticNet, ...]
    biases: tuple[ElasticNet, ...]

    def spans(self, network: Network) -> list[tuple[slice, ElasticNet]]:
        """Parameters next to each other that have one penalty, with it."""
        spans = []
        for kind, of_layers in zip("Wb", self, strict=True):
            for penalty, run in groupby(range(network.n_layers), of_layers.__getitem__):
                layers = list(run)
                span = network.parameters.span(f"{kind}{layers[0]}", f"{kind}{layers[-1]}")
                spans.append((span, penalty))
        return spans


@dataclass
class OptimizerState:
    """What an optimizer remembers between two trainings: its name, its steps, and its slots."""

    optimizer: str
    t: int
    memory: Array  # (n_slots * n_parameters,)
    due: Array | None = None  # (n_features,), of the penalty, if rows are moved lazily

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take memory of its own: in joblib's workers what comes may be read-only."""
        vars(self).update(state, memory=state["memory"].copy())


@dataclass(eq=False, slots=True)
class Block:
    """A piece of all vectors: parameters, gradient, scratch, what the optimizer remembers.

    `penalised` and `decayed` hold the parts of it that a penalty or weight decay acts on, the
    former with the number of the network that they belong to.
    """

    p: Array
    g: Array
    tmp: Array
    slots: tuple[Array, ...]
    penalised: list[tuple[int, ElasticNet, Array, Array, Array]]
    decayed: list[Array]

    def penalise(self, shares: list[float], values: list[float]):
        """Add the share of each network times its penalties to its value, and their gradient."""
        for i, penalty, p, g, tmp in self.penalised:
            values[i] += penalty.add(p, g, shares[i], tmp)


class ParameterUpdate:
    """Moves the parameters of a network against a gradient, step by step.

    Parameters
    ----------
    network : Network
        Or a stack of them, without batch normalisation, which move by one rule.
    rule : UpdateRule
    penalties : Penalties
    state : OptimizerState or None
        What an earlier update by the same optimizer left, to go on from; moved in place. None, or
        the state of another optimizer, starts anew.
    gradient : Buffer, default=None
        Where a pass puts the gradient, laid out like the parameters; None takes new memory.
    is_lazy : bool, default=False
        Whether the rows of the first weight matrix are moved when a batch needs them.

    Attributes
    ----------
    gradient : Buffer
        Where a pass has to put the gradient; used up by each step.
    state : OptimizerState
        What there is to go on from.
    buffers : list of Buffer
        Parameters, and each of the vectors that the optimizer remembers, laid out alike.
    lazy : LazyRows or None
        The rows of the first weight matrix, if they are moved so.
    """

    def __init__(
        self,
        network: Network,
        rule: UpdateRule,
        penalties: Penalties,
        state: OptimizerState | None = None,
        gradient: Buffer | None = None,
        *,
        is_lazy: bool = False,
    ):
        parameters = network.parameters
        size, dtype = parameters.flat.size, parameters.flat.dtype
        name, slots = type(rule.optimizer).__name__, rule.optimizer.slots
        layout = {slot: (size,) for slot in slots}
        if state is None or state.optimizer != name or state.memory.size != Buffer.size_of(layout):
            state = OptimizerState(name, 0, np.zeros(Buffer.size_of(layout), dtype))
        self.rule, self.state = rule, state
        self.gradient = Buffer(parameters.layout, dtype) if gradient is None else gradient
        memory = Buffer(layout, dtype, state.memory)
        self.buffers = [parameters, *(Buffer(parameters.layout, dtype, memory[s]) for s in slots)]
        self._is_stack = bool(network.stack)
        self.lazy: LazyRows | None = None
        n_lazy = 0
        if is_lazy:
            n_lazy = network.weights[0].size
            W, *remembered = (buffer["W0"] for buffer in self.buffers)
            decay, penalty = rule.weight_decay, penalties.weights[0]
            self.lazy = LazyRows(W, tuple(remembered), rule.optimizer, decay, penalty, state.due)
        n_moved = parameters.flat.size if network.fit_intercept else network.weights_span.stop
        moved = slice(n_lazy, n_moved)
        p, g = (flat.reshape(-1)[moved] for flat in (parameters.flat, self.gradient.flat))
        self._gradients = g.reshape(*network.stack, -1) if network.stack else g[np.newaxis]
        self._projections = [
            partial(constraint.project, matrix)
            for constraint, W in zip(rule.constraints, network.weights, strict=True)
            if constraint is not None
            for matrix in W.reshape(-1, *W.shape[-2:])
        ]
        spans = penalties.spans(network)
        scratch = np.empty(min(tuning.UPDATE_BLOCK, p.size), dtype)
        self._blocks = []
        for start, stop in cut(*self._gradients.shape):
            block = Block(
                p=p[start:stop],
                g=g[start:stop],
                tmp=scratch[: stop - start],
                slots=tuple(memory[slot][moved][start:stop] for slot in slots),
                penalised=[],
                decayed=[],
            )
            for i in range(len(self._gradients)):
                shift = i * self._gradients.shape[1] - start - n_lazy
                for span, penalty in spans:
                    inside = _shifted(span, shift)
                    if penalty.alpha and block.p[inside].size:
                        part = block.p[inside], block.g[inside], block.tmp[inside]
                        block.penalised.append((i, penalty, *part))
                weights = block.p[_shifted(network.weights_span, shift)]
                if rule.weight_decay and weights.size:
                    block.decayed.append(weights)
            self._blocks.append(block)

    def step(self, lr: float, batch_weight: Any) -> Any:
        """Take one step and return the penalty as it was before it, of each network if stacked.

        Moves the parameters and what the optimizer remembers; the gradient is used up.
        """
        self.state.t += 1
        t, optimizer, clip_norm = self.state.t, self.rule.optimizer, self.rule.clip_norm
        shares = (1.0 / batch_weight).tolist() if self._is_stack else [1.0 / batch_weight]
        values = [0.0] * len(shares)
        if self.lazy is not None:
            values[0] = self.lazy.penalise(shares[0])
        if clip_norm is not None:  # needs the whole gradient
            for block in self._blocks:
                block.penalise(shares, values)
            for g in self._gradients:
                clip([g] if self.lazy is None else [self.lazy.g.reshape(-1), g], clip_norm)
        if self.lazy is not None:
            self.lazy.step(t, lr)
        for block in self._blocks:
            if clip_norm is None and block.penalised:
                block.penalise(shares, values)
            for weights in block.decayed:
                scal(1.0 - lr * self.rule.weight_decay, weights)
            optimizer.update(block.p, block.g, *block.slots, tmp=block.tmp, t=t, lr=lr)
            if t % tuning.STEPS_BETWEEN_FLUSHES == 0:
                for x in (block.p, *block.slots):
                    flush(x)
        for project in self._projections:
            project()
        return np.array(values) if self._is_stack else values[0]

    def rest(self):
        """Move what has waited, for somebody to look at the network."""
        if self.lazy is not None:
            self.lazy.rest()

    def end_epoch(self):
        """Do so, and note what is due. Sets: `state`."""
        self.state.due = None if self.lazy is None else self.lazy.end_epoch()


def _shifted(span: slice, shift: int) -> slice:
    """Where a span lies in a block, which may begin after it."""
    return slice(max(span.start + shift, 0), max(span.stop + shift, 0))


def cut(n_networks: int, n_parameters: int) -> Iterator[tuple[int, int]]:
    """Cut the vectors of networks, one after the other, into blocks: as for one, or whole ones."""
    block, size = tuning.UPDATE_BLOCK, n_networks * n_parameters
    if n_parameters <= block:
        whole = block // n_parameters * n_parameters
        yield from ((start, min(start + whole, size)) for start in range(0, size, whole))
        return
    for first in range(0, size, n_parameters):
        last = first + n_parameters
        yield from ((start, min(start + block, last)) for start in range(first, last, block))


def clip(gradient: list[Array], largest: float):
    """``g *= min(1, largest / ||g||)``, for a vector `g` in pieces."""
    (find_norm,) = get_blas_funcs(["nrm2"], gradient)  # whose squares neither over- nor underflow

    def measure() -> float:
        return hypot(*(float(find_norm(piece)) for piece in gradient))

    norm = measure()
    if norm > largest:
        if norm == inf:  # longer than the largest number, or itself not finite
            unit = max(float(abs(piece).max()) for piece in gradient)
            for piece in gradient:
                piece /= unit
            norm = measure()
        for piece in gradient:
            piece *= largest / norm
