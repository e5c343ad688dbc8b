"""poll(), with a handler for each descriptor."""
from __future__ import annotations

from select import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, poll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_ENDED = POLLHUP | POLLERR | POLLNVAL


class Watch:
    """Calls `handler(subject, descriptor)`, which tells whether there was anything, for what is readable.

    A descriptor whose other end is closed and which has nothing more is dropped.
    """

    def __init__(self, control: int) -> None:
        self._control = control
        self._poll = poll()
        self._poll.register(control, POLLIN)
        self._writing = False
        self._watched: dict[int, tuple[Callable[[Any, int], bool], Any]] = {}

    def add(self, descriptor: int, handler: Callable[[Any, int], bool], subject: Any) -> None:
        self._watched[descriptor] = (handler, subject)
        self._poll.register(descriptor, POLLIN)

    def drop(self, descriptor: int) -> None:
        if self._watched.pop(descriptor, None):
            self._poll.unregister(descriptor)

    def control_has_more(self, more: bool) -> None:
        """Whether to wake as well when the worker can take more."""
        if more is not self._writing:
            self._writing = more
            self._poll.modify(self._control, POLLIN | POLLOUT if more else POLLIN)

    def wait(self, patience_ms: int | None) -> bool:
        """Wait and call the handlers; tells whether the control stream wants attention."""
        control_called = False
        for descriptor, event in self._poll.poll(patience_ms):
            if descriptor == self._control:
                control_called = True
            elif descriptor in self._watched:
                handler, subject = self._watched[descriptor]
                if not handler(subject, descriptor) and event & _ENDED:
                    self.drop(descriptor)
        return control_called
