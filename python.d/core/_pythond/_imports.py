"""What the user's modules print while they are imported."""
from __future__ import annotations

import _thread
import os
from os import O_RDWR, close, devnull, dup2, pipe, read, write
from os import open as os_open
from select import POLLHUP, POLLIN, poll

from ._descriptors import high, is_open
from ._output import Kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

# Room for a C extension that prints while it holds the GIL: the drain below can't run then.
_PIPE_SIZE = 1 << 20
_F_SETPIPE_SZ = 1031


class ImportOutput:
    """Descriptors 1 and 2 as pipes that are drained, so that no import ever blocks on a print.

    While the imports run, a thread drains (the main thread is busy with them). A temporary file would need none, but
    an import that prints in a loop would fill the disk; two pipes and two bounded buffers can't. The thread is gone
    before the first fork; from then on the loop drains what threads and programs of the user still print, and drops
    it. _thread and not threading: threading's hook would make every fork a quarter dearer.
    """

    def __init__(self, limit: int, control: int, control_lost: Callable[[], None]) -> None:
        self._kept = {}
        self._streams = []
        for target in (1, 2):
            reader, writer = pipe()
            reader = high(reader)
            os.set_blocking(reader, False)
            _enlarge(writer)
            dup2(writer, target)
            close(writer)
            self._kept[reader] = Kept(limit)
            self._streams.append(reader)
        self._control = control
        self._control_lost = control_lost
        stop_reader, self._stop = pipe()
        self._stop_reader, self._stop = high(stop_reader), high(self._stop)
        self._done = _thread.allocate_lock()
        self._done.acquire()
        self.thread = _thread.start_new_thread(self._drain_until_stopped, ())

    @property
    def readers(self) -> list[int]:
        return list(self._streams)

    def finish(self) -> tuple[str, str]:
        """Stop the thread; returns what came on stdout and stderr."""
        try:
            write(self._stop, b'x')
            self._done.acquire()
            close(self._stop)
            close(self._stop_reader)
        except OSError:
            pass  # the import closed them: the thread has ended on its own
        for reader in self._streams:
            for _ in range(64):
                if not self._take(reader):
                    break
        stdout, stderr = (self._kept[reader].text() for reader in self._streams)
        for descriptor in (1, 2):
            if not is_open(descriptor):  # or the next pipe would land there
                dup2(os_open(devnull, O_RDWR), descriptor)
        return stdout, stderr

    def _drain_until_stopped(self) -> None:
        try:
            poller = poll()
            for descriptor in (*self._streams, self._stop_reader):
                poller.register(descriptor, POLLIN)
            poller.register(self._control, 0)  # POLLHUP is told in any case
            while True:
                for descriptor, event in poller.poll():
                    if descriptor == self._stop_reader:
                        return
                    if descriptor == self._control:
                        if event & POLLHUP:
                            self._control_lost()
                        poller.unregister(descriptor)
                    elif not self._take(descriptor):
                        poller.unregister(descriptor)
        except Exception:
            pass  # the import closed a descriptor: what it prints is lost, and nothing else
        finally:
            self._done.release()

    def _take(self, reader: int) -> bool:
        """Read a piece; False at the end, or when there is none."""
        try:
            data = read(reader, 65536)
        except OSError:
            return False
        self._kept[reader].add(data)
        return bool(data)


def _enlarge(pipe: int) -> None:
    try:
        from fcntl import fcntl

        fcntl(pipe, _F_SETPIPE_SZ, _PIPE_SIZE)
    except OSError:
        pass  # not Linux, or over the user's limit
