"""Processes that lost their parent and came to the host, which is their subreaper."""
from __future__ import annotations

from os import WNOHANG, getsid, kill, waitpid
from signal import SIGKILL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._linux import Children


class Orphans:
    """Every process below a run is in the run's session, unless it made one of its own.

    An orphan in the session of a run that goes on stays until that run ends; any other is killed at once. What is in
    the host's own session was started by an import, on purpose, and stays as long as the host.
    """

    def __init__(self, children: Children) -> None:
        self._children = children
        self._session = getsid(0)
        self._killed: set[int] = set()

    @property
    def listed(self) -> bool:
        return self._children.descriptor is not None

    @property
    def dying(self) -> bool:
        """Whether something that was killed has not been reaped yet."""
        return bool(self._killed)

    def sweep(self, runs: set[int], spared: set[int], count_dead: bool = False) -> int:
        """Kill and reap orphans; returns how many were killed, or, with `count_dead`, found dead of a kill.

        `runs` are the pids of all children of runs, `spared` those whose session is left alone.
        """
        count = 0
        while True:
            found, reaped = self._pass(runs, spared, count_dead)
            count += found
            if not reaped:  # else what it left behind may have come to us since the list was read
                return count

    def _pass(self, runs: set[int], spared: set[int], count_dead: bool) -> tuple[int, bool]:
        count, reaped = 0, False
        pids = self._children.pids()
        self._killed.intersection_update(pids)
        for pid in pids:
            if pid in runs:
                continue
            try:
                session = getsid(pid)
                if session == self._session:
                    continue
                if waitpid(pid, WNOHANG)[0]:
                    reaped = True
                    count += count_dead and pid not in self._killed
                    self._killed.discard(pid)
                elif session not in spared and pid not in self._killed:
                    kill(pid, SIGKILL)
                    self._killed.add(pid)
                    count += 1
            except OSError:
                pass  # gone, or reaped by a thread of the user's
        return count, reaped

    def kill_all(self) -> bool:
        """Kill and reap every child; False once there are none."""
        for pid in self._children.pids():
            try:
                kill(pid, SIGKILL)
            except OSError:
                pass
        try:
            while waitpid(-1, WNOHANG)[0]:
                pass
        except ChildProcessError:
            return False
        return True
