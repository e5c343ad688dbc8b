"""What was printed, kept within bounds."""
from __future__ import annotations


class Kept:
    """The first quarter and the last three quarters of `limit` bytes; all of it while it fits. Never blocks."""

    __slots__ = ('total', '_head', '_tail', '_head_limit', '_tail_limit')

    def __init__(self, limit: int) -> None:
        self.total = 0
        self._head = b''
        self._tail = b''
        self._head_limit = limit // 4
        self._tail_limit = limit - limit // 4

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail += data
            # Cut only when it has doubled, so that a long output is copied twice and not once a piece.
            if len(self._tail) > 2 * self._tail_limit:
                self._tail = self._cut()

    def text(self) -> str:
        if not self.total:
            return ''
        if self.total <= self._head_limit + self._tail_limit:
            return _decode(self._head + self._tail)
        missing = self.total - self._head_limit - self._tail_limit
        return '{}\n[... {} bytes are left out here ...]\n{}'.format(
            _decode(self._head), missing, _decode(self._cut()))

    def _cut(self) -> bytes:
        return self._tail[-self._tail_limit:] if self._tail_limit else b''


def _decode(data: bytes) -> str:
    return data.decode('utf-8', 'replace')
