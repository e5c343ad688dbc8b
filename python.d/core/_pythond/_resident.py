"""A resident: one long-lived process that holds an input's collectors, a thread for each, as in the original.

It is a run of its host like any other, except that it imports the user's modules itself (a thread or a connection of
theirs would not come along over a fork), never ends by itself, and calls run() of each collector again and again.
"""
from __future__ import annotations

import time
from _thread import get_ident
from json.encoder import encode_basestring_ascii as quoted
from signal import pause
from time import time_ns

from . import _frames as frames
from ._catalogue import Catalogue
from ._child import flush
from ._failures import describe
from ._load import load_collectors
from ._sink import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._child import Inheritance
    from ._orders import ResidentOrder
    from ._setup import Module, Setup

_FIRST_RETRY_S, _LAST_RETRY_S = 5.0, 300.0  # between two attempts to build a collector
_LONGEST_SLEEP_S = 10.0  # so that a clock that is set back or forth does not stop a collector for longer
_thread_cpu = getattr(time, 'thread_time', None)


class Residence:
    """What the host knows that a resident imports from."""

    def __init__(self, core: str, setup: Setup) -> None:
        self.core = core
        self.setup = setup


class ResidentSink(Sink):
    """Frames that name their collector: the one that reports, else the one whose thread it is, else none."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._by_instance: dict[int, str] = {}
        self._by_thread: dict[int, str] = {}

    def know(self, key: str, instance: Any) -> None:
        self._by_instance[id(instance)] = key

    def enter_thread(self, key: str) -> None:
        self._by_thread[get_ident()] = key

    def say(self, kind: int, value: dict[str, Any]) -> None:
        self._say(kind, value)

    def _of(self, collector: Any) -> str | None:
        return self._by_instance.get(id(collector)) or self._by_thread.get(get_ident())

    def _mark(self, collector: Any) -> str:
        key = self._of(collector)
        return ', "collector": ' + ('null' if key is None else quoted(key))

    def _tell(self, kind: int, value: dict[str, Any]) -> None:
        self._say(kind, {**value, 'collector': self._of(None)})


def reside(host: Inheritance, orders: list[ResidentOrder], sink: ResidentSink) -> None:
    """Import, build, and run for ever. Returns only when there is nothing to run."""
    from threading import Thread  # its hook would make every fork of an ordinary host dearer

    catalogue = Catalogue(host.framework.DataKitFramework, host.residence.setup.bundle_root)
    catalogue.confinement = host.confinement
    catalogue.wanted = {order.collector for order in orders}
    load_collectors(host.residence.core, host.residence.setup, catalogue)
    flush()
    sink.say(frames.LOADED, {'collectors': list(catalogue.instances), 'failures': catalogue.failures,
                             'warnings': catalogue.warnings})
    if not catalogue.instances:
        return
    unbuilt = {key: (module, cls) for key, module, cls in catalogue.unbuilt}
    for order in orders:
        key = order.collector
        loop = Loop(host, order, sink)
        if key in catalogue.instances:
            sink.know(key, catalogue.instances[key])
            Thread(target=loop.run, args=(catalogue.instances[key],), name=key, daemon=True).start()
        elif key in unbuilt:
            Thread(target=_build_later, args=(catalogue, key, *unbuilt[key], loop), name=key, daemon=True).start()
    while True:
        pause()  # signal handlers of the user's modules run in this thread


def _build_later(catalogue: Catalogue, key: str, module: Module, cls: type, loop: Loop) -> None:
    """What a constructor needs may come: a database, a file. The others run meanwhile."""
    wait_s = _FIRST_RETRY_S
    while key not in catalogue.instances:
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, _LAST_RETRY_S)
        try:
            catalogue.build(key, module, cls)
        except BaseException:  # told when it failed first
            pass
    loop.run(catalogue.instances[key])


class Loop:
    """One collector: run() at once, then at every tick of its grid. What run() raises is told, and the loop goes on."""

    def __init__(self, host: Inheritance, order: ResidentOrder, sink: ResidentSink) -> None:
        self._confinement = host.confinement
        self._order = order
        self._sink = sink
        self._count = 0

    def run(self, instance: Any) -> None:
        self._instance = instance
        self._sink.know(self._order.collector, instance)
        self._sink.enter_thread(self._order.collector)
        due_ms = time_ns() // 1000000
        self._run_once('first', due_ms)
        last_ms = due_ms
        while True:
            due_ms = self._wait_for_tick(last_ms)
            self._run_once('grid', due_ms)
            last_ms = due_ms

    def _wait_for_tick(self, last_ms: int) -> int:
        """Sleep to the next tick that is neither over nor the last one; its due time."""
        while True:
            now_ms = time_ns() // 1000000
            due_ms = _next_tick(self._order, max(now_ms, last_ms if last_ms - now_ms < self._order.every_ms else 0))
            left_s = (due_ms - time_ns() / 1e6) / 1000
            if left_s <= _LONGEST_SLEEP_S:
                time.sleep(max(0.0, left_s))
                return due_ms
            time.sleep(_LONGEST_SLEEP_S)

    def _run_once(self, kind: str, due_ms: int) -> None:
        number = self._count
        self._count += 1
        head = {'collector': self._order.collector, 'pass': number}
        self._sink.say(frames.PASS_BEGAN, {**head, 'kind': kind, 'dueMs': due_ms, 'at': str(time_ns())})
        began_cpu = _thread_cpu() if _thread_cpu else 0.0
        error, refused = None, None
        try:
            self._instance.run()
        except BaseException as raised:  # SystemExit too: as in the original, the loop goes on
            error = describe(raised)
            if self._confinement is not None:
                refused = self._confinement.refused(raised)
        cpu_ms = ((_thread_cpu() if _thread_cpu else 0.0) - began_cpu) * 1000
        flush()
        if not self._sink.is_owner:  # a process that run() forked and did not end
            from os import _exit

            _exit(0)
        self._sink.say(frames.PASS_ENDED, {**head, 'at': str(time_ns()), 'cpuMs': round(max(0.0, cpu_ms), 3),
                                           'error': error, 'refused': refused or []})


def _next_tick(order: ResidentOrder, after_ms: int) -> int:
    """The first tick after a moment: every `every_ms`, at `offset_ms` within it, counted from 1970."""
    return ((after_ms - order.offset_ms) // order.every_ms + 1) * order.every_ms + order.offset_ms
