"""How the driver is to order an attack's run."""
from __future__ import annotations


def order(where=('run',), **more):
    """Where an attack applies, what its `run` frame says (timeoutMs) or comes after (state), or what follows (cancel)."""

    def mark(function):
        function.where = where
        function.order = more
        return function

    return mark
