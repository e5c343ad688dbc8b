"""What the child of a run does, from fork to _exit."""
from __future__ import annotations

import sys
from os import _exit, close, dup2, getpid, getppid, setsid

from ._descriptors import RESULT
from ._failures import describe
from ._linux import die_with_parent
from ._signals import restore
from ._sink import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Iterable

_STREAMS = ('stdout', 'stderr', '__stdout__', '__stderr__')
_RETURNED = 0
_RAISED = 1
_NOT_STARTED = 70  # the host's own part failed, or the result could not be written


class Inheritance:
    """What every child gets from the host, collected once."""

    def __init__(self, framework: ModuleType, signals: list[tuple[int, Any]], threads: int) -> None:
        self.framework = framework
        self.signals = signals
        self.threads = threads
        self.host_pid = getpid()


def run_child(host: Inheritance, instance: Any, ends: list[int], foreign: Iterable[int]) -> None:
    """Never returns. `ends` are those of the run's pipes (result, stdout, stderr); `foreign` are the host's descriptors that a run has no business with."""
    code = _NOT_STARTED
    try:
        _settle(host, ends, foreign)
        sink = Sink(RESULT)
        host.framework._sink = sink
        # The sandbox's part in the run belongs here: everything is in place, no user code has run yet.
        code = _execute(instance, sink)
    except BaseException:
        pass
    finally:
        _exit(code)


def _settle(host: Inheritance, ends: list[int], foreign: Iterable[int]) -> None:
    setsid()  # a session of its own: killing its process group reaches whatever it starts
    die_with_parent()
    if getppid() != host.host_pid:  # the host died before the line above
        _exit(_NOT_STARTED)
    for descriptor in foreign:
        try:
            close(descriptor)
        except OSError:
            pass  # an import closed it
    result, stdout, stderr = ends
    dup2(stdout, 1)
    dup2(stderr, 2)
    dup2(result, RESULT, inheritable=False)
    for descriptor in set(ends):
        close(descriptor)
    if host.signals:
        restore(host.signals)
    if host.threads:
        _renew_locks()
    modules = sys.modules
    if 'tempfile' in modules:
        modules['tempfile'].tempdir = None  # an import may have asked for it, and would have the host's
    if 'numpy.random' in modules:
        # Like random, which reseeds itself after a fork; numpy would repeat its sequence in every run.
        modules['numpy.random'].seed()


def _execute(instance: Any, sink: Sink) -> int:
    error = None
    try:
        instance.run()
    except BaseException as raised:  # SystemExit and KeyboardInterrupt are the script's failures too
        error = describe(raised)
    flush()
    if not sink.is_owner:  # a process that the script forked and did not end: the run is not its own to finish
        _exit(_RETURNED)
    sink.finish(error)
    return _RETURNED if error is None else _RAISED


def _renew_locks() -> None:
    """Free the locks of the standard streams: a thread of the host may have been printing at the fork.

    Threads don't come along, so nobody would ever let go. Making the buffers anew also drops that thread's text.
    """
    for name in _STREAMS:
        try:
            buffer = getattr(sys, name).buffer
            buffer.__init__(buffer.raw)
        except BaseException:  # replaced or closed by user code
            pass


def flush() -> None:
    """Flush what user code printed; it may have closed or replaced the streams."""
    for name in _STREAMS:
        try:
            getattr(sys, name).flush()
        except BaseException:
            pass
