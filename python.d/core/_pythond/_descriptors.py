"""File descriptors, out of the way of user code."""
from __future__ import annotations

import os
from fcntl import F_DUPFD_CLOEXEC, fcntl
from os import fstat
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit

# Scripts that turn themselves into daemons close 3 to 255, or to 1023. Higher numbers survive that; much higher ones
# would make the kernel copy a larger table at every fork.
_WANTED = 1100


_soft, _ = getrlimit(RLIMIT_NOFILE)
LOWEST = _WANTED if _soft == RLIM_INFINITY or _soft > _WANTED + 100 else max(3, _soft // 2)
RESULT = LOWEST + 100 if LOWEST == _WANTED else _soft - 1  # where every run finds its result descriptor


def high(descriptor: int) -> int:
    """Move a descriptor to a high number that programs started by user code don't inherit."""
    moved = fcntl(descriptor, F_DUPFD_CLOEXEC, LOWEST)
    os.close(descriptor)
    return moved


def is_open(descriptor: int) -> bool:
    try:
        fstat(descriptor)
    except OSError:
        return False
    return True


def settle(control: int) -> None:
    """Have 0, 1 and 2 open, 0 reading nothing, and the control stream; close whatever else the host was given."""
    try:
        names = os.listdir('/dev/fd')
    except OSError:
        names = []
    for name in names:
        if int(name) > 2 and int(name) != control:
            try:
                os.close(int(name))
            except OSError:
                pass  # the one that the listing itself had open
    null = os.open(os.devnull, os.O_RDWR)
    while null <= 2:
        null = os.dup(null)
    os.dup2(null, 0)
    for descriptor in (1, 2):
        if not is_open(descriptor):
            os.dup2(null, descriptor)
    os.close(null)
