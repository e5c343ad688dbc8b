"""The host's loop: orders in, runs forked, watched and ended."""
from __future__ import annotations

from math import ceil
from os import O_RDWR, devnull, read
from os import open as os_open
from time import monotonic, sleep, time_ns

from . import _frames as frames
from ._orders import RunOrder, StateOrder, run_number, seconds
from ._orphans import Orphans
from ._runs import Run
from ._watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._child import Inheritance
    from ._control import Control
    from ._folders import Folders
    from ._linux import Children
    from ._setup import Limits

_SWEEP_FOR_S = 2.0  # how long the end of a run waits for what it left behind to die
_SWEEP_EVERY_S = 0.005
_LOOK_FOR_ORPHANS_EVERY_S = 0.25
_LOOK_FOR_EXITS_EVERY_S = 0.02  # where there is no pidfd
_SHUT_DOWN_S = 1.0


class Host:
    """Serves orders until `stop`, or until the stream closes (which raises Gone)."""

    def __init__(self, control: Control, limits: Limits, instances: dict[str, Any], inheritance: Inheritance,
                 folders: Folders, children: Children, drained: list[int]) -> None:
        self._control = control
        self._limits = limits
        self._instances = instances
        self._inheritance = inheritance
        self._folders = folders
        self._orphans = Orphans(children)
        self._runs: dict[int, Run] = {}  # by number
        self._exited: list[Run] = []
        self._next_state: StateOrder | None = None
        self._stopping = False
        self._paused = False
        self._next_look = 0.0
        self._patience: int | None = None
        self._null = os_open(devnull, O_RDWR)
        self._foreign = [control.descriptor, *drained]  # what a run must not hold, with other runs' descriptors
        if children.descriptor is not None:
            self._foreign.append(children.descriptor)
        self._watch = Watch(control.descriptor)
        for descriptor in drained:
            self._watch.add(descriptor, self._drop, None)

    def serve(self) -> None:
        control = self._control
        self._obey()  # orders may have come together with the setup
        while not self._stopping:
            if control.pending:
                control.flush()
            self._watch.control_has_more(control.pending)
            if control.congested is not self._paused:
                self._pause_results(control.congested)
            control_called = self._watch.wait(self._patience)
            # Orders come last: a number that a new run's pipe gets is never taken for what it was when poll() answered.
            for run in self._exited:
                self._begin_to_end(run)
            self._exited.clear()
            if control_called:
                self._obey()
            self._tend(monotonic())

    def shut_down(self) -> None:
        """Kill everything that is below the host, and wait a little until it is gone."""
        for run in self._runs.values():
            run.kill('cancelled')
        deadline = monotonic() + _SHUT_DOWN_S
        while self._orphans.kill_all() and monotonic() < deadline:
            sleep(0.002)

    # -- orders

    def _obey(self) -> None:
        for kind, record in self._control.receive():
            if kind == frames.RUN:
                order = RunOrder(record)
                if self._next_state is not None:
                    self._next_state.give(order)
                    self._next_state = None
                self._start(order)
            elif self._next_state is not None:
                raise frames.FrameError('unexpected', 'a state without its run')
            elif kind == frames.STATE:
                self._next_state = StateOrder(record)
            elif kind == frames.STOP:
                self._stopping = True
            elif kind == frames.SETUP:
                raise frames.FrameError('unexpected', 'a second setup')
            else:
                run = self._runs.get(run_number(record))  # it may have ended while the order was on its way
                span = seconds(record, 'leaseMs' if kind == frames.RENEW else 'graceMs')
                if run is None or run.ending:
                    continue
                if kind == frames.RENEW:
                    run.renew(span, monotonic())
                else:
                    run.terminate('cancelled', span, monotonic())

    def _start(self, order: RunOrder) -> None:
        if order.run in self._runs:
            raise frames.FrameError('does-not-fit', 'run {} goes on already'.format(order.run))
        if (order.residents is None) is not (self._inheritance.residence is None):
            return self._refuse(order, 'a resident has a host of its own, which takes no other run')
        instance = self._instances.get(order.collector)
        if instance is None and order.residents is None:
            return self._refuse(order, 'this host has no collector "{}"'.format(order.collector))
        for run in self._runs.values():
            if run.key == order.collector:
                return self._refuse(order, 'the last run of "{}" goes on still'.format(order.collector))
        folder = None
        try:
            folder = self._folders.enter()
            if self._inheritance.confinement is not None:
                self._inheritance.confinement.prepare(folder)
            foreign = self._foreign + [fd for run in self._runs.values() for fd in run.descriptors]
            run = Run(order, instance, folder, self._inheritance, self._limits, self._control, foreign, self._null)
        except OSError as error:
            if folder is not None:
                self._folders.give(folder)
            return self._refuse(order, 'the run could not be started: {}'.format(error))
        self._runs[order.run] = run
        if run.pidfd is not None:
            self._watch.add(run.pidfd, self._note_exit, run)
        if not self._paused:
            self._watch.add(run.writings.result, self._pass_on, run)
        for reader in run.writings.streams:
            self._watch.add(reader, self._keep, run)

    def _refuse(self, order: RunOrder, why: str) -> None:
        now = str(time_ns())
        self._control.say(frames.ENDED, {
            'run': order.run, 'cause': 'refused', 'message': why, 'exitCode': None, 'signal': None, 'startedAtNs': now,
            'endedAtNs': now, 'forkMs': 0, 'runMs': 0, 'cpuMs': 0, 'maxRssKb': 0, 'stdout': '', 'stderr': '',
            'stdoutBytes': 0, 'stderrBytes': 0, 'strays': 0})

    # -- what poll() tells of; handlers tell whether there was anything

    def _note_exit(self, run: Run, pidfd: int) -> bool:
        self._watch.drop(pidfd)
        self._exited.append(run)
        return True

    def _pass_on(self, run: Run, _result: int) -> bool:
        return run.pass_result_on()

    def _keep(self, run: Run, reader: int) -> bool:
        return run.writings.keep_output(reader)

    def _drop(self, _subject: Any, reader: int) -> bool:
        """What the user's threads print in the host, which nobody will read."""
        try:
            return bool(read(reader, 65536))
        except OSError:
            return False

    def _pause_results(self, pause: bool) -> None:
        """Leave results in their pipes while the worker does not read: its runs wait, the host's memory does not grow."""
        self._paused = pause
        for run in self._runs.values():
            if pause:
                self._watch.drop(run.writings.result)
            else:
                self._watch.add(run.writings.result, self._pass_on, run)

    # -- time

    def _tend(self, now: float) -> None:
        """Do what is due, and note how many milliseconds poll() may wait."""
        if self._folders.busy:
            self._folders.tidy()
        if not self._runs:
            self._patience = 0 if self._folders.busy else None
            return
        until = now + 3600
        ending = False
        for run in list(self._runs.values()):
            if run.ending:
                ending = True
                self._go_on_ending(run, now)
                until = min(until, now + _SWEEP_EVERY_S)
                continue
            if now >= run.deadline:
                run.enforce(now)
            until = min(until, run.deadline)
            if run.pidfd is None:
                if run.child_has_exited():
                    self._begin_to_end(run)
                until = min(until, now + _LOOK_FOR_EXITS_EVERY_S)
        if self._orphans.listed and not ending:  # an end looks for itself, and counts otherwise
            if now >= self._next_look:
                self._look_for_orphans(now)
            until = min(until, self._next_look)
        self._patience = 0 if self._folders.busy else max(0, ceil((until - now) * 1000))

    def _look_for_orphans(self, now: float) -> None:
        self._next_look = now + _LOOK_FOR_ORPHANS_EVERY_S
        count = self._sweep(None)
        if len(self._runs) == 1:  # whose else
            next(iter(self._runs.values())).strays += count

    # -- ends

    def _begin_to_end(self, run: Run) -> None:
        # Before the group is killed, to count what was alive; where it was killed with the run, all count.
        found = self._sweep(run, count_dead=run.killed)
        run.kill_group()
        if found:
            run.strays += found
            run.wait_for_strays(monotonic(), _SWEEP_FOR_S)
        else:
            self._end(run)

    def _go_on_ending(self, run: Run, now: float) -> None:
        found = self._sweep(run, count_dead=True)
        run.strays += found
        if now >= run.deadline or not (found or self._orphans.dying):
            self._end(run)

    def _end(self, run: Run) -> None:
        for descriptor in run.descriptors:
            self._watch.drop(descriptor)
        run.reap()
        del self._runs[run.number]
        self._folders.give(run.folder)

    def _sweep(self, ending: Run | None, count_dead: bool = False) -> int:
        if not self._orphans.listed:
            return 0
        pids = {run.pid for run in self._runs.values()}
        spared = pids - {ending.pid} if ending is not None else pids
        return self._orphans.sweep(pids, spared, count_dead)

