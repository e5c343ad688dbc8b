"""Hooks around fork: those that take a lock made harmless, and those that every run would pay for made cheap.

logging and concurrent.futures hold their lock over a fork, so that the child's copy is in order. A user thread that
never lets go of such a lock would stop the host for ever. So the lock is not taken; the hook of the same library
that runs in the child makes the lock anew in any case.

In the child the hooks of threading and logging walk over all that these libraries know, only to find that the one
thread that forked is still there and that nobody holds a lock. In a fresh child that costs 140 page faults, as much as
the rest of the run. In a host without other threads it can't be otherwise, so they are left out for the host's own
forks (`still`), and run again for those of a run, which may have threads (`in_child`).
"""
from __future__ import annotations

import gc
import os
import sys
from functools import partial
from types import MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_still = [False]


def guard() -> None:
    """Stand before os.register_at_fork. Called before user code is imported."""
    register = os.register_at_fork

    def register_at_fork(*, before: Any = None, after_in_parent: Any = None, after_in_child: Any = None) -> None:
        of_logging = getattr(before, '__module__', None) == 'logging'
        if of_logging or getattr(before, '__name__', None) == 'acquire':
            before = after_in_parent = None
            if of_logging and sys.version_info < (3, 9):
                after_in_child = _logging_of_38(after_in_child)
            if of_logging or getattr(after_in_child, '__name__', None) == '_at_fork_reinit':
                after_in_child = _unless_still(after_in_child)
        elif before is None and after_in_parent is None:
            after_in_child = _cheaper(after_in_child)
        hooks = {'before': before, 'after_in_parent': after_in_parent, 'after_in_child': after_in_child}
        hooks = {when: hook for when, hook in hooks.items() if hook is not None}
        if hooks:
            register(**hooks)

    os.register_at_fork = register_at_fork
    _reach_earlier_ones()


def still(is_still: bool) -> None:
    """Whether this process has no thread but the one that forks, now and until the next call. Not at first."""
    _still[0] = is_still


def in_child() -> None:
    """The child's own forks are as everywhere. Called before anything of the user's runs."""
    _still[0] = False


def _reach_earlier_ones() -> None:
    """Hooks that the imports of a .pth file registered before this file was there. CPython keeps them in a list."""
    for name, attribute in (('threading', '_after_fork'), ('random', '_inst')):
        origin = getattr(sys.modules.get(name), attribute, None)
        methods = [] if origin is None else [method for method in gc.get_referrers(origin)
                                             if type(method) is MethodType and method.__name__ == 'seed']
        for hook in (origin, *methods):
            cheaper = _cheaper(hook)
            for hooks in gc.get_referrers(hook) if cheaper is not hook else ():
                if type(hooks) is list and hooks is not methods:
                    hooks[:] = [cheaper if each is hook else each for each in hooks]


def _cheaper(after_in_child: Any) -> Any:
    """The same effect in the child, for less."""
    name = (getattr(after_in_child, '__module__', None), getattr(after_in_child, '__name__', None))
    if name == ('threading', '_after_fork') and sys.version_info < (3, 14):  # a later one has not been looked at
        return _unless_still(after_in_child)
    random = sys.modules.get('random')
    if type(after_in_child) is MethodType and after_in_child.__func__ is getattr(
            getattr(random, 'Random', None), 'seed', _still):
        return partial(_reseed, after_in_child.__self__, super(random.Random, after_in_child.__self__).seed)
    return after_in_child


def _unless_still(hook: Any) -> Any:
    def run() -> None:
        if not _still[0]:
            hook()

    return run


def _reseed(generator: Any, seed: Any) -> None:
    """What Random.seed() does without arguments. In C but for one attribute."""
    seed()
    generator.gauss_next = None


def _logging_of_38(after_in_child: Any) -> Any:
    """Python 3.8's hook releases the lock instead of making it anew."""

    def renew() -> None:
        import logging
        import threading

        logging._lock = threading.RLock()
        logging._lock.acquire()
        after_in_child()

    return renew
