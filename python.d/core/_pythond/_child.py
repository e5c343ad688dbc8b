"""What the child of a run does, from fork to _exit."""
from __future__ import annotations

import sys
from os import _exit, close, dup2, getpid, getppid, setsid, write

from ._atfork import in_child
from ._descriptors import RESULT
from ._failures import describe
from ._linux import die_with_parent
from ._signals import restore
from ._sink import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Iterable

    from ._confine import Confinement
    from ._orders import RunOrder
    from ._resident import Residence
    from ._state import States

_STREAMS = ('stdout', 'stderr', '__stdout__', '__stderr__')
_RETURNED = 0
_RAISED = 1
_NOT_STARTED = 70  # the host's own part failed, or the result could not be written


class Inheritance:
    """What every child gets from the host, collected once."""

    def __init__(self, framework: ModuleType, signals: list[tuple[int, Any]], threads: int,
                 confinement: Confinement | None, states: States, kept: Any) -> None:
        """`kept` is what a child lets go of: in the host, so that no child spends its time on freeing it."""
        self.framework = framework
        self.signals = signals
        self.threads = threads
        self.confinement = confinement  # None at level none
        self.states = states
        self.kept = kept
        self.residence: Residence | None = None  # of a host whose run is a resident
        self.host_pid = getpid()


def run_child(host: Inheritance, instance: Any, order: RunOrder, ends: list[int], foreign: Iterable[int]) -> None:
    """Never returns. `ends` are those of the run's pipes (result, stdout, stderr); `foreign` are the host's descriptors that a run has no business with."""
    code = _NOT_STARTED
    try:
        _settle(host, ends, foreign)
        sink = _sink_of(host)
        host.framework._sink = sink
        if host.confinement is not None:
            host.confinement.enter_run()  # everything is in place, no user code has run yet
        if host.residence is not None:
            code = _reside(host, order, sink)
        else:
            code = execute(host, instance, order, sink)
    except BaseException as error:
        _complain(error)
    finally:
        _exit(code)


def _complain(error: BaseException) -> None:
    """The result can't tell: it may be what failed."""
    try:
        write(2, 'the run could not be started, or its result not be written: {}: {}\n'.format(
            type(error).__name__, error).encode('utf-8', 'replace'))
    except BaseException:
        pass


def _settle(host: Inheritance, ends: list[int], foreign: Iterable[int]) -> None:
    in_child()
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
        _reseed(modules['numpy.random'])


def _reseed(numpy_random: Any) -> None:
    """random reseeds itself after a fork; numpy would repeat its sequence in every run."""
    try:
        numpy_random.seed()
    except Exception:
        pass  # something else of that name


def _sink_of(host: Inheritance) -> Sink:
    if host.residence is None:
        return Sink(RESULT)
    from ._resident import ResidentSink

    return ResidentSink(RESULT)


def _reside(host: Inheritance, order: RunOrder, sink: Any) -> int:
    from ._resident import reside

    reside(host, order.residents or [], sink)
    sink.finish(None)
    return _RETURNED


def execute(host: Inheritance, instance: Any, order: RunOrder, sink: Sink) -> int:
    """Call run() and send what came of it; the child's exit code."""
    error, refused, carrier = None, None, None
    if order.state is not None and order.carries:
        carrier = host.states.carrier(order.collector, order.state, sink.warning)
        carrier.restore()
    try:
        instance.run()
    except BaseException as raised:  # SystemExit and KeyboardInterrupt are the script's failures too
        error = describe(raised)
        if host.confinement is not None:
            refused = host.confinement.refused(raised)
    flush()
    if not sink.is_owner:  # a process that the script forked and did not end: the run is not its own to finish
        _exit(_RETURNED)
    if carrier is not None or order.carries and not host.states.same[order.collector]():
        if carrier is None:
            carrier = host.states.carrier(order.collector, None, sink.warning)
        state = carrier.collect()
        if state is not None:
            sink.state(state)
    sink.finish(error, refused)
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
