"""The worker's frames, checked."""
from __future__ import annotations

from ._frames import FrameError, state_of
from ._setup import field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NUMBER = (int, float)


def run_number(record: dict[str, Any]) -> int:
    number = field(record, 'run', int)
    if not 0 <= number < 1 << 32:
        raise FrameError('does-not-fit', '"run" is {}, not a u32'.format(number))
    return number


def seconds(record: dict[str, Any], key: str) -> float:
    """A value in milliseconds, as seconds."""
    milliseconds = field(record, key, _NUMBER)
    if not milliseconds >= 0:
        raise FrameError('does-not-fit', '"{}" is {}'.format(key, milliseconds))
    return milliseconds / 1000


class RunOrder:
    """A `run` frame."""

    __slots__ = ('run', 'collector', 'timeout_s', 'lease_s', 'capture', 'live', 'carries', 'state', 'residents')

    def __init__(self, record: dict[str, Any]) -> None:
        self.run = run_number(record)
        self.collector: str = field(record, 'collector', str)
        self.timeout_s = seconds(record, 'timeoutMs')
        self.lease_s = seconds(record, 'leaseMs')
        self.capture: bool = field(record, 'capture', bool, True)
        self.live: bool = field(record, 'live', bool, False)
        self.carries: bool = field(record, 'state', bool, True)  # whether what it changes goes on with the next run
        self.state: bytes | None = None  # what earlier runs left it
        residents = field(record, 'residents', list, None)
        self.residents = None if residents is None else [ResidentOrder(each) for each in residents]


class ResidentOrder:
    """One collector of a resident, and the grid that its run() is called on."""

    __slots__ = ('collector', 'every_ms', 'offset_ms')

    def __init__(self, record: Any) -> None:
        if not isinstance(record, dict):
            raise FrameError('does-not-fit', 'an entry of "residents" is not an object')
        self.collector: str = field(record, 'collector', str)
        self.every_ms: int = field(record, 'everyMs', int)
        self.offset_ms: int = field(record, 'offsetMs', int)
        if self.every_ms < 1 or self.offset_ms < 0:
            raise FrameError('does-not-fit', 'a grid of {} ms, {} ms'.format(self.every_ms, self.offset_ms))


class StateOrder:
    """A `state` frame: what the run that is ordered next starts from."""

    __slots__ = ('run', 'data')

    def __init__(self, payload: bytes) -> None:
        self.run, self.data = state_of(payload)

    def give(self, order: RunOrder) -> None:
        if order.run != self.run:
            raise FrameError('unexpected', 'the state of run {} came before run {}'.format(self.run, order.run))
        order.state = self.data or None
