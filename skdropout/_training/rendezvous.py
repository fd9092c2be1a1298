"""Where fits meet that run at the same time, to train their small networks in stacks.

Each fit has a thread, but the threads take turns: one of them runs at any time, until it needs the
next epoch of its networks or is done. When all that are left need one, the epochs of all are run,
network by network or stack by stack. So a fit cannot tell that it is not alone, but by the clock.
"""

import os
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread, local
from traceback import format_exception
from typing import Any

from skdropout._core import threads, tuning
from skdropout._training.engine import Engine
from skdropout._training.member import Epoch, Member
from skdropout._training.parallel import N_STEPS
from skdropout._training.stack import make_stacks

OF_THE_PROCESS = [
    (module, name)
    for module, name in (
        (warnings, "filters"),
        (warnings, "showwarning"),
        (warnings, "_showwarnmsg_impl"),  # what `catch_warnings(record=True)` sets
        (sys, "stdout"),
        (sys, "stderr"),
    )
    if hasattr(module, name)
]
"""What a task may change for a while, and only the process has."""

_here = local()


class Cancelled(BaseException):
    """Ends a fit whose result nobody waits for any more; no error that a search would score."""


class Raised(Exception):
    """Where a task raised an error: its traceback, as text."""


@dataclass(eq=False)
class Outcome:
    """What a task returned, or raised, and the traceback of that as text."""

    result: Any = None
    error: BaseException | None = None
    traceback: str = ""

    def describe_error(self) -> BaseException | None:
        """The error, and as its cause where it was raised: threads and processes lose that."""
        if self.error is not None and self.traceback:
            self.error.__cause__ = Raised(f'\n"""\n{self.traceback}"""')
        return self.error


class Turn:
    """What a thread waits for, and what the process is to be like when it goes on."""

    def __init__(self):
        self.lock = Lock()  # held until it is its turn
        self.lock.acquire()
        self.n_inside = 0  # of its trainings that hold BLAS to one thread
        self.keep()

    def keep(self):
        """Note what the process is like."""
        self.kept = [getattr(module, name) for module, name in OF_THE_PROCESS]

    def bring_back(self, n_inside: int) -> int:
        """Let the process be like that again, where `n_inside` hold BLAS; return how many do."""
        threads.one.shift(self.n_inside - n_inside)
        filters = warnings.filters
        for (module, name), value in zip(OF_THE_PROCESS, self.kept, strict=True):
            setattr(module, name, value)
        if warnings.filters is not filters:
            with warnings.catch_warnings():  # which also tells that the filters are others
                pass
        return self.n_inside


@dataclass(eq=False)
class Seat:
    """A training at the rendezvous.

    `n_ahead` tells how many epochs may be run at once, `epochs` what the last ones came to for each
    of the networks.
    """

    members: Sequence[Member]
    turn: Turn
    n_ahead: int = 1
    epochs: list[dict[int, Epoch]] = field(default_factory=list)
    error: BaseException | None = None


