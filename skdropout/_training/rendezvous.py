"""Where fits meet that run at the same time, to train their small networks in stacks.

Each fit has a thread, but the threads take turns: one of them runs at any time, until it needs the
next epoch of its networks or is done. When all that are left need one, the epochs of all are run,
network by network or stack by stack. So a fit cannot tell that it is not alone, but by the clock.
"""

import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock, Thread, local
from typing import Any

import numpy as np

from skdropout._training.engine import Engine
from skdropout._training.member import Epoch, Member
from skdropout._training.stack import make_stacks

_here = local()

OF_WARNINGS = [
    name for name in ("filters", "showwarning", "_showwarnmsg_impl") if hasattr(warnings, name)
]
"""What ``warnings.catch_warnings`` changes, for all threads, until it ends."""


class Cancelled(Exception):
    """Ends a fit whose result nobody waits for any more."""


@dataclass(eq=False)
class Outcome:
    """What a task returned, or raised."""

    result: Any = None
    error: BaseException | None = None

    def get(self) -> Any:
        """The result, or the error once more."""
        if self.error is not None:
            raise self.error
        return self.result


@dataclass(eq=False)
class Seat:
    """A training at the rendezvous: its networks, and what their last epoch came to."""

    members: Sequence[Member]
    turn: Lock
    epochs: dict[int, Epoch] = field(default_factory=dict)
    error: BaseException | None = None


class Rendezvous:
    """Runs tasks, most of which fit estimators, and trains together what fits together.

    Where one raises an error, the others are cancelled. Whoever has the turn is the only one to
    touch anything in here.
    """

    def __init__(self):
        self.ready: deque[Lock] = deque()  # held by threads until it is their turn
        self.waiting: list[Seat] = []
        self.engines: list[tuple[Engine, list[tuple[Seat, int]]]] = []
        self.loose: list[tuple[Seat, int]] = []  # networks that no engine runs
        self.over = Lock()
        self.is_cancelled = False
        self.error: BaseException = Cancelled()  # the first one

    def run(self, tasks: Sequence[Callable[[], Any]]) -> list[Outcome]:
        """What the tasks came to."""
        outcomes = [Outcome() for _ in tasks]
        self.over.acquire()
        for task, outcome in zip(tasks, outcomes, strict=True):
            turn = closed()
            self.ready.append(turn)
            Thread(target=self._run, args=(task, outcome, turn), daemon=True).start()
        self._pass_on()
        self.over.acquire()
        return outcomes

    def _run(self, task: Callable[[], Any], outcome: Outcome, turn: Lock):
        self._wait(turn)
        _here.rendezvous, _here.turn = self, turn
        try:
            if self.is_cancelled:
                raise Cancelled
            outcome.result = task()
        except Cancelled:
            outcome.error = self.error
        except BaseException as error:
            if not self.is_cancelled:
                self.error = error
            outcome.error = error
            self.cancel()
        finally:
            self._pass_on()

    def _pass_on(self):
        """Let the next one have the turn. When all wait for an epoch, it is run first."""
        if not self.ready and self.waiting:
            self._run_epochs()
        (self.ready.popleft() if self.ready else self.over).release()

    def _wait(self, turn: Lock):
        """Sleep until it is one's turn, and find the filters of warnings as one has left them."""
        before = [getattr(warnings, name) for name in OF_WARNINGS]
        turn.acquire()
        warnings.filters = []
        warnings.resetwarnings()  # or what was decided by other filters would stay decided
        for name, value in zip(OF_WARNINGS, before, strict=True):
            setattr(warnings, name, value)

    def cancel(self):
        """Let all end as soon as they have the turn."""
        self.is_cancelled = True

    def epochs(self, members: Sequence[Member]) -> Iterator[list[Epoch]]:
        """Yield what each network came to in an epoch, one epoch after the other."""
        seat = Seat(members, _here.turn)
        self.loose += [(seat, i) for i in range(len(members))]
        try:
            while True:
                self.waiting.append(seat)
                if self.ready:
                    self._pass_on()
                    self._wait(seat.turn)
                else:
                    self._run_epochs()
                    self.ready.remove(seat.turn)
                if self.is_cancelled:
                    raise Cancelled
                if seat.error is not None:
                    raise seat.error
                yield [seat.epochs[i] for i in range(len(members))]
        finally:
            self._leave(seat)

    def _leave(self, seat: Seat):
        """Let a training take its networks along; those that shared an engine need another one."""
        kept = []
        for engine, places in self.engines:
            if any(place[0] is seat for place in places):
                engine.release()
                self.loose += places
            else:
                kept.append((engine, places))
        self.engines = kept
        self.loose = [place for place in self.loose if place[0] is not seat]

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def _run_epochs(self):
        """Run an epoch of all that wait, who are ready then. An error is that of its fits alone."""
        seats, self.waiting = self.waiting, []
        try:
            members = [seat.members[i] for seat, i in self.loose]
            for stack in make_stacks(members):
                engine = Engine([members[i] for i in stack])
                self.engines.append((engine, [self.loose[i] for i in stack]))
            self.loose = []
            for engine, places in self.engines:
                self._run_epoch(engine, places)
        except BaseException as error:
            for seat in seats:
                seat.error = error
        self.ready += [seat.turn for seat in seats]

    def _run_epoch(self, engine: Engine, places: list[tuple[Seat, int]]):
        try:
            for (seat, i), epoch in zip(places, engine.run(), strict=True):
                seat.epochs[i] = epoch
        except BaseException as error:
            for seat, _ in places:
                seat.error = error


def closed() -> Lock:
    """A lock that somebody else has to open."""
    lock = Lock()
    lock.acquire()
    return lock


def here() -> Rendezvous | None:
    """The rendezvous that this thread takes part in."""
    return getattr(_here, "rendezvous", None)
