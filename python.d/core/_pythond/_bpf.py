"""Seccomp programs: a search tree over system call numbers, with a small body for each that is not simply allowed.

seccomp_data: the number at 0, the architecture at 4, the arguments' low halves at 16 + 8 i (see seccomp(2)). The
kernel itself looks at the low half of every argument that is examined here.
"""
from __future__ import annotations

import ctypes
from struct import pack

from ._syscalls import AUDIT_ARCH, number, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    Code = list[bytes]

_LOAD, _AND, _JUMP, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x05, 0x15, 0x35, 0x45, 0x06
_KILL_PROCESS, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LAST_KNOWN = 450  # set_mempolicy_home_node; what is newer has not been looked at, and programs do without it
_ENOSYS = 38
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return pack('<HBBI', code, if_true, if_false, value)


ALLOW = [_op(_RETURN, _ALLOW)]


def answer(error: int) -> Code:
    """Fail with `error`; 0: do nothing and succeed."""
    return [_op(_RETURN, _ERRNO | error)]


def where(argument: int, values: Iterable[int], then: Code, otherwise: Code, mask: int = 0) -> Code:
    """Go on with `then` where an argument (less all bits but `mask`) is one of the values."""
    code = [_op(_LOAD, 16 + 8 * argument)]
    if mask:
        code.append(_op(_AND, mask))
    values = list(values)
    for index, value in enumerate(values):  # a hit jumps over the rest, and over the jump to `otherwise`
        code.append(_op(_EQUAL, value, len(values) - index, 0))
    return code + [_op(_JUMP, len(then))] + then + otherwise


def where_any(argument: int, bits: int, then: Code, otherwise: Code) -> Code:
    """Go on with `then` where an argument has one of the bits."""
    return [_op(_LOAD, 16 + 8 * argument), _op(_ANY_BIT, bits, 0, len(then))] + then + otherwise


class Filter:
    """A program in the making: each call's body ends in an answer on every way through it."""

    def __init__(self) -> None:
        self._bodies: dict[int, Code] = {}

    def on(self, names: str, body: Code) -> None:
        for name in names.split():
            wanted = number(name)
            if wanted is not None:
                self._bodies[wanted] = body

    def program(self) -> Program:
        head = [_op(_LOAD, 4), _op(_EQUAL, AUDIT_ARCH, 1, 0), _op(_RETURN, _KILL_PROCESS), _op(_LOAD, 0)]
        # Every number of the x32 interface is above _LAST_KNOWN too.
        head += [_op(_AT_LEAST, _LAST_KNOWN + 1, 0, 1), _op(_RETURN, _ERRNO | _ENOSYS)]
        return Program(b''.join(head + _tree(sorted(self._bodies.items()))))


def _tree(bodies: list[tuple[int, Code]]) -> Code:
    if len(bodies) == 1:
        wanted, body = bodies[0]
        return [_op(_EQUAL, wanted, 1, 0)] + ALLOW + body
    middle = len(bodies) // 2
    left, right = _tree(bodies[:middle]), _tree(bodies[middle:])
    # A conditional jump reaches 255 instructions, an unconditional one any number.
    return [_op(_AT_LEAST, bodies[middle][0], 0, 1), _op(_JUMP, len(left))] + left + right


class Program:
    """Kept in memory in the kernel's form, so that entering it is one call."""

    def __init__(self, code: bytes) -> None:
        self.length = len(code) // 8
        self._code = ctypes.create_string_buffer(code, len(code))
        self._header = ctypes.create_string_buffer(pack('@HxxxxxxP', self.length, ctypes.addressof(self._code)), 16)
        self._set = prepare('prctl', _PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(self._header))

    def enter(self) -> None:
        """For good, for this thread and all it starts. Needs no_new_privs."""
        self._set()
