"""How the driver is to order an attack's run."""
from __future__ import annotations


def order(where=('run',), **more):
    """Where an attack applies, what its `run` frame says (timeoutMs), or what follows (cancel=True)."""

    def mark(function):
        function.where = where
        function.order = more
        return function

    return mark