class Rendezvous:
    """Runs tasks, most of which fit estimators, and trains together what fits together.

    Whoever has the turn is the only one to touch anything in here.
    """

    def __init__(self):
        self.ahead: deque[Turn] = deque()  # of tasks that have not begun
        self.ready: deque[Turn] = deque()
        self.waiting: list[Seat] = []
        self.engines: list[tuple[Engine, list[tuple[Seat, int]]]] = []
        self.loose: list[tuple[Seat, int]] = []  # networks that no engine runs
        self.n_numbers = 0  # of the training data of all that have begun
        self.n_wanted = sys.maxsize  # of the first tasks; the others are cancelled
        self.n_inside = 0  # trainings that hold BLAS to one thread, of whoever has the turn
        self.is_over = Event()

    def run(self, tasks: Sequence[Callable[[], Any]]) -> list[Outcome]:
        """What the tasks came to. Where one raises, nobody waits for those that come after it."""
        outcomes = [Outcome(error=Cancelled()) for _ in tasks]
        self.over = Turn()
        for i, (task, outcome) in enumerate(zip(tasks, outcomes, strict=True)):
            turn = Turn()
            self.ahead.append(turn)
            Thread(target=self._run, args=(i, task, outcome, turn), daemon=True).start()
        self._pass_on()
        self.over.lock.acquire()
        self.is_over.set()
        return outcomes

    def _run(self, i: int, task: Callable[[], Any], outcome: Outcome, turn: Turn):
        turn.lock.acquire()
        _here.rendezvous, _here.turn, _here.number = self, turn, i
        try:
            self._end_if_cancelled()
            outcome.result, outcome.error = task(), None
        except Cancelled as error:
            outcome.error = error
        except BaseException as error:
            outcome.error, outcome.traceback = error, "".join(format_exception(error))
            self.n_wanted = min(self.n_wanted, i)
        finally:
            self.n_inside = threads.one.count_own()
            self._pass_on()

    def _pass_on(self, turn: Turn | None = None):
        """Let the next one have the turn. When all wait for an epoch, it is run first.

        As long as there is room for their data, all begin before the first epoch.
        """
        if not self.ready and self.ahead and self.n_numbers < tuning.STACKED_NUMBERS:
            self.ready.append(self.ahead.popleft())
        if not self.ready and self.waiting:
            self._run_epochs()
            if turn is not None:  # go on with who has it
                self.ready.remove(turn)
                self.ready.appendleft(turn)
        following = next(
            (turns.popleft() for turns in (self.ready, self.ahead) if turns), self.over
        )
        following.bring_back(self.n_inside)
        following.lock.release()

    def cancel(self):
        """Let all end as soon as they have the turn."""
        self.n_wanted = 0

    def _end_if_cancelled(self):
        if _here.number >= self.n_wanted:
            raise Cancelled

    def epochs(self, members: Sequence[Member], n_free: int = 0) -> Iterator[list[Epoch]]:
        """Yield what each network came to in an epoch, one epoch after the other.

        The first `n_free` of them will be run whatever becomes of those before.
        """
        seat = Seat(members, _here.turn)
        n_at_once = max(1, N_STEPS // len(members[0].batches))
        X, n_rows = members[0].batches.X, sum(len(member.batches.rows) for member in members)
        n_numbers = n_rows * X.shape[1]
        self.n_numbers += n_numbers
        self.loose += [(seat, i) for i in range(len(members))]
        try:
            while True:
                seat.n_ahead = max(1, min(n_at_once, n_free))
                self.waiting.append(seat)
                seat.turn.keep()
                seat.turn.n_inside = self.n_inside = threads.one.count_own()
                self._pass_on(seat.turn)
                seat.turn.lock.acquire()
                self._end_if_cancelled()
                if seat.error is not None:
                    raise seat.error
                _here.rendezvous = None  # what begins in the middle of a training is on its own
                for epochs in seat.epochs:
                    yield [epochs[i] for i in range(len(members))]
                _here.rendezvous = self
                n_free -= len(seat.epochs)
        finally:
            _here.rendezvous = self
            self.n_numbers -= n_numbers
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

    def _run_epochs(self):
        """Run epochs of all that wait, who are ready then. An error is that of its fits alone."""
        seats, self.waiting = self.waiting, []
        n_epochs = min(seat.n_ahead for seat in seats)
        for seat in seats:
            seat.epochs = [{} for _ in range(n_epochs)]
        try:
            members = [seat.members[i] for seat, i in self.loose]
            for stack in make_stacks(members):
                engine = Engine([members[i] for i in stack])
                self.engines.append((engine, [self.loose[i] for i in stack]))
            self.loose = []
            before, _here.rendezvous = here(), None
            for engine, places in self.engines:
                self._run_engine(engine, places, n_epochs)
            _here.rendezvous = before
        except BaseException as error:
            for seat in seats:
                seat.error = error
        self.ready += [seat.turn for seat in seats]

    def _run_engine(self, engine: Engine, places: list[tuple[Seat, int]], n_epochs: int):
        if not self.n_wanted:
            return
        turn = places[0][0].turn  # a stack has no objects of a user's own, which might see it
        self.n_inside = turn.bring_back(self.n_inside)
        try:
            with engine.lead.one_thread():
                for k in range(n_epochs):
                    for (seat, i), epoch in zip(places, engine.run(), strict=True):
                        seat.epochs[k][i] = epoch
        except BaseException as error:
            for seat, _ in places:
                seat.error = error
        turn.keep()


def here() -> Rendezvous | None:
    """The rendezvous that this thread takes part in."""
    return getattr(_here, "rendezvous", None)


def _leave_to_parent():
    """Fit alone in a forked process, where the others of the rendezvous are not."""
    _here.rendezvous = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
