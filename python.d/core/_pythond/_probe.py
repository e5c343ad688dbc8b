"""What of the sandbox holds here, found out by entering it in forked children: `pythond_host.py --probe`."""
from __future__ import annotations

import errno
import json
import os
import socket
import sys

from . import _landlock as landlock
from ._landlock import Ruleset
from ._policy import Policy
from ._privileges import become, capabilities, drop_capabilities, no_new_privileges
from ._seccomp import host_filter, run_filter
from ._syscalls import AUDIT_ARCH, machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_SOME_UID = 61234
_CAP_CHOWN = 1 << 0


def main() -> None:
    print(json.dumps(probe()))


def probe() -> dict[str, Any]:
    version = landlock.abi()
    holds = version > 0 and _in_child(lambda: _landlock_holds(version))
    drops_uid = os.geteuid() == 0 and _in_child(_can_become_another)
    return verdict(version if holds else 0, bool(AUDIT_ARCH) and _in_child(_seccomp_holds), drops_uid,
                   _in_child(_can_drop_capabilities))


def verdict(version: int, seccomp: bool, drops_uid: bool, drops_capabilities: bool) -> dict[str, Any]:
    """The answer, and whether level strict can keep its promises: `missing` says which it can't, and the remedy."""
    missing = []

    def lacks(what: str, remedy: str) -> None:
        missing.append({'what': what, 'remedy': remedy})

    if not AUDIT_ARCH:
        lacks('the sandbox does not know the system calls of {}'.format(machine), 'use x86-64 or aarch64')
    elif not seccomp:
        lacks('seccomp: sockets, namespaces and tracing could not be refused',
              'use a kernel with CONFIG_SECCOMP_FILTER, or a container profile that leaves seccomp(2) and prctl(2) in')
    if not version:
        lacks('Landlock: files of the worker could be read and written',
              'use Linux 5.13 or newer (6.12 for all of it), with landlock in the kernel parameter lsm=, and a '
              'container runtime whose seccomp profile allows the landlock calls (Docker 20.10.18 or newer)')
    elif version < landlock.SIGNALS_FROM and not drops_uid:
        lacks('Landlock ABI {}: a run could send signals to the worker, which has the same user'.format(version),
              'use Linux 6.12 or newer, or run the worker as root with an interpreter that everybody may read, so '
              'that each bundle gets a user of its own')
    if not drops_capabilities:
        lacks('capabilities can\'t be dropped', 'leave capset(2) in the container\'s seccomp profile')
    return {'landlockAbi': version, 'seccomp': seccomp, 'dropUid': drops_uid, 'dropCapabilities': drops_capabilities,
            'strict': not missing, 'missing': missing, 'arch': machine}


def _in_child(attempt: Callable[[], bool]) -> bool:
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    code = 1
    try:
        code = 0 if attempt() else 1
    except Exception:
        pass  # not to be had
    finally:
        os._exit(code)


def _landlock_holds(version: int) -> bool:
    no_new_privileges()
    rules = Ruleset(version, False, False)
    rules.allow('/proc', landlock.READ)
    rules.enter()
    return (os.listdir('/proc') != [] and _refused(lambda: os.listdir('/'))
            and (version < landlock.SIGNALS_FROM or _refused(lambda: os.kill(os.getppid(), 0)))
            and (version < landlock.NETWORK_FROM
                 or _refused(_bind)))


def _bind() -> None:
    with socket.socket() as door:
        door.bind(('127.0.0.1', 0))


def _seccomp_holds() -> bool:
    no_new_privileges()
    policy = Policy({'level': 'strict'})
    host_filter(policy).enter()
    run_filter(policy).enter()
    before = os.getsid(0)
    os.setsid()  # succeeds, and does nothing
    return os.getsid(0) == before and _refused(lambda: socket.socket(socket.AF_UNIX), errno.EAFNOSUPPORT)


def _can_become_another() -> bool:
    """Also whether that user would find the interpreter and this package."""
    if not capabilities() & _CAP_CHOWN:
        return False
    become(_SOME_UID, _SOME_UID, [])
    return (os.getresuid() == (_SOME_UID,) * 3 and os.access(sys.executable, os.X_OK)
            and os.access(os.__file__, os.R_OK) and os.access(__file__, os.R_OK))


def _can_drop_capabilities() -> bool:
    no_new_privileges()
    drop_capabilities()
    return True


def _refused(attempt: Callable[[], Any], *numbers: int) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno in (numbers or (errno.EACCES, errno.EPERM))
    return False
