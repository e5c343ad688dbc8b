"""How a run's reports leave it: frames on its result descriptor."""
from __future__ import annotations

from _thread import allocate_lock
from fcntl import LOCK_EX, LOCK_UN, lockf
from json import dumps
from json.encoder import encode_basestring_ascii as quoted
from os import getpid, write
from time import time_ns

from . import _frames as frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_POINTS_A_FRAME = 1000
_FRAME_TEXT_LIMIT = frames.MAX_LENGTH - 65536
_TEXT_LIMIT = 65536
_FINISHED_WELL = frames.message(frames.FINISHED, {'error': None})


class Sink:
    """What the framework calls in a run; see _DeskSink in datakit_framework.py for the four methods.

    Threads of the run, and processes it forks, may report at once: a lock for either keeps their frames whole and
    the frames of one report together. A process that is not the run's own numbers its reports from its pid on, so
    that numbers stay unique within the run.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pid = self._owner = getpid()
        self._lock = allocate_lock()
        self._count = 0
        self._cut_short = False

    @property
    def is_owner(self) -> bool:
        return getpid() == self._owner

    def report(self, posts: list[tuple[str, dict[str, str], str | None, int | str | None, Any]],
               collector: Any = None) -> None:
        at = time_ns()
        # A number is taken only when all has been encoded: what raises leaves no gap.
        encoded = [(category, query, ip, port, _pieces(points)) for category, query, ip, port, points in posts]
        with self._own_lock():
            whole = []
            mark = self._mark(collector)
            for category, query, ip, port, pieces in encoded:
                head = self._head(category, query, ip, port, at) + mark + ', "points": '
                last = pieces.pop()
                for piece in pieces:
                    whole.append(frames.frame(frames.REPORT, (head + piece + ', "more": true}').encode('ascii')))
                whole.append(frames.frame(frames.REPORT, (head + last + ', "more": false}').encode('ascii')))
            self._write(b''.join(whole))

    def raw(self, category: str, query: dict[str, str], ip: str | None, port: int | str | None, body: str) -> None:
        text = dumps(body)
        if len(text) > _FRAME_TEXT_LIMIT:
            raise too_large(len(text))
        with self._own_lock():
            head = self._head(category, query, ip, port, time_ns()) + self._mark(None)
            self._write(frames.frame(frames.RAW, (head + ', "body": ' + text + '}').encode('ascii')))

    def lasterror(self, _url: str, input_name: str, err_content: str) -> None:
        self._tell(frames.LASTERROR, {'input': input_name[:_TEXT_LIMIT], 'err_content': err_content[:_TEXT_LIMIT]})

    def warning(self, code: str, message: str) -> None:
        self._tell(frames.WARNING, {'code': code, 'message': message[:_TEXT_LIMIT]})

    def state(self, data: bytes) -> None:
        with self._own_lock():
            self._write(frames.frame(frames.NEW_STATE, data))

    def finish(self, error: dict[str, str] | None, refused: list[dict[str, Any]] | None = None) -> None:
        if error is None:
            with self._own_lock():
                self._write(_FINISHED_WELL)
        else:
            self._say(frames.FINISHED, {'error': error, 'refused': refused} if refused else {'error': error})

    def _head(self, category: str, query: dict[str, str], ip: str | None, port: int | str | None, at: int) -> str:
        """The members before the points, as text. By hand, since nearly every run pays for it."""
        number = self._count
        self._count += 1
        if ip is None and port is None:
            source = 'null, "port": null'
        else:
            source = dumps(ip) + ', "port": ' + dumps(port)
        return '{"report": %d, "category": %s, "query": %s, "ip": %s, "at": "%d"' % (
            number, quoted(category), dumps(query) if query else '{}', source, at)

    def _mark(self, _collector: Any) -> str:
        """Members that a report gets besides."""
        return ''

    def _tell(self, kind: int, value: dict[str, Any]) -> None:
        self._say(kind, value)

    def _say(self, kind: int, value: Any) -> None:
        with self._own_lock():
            self._write(frames.message(kind, value))

    def _own_lock(self) -> Any:
        """This process's lock: the copy that a fork took along may be held by a thread that is not there."""
        pid = getpid()
        if pid != self._pid:
            self._pid, self._lock, self._count = pid, allocate_lock(), pid << 20
        return self._lock

    def _write(self, data: bytes) -> None:
        descriptor = self._descriptor
        if self._cut_short:
            raise OSError('an earlier report was cut short, by an exception from a signal handler')
        _between_processes(descriptor, LOCK_EX)
        self._cut_short = True  # unless all of it is written, a further frame would be read as part of this one
        view = memoryview(data)
        while view:  # the pipe is full while the worker is busy: this waits
            view = view[write(descriptor, view):]
        self._cut_short = False
        _between_processes(descriptor, LOCK_UN)


def _pieces(points: Any) -> list[str]:
    """The points as JSON texts of at most 1,000 points and one frame each; what is no list is one piece."""
    if isinstance(points, (list, tuple)) and len(points) > _POINTS_A_FRAME:
        return [piece for start in range(0, len(points), _POINTS_A_FRAME)
                for piece in _pieces(points[start:start + _POINTS_A_FRAME])]
    text = dumps(points)
    if len(text) <= _FRAME_TEXT_LIMIT:
        return [text]
    if isinstance(points, (list, tuple)) and len(points) > 1:
        middle = len(points) // 2
        return _pieces(points[:middle]) + _pieces(points[middle:])
    raise too_large(len(text))


def too_large(size: int) -> ValueError:
    return ValueError('one point is {} bytes of JSON: more than the {} that a report can hold'.format(
        size, _FRAME_TEXT_LIMIT))


def _between_processes(descriptor: int, operation: int) -> None:
    try:
        lockf(descriptor, operation)
    except OSError:
        pass  # no locks on pipes here (macOS): only collectors that report from forked processes need them


class ImportSink:
    """Stands in while modules are imported: there is no run yet that a report could belong to."""

    def __init__(self, warn: Any) -> None:
        self._warn = warn

    def report(self, posts: list[tuple[str, dict[str, str], str | None, int | str | None, Any]],
               _collector: Any = None) -> None:
        for _, _, _, _, points in posts:
            dumps(points)
        self._refuse('report()')

    def raw(self, *_args: Any) -> None:
        self._refuse('http_post_raw()')

    def lasterror(self, *_args: Any) -> None:
        self._refuse('set_lasterror()')

    def warning(self, code: str, message: str) -> None:
        self._warn(code, message)

    def _refuse(self, what: str) -> None:
        self._warn('report-at-import', what + ' was called while the modules were imported or a collector was built: '
                   'nothing was sent. Call it from run().')
