"""One run, seen from the host."""
from __future__ import annotations

import sys
from json.encoder import encode_basestring_ascii as quoted
from os import WNOHANG, close, fork, kill, killpg, wait4
from signal import SIGKILL, SIGTERM
from time import monotonic, time_ns

from . import _frames as frames
from ._child import run_child
from ._linux import can_peek, has_exited, open_pidfd
from ._writings import STDERR, STDOUT, Writings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._child import Inheritance
    from ._control import Control
    from ._orders import RunOrder
    from ._setup import Limits

_NEVER = float('inf')
# Written by hand, since every run pays for them: encoders and closures would be new objects in fresh pages.
_STARTED = '{"run":%d,"pid":%d,"startedAtNs":"%d","tmp":"%s"}'
_ENDED = ('{"run":%d,"cause":"%s","exitCode":%s,"signal":%s,"startedAtNs":"%d","endedAtNs":"%d","forkMs":%.3f,'
          '"runMs":%.3f,"cpuMs":%.3f,"maxRssKb":%d,"stdout":%s,"stderr":%s,"stdoutBytes":%d,"stderrBytes":%d,'
          '"strays":%d}')


class Run:
    """running -> ending -> ended.

    running: the child lives; `cause` stays None until the host decides to kill it, and the first cause wins.
    ending: the child is a zombie, which keeps its pid, and so its process group's id, from being used again; what it
    left behind is being killed.
    ended: reaped, its pipes drained and closed, `ended` sent.
    """

    __slots__ = ('number', 'key', 'pid', 'pidfd', 'folder', 'cause', 'killed', 'ending', 'deadline', 'strays', 'writings',
                 '_limits', '_control', '_started_ns', '_forked', '_fork_s', '_exited', '_waited', '_time_out_at',
                 '_lease_at', '_kill_at')

    def __init__(self, order: RunOrder, instance: Any, folder: str, inheritance: Inheritance, limits: Limits,
                 control: Control, foreign: list[int], null: int) -> None:
        """Fork the child. Raises OSError when the machine has no room for it."""
        self.number, self.key, self.folder = order.run, order.collector, folder
        self._limits, self._control = limits, control
        self.cause: str | None = None
        self.killed = self.ending = False
        self.strays = 0
        self._exited = 0.0
        self._waited: tuple[int | None, Any] | None = None
        self._started_ns = time_ns()
        began = monotonic()
        self._time_out_at, self._kill_at = began + order.timeout_s, _NEVER
        self.renew(order.lease_s, began)
        self.writings = writings = Writings(order, limits, control, null)
        not_theirs = foreign + writings.ours
        try:
            self.pid = fork()
        except OSError:
            writings.let_go()
            writings.close()
            raise
        if self.pid == 0:
            run_child(inheritance, instance, order, writings.theirs, not_theirs)
        # From here until the child has ended, the first write to each page of memory copies it: the less the better.
        self._forked = monotonic()
        self._fork_s = self._forked - began
        writings.let_go()
        self.pidfd = open_pidfd(self.pid)
        control.send(frames.frame(frames.STARTED, (
            _STARTED % (self.number, self.pid, self._started_ns, folder[folder.rindex('/') + 1:])).encode('ascii')))

    def renew(self, lease_s: float, now: float) -> None:
        self._lease_at = now + lease_s - self._limits.lease_margin_s
        self._note_deadline()

    # -- killing

    def _note_deadline(self) -> None:
        self.deadline = min(self._time_out_at, self._lease_at, self._kill_at)

    def enforce(self, now: float) -> None:
        """Kill the run for the deadline that has passed."""
        if now >= self._lease_at:
            self.kill('lease')
        elif now >= self._kill_at:
            self.kill('cancelled')  # whatever asked it to end before has set the cause
        elif now >= self._time_out_at:
            self._time_out_at = _NEVER
            self.terminate('timed-out', self._limits.kill_grace_s, now)

    def terminate(self, cause: str, grace_s: float, now: float) -> None:
        """Ask the run to end, and kill it after the grace."""
        self.cause = self.cause or cause
        self._kill_at = min(self._kill_at, now + grace_s)
        self._note_deadline()
        self._signal(SIGTERM)

    def kill(self, cause: str) -> None:
        self.cause = self.cause or cause
        self.killed = True
        self._time_out_at = self._lease_at = self._kill_at = self.deadline = _NEVER
        self._signal(SIGKILL)

    def wait_for_strays(self, now: float, patience_s: float) -> None:
        """The child has ended; what it left behind has that long to die."""
        self.ending = True
        self._exited = now
        self.deadline = now + patience_s

    def kill_group(self) -> None:
        """Kill what is left of the process group."""
        try:
            killpg(self.pid, SIGKILL)
        except OSError:
            pass

    def _signal(self, number: int) -> None:
        if self._waited is not None:  # the id may be somebody else's now
            return
        try:
            killpg(self.pid, number)
        except OSError:
            try:
                kill(self.pid, number)  # the child has not come to its setsid() yet
            except OSError:
                pass

    def pass_result_on(self) -> bool:
        """Forward a piece of the result; False when there is none. Over the limit the run is killed."""
        passed = self.writings.pass_result_on()
        if self.writings.over_limit:
            self.kill('result-limit')
        return passed

    # -- the end

    def child_has_exited(self) -> bool:
        """For where there is no pidfd. Reaps the child where there is no other way to look (macOS)."""
        if can_peek:
            return has_exited(self.pid)
        self._wait()
        return self._waited is not None

    def reap(self) -> None:
        """Reap the child, drain its pipes and send `ended`."""
        exited = self._exited or monotonic()
        if self._waited is None:
            self._wait()
        status, usage = self._waited or (None, None)
        writings = self.writings
        writings.drain()
        if writings.over_limit:
            self.cause = self.cause or 'result-limit'
        for descriptor in self.descriptors:
            close(descriptor)
        code, number = _meaning(status)
        cpu_s, max_rss = (usage.ru_utime + usage.ru_stime, usage.ru_maxrss) if usage else (0, 0)
        stdout, stderr = writings.printed(STDOUT), writings.printed(STDERR)
        text = _ENDED % (self.number, self.cause or 'exited', code, number, self._started_ns, time_ns(),
                         self._fork_s * 1e3, (exited - self._forked) * 1e3, cpu_s * 1e3, _kilobytes(max_rss),
                         quoted(stdout.text()), quoted(stderr.text()), stdout.total, stderr.total, self.strays)
        self._control.send(frames.frame(frames.ENDED, text.encode('ascii')))

    @property
    def descriptors(self) -> list[int]:
        ours = self.writings.ours
        return ours if self.pidfd is None else [self.pidfd, *ours]

    def _wait(self) -> None:
        try:
            pid, status, usage = wait4(self.pid, WNOHANG)
        except ChildProcessError:  # a thread of the user's reaped it
            self._waited = (None, None)
        else:
            self._waited = (status, usage) if pid else None


def _meaning(status: int | None) -> tuple[int | str, int | str]:
    """Exit code and signal of a wait status, as JSON."""
    if status is None:
        return 'null', 'null'
    number = status & 0x7F
    return ('null', number) if number else (status >> 8, 'null')


def _kilobytes(maxrss: int) -> int:
    return maxrss // 1024 if sys.platform == 'darwin' else maxrss
