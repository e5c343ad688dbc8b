"""The part of a run that is the same in all of them, done a few times before the first fork.

Every child starts from the host's memory as it was: what the interpreter learns while it runs code for the first
time (specialised bytecode, caches of attributes, addresses of C functions) would be learnt, and its pages copied,
anew in every run.
"""
from __future__ import annotations

from os import close, dup, dup2, getppid, pipe, read, setsid
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

from ._atfork import in_child
from ._child import execute
from ._linux import warm_up
from ._orders import RunOrder
from ._sink import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._child import Inheritance

_POINTS = [{'measurement': 'm', 'tags': {'t': 'v'}, 'fields': {'f': 1, 'g': 1.5, 's': 'x'}}]
_TIMES = 40  # CPython specialises a piece of code after up to 16 passes


class _Sample:
    """A collector of no class of the user's."""

    def __init__(self, collector: Any) -> None:
        self._collector = collector

    def run(self) -> None:
        self._collector.report({'M': _POINTS, 'input': 'x'})
        self._collector.feed_metric(measurement='m', tags={'t': 'v'}, fields={'f': 1})


def rehearse(host: Inheritance) -> None:
    """Report to a pipe, and read it."""
    reader, writer = pipe()
    framework = host.framework
    real = framework._sink
    sample = _Sample(framework.DataKitFramework())
    order = RunOrder({'run': 0, 'collector': '', 'timeoutMs': 0, 'leaseMs': 0, 'state': False})
    try:
        _find_functions(reader)
        for _ in range(_TIMES):
            in_child()
            framework._sink = sink = Sink(writer)
            execute(host, sample, order, sink)
            getppid()
            warm_up()
            read(reader, 65536)
    finally:
        framework._sink = real
        close(reader)
        close(writer)


def _find_functions(descriptor: int) -> None:
    """Call what only a child calls, to no effect: the first call of a function of the C library looks for it by name."""
    spare = dup(descriptor)
    try:
        dup2(descriptor, spare)
        dup2(descriptor, spare, inheritable=False)
        setrlimit(RLIMIT_NOFILE, getrlimit(RLIMIT_NOFILE))
        setsid()
    except (OSError, ValueError):
        pass  # the host leads its session already
    finally:
        close(spare)
