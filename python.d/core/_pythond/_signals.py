"""Whose signal handlers are in force: the defaults while the host serves, the user's in a run."""
from __future__ import annotations

from signal import SIG_DFL, SIG_IGN, SIGCHLD, SIGINT, SIGTERM, default_int_handler, getsignal, signal, valid_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def take_over() -> list[tuple[int, Any]]:
    """Undo what imports did to the host's signals; returns what restore() puts back in a child.

    An import may have ignored SIGCHLD, which would throw exit codes away, or installed handlers, which must not run
    in the host. Nothing else is touched, so that the usual child has nothing to restore.
    """
    theirs = []
    for number in valid_signals():
        handler = getsignal(number)
        if number in (SIGCHLD, SIGTERM):
            ours = SIG_DFL
        elif number == SIGINT:
            ours = default_int_handler
        else:
            ours = SIG_IGN if callable(handler) else handler
        # None: a handler that Python did not install and can't put back.
        if handler is not None and handler != ours:
            signal(number, ours)
            theirs.append((number, handler))
    return theirs


def restore(theirs: list[tuple[int, Any]]) -> None:
    for number, handler in theirs:
        signal(number, handler)
