"""What of a failed run the sandbox refused, and which key of the policy allows it.

The kernel tells an errno and nothing else, so the rest is read off the exception: its file name, the line that
raised it, and the policy. Only ever called for a run that has failed.
"""
from __future__ import annotations

import errno
import linecache
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from ._policy import Policy

_NUMBERS = (errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENOSYS, errno.EAGAIN)
_LIMITS = {errno.EMFILE: ('open-files', 'max_open_files'), errno.EFBIG: ('file-size', 'tmp_size'),
           errno.ENOMEM: ('memory', 'memory')}
_INTERNET = (2, 10)
_UNIX = 1
_MOST = 10
_WRITES = re.compile(r'''\b(mkdir|makedirs|unlink|remove|rmdir|rmtree|rename|renames|replace|symlink|link|mkfifo|mknod
    |truncate|touch|write_text|write_bytes|mkstemp|mkdtemp)\b | O_(WRONLY|RDWR|CREAT|APPEND|TRUNC)
    | ['"][rbtU]*[wax+][wrbt+]*['"]''', re.VERBOSE)
_STARTS = re.compile(r'\b(fork|forkpty|fork_exec|_fork_exec|vfork|exec[lv]p?e?|spawn\w*|posix_spawnp?|Popen|system)\b')


def refusals(error: BaseException, policy: Policy, readable: list[str], writable: list[str]) -> list[dict[str, Any]]:
    """[{kind, path, errno, key}] for the exceptions that led to this one; never raises."""
    found: list[dict[str, Any]] = []
    try:
        for link in _chain(error):
            refusal = _explain(link, policy, readable, writable)
            if refusal is not None and refusal not in found:
                found.append(refusal)
    except Exception:
        pass  # an exception of the user's own making, whose attributes raise
    return found[:_MOST]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The OSErrors and MemoryErrors among an exception, what it came from, and what it wraps (urllib keeps a `reason`)."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < 100:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        if isinstance(link, (OSError, MemoryError)):
            yield link
        waiting += [link.__cause__, link.__context__, getattr(link, 'reason', None), *link.args]
        waiting += getattr(link, 'exceptions', ())


def _explain(error: Any, policy: Policy, readable: list[str], writable: list[str]) -> dict[str, Any] | None:
    if isinstance(error, MemoryError):
        return _refusal('memory', None, errno.ENOMEM, 'memory')
    number = error.errno
    if number in _LIMITS:
        return _refusal(_LIMITS[number][0], _path(error.filename), number, _LIMITS[number][1])
    if type(error).__name__ == 'gaierror':
        return None if policy.network else _refusal('connect', None, number, 'network')
    if number not in _NUMBERS:
        return None
    line, variables = _place(error)
    if number == errno.EAGAIN:
        return _refusal('processes', None, number, 'max_processes') if _STARTS.search(line) else None
    if not policy.subprocess and number == errno.EPERM and _STARTS.search(line):
        return _refusal('subprocess', _path(error.filename), number, 'subprocess')
    path = _path(error.filename2) or _path(error.filename) if error.filename2 else _path(error.filename)
    if path is not None:
        return _about_file(path, number, line, variables, policy, readable, writable)
    if number in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
        return _about_socket(number, variables, policy)
    if 'listen' in line and not policy.listen:
        return _refusal('listen', None, number, 'listen')
    if 'socket' in line and number == errno.EPERM:
        return _refusal('socket', None, number, None)
    if 'connect' in line and not policy.network:
        return _refusal('connect', None, number, 'network')
    return _refusal('other', None, number, None)


def _about_socket(number: int, variables: dict[str, Any], policy: Policy) -> dict[str, Any]:
    family = variables.get('family', _INTERNET[0])
    if family == _UNIX and not policy.unix_sockets:
        return _refusal('unix-socket', None, number, 'unix_sockets')
    if family in (*_INTERNET, -1) and not policy.network:
        return _refusal('connect', None, number, 'network')
    return _refusal('socket', None, number, None)


def _about_file(path: str, number: int, line: str, variables: dict[str, Any], policy: Policy, readable: list[str],
                writable: list[str]) -> dict[str, Any] | None:
    mode = variables.get('mode', getattr(variables.get('self'), 'mode', ''))
    writes = bool(_WRITES.search(line)) or (isinstance(mode, str) and bool(set(mode) & set('wax+')))
    if not os.path.lexists(path):
        writes = True
    if not writes and not _within(path, readable) and not _within(path, writable):
        return _refusal('read', path, number, 'read_paths')
    if not _within(path, writable) and (writes or os.access(path, os.R_OK)):
        return _refusal('write', path, number, 'write_paths')
    # Landlock allows it: it is the file's own mode.
    return _refusal('write' if writes else 'read', path, number, 'user') if policy.uid is not None else None


def _place(error: OSError) -> tuple[str, dict[str, Any]]:
    """The line that raised, the name of the function it stands in, and that function's variables."""
    tb = error.__traceback__
    if tb is None:
        return '', {}
    while tb.tb_next is not None:
        tb = tb.tb_next
    code = tb.tb_frame.f_code
    line = linecache.getline(code.co_filename, tb.tb_lineno) or ' '.join(code.co_names)
    return code.co_name + ' ' + line, tb.tb_frame.f_locals


def _path(name: Any) -> str | None:
    if not isinstance(name, (str, bytes)) or not name:
        return None
    return os.path.realpath(os.fsdecode(name))


def _within(path: str, folders: list[str]) -> bool:
    for folder in folders:
        folder = os.path.realpath(folder)
        if path == folder or path.startswith(folder.rstrip('/') + '/'):
            return True
    return False


def _refusal(kind: str, path: str | None, number: int | None, key: str | None) -> dict[str, Any]:
    return {'kind': kind, 'path': path, 'errno': number, 'key': key}
