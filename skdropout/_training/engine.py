"""The engine: a network and its batches compiled, and run through them epoch by epoch."""

from skdropout._core.losses import RunningLoss
from skdropout._network import windows
from skdropout._network.masks import Drops, Masks
from skdropout._network.training_pass import TrainingPass
from skdropout._network.windows import UnitPermutation, Windows
from skdropout._training.member import Epoch, Member
from skdropout._training.update import ParameterUpdate, UpdateRule

STEPS_BETWEEN_AVERAGES = 32
"""Steps after which a network goes into the average, beside the end of each epoch."""


class Engine:
    """Runs the epochs of one network, and knows nothing of what they are for.

    Parameters
    ----------
    member : Member
        Moved in place.
    rule : UpdateRule
    """

    def __init__(self, member: Member, rule: UpdateRule):
        network = member.network
        self.member, self.network, self.batches = member, network, member.batches
        self.update = ParameterUpdate(
            network, rule, member.settings.penalties, member.state.optimizer
        )
        self.may_permute = not network.batch_norm and (
            rule.constraint is None or rule.constraint.equivariant
        )
        self.drops: Drops | None = None
        self.windows: Windows
        self.losses: RunningLoss
        self.passes: dict[int, TrainingPass] = {}
        self.n_batches = self.n_drawn = 0
        self.batches_per_mask = 1

    def run(self) -> Epoch:
        """Take the rates of the next epoch, and go through it. Moves the member."""
        self.member.set_drops()
        if self.drops is None or self.member.drops.rates != self.drops.rates:
            self.compile(self.member.drops)
        epoch = self.epoch()
        if self.member.averages:
            self.member.average()
        self.member.state.count_epoch(self.batches.total_weight)
        return epoch

    def epoch(self) -> Epoch:
        """Go through the batches once. Moves the network, the update and the progress."""
        batches, passes, losses, update = self.batches, self.passes, self.losses, self.update
        member, progress = self.member, self.member.state.progress
        total_penalty = 0.0
        self.n_drawn = 0
        try:
            for rows in batches:
                current = passes[len(rows)]
                batch = current.batch
                weight = batches.load(rows, batch)
                lr = member.learning_rate()
                self.draw(current.masks)
                z = current.forward()
                current.backward()
                losses.add(z, batch.y, batch.weight, weight)
                total_penalty += update.step(lr, weight) * weight
                progress.step += 1
                if progress.step % STEPS_BETWEEN_AVERAGES == 0 and member.averages:
                    self.windows.rest()
                    member.average()
        finally:
            self.windows.end()
        weight = self.batches.total_weight
        return Epoch((self.losses.pop() + total_penalty) / weight, total_penalty / weight, lr)

    def draw(self, masks: Masks):
        """Draw new masks, unless those of the last batch serve this one, too.

        Sets: `masks`, the windows, `n_batches` and `n_drawn`.
        """
        redraw = self.n_batches % self.batches_per_mask == 0
        if self.windows:
            self.windows.begin(redraw=redraw)
        if redraw:
            masks.draw(self.n_drawn)
            self.n_drawn += 1
        self.n_batches += 1

    def compile(self, drops: Drops):
        """Lay out masks, windows and passes for new dropout rates. Sets: all but the update."""
        network, batches = self.network, self.batches
        rng = self.member.state.streams["dropout"]
        self.drops, self.n_batches = drops, 0
        self.batches_per_mask = per_mask = drops.scheme.batches_per_mask
        self.losses = RunningLoss(self.member.loss, network.sizes[-1], network.dtype)
        n_draws = {size: -(-n // per_mask) for size, n in batches.sizes.items()}
        n_rows = max(n_draws)
        permutation = UnitPermutation(
            self.update.buffers, network.sizes, scratch=self.update.gradient
        )
        self.windows = Windows.plan(
            permutation,
            drops,
            rng,
            n_rows=n_rows,
            n_draws=n_draws[n_rows],
            costs=windows.COSTS if self.may_permute else windows.NEVER,
        )
        self.passes = {}
        for size in n_draws:  # the largest first, in whose memory others work
            larger = self.passes.get(n_rows)
            memory = None if larger is None else larger.masks
            masks = Masks(
                network.sizes,
                drops,
                size,
                network.dtype,
                rng,
                sparse=batches.is_sparse,
                constant=self.windows.masks(network.dtype),
                n_draws=n_draws[size],
                larger=memory,
            )
            self.passes[size] = TrainingPass(
                network,
                self.update.gradient,
                self.member.loss,
                size,
                masks=masks,
                windows=self.windows.windows,
                sparse=batches.is_sparse,
                larger=larger,
            )

    def is_finite(self) -> bool:
        """Whether the network, and what its optimizer remembers, are finite numbers."""
        return self.network.is_finite() and self.update.is_finite()
