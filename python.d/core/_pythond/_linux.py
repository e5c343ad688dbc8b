"""What Linux offers beyond POSIX, with nothing but ctypes. Elsewhere, or without libffi, each call degrades."""
from __future__ import annotations

import os
import sys
from os import getpid, pread
from signal import SIGKILL

try:
    import ctypes
except ImportError:  # a Python built without libffi
    ctypes = None  # type: ignore[assignment]

_KILL = int(SIGKILL)  # ctypes would ask the enum for it in every child
_PR_SET_PDEATHSIG = 1
_PR_GET_NO_NEW_PRIVS = 39
_PR_SET_CHILD_SUBREAPER = 36
_SYS_PIDFD_OPEN = 434  # the same number on every architecture

_pidfd_open = getattr(os, 'pidfd_open', None)  # from Python 3.9
_waitid = getattr(os, 'waitid', None)
_prctl = None
_syscall = None
if ctypes is not None and sys.platform == 'linux':
    # PyDLL keeps the GIL: these calls never block, and giving the GIL away costs more than they do.
    _libc = ctypes.PyDLL(None)
    _prctl = _libc.prctl
    _prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
    _syscall = _libc.syscall
    _syscall.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_long)
    _syscall.restype = ctypes.c_long


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that forked it ends."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, _KILL, 0, 0, 0)


def open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when `pid` ends; None where there is no such thing."""
    if _pidfd_open is not None:
        try:
            return _pidfd_open(pid)
        except OSError:
            return None
    descriptor = -1 if _syscall is None else _syscall(_SYS_PIDFD_OPEN, pid, 0)
    return None if descriptor < 0 else descriptor  # the kernel sets close-on-exec


def warm_up() -> None:
    """Take the way of die_with_parent() without doing anything."""
    if _prctl is not None:
        _prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)


def give_memory_back() -> None:
    """What the imports used and freed: every fork would copy the tables of its pages. Where the C library can."""
    trim = None if _syscall is None else getattr(_libc, 'malloc_trim', None)  # glibc
    if trim is not None:
        trim(ctypes.c_size_t(0))


class Children:
    """The processes whose parent this one is, orphans of its descendants included (it is their subreaper)."""

    def __init__(self) -> None:
        self.descriptor: int | None = None
        if _prctl is None:
            return
        try:
            # Kept open: a sandbox that is entered later can't take it away, and each reading is one call.
            self.descriptor = os.open('/proc/self/task/{}/children'.format(getpid()), os.O_RDONLY)
        except OSError:
            return  # without the list orphans could not be reaped: they stay with init
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def pids(self) -> list[int]:
        if self.descriptor is None:
            return []
        text = b''
        while True:
            try:
                piece = pread(self.descriptor, 65536, len(text))
            except OSError:
                return []
            text += piece
            if len(piece) < 4000:  # procfs gives at most about a page at a time
                return [int(pid) for pid in text.split()]


can_peek = _waitid is not None


def has_exited(pid: int) -> bool:
    """Whether a child has ended. It stays a zombie, which keeps its pid from being used again."""
    try:
        return _waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except OSError:
        return True  # somebody else reaped it
