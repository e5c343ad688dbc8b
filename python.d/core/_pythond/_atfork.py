"""Hooks that take a lock before every fork, made harmless.

logging and concurrent.futures hold their lock over a fork, so that the child's copy is in order. A user thread that
never lets go of such a lock would stop the host for ever. So the lock is not taken; the hook of the same library
that runs in the child makes the lock anew in any case.
"""
from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def guard() -> None:
    """Stand before os.register_at_fork. Called before user code is imported."""
    register = os.register_at_fork

    def register_at_fork(*, before: Any = None, after_in_parent: Any = None, after_in_child: Any = None) -> None:
        of_logging = getattr(before, '__module__', None) == 'logging'
        if of_logging or getattr(before, '__name__', None) == 'acquire':
            before = after_in_parent = None
            if of_logging and sys.version_info < (3, 9):
                after_in_child = _logging_of_38(after_in_child)
        hooks = {'before': before, 'after_in_parent': after_in_parent, 'after_in_child': after_in_child}
        hooks = {when: hook for when, hook in hooks.items() if hook is not None}
        if hooks:
            register(**hooks)

    os.register_at_fork = register_at_fork


def _logging_of_38(after_in_child: Any) -> Any:
    """Python 3.8's hook releases the lock instead of making it anew."""

    def renew() -> None:
        import logging
        import threading

        logging._lock = threading.RLock()
        logging._lock.acquire()
        after_in_child()

    return renew
