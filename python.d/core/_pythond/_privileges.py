"""Users, capabilities and limits."""
from __future__ import annotations

import os
import resource
from struct import pack

from ._syscalls import call, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._policy import Policy

    Limit = tuple[int, tuple[int, int]]  # which; soft and hard

_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 4, 24, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_SPARE_FILES = 8


def no_new_privileges() -> None:
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def become(uid: int, gid: int, groups: list[int]) -> None:
    """Be that user for good. Raises PermissionError without CAP_SETUID and CAP_SETGID."""
    _empty_bounding_set()
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    drop_capabilities()
    prctl(_PR_SET_DUMPABLE, 1)  # the change made /proc/self belong to root


def drop_capabilities() -> None:
    """Have none and get none, uid 0 or not. Raises OSError where some are left."""
    _empty_bounding_set()
    try:
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError:
        pass  # older than Linux 4.3
    call('capset', pack('<Ii', _CAPABILITY_VERSION_3, 0), bytes(24))
    left = capabilities()
    if left:
        raise PermissionError(1, 'capabilities could not be dropped: {:x} are left'.format(left))


def capabilities() -> int:
    """Those that this process has, or could take up again, as bits."""
    with open('/proc/self/status', 'rb') as file:
        lines = [line.split() for line in file if line.startswith((b'CapPrm:', b'CapEff:', b'CapInh:', b'CapAmb:'))]
    found = 0
    for _, value in lines:
        found |= int(value, 16)
    return found


def _empty_bounding_set() -> None:
    for number in range(64):
        try:
            prctl(_PR_CAPBSET_DROP, number)
        except OSError:
            return  # past the last one, or there is no CAP_SETPCAP: no_new_privs does it then


def limit_host(policy: Policy) -> None:
    """The limits that hold in the host as in its runs. They can only be lowered afterwards."""
    limits = policy.limits
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_RTPRIO, 0)
    _limit(resource.RLIMIT_AS, limits.address_space_bytes)
    _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    if policy.has_own_uid:  # else it would count the processes of everything that the user runs
        _limit(resource.RLIMIT_NPROC, limits.processes)


def spare_files() -> None:
    """Let a run that has used up its descriptors open a few more: to say so, modules and sources have to be read."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run_limits(open_files: int | None, cpu_seconds: int | None) -> list[Limit]:
    """Those that are a run's own: the host holds descriptors of many runs, above the limit of one.

    To be set with resource.setrlimit. Asked for after the imports, which may have lowered what can be had.
    """
    wanted = []
    if open_files is not None:
        wanted.append(_within_ceiling(resource.RLIMIT_NOFILE, open_files, open_files + _SPARE_FILES))
    if cpu_seconds is not None:
        wanted.append(_within_ceiling(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1))
    return wanted


def _limit(which: int, limit: int | None) -> None:
    if limit is not None:
        resource.setrlimit(*_within_ceiling(which, limit, limit))


def _within_ceiling(which: int, soft: int, hard: int) -> Limit:
    ceiling = resource.getrlimit(which)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    return which, (soft, hard)
