"""The part of a run that is the same in all of them, done a few times before the first fork.

Every child starts from the host's memory as it was: what the interpreter learns while it runs code for the first
time (specialised bytecode, caches of attributes, addresses of C functions) would be learnt, and its pages copied,
anew in every run.
"""
from __future__ import annotations

from os import close, getppid, pipe, read

from ._child import flush
from ._linux import warm_up
from ._sink import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

_TIMES = 40  # CPython specialises a piece of code after up to 16 passes


def rehearse(framework: ModuleType) -> None:
    """Report to a pipe, and read it."""
    reader, writer = pipe()
    real = framework._sink
    collector = framework.DataKitFramework()
    points = [{'measurement': 'm', 'tags': {'t': 'v'}, 'fields': {'f': 1, 'g': 1.5, 's': 'x'}}]
    try:
        for _ in range(_TIMES):
            framework._sink = sink = Sink(writer)
            collector.report({'M': points, 'input': 'x'})
            collector.feed_metric(measurement='m', tags={'t': 'v'}, fields={'f': 1})
            sink.finish(None)
            sink.is_owner
            getppid()
            warm_up()
            flush()
            read(reader, 65536)
    finally:
        framework._sink = real
        close(reader)
        close(writer)
