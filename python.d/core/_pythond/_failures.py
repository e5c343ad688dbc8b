"""Exceptions of user code, as text of bounded size."""
from __future__ import annotations

import os
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

_MESSAGE_LIMIT = 8192
_TRACEBACK_LIMIT = 65536
_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def describe(error: BaseException, whole: bool = False) -> dict[str, str]:
    """{type, message, traceback} of an exception; unless `whole`, without the host's own frames before the user's."""
    try:
        tb = error.__traceback__ if whole else user_part(error.__traceback__)
        text = ''.join(traceback.format_exception(type(error), error, tb))
    except Exception as second:  # hostile __str__, recursion, memory
        text = '(the traceback could not be written: {})'.format(type(second).__name__)
    return {'type': type(error).__name__, 'message': _message(error), 'traceback': shorten(text, _TRACEBACK_LIMIT)}


def user_part(tb: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is neither the host's nor the import system's."""
    while tb is not None and is_ours(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    return tb


def is_ours(file_name: str) -> bool:
    return file_name.startswith((_PACKAGE, '<frozen importlib')) or 'importlib' + os.sep + '__init__' in file_name


def shorten(text: str, limit: int) -> str:
    """The start and the end of a text that is over the limit: a traceback's cause stands at its end."""
    if len(text) <= limit:
        return text
    part = max(1, limit // 2 - 50)
    return '{}\n[... {} characters are left out here ...]\n{}'.format(
        text[:part], len(text) - 2 * part, text[-part:])


def _message(error: BaseException) -> str:
    try:
        return shorten(str(error), _MESSAGE_LIMIT)
    except Exception:
        return '(its message could not be written)'


def last_user_line(error: BaseException) -> tuple[str, int] | None:
    """File and line that raised, the import system's frames left out."""
    found = None
    tb: Any = error.__traceback__
    while tb is not None:
        name = tb.tb_frame.f_code.co_filename
        if not is_ours(name):
            found = (name, tb.tb_lineno)
        tb = tb.tb_next
    return found
