"""Landlock: which files a process may open, whether it may use TCP, and whom it may signal.

Facts are from the kernel's Documentation/userspace-api/landlock.rst. A newer ABI covers more; what an older one does
not know is left out here, and _probe.py tells what is then missing.
"""
from __future__ import annotations

from os import O_CLOEXEC, O_PATH, close, fstat
from os import open as os_open
from stat import S_ISDIR
from struct import pack

from ._syscalls import call, prepare

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_SYM = 1 << 7, 1 << 8, 1 << 9, 1 << 10, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_RIGHTS = {1: _REFER - 1, 2: _TRUNCATE - 1, 3: _IOCTL_DEV - 1, 4: _IOCTL_DEV - 1}
_ALL_RIGHTS = (_IOCTL_DEV << 1) - 1  # from ABI 5

READ = _READ_FILE | _READ_DIR
READ_AND_RUN = READ | _EXECUTE
DEVICE = _READ_FILE | _WRITE_FILE | _IOCTL_DEV
OWN = (READ_AND_RUN | _WRITE_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SOCK
       | _MAKE_FIFO | _MAKE_SYM | _REFER)

_BIND_AND_CONNECT = 3
_SCOPE_ABSTRACT_UNIX, _SCOPE_SIGNAL = 1, 2
_PATH_BENEATH = 1
_VERSION = 1
NETWORK_FROM, SIGNALS_FROM = 4, 6  # the ABI that brought each


def abi() -> int:
    """The kernel's Landlock ABI; 0 where there is none, or where it was not switched on at boot."""
    try:
        return call('landlock_create_ruleset', None, 0, _VERSION)
    except OSError:
        return 0


class Ruleset:
    """Built once, entered by as many processes as like. Whatever it handles and no rule allows is refused."""

    def __init__(self, version: int, network: bool, abstract_sockets: bool) -> None:
        self._rights = _RIGHTS.get(version, _ALL_RIGHTS)
        scoped = _SCOPE_SIGNAL | (0 if abstract_sockets else _SCOPE_ABSTRACT_UNIX)
        size = 8 if version < NETWORK_FROM else 16 if version < SIGNALS_FROM else 24
        attributes = pack('<QQQ', self._rights, 0 if network else _BIND_AND_CONNECT, scoped)[:size]
        self.descriptor = call('landlock_create_ruleset', attributes, size, 0)  # close-on-exec by itself
        # For good, for this thread and all it starts. Needs no_new_privs.
        self.enter = prepare('landlock_restrict_self', self.descriptor, 0)

    def allow(self, path: str, rights: int) -> bool:
        """Allow `rights` at and below `path`; False where there is nothing of that name."""
        try:
            at = os_open(path, O_PATH | O_CLOEXEC)
        except OSError:
            return False
        try:
            if not S_ISDIR(fstat(at).st_mode):
                rights &= _FOR_FILES
            rights &= self._rights
            call('landlock_add_rule', self.descriptor, _PATH_BENEATH, pack('<Qi', rights, at), 0)
        finally:
            close(at)
        return True

    def close(self) -> None:
        close(self.descriptor)
