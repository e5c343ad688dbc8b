"""The `setup` frame, checked."""
from __future__ import annotations

from ._frames import FrameError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROTOCOL = 1
_MISSING = object()


def field(record: dict[str, Any], key: str, kinds: Any, default: Any = _MISSING) -> Any:
    """A value of a payload, or FrameError when it is absent or of another kind. A bool is never a number."""
    value = record.get(key, default)
    if value is default and default is not _MISSING:
        return default
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
        shown = 'absent' if value is _MISSING else repr(value)[:100]
        raise FrameError('does-not-fit', '"{}" is {}'.format(key, shown))
    return value


class Limits:
    def __init__(self, record: dict[str, Any]) -> None:
        # Two streams of at most 1 MiB, each byte of which may take six in JSON, fit one frame.
        self.output_kept_bytes: int = min(field(record, 'outputKeptBytes', int, 262144), 1 << 20)
        self.result_bytes: int = field(record, 'resultBytes', int, 16777216)
        self.kill_grace_s: float = field(record, 'killGraceMs', (int, float), 1000) / 1000
        self.lease_margin_s: float = field(record, 'leaseMarginMs', (int, float), 2000) / 1000


class Module:
    """One entry of `modules`: a .py file that may hold collectors."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.name: str = field(record, 'name', str)
        self.file: str = field(record, 'file', str)
        self.root: str = field(record, 'root', str)
        self.dir: str = field(record, 'dir', str)


class Setup:
    def __init__(self, record: dict[str, Any]) -> None:
        protocol = field(record, 'protocol', int)
        if protocol != PROTOCOL:
            raise FrameError('protocol', 'the worker speaks protocol {}, this host speaks {}: the core folder and the '
                             'worker are of different versions'.format(protocol, PROTOCOL))
        self.bundle_root: str = field(record, 'bundleRoot', str)
        self.tmp_root: str = field(record, 'tmpRoot', str)
        self.modules = [Module(_object(item)) for item in field(record, 'modules', list)]
        self.roots = [_text(item) for item in field(record, 'roots', list, [])]
        self.limits = Limits(field(record, 'limits', dict, {}))
        self.policy: dict[str, Any] = field(record, 'policy', dict, {})
        self.resident: bool = field(record, 'resident', bool, False)  # imports nothing itself: its one run does


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise FrameError('does-not-fit', 'an entry of "roots" is not a string')
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FrameError('does-not-fit', 'an entry of "modules" is not an object')
    return value
