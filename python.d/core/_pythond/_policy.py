"""The `policy` of the `setup` frame, checked."""
from __future__ import annotations

from ._frames import FrameError
from ._setup import field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_ID = (1 << 32) - 2
_HARD_MAX = (1 << 63) - 1


class RunLimits:
    """What the kernel holds a run to; None: no limit."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.address_space_bytes = _count(record, 'addressSpaceBytes', 8 << 30)
        self.file_bytes = _count(record, 'fileBytes', 256 << 20)
        self.open_files = _count(record, 'openFiles', 1024)
        self.processes = _count(record, 'processes', 256)
        cpu_ms = field(record, 'cpuMs', (int, float, type(None)), None)
        self.cpu_seconds = None if cpu_ms is None else max(1, -int(-cpu_ms // 1000))


class Policy:
    """Level strict. Whatever is not said is as closed as by default."""

    def __init__(self, record: dict[str, Any]) -> None:
        level = field(record, 'level', str)
        if level != 'strict':
            raise FrameError('does-not-fit', '"level" is "{}"'.format(level))
        self.uid = _id(record, 'uid')
        self.gid = _id(record, 'gid')
        self.groups = _all_of(record, 'groups', int)
        # A uid that others have too ("user") protects nothing of theirs: treated as the worker's own.
        self.has_own_uid = self.uid is not None and not field(record, 'sharedUid', bool, False)
        self.read_paths = _all_of(record, 'readPaths', str)
        self.write_paths = _all_of(record, 'writePaths', str)
        self.network: bool = field(record, 'network', bool, True)
        self.unix_sockets: bool = field(record, 'unixSockets', bool, False)
        self.listen: bool = field(record, 'listen', bool, False)
        self.subprocess: bool = field(record, 'subprocess', bool, True)
        self.limits = RunLimits(field(record, 'limits', dict, {}))


def _id(record: dict[str, Any], key: str) -> int | None:
    value = field(record, key, (int, type(None)), None)
    if value is not None and not 0 <= value <= _MAX_ID:
        raise FrameError('does-not-fit', '"{}" is {}'.format(key, value))
    return value


def _count(record: dict[str, Any], key: str, default: int) -> int | None:
    value = field(record, key, (int, float, type(None)), default)
    if value is not None and not 0 <= value <= _HARD_MAX:
        raise FrameError('does-not-fit', '"{}" is {}'.format(key, value))
    return None if value is None else int(value)


def _all_of(record: dict[str, Any], key: str, kind: type) -> list[Any]:
    values = field(record, key, list, [])
    for value in values:
        if not isinstance(value, kind):
            raise FrameError('does-not-fit', 'an entry of "{}" is {}'.format(key, repr(value)[:100]))
    return values
