"""What a collector may say of itself: interval, timeout, isolation."""
from __future__ import annotations

import math

from ._failures import shorten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_INTERVAL = 10
_ISOLATIONS = ('auto', 'run', 'resident')


def interval(value: Any) -> int | float:
    """Seconds between two runs. Falsy means 10, as in DataKit; what can't be used raises with a remedy."""
    if not value:
        return DEFAULT_INTERVAL
    if hasattr(value, '__index__'):  # int, True, and the integers of numpy
        seconds: int | float = int(value)
    elif isinstance(value, float):
        seconds = float(value)
    else:
        raise TypeError('interval is {}, of type {}: write a number of seconds, such as interval = 10'.format(
            _shown(value), type(value).__name__))
    if not _is_positive(seconds):
        raise ValueError('interval is {}: write a number of seconds greater than 0, such as interval = 10'.format(
            _shown(value)))
    return seconds


def timeout(value: Any, warnings: list[dict[str, str]]) -> int | float | None:
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and _is_positive(value):
        return value
    warnings.append({'code': 'timeout', 'message': 'timeout is {} and is left aside: write a number of seconds '
                     'greater than 0'.format(_shown(value))})
    return None


def isolation(value: Any, warnings: list[dict[str, str]]) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and value in _ISOLATIONS:
        return value
    warnings.append({'code': 'isolation', 'message': 'isolation is {} and is left aside: write one of {}'.format(
        _shown(value), ', '.join(_ISOLATIONS))})
    return None


def _is_positive(seconds: int | float) -> bool:
    try:
        return seconds > 0 and math.isfinite(seconds)
    except OverflowError:  # an int that no float can hold
        return False


def _shown(value: Any) -> str:
    return shorten(repr(value), 200)
