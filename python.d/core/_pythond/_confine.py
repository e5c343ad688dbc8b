"""The sandbox of level strict: what is closed, in which order, in the host and then in each of its runs.

The host's part comes before any user code, and holds for everything below it. A run's part narrows it to the run's
own temporary folder and takes away what only the host needs. Each layer alone would leave a hole that another closes:
Landlock knows no UDP, no paths of unix sockets and no modes of files, seccomp no paths at all, and neither hides
/proc/PID/environ from a process that holds capabilities.
"""
from __future__ import annotations

import os
import sys
from os import close
from resource import setrlimit

from . import _landlock as landlock
from ._frames import FrameError
from ._landlock import Ruleset
from ._paths import folders_of_user_code
from ._policy import Policy
from ._privileges import become, drop_capabilities, limit_host, no_new_privileges, run_limits, spare_files
from ._seccomp import host_filter, run_filter
from ._shared import provide

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._privileges import Limit
    from ._setup import Setup

_DEVICES = ('/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom')
_KERNEL = ('/proc', '/sys')  # whole: a rule on one file of them is gone as soon as the kernel forgets that file's name
_KEPT_RULESETS = 64


class Confinement:
    """made -> host entered -> in a child: run entered.

    A ruleset for each temporary folder is built by the host when the folder is first used, and kept: building one
    takes four times as long as entering it. Nothing of a run can touch them: it closes them, and may not make the
    calls that change them.
    """

    def __init__(self, setup: Setup, core: str, temporary: str) -> None:
        """`temporary` is the folder of the imports; it and everything in setup.tmp_root exist."""
        self.policy = policy = Policy(setup.policy)
        self._root = setup.tmp_root
        self._bundle = setup.bundle_root
        self._imports_folder = temporary
        self._landlock = landlock.abi()
        self.readable = _unique([
            *policy.read_paths, core, setup.bundle_root, *_interpreter(), *folders_of_user_code(), *_KERNEL])
        self._rulesets: dict[str, Ruleset] = {}
        self._next: Ruleset | None = None
        self._in_run = False
        self._limits: list[Limit] | None = None
        self._filter = run_filter(policy)

    def enter_host(self) -> None:
        """Raises FrameError, code sandbox, where a layer can't be had. The process is then of no further use."""
        policy = self.policy
        try:
            if not self._landlock:
                raise OSError(38, 'the kernel has no Landlock, or it was not switched on at boot')
            if self._landlock < landlock.SIGNALS_FROM and not policy.has_own_uid:
                raise OSError(38, 'this kernel can\'t keep runs from sending signals to the worker, which has the '
                              'same user')
            rules = self._ruleset(self._root)
            limit_host(policy)
            if policy.uid is None:
                drop_capabilities()
            else:
                self._give_folders(policy.uid)
                become(policy.uid, policy.uid if policy.gid is None else policy.gid, policy.groups)
                self._look_around()
            no_new_privileges()
            rules.enter()
            rules.close()
            host_filter(policy).enter()
            provide(may_fork_server=policy.unix_sockets and policy.listen)
        except OSError as error:
            raise FrameError('sandbox', 'the sandbox could not be entered: {}'.format(error)) from error

    def prepare(self, folder: str) -> None:
        """In the host, before the fork: the next run is to have this folder. Raises OSError."""
        rules = self._rulesets.get(folder)
        if rules is None:
            if len(self._rulesets) >= _KEPT_RULESETS:
                self._rulesets.pop(next(iter(self._rulesets))).close()
            rules = self._rulesets[folder] = self._ruleset(folder)
        self._next = rules
        if self._limits is None:
            self._limits = run_limits(self.policy.limits.open_files, self.policy.limits.cpu_seconds)

    def enter_run(self) -> None:
        """In the child, when everything else is in place. Raises where a layer can't be had: the run must not go on."""
        self._in_run = True
        for which, limits in self._limits or ():
            setrlimit(which, limits)
        self._next.enter()
        for rules in self._rulesets.values():
            close(rules.descriptor)
        self._filter.enter()

    def refused(self, error: BaseException) -> list[dict[str, Any]]:
        """What of a failure was the sandbox's doing. Never raises."""
        try:
            if self._in_run:
                spare_files()
            from ._refusals import refusals
        except (OSError, ValueError, MemoryError, ImportError):
            return []
        writable = [*self.policy.write_paths, *_DEVICES, os.environ.get('TMPDIR', self._imports_folder)]
        return refusals(error, self.policy, [*self.readable, *_DEVICES, self._imports_folder], writable)

    def _ruleset(self, folder: str) -> Ruleset:
        policy = self.policy
        rules = Ruleset(self._landlock, policy.network, policy.unix_sockets)
        for path in self.readable:
            rules.allow(path, landlock.READ if path in _KERNEL else landlock.READ_AND_RUN)
        for path in _DEVICES:
            rules.allow(path, landlock.DEVICE)
        for path in policy.write_paths:
            rules.allow(path, landlock.OWN)
        rules.allow(self._imports_folder, landlock.READ_AND_RUN)
        if not rules.allow(folder, landlock.OWN):
            rules.close()
            raise FileNotFoundError(2, 'the temporary folder is gone', folder)
        return rules

    def _give_folders(self, uid: int) -> None:
        gid = uid if self.policy.gid is None else self.policy.gid
        os.chown(self._root, uid, gid)
        for name in os.listdir(self._root):
            os.chown(os.path.join(self._root, name), uid, gid, follow_symlinks=False)

    def _look_around(self) -> None:
        """What the new user can't reach would fail later, as a module that is not found."""
        for path, rights in ((sys.executable, os.X_OK), (os.__file__, os.R_OK), (__file__, os.R_OK),
                             (self._bundle, os.R_OK | os.X_OK), (self._root, os.W_OK | os.X_OK)):
            if path and not os.access(path, rights):
                raise PermissionError(13, 'user {} can\'t reach it: open it and the folders above it to everybody, '
                                      'or let the collector keep its user'.format(self.policy.uid), path)


def _interpreter() -> list[str]:
    """Where the interpreter and its libraries lie, and what a shell would have it import."""
    libraries = os.environ.get('LD_LIBRARY_PATH', '').split(os.pathsep)
    return [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, os.path.realpath(sys.executable),
            *sys.path, *(path for path in libraries if os.path.isabs(path))]


def _unique(paths: list[str]) -> list[str]:
    return list(dict.fromkeys(path for path in paths if path and os.path.isabs(path)))
