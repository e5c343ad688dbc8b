"""What a pickle from Redis may look like before, and what may have become of it after, it is loaded.

It comes from outside: whoever can write to Redis can put anything there. Only what the pickler of _state_codec.py
writes passes: data, references by number, calls of the few builders. No opcode that names a module or a class, sets
attributes, or reserves memory by a number.
"""
from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

_FORBIDDEN, _BYTE_COUNT, _WORD_COUNT, _STOP, _FRAME, _BYTE_REFERENCE, _WORD_REFERENCE = -1, -2, -3, -4, -5, -6, -7
_PLAIN = b'N\x88\x89]})\x8f\x85\x86\x87t(aesu\x90\x91\x94RQ01'  # without an argument
_SIZES = [_FORBIDDEN] * 256
for _opcode in _PLAIN:
    _SIZES[_opcode] = 0
for _opcode, _size in ((0x80, 1), (0x4B, 1), (0x68, _BYTE_REFERENCE), (0x4D, 2), (0x4A, 4),
                       (0x6A, _WORD_REFERENCE), (0x47, 8), (0x95, _FRAME),
                       (0x8C, _BYTE_COUNT), (0x43, _BYTE_COUNT), (0x8A, _BYTE_COUNT), (0x58, _WORD_COUNT),
                       (0x42, _WORD_COUNT), (0x8B, _WORD_COUNT), (0x2E, _STOP)):
    _SIZES[_opcode] = _size

_DEEPEST = 1500
_FEW_REFERENCES = 18
_MOST_VALUES = 2_000_000  # written out, with every reference followed
_SCALARS = frozenset((type(None), bool, int, float, complex, str, bytes))


class Refused(Exception):
    """Not what a run of ours wrote."""


def vet_opcodes(data: bytes, start: int) -> bool:
    """Raises Refused. Tells whether what comes of it has to be weighed: a short one can be neither deep nor large."""
    sizes, at, end, references = _SIZES, start, len(data), 0
    try:
        while True:
            size = sizes[data[at]]
            at += 1
            if size >= 0:
                at += size
            elif size == _BYTE_REFERENCE:
                at += 1
                references += 1
            elif size == _BYTE_COUNT:
                at += 1 + data[at]
            elif size == _WORD_COUNT:
                at += 4 + int.from_bytes(data[at:at + 4], 'little')
            elif size == _WORD_REFERENCE:
                at += 4
                references += 1
            elif size == _FRAME:
                at += 8
                if int.from_bytes(data[at - 8:at], 'little') > end - at:
                    raise Refused('it is cut off')
            elif size == _STOP:
                break
            else:
                raise Refused('it holds opcode 0x{:02x}, which no state has'.format(data[at - 1]))
    except IndexError:
        raise Refused('it is cut off') from None
    if at != end:
        raise Refused('it does not end where it should')
    # With n references a structure grows 3 ** (n / 3) times at most; each level of it takes a byte.
    return end - start > _DEEPEST or references > _FEW_REFERENCES


def weigh(value: Any, parts: Any) -> None:
    """Raises Refused for what is nested too deeply, or grows out of all proportion when references are followed.

    `parts(value)` gives what a value holds. Every value is looked at once; a cycle counts as nothing.
    """
    weights: dict[int, int] = {id(value): 0}
    path: list[tuple[Any, Any, int]] = [(value, iter(_nested(parts(value))), 1)]
    kept = []  # or an id could be given out anew
    while path:
        holder, rest, weight = path.pop()
        for one in rest:
            known = weights.get(id(one))
            if known is None:
                held = parts(one)
                kept.append(held)
                weights[id(one)] = 0  # while its parts are being looked at
                path.append((holder, rest, weight))
                if len(path) > _DEEPEST:
                    raise Refused('it is nested too deeply')
                path.append((one, iter(_nested(held)), len(held)))
                break
            weight += known
        else:
            if weight > _MOST_VALUES:
                raise Refused('it would grow to more than {:,} values'.format(_MOST_VALUES))
            weights[id(holder)] = weight
            if path:
                above, rest, so_far = path.pop()
                path.append((above, rest, so_far + weight))


def _nested(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if type(value) not in _SCALARS]


def parts_of_containers(value: Any) -> list[Any]:
    kind = type(value)
    if kind in (list, tuple, set, frozenset, deque):
        return list(value)
    if issubclass(kind, dict):
        return [*dict.keys(value), *dict.values(value)]
    return []
