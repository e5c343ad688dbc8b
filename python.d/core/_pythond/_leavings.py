"""What imports and constructors leave behind that a fork does not share, or that no run could hand to the next one.

A thread does not come along into a run; a connection would be used by several processes at once; a run that takes an item
of a queue or an iterator takes it from its own copy. The original had all of them in one process, where they worked.
"""
from __future__ import annotations

import os
import sys
from fcntl import F_GETFL, fcntl
from os import O_ACCMODE, O_APPEND, O_WRONLY, fstat
from stat import S_ISBLK, S_ISCHR, S_ISDIR, S_ISFIFO, S_ISREG, S_ISSOCK
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Iterable

_CODES = ('thread', 'socket', 'pipe', 'descriptor')
_MOST = 20
_ENDING_S = 2.0
_QUEUES = (('queue', 'Queue'), ('queue', 'SimpleQueue'), ('_queue', 'SimpleQueue'), ('subprocess', 'Popen'))


class Leavings:
    """Told after each step of the imports; `reasons()` are about what is there still when all are through."""

    def __init__(self, bundle_root: str, own_thread: int) -> None:
        self._bundle = os.path.realpath(bundle_root) + os.sep
        self._own = {own_thread, *sys._current_frames()}
        self._known = _descriptors()
        self._threads: dict[int, str] = {}  # ident: who left it
        self._opened: dict[tuple[int, int, int], str] = {}
        self._held: list[dict[str, str]] = []

    def after(self, what: str) -> None:
        """`what` has just been done, such as 'importing python.d/a/b.py'."""
        for ident in sys._current_frames():
            if ident not in self._own:
                self._threads.setdefault(ident, what)
        for opened in sorted(_descriptors() - self._known):
            self._opened.setdefault(opened, what)

    def of_module(self, code: ModuleType, file: str) -> None:
        self._look_at(vars(code).items(), '{}: '.format(file))

    def of_instance(self, name: str, instance: Any) -> None:
        try:
            held = list(object.__getattribute__(instance, '__dict__').items())
        except AttributeError:
            held = []
        self._look_at(held, '{}: self.'.format(name))
        self.after('building {}'.format(name))

    def reasons(self) -> list[dict[str, str]]:
        alive = self._alive()
        found = [('thread', '{} left a thread running'.format(what))
                 for ident, what in self._threads.items() if ident in alive]
        now = _descriptors()
        for opened, what in self._opened.items():
            kind = self._kind(opened[0]) if opened in now else None
            if kind is not None:
                found.append((kind[0], '{} left {} open'.format(what, kind[1])))
        found.sort(key=lambda reason: _CODES.index(reason[0]))  # what tells most comes first
        told = [{'code': code, 'message': message} for code, message in dict.fromkeys(found)]
        return (told + self._held)[:_MOST]

    def _alive(self) -> set[int]:
        """The threads that go on. One that has ended, even been joined, is a moment longer in the interpreter's list."""
        deadline = monotonic() + _ENDING_S
        while True:
            alive = self._threads.keys() & sys._current_frames().keys()
            active = getattr(sys.modules.get('threading'), '_active', {})
            if not alive - active.keys() or monotonic() > deadline:
                return alive
            sleep(0.005)

    def _look_at(self, names: Iterable[tuple[str, Any]], where: str) -> None:
        for name, value in list(names):
            what = _moving(value)
            if what is not None and len(self._held) < _MOST:
                self._held.append({'code': 'not-carried', 'message':
                                   '{}{} is {}: what a run takes of it can\'t be carried to the next one'.format(
                                       where, name, what)})

    def _kind(self, descriptor: int) -> tuple[str, str] | None:
        """Code and name of what is open, when it matters: a log that is only appended to, or a data file of the bundle, does not."""
        try:
            mode = fstat(descriptor).st_mode
            flags = fcntl(descriptor, F_GETFL)
            path = os.readlink('/proc/self/fd/{}'.format(descriptor))
        except OSError:
            return None  # closed meanwhile, or there is no /proc: macOS
        if S_ISSOCK(mode):
            return 'socket', 'a socket'
        if S_ISFIFO(mode):
            return 'pipe', 'a pipe'
        if S_ISREG(mode):
            written = flags & O_ACCMODE == O_WRONLY or flags & O_APPEND
            return None if written or path.startswith(self._bundle) else ('descriptor', 'a file')
        if S_ISCHR(mode) or S_ISBLK(mode) or S_ISDIR(mode):
            return None
        return 'descriptor', 'an event descriptor'  # epoll, inotify, a timer


def _descriptors() -> set[tuple[int, int, int]]:
    found = set()
    try:
        names = os.listdir('/dev/fd')
    except OSError:
        return found
    for name in names:
        try:
            status = fstat(int(name))
        except (OSError, ValueError):
            continue  # the one that the listing itself had open
        found.add((int(name), status.st_dev, status.st_ino))
    return found


def _moving(value: Any) -> str | None:
    """What a value is whose use changes it and that can't be carried; None for anything else. Calls nobody's code."""
    kind = type(value)
    for base in kind.__mro__:
        if (base.__module__, base.__name__) in _QUEUES:
            return 'a {}.{}'.format(base.__module__.lstrip('_'), base.__name__)
    if not any('__next__' in vars(base) for base in kind.__mro__) or hasattr(kind, 'fileno'):
        return None  # files are told of by their descriptors
    frame = getattr(value, 'gi_frame', value) if kind.__name__ == 'generator' else value
    return None if frame is None else 'an iterator ({})'.format(kind.__name__)
