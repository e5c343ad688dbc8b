"""The stream to the worker."""
from __future__ import annotations

import os
from os import fstat, read, write
from select import POLLIN, POLLOUT, poll
from time import monotonic

from . import _frames as frames
from ._descriptors import high

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

_PAUSE_ABOVE = 1 << 20
_LAST_WORDS_S = 2.0


class Gone(Exception):
    """The worker closed the stream, or user code did."""


class Control:
    """Descriptor 3, non-blocking both ways and moved to a high number.

    What is sent is queued and written when the worker takes it: a worker that has stopped reading must not stop the
    host from killing runs whose lease ends. `congested` tells the loop to leave results in their pipes, so that the
    queue stays bounded and the runs wait instead.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = high(descriptor)
        os.set_blocking(self.descriptor, False)
        self._identity = self._look()
        self._decoder = frames.Decoder(frames.TO_HOST)
        self._queue = bytearray()

    def intact(self) -> bool:
        """Whether the descriptor is still the socket it was: an import may have closed it."""
        try:
            return self._look() == self._identity
        except OSError:
            return False

    def receive(self) -> Iterator[tuple[int, Any]]:
        """The frames that have come, those of JSON parsed. Raises Gone at the end of the stream, FrameError when it is broken."""
        try:
            data = read(self.descriptor, 65536)
        except BlockingIOError:
            data = None
        except OSError as error:
            raise Gone(str(error)) from None
        if data == b'':
            raise Gone('closed')
        if data:
            self._decoder.feed(data)
        for kind, payload in self._decoder.frames():
            yield kind, payload if kind == frames.STATE else frames.parse(payload)

    def wait_for(self, wanted: int) -> dict[str, Any]:
        """The next frame, which must be of type `wanted`. Frames behind it stay for receive()."""
        poller = poll()
        poller.register(self.descriptor, POLLIN)
        while True:
            poller.poll()
            for kind, payload in self.receive():
                if kind != wanted:
                    raise frames.FrameError('unexpected', 'frame 0x{:02x} came first'.format(kind))
                return payload

    def send(self, data: bytes) -> None:
        self._queue += data

    def say(self, kind: int, value: Any) -> None:
        self._queue += frames.message(kind, value)

    @property
    def pending(self) -> bool:
        return bool(self._queue)

    @property
    def congested(self) -> bool:
        return len(self._queue) > _PAUSE_ABOVE

    def flush(self) -> None:
        """Write as much as the worker takes now. Raises Gone when it has left."""
        queue = self._queue
        while queue:
            try:
                written = write(self.descriptor, memoryview(queue)[:_PAUSE_ABOVE])
            except BlockingIOError:
                return
            except OSError as error:
                raise Gone(str(error)) from None
            del queue[:written]

    def last_words(self, code: str, message: str, traceback: str = '') -> None:
        """Send `fatal`, waiting a little for the worker to take it."""
        try:
            self.say(frames.FATAL, {'code': code, 'message': message, 'traceback': traceback})
            deadline = monotonic() + _LAST_WORDS_S
            poller = poll()
            poller.register(self.descriptor, POLLOUT)
            while self._queue and monotonic() < deadline:
                poller.poll(100)
                self.flush()
        except (Gone, OSError):
            pass

    def _look(self) -> tuple[int, int]:
        status = fstat(self.descriptor)
        return status.st_dev, status.st_ino
