"""What a run writes: its result, passed on as it comes, and its output, kept within bounds."""
from __future__ import annotations

from os import close, pipe, read, set_blocking

from . import _frames as frames
from ._output import Kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._control import Control
    from ._orders import RunOrder
    from ._setup import Limits

STDOUT, STDERR = 1, 2
_PIECE = 65536
_NOTHING = Kept(0)


class Writings:
    """The pipes of a run: the child's ends until the fork, the host's until the end of the run."""

    __slots__ = ('result', 'streams', 'theirs', 'over_limit', '_run', '_live', '_limits', '_control', '_kept',
                 '_result_bytes')

    def __init__(self, order: RunOrder, limits: Limits, control: Control, null: int) -> None:
        """Open the pipes. Raises OSError when the host has no descriptors left."""
        self._run, self._live, self._limits, self._control = order.run, order.live, limits, control
        self._kept: dict[int, Kept] = {}
        self._result_bytes = 0
        self.over_limit = False
        self.streams: dict[int, int] = {}  # the host's end: which stream
        self.result, to_result = pipe()
        self.theirs = [to_result]  # result, stdout, stderr
        if not order.capture:
            self.theirs += (null, null)
            return
        try:
            for stream in (STDOUT, STDERR):
                reader, writer = pipe()
                self.streams[reader] = stream
                self.theirs.append(writer)
        except OSError:
            self.let_go()
            self.close()
            raise

    @property
    def ours(self) -> list[int]:
        return [self.result, *self.streams]

    def let_go(self) -> None:
        """Close the child's ends, which the child has by now."""
        for descriptor in self.theirs if self.streams else self.theirs[:1]:
            close(descriptor)
        for descriptor in self.ours:
            set_blocking(descriptor, False)

    def close(self) -> None:
        for descriptor in self.ours:
            close(descriptor)

    def pass_result_on(self) -> bool:
        """Forward a piece of the result; False when there is none. What is over the limit is dropped."""
        try:
            data = read(self.result, _PIECE)
        except OSError:
            return False
        if not data:
            return False
        if self._live:  # what was printed before goes before
            self._pass_output_on()
        room = self._limits.result_bytes - self._result_bytes
        self._result_bytes += len(data)
        if room > 0:
            self._control.send(frames.result_frame(self._run, data[:room]))
        if len(data) > room:
            self.over_limit = True
        return True

    def keep_output(self, reader: int) -> bool:
        """Take a piece of stdout or stderr; False when there is none. It is always taken: a print never waits."""
        try:
            data = read(reader, _PIECE)
        except OSError:
            return False
        if not data:
            return False
        stream = self.streams[reader]
        kept = self._kept.get(stream)
        if kept is None:
            kept = self._kept[stream] = Kept(self._limits.output_kept_bytes)
        kept.add(data)
        if self._live and not self._control.congested:
            self._control.send(frames.output_frame(self._run, stream, data))
        return True

    def drain(self) -> None:
        """Take what is in the pipes, bounded: something out of reach may hold them open and go on writing."""
        for _ in range(64):
            if not self.pass_result_on():
                break
        self._pass_output_on()

    def _pass_output_on(self) -> None:
        for reader in self.streams:
            for _ in range(64):
                if not self.keep_output(reader):
                    break

    def printed(self, stream: int) -> Kept:
        return self._kept.get(stream, _NOTHING)
