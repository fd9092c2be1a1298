"""The engine: networks and their batches compiled, and run through them epoch by epoch."""

from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np

from skdropout._core import tuning
from skdropout._core.buffers import Array, Buffer
from skdropout._core.losses import RunningLoss
from skdropout._core.vectors import is_finite
from skdropout._network import windows
from skdropout._network.masks import Drops, Masks
from skdropout._network.network import Network
from skdropout._network.training_pass import TrainingPass
from skdropout._network.windows import UnitPermutation, Windows
from skdropout._training.data import Batches, BatchStack
from skdropout._training.member import Epoch, Member
from skdropout._training.stack import (
    runs_of_one_rule,
    split_state,
    stack_networks,
    stack_states,
)
from skdropout._training.update import OptimizerState, ParameterUpdate

STEPS_BETWEEN_AVERAGES = 32
"""Steps after which a network goes into the average, beside the end of each epoch."""


class Engine:
    """Runs the epochs of a network, or of a stack of them, and knows nothing of what they are for.

    Parameters
    ----------
    members : sequence of Member
        One, or several of one kind, which are trained in the same calls, to the same numbers as
        each of them alone. Moved in place.
    """

    def __init__(self, members: Sequence[Member]):
        self.members = members
        self.lead = lead = members[0]
        self.is_stack = len(members) > 1
        self.network: Network
        self.batches: Batches | BatchStack
        if self.is_stack:
            self.network = stack_networks([member.network for member in members])
            self.batches = BatchStack([member.batches for member in members])
        else:
            self.network, self.batches = lead.network, lead.batches
        flat = self.network.parameters.flat
        zeros = np.zeros(flat.shape, flat.dtype)  # takes no memory where nobody writes
        self.gradient = Buffer(self.network.parameters.layout, flat.dtype, zeros)
        self.updates = [(self._update_of(run), run) for run in runs_of_one_rule(members)]
        self.drops: list[Drops] = []
        self.windows: Windows
        self.passes: dict[tuple[int, int], tuple[TrainingPass, RunningLoss]]  # first network, rows
        self.losses: list[tuple[slice, RunningLoss]]
        self.learning_rates = [0.0] * len(members)
        self.n_batches = 0
        self.batches_per_mask = 1

    def _update_of(self, run: slice) -> ParameterUpdate:
        """What moves the networks of a run, from where their states stand."""
        members, network, gradient = self.members[run], self.network, self.gradient
        rule, penalties = members[0].rule, members[0].settings.penalties
        state = members[0].state.optimizer
        if self.is_stack:
            network, gradient = self._part(run)
            states = [member.state.optimizer for member in members]
            state = stack_states(states, len(rule.optimizer.slots))
        is_lazy = self._pays_lazily()
        return ParameterUpdate(network, rule, penalties, state, gradient, is_lazy=is_lazy)

    def _pays_lazily(self) -> bool:
        """Whether the first weight matrix is large, and a batch touches few of its rows."""
        batches, settings, rule = self.lead.batches, self.lead.settings, self.lead.rule
        may = batches.is_sparse and rule.may_be_lazy(settings.penalties.weights[0])
        if not may or settings.drops.drops_weights(0):
            return False
        is_large = self.network.weights[0].size >= tuning.LAZY_WEIGHTS
        return is_large and batches.touched <= tuning.LAZY_TOUCHED

    def _part(self, run: slice) -> tuple[Network, Buffer]:
        """Networks next to each other, and their gradients."""
        network, gradient = self.network, self.gradient
        if run == slice(0, len(self.members)):
            return network, gradient
        memory, flat = network.memory[run], gradient.flat[run]
        part = Network(network.sizes, network.activations, network.dtype, memory=memory)
        return part, Buffer(gradient.layout, flat.dtype, flat)

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def run(self) -> list[Epoch]:
        """Take the rates of the next epoch, and go through it. Moves the members."""
        members = self.members
        for member in members:
            member.set_drops()
        drops = [member.drops for member in members]
        if [one.rates for one in drops] != [one.rates for one in self.drops]:
            self.compile(drops)
        losses, sums, penalties, lrs = self.epoch()
        are_finite = self.are_finite()
        epochs = []
        for member, loss, of_score, penalty, lr, finite in zip(
            members, losses, sums, penalties, lrs, are_finite, strict=True
        ):
            if member.averages:
                member.average()
            weight = member.batches.total_weight
            member.state.count_epoch(weight)
            score = nan if member.score is None else member.score.value(of_score, weight)
            epochs.append(Epoch((loss + penalty) / weight, penalty / weight, score, lr, finite))
        return epochs

    def epoch(self) -> tuple[list[float], list[Any], list[float], list[float]]:
        """Go through the batches once. Moves the networks, the updates and the progress.

        Return the sums of losses, those that scores are found from, and those of penalties, and the
        last learning rates.
        """
        batches, members, passes = self.batches, self.members, self.passes
        averages = self.lead.averages
        penalties: Any = 0.0
        all_progress = [member.state.progress for member in members]
        alone = None if self.is_stack else self.updates[0][0]
        has_windows, per_mask = bool(self.windows.windows), self.batches_per_mask
        weights: list[Array] = []
        n_drawn = 0
        try:
            for key, rows, ends in batches.steps():
                current, losses = passes[key]
                batch = current.batch
                weight = batches.load(rows, batch)
                redraw = self.n_batches % per_mask == 0  # or the last masks serve this batch, too
                self.n_batches += 1
                if has_windows:
                    self.windows.begin(redraw=redraw)
                if redraw:
                    current.masks.draw(n_drawn)
                z = current.forward()
                current.backward()
                losses.add(z, batch.y, batch.weight, weight)
                if not ends:  # the step of other networks, which have another number of rows
                    weights.append(weight)
                    continue
                if weights:
                    weight = np.concatenate([*weights, weight])
                if alone is None:
                    penalties += self.step(weight) * weight
                else:
                    lr = self.learning_rates[0] = self.lead.learning_rate()
                    penalties += alone.step(lr, weight) * weight
                n_drawn += redraw
                for progress in all_progress:
                    progress.step += 1
                if averages and progress.step % STEPS_BETWEEN_AVERAGES == 0:
                    self.rest()
                    for member in members:
                        member.average()
        finally:
            self.windows.end()
            for update, _ in self.updates:
                update.end_epoch()
        totals: list[float] = [0.0] * len(members)
        sums: list[Any] = [0.0] * len(members)
        for run, losses in self.losses:
            for i, total, terms in zip(range(run.start, run.stop), *losses.pop(), strict=True):
                totals[i] += total
                sums[i] += terms
        penalties = penalties.tolist() if self.is_stack else [penalties]
        return totals, sums, penalties, self.learning_rates

    def rest(self):
        """Put and move all parameters to where they belong by now. Moves the network."""
        self.windows.rest()
        for update, _ in self.updates:
            update.rest()

    def step(self, weight: Array) -> Array:
        """Take a step of a stack, at batches of such weights; return the penalty of each network.

        Sets: `learning_rates`.
        """
        penalties = np.empty(len(self.members))
        for update, run in self.updates:
            lr = self.members[run.start].learning_rate()
            self.learning_rates[run] = [lr] * (run.stop - run.start)
            penalties[run] = update.step(lr, weight[run])
        return penalties

    def compile(self, each: list[Drops]):
        """Lay out masks, windows and passes for new dropout rates. Sets: all but the updates."""
        network, batches, drops = self.network, self.batches, each[0]
        rngs = [member.state.streams["dropout"] for member in self.members]
        self.drops, self.n_batches = each, 0
        self.batches_per_mask = per_mask = drops.batches_per_mask
        shapes = [(run, size, -(-n // per_mask)) for run, size, n in batches.shapes]
        _, n_rows, n_draws = shapes[0]
        update, _ = self.updates[0]
        permutation = UnitPermutation(update.buffers, network.sizes, scratch=self.gradient)
        self.windows = Windows.plan(
            permutation,
            drops,
            rngs[0],
            n_rows=n_rows,
            n_draws=n_draws,
            costs=windows.COSTS if self._may_permute() else windows.NEVER,
        )
        self.passes, self.losses = {}, []
        sources = list(zip(each, rngs, strict=True))
        larger: TrainingPass | None = None
        for run, size, n_draws in shapes:  # the largest first, in whose memory others work
            network, gradient = self._part(run)
            masks = Masks(
                network.sizes,
                sources[run.start][0],
                size,
                network.dtype,
                sources[run.start][1],
                sparse=batches.is_sparse,
                constant=self.windows.masks(network.dtype),
                n_draws=n_draws,
                larger=larger.masks if larger is not None and run == shapes[0][0] else None,
                others=sources[run][1:],
            )
            current = TrainingPass(
                network,
                gradient,
                self.lead.loss,
                size,
                masks=masks,
                windows=self.windows.windows,
                sparse=batches.is_sparse,
                lazy=update.lazy,
                larger=larger,
            )
            loss, n_outputs, score = self.lead.loss, network.sizes[-1], self.lead.score
            terms = None if score is None else score.terms
            losses = RunningLoss(loss, n_outputs, network.dtype, network.stack, terms)
            self.passes[run.start, size] = current, losses
            self.losses.append((run, losses))
            larger = larger or current

    def _may_permute(self) -> bool:
        """Whether units may change places."""
        constraints = self.lead.rule.constraints
        is_equivariant = all(each is None or each.equivariant for each in constraints)
        is_lazy = self.updates[0][0].lazy is not None
        return not (self.is_stack or is_lazy or self.network.batch_norm) and is_equivariant

    def are_finite(self) -> list[bool]:
        """Whether each network, and what its optimizer remembers, are finite numbers."""
        memories: list[Array] = [self.network.memory, *(u.state.memory for u, _ in self.updates)]
        if all(is_finite(memory.reshape(-1)) for memory in memories):
            return [True] * len(self.members)
        return [
            member.network.is_finite() and is_finite(state.memory)
            for member, state in zip(self.members, self._states(), strict=True)
        ]

    def _states(self) -> list[OptimizerState]:
        """What the optimizer remembers of each network."""
        states = []
        for update, run in self.updates:
            n_networks, n_slots = run.stop - run.start, len(update.rule.optimizer.slots)
            states += split_state(update.state, n_slots, n_networks)
        return states

    def release(self):
        """Give the members back what they need to go on elsewhere. Moves networks and states."""
        for member, state in zip(self.members, self._states(), strict=True):
            member.state.optimizer = state
            if self.is_stack:
                member.network.move_to(np.empty_like(member.network.memory))
