"""A state that no run wrote, as somebody with the fleet's Redis could plant it: nothing of it may run or grow.

Each attack is the run that was given the state: it looks for what the state should have done. The decoder is the same at
either level of the sandbox.
"""
from __future__ import annotations

import gc
import os
import pickle
import resource
import struct
import sys

from _order import order

WHERE = ('run',)
_MARK = 'poisoned'  # a file in the temporary folder, where nothing but the state could have put it


class _Call:
    """Is pickled as a call."""

    def __init__(self, function, *args):
        self._call = function, args

    def __reduce__(self):
        return self._call


def _state(value):
    return struct.pack('>H', 2) + b'{}' + value


def _text(value):
    return b'X' + struct.pack('<I', len(value)) + value.encode()


def _whole(names):
    """A state of the right form, whose names are made by these opcodes."""
    return _state(b'\x80\x04}(' + _text('v') + b'K\x01' + _text('names') + names + _text('contents') + b'}' + _text('gone')
                  + b']' + _text('told') + b']u.')


def _attribute(value):
    """self.x = what these opcodes give."""
    return _whole(b'}' + _text('') + _text('x') + b'\x86' + value + b's')


def _built(builder, arguments):
    return _attribute(_text(builder) + b'Q' + arguments + b'R')


def _look(ctx):
    ctx.tried('a poisoned state')
    if os.path.exists(_MARK):
        return 'the state ran code'
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 300 * 1024:
        return 'the state grew to %d MiB' % (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    return None


def _poisoned_by(make):
    return order(state=make)


@_poisoned_by(lambda: _state(pickle.dumps(_Call(os.system, 'echo > ' + _MARK))))
def attack_call_of_system(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _state(pickle.dumps(_Call(os.system, 'echo > ' + _MARK), 0)))
def attack_call_in_old_protocol(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _attribute(pickle.dumps(_Call(os.system, 'echo > ' + _MARK), 4)[2:-1]))
def attack_call_in_an_attribute(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _state(pickle.dumps(_Call(eval, 'open("%s", "w")' % _MARK))))
def attack_evaluated_text(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _state(pickle.dumps(_Call(exec, 'open("%s", "w")' % _MARK))))
def attack_executed_text(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _state(pickle.dumps(_Call(open, _MARK, 'w'))))
def attack_opened_file(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _state(pickle.dumps(_Call(__import__, 'antigravity'))))
def attack_import(ctx):
    return _look(ctx) or ('imported' if 'antigravity' in sys.modules else None)


@_poisoned_by(lambda: _built('eval', _text('open("%s", "w")' % _MARK) + b'\x85'))
def attack_builder_that_is_none(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _built('standard', _text('os') + _text('system') + b'\x86'))
def attack_builder_of_standard_kinds(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _built('standard', _text('zone') + _text('../../../../etc/passwd') + b'\x86'))
def attack_zone_that_is_a_path(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _built('make', b'(' + _text('python.d/attacks/attacker.py') + _text('attempt') + _text('object') + b'Nt'))
def attack_function_of_the_bundle(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _whole(b'}' + _text('builtins') + _text('open') + b'\x86' + b'K\x05s'))
def attack_name_of_another_module(ctx):
    import builtins

    return _look(ctx) or ('open() is gone' if builtins.open == 5 else None)


@_poisoned_by(lambda: _whole(b'}' + _text('python.d/attacks/attacker.py:Attacker') + _text('run') + b'\x86' + b'K\x05s'))
def attack_name_that_is_code(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _whole(b'}' + _text('') + _text('__class__') + b'\x86' + b'K\x05s'))
def attack_class_of_the_collector(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _built('bytearray', b'J\xff\xff\xff\x7f\x85'))
def attack_two_gigabytes(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _state(b'\x80\x04j\xff\xff\xff\x7f.'))
def attack_entry_of_a_memo_that_is_not_there(ctx):
    return _look(ctx)


@_poisoned_by(lambda: _state(b'\x80\x04\x95' + b'\xff' * 8 + b'N.'))
def attack_frame_without_end(ctx):
    return _look(ctx)


def _laughs():
    made = b']\x94K\x01a'
    for level in range(10):
        made += b']\x94(' + (b'h' + bytes([level])) * 10 + b'e'
    return _state(b'\x80\x04(' + made + b't.')


@_poisoned_by(_laughs)
def attack_ten_of_ten_of_ten(ctx):
    """A few hundred bytes that would be ten thousand million things."""
    return _look(ctx)


@_poisoned_by(lambda: _attribute(b']' * 100_000 + b'N' + b'a' * 100_000))
def attack_deep_lists(ctx):
    return _look(ctx)


@_poisoned_by(lambda: os.urandom(100_000))
def attack_noise(ctx):
    gc.collect()
    return _look(ctx)
