"""_multiprocessing.SemLock in unnamed shared memory; see _shared.py."""
from __future__ import annotations

import ctypes
import errno
import mmap
import os
import time
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RECURSIVE_MUTEX = 0
_SHARED = 1
_SIZE = 128  # sem_t takes 32 bytes or less

_libc = ctypes.CDLL(None, use_errno=True)  # CDLL: other threads go on while one waits


class _Moment(ctypes.Structure):
    _fields_ = [('seconds', ctypes.c_long), ('nanoseconds', ctypes.c_long)]


def _call(name: str, *args: Any) -> None:
    if getattr(_libc, name)(*args) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class SemLock:
    """What multiprocessing.synchronize builds its locks on; forked processes share it."""

    SEM_VALUE_MAX = 0x7FFFFFFF

    def __init__(self, kind: int, value: int, maxvalue: int, name: str, unlink: bool) -> None:
        self.kind, self.maxvalue, self.name = kind, maxvalue, None
        self._times, self._owner = 0, 0
        self._memory = mmap.mmap(-1, _SIZE)
        self._at = ctypes.byref((ctypes.c_char * _SIZE).from_buffer(self._memory))
        _call('sem_init', self._at, _SHARED, ctypes.c_uint(value))

    @property
    def handle(self) -> int:
        return ctypes.cast(self._at, ctypes.c_void_p).value or 0

    @classmethod
    def _rebuild(cls, *_args: Any) -> SemLock:
        raise OSError(errno.ENOSYS, 'in the sandbox only forked processes share locks: use '
                      'multiprocessing.get_context("fork")')

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        if self.kind == _RECURSIVE_MUTEX and self._is_mine():
            self._times += 1
            return True
        until = None
        if block and timeout is not None:
            until = _moment(time.time() + max(0.0, timeout))
        while not self._wait(block, until):
            error = ctypes.get_errno()
            if error == errno.EINTR:
                continue  # the handlers of signals have run by now
            if error in (errno.EAGAIN, errno.ETIMEDOUT):
                return False
            raise OSError(error, os.strerror(error))
        self._times += 1
        self._owner = get_ident()
        return True

    def _wait(self, block: bool, until: _Moment | None) -> bool:
        if not block:
            return _libc.sem_trywait(self._at) == 0
        if until is None:
            return _libc.sem_wait(self._at) == 0
        return _libc.sem_timedwait(self._at, ctypes.byref(until)) == 0

    def release(self) -> None:
        if self.kind == _RECURSIVE_MUTEX:
            if not self._is_mine():
                raise AssertionError('attempt to release recursive lock not owned by thread')
            if self._times > 1:
                self._times -= 1
                return
        elif self._get_value() >= self.maxvalue:
            raise ValueError('semaphore or lock released too many times')
        self._times -= 1
        _call('sem_post', self._at)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exception: Any) -> None:
        self.release()

    def _count(self) -> int:
        return self._times

    def _is_mine(self) -> bool:
        return self._times > 0 and self._owner == get_ident()

    def _get_value(self) -> int:
        value = ctypes.c_int()
        _call('sem_getvalue', self._at, ctypes.byref(value))
        return value.value

    def _is_zero(self) -> bool:
        return self._get_value() == 0

    def _after_fork(self) -> None:
        self._times = 0


def _moment(at: float) -> _Moment:
    at = min(at, float(1 << 40))  # a timeout may be anything
    return _Moment(int(at), int(at % 1 * 1e9))
