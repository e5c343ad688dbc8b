"""A state that nobody's run wrote: it is refused, said so, and the run goes on without it."""
from __future__ import annotations

import os
import pickle
import pickletools
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import CORE  # noqa: E402, F401
from test_state import StateTestCase  # noqa: E402

HEAD = '''
import os
CALLED = []
class Plain:
    def __init__(self, *args):
        CALLED.append(args)
    def __call__(self, *args):
        CALLED.append(args)
class Restores:
    def __setstate__(self, state):
        CALLED.append(state)
class Reduces(dict):
    def __setitem__(self, key, value):
        CALLED.append(key)
'''
RUN = 'self.n += 1\nself.tell((self.n, CALLED, os.path.exists({marker!r})))'


class Call:
    """Is pickled as a call."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def state(value: bytes, header: bytes = b'{}') -> bytes:
    return struct.pack('>H', len(header)) + header + value


def whole(names: bytes) -> bytes:
    """A state whose names are made by these opcodes."""
    return state(b'\x80\x04}(' + text('v') + b'K\x01' + text('names') + names + text('contents') + b'}' + text('gone')
                 + b']' + text('told') + b']u.')


def text(value: str) -> bytes:
    data = value.encode('utf-8')
    return b'X' + struct.pack('<I', len(data)) + data


def name(attribute: str) -> bytes:
    return text('') + text(attribute) + b'\x86'


def bound(value: bytes) -> bytes:
    """self.x = what these opcodes give."""
    return whole(b'}' + name('x') + value + b's')


def builder(name_: str) -> bytes:
    return text(name_) + b'Q'


class PoisonTest(StateTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.marker = os.path.join(self.home, 'marker')
        self.victim = self.host('self.n = 0', RUN.format(marker=self.marker), head=HEAD)

    def check_refused(self, poison: bytes, why: str = '') -> None:
        ran = self.go(self.victim, poison)
        self.assertEqual(ran.told, ['(1, [], False)'])
        self.assertEqual(ran.codes, ['state-refused'])
        self.assertIn(why, ran.warnings[0]['message'])
        self.assertTrue(ran.state)  # takes the place of the poison
        self.assertEqual(self.go(self.victim, ran.state).told, ['(2, [], False)'])

    def test_calls_of_what_python_has(self):
        command = 'echo > ' + self.marker
        for protocol in range(0, 5):
            for value in (Call(os.system, command), Call(eval, '1'), Call(exec, 'import os'),
                          Call(getattr, Call(__import__, 'os'), 'system'), Call(open, self.marker, 'w'),
                          Call(bytearray, 1 << 33), pickle.Unpickler, os.system):
                for poison in (state(pickle.dumps(value, protocol)),
                               state(pickle.dumps({'v': 1, 'names': {('', 'x'): value}}, protocol))):
                    with self.subTest(value=value, protocol=protocol):
                        self.check_refused(poison)

    def test_every_opcode_that_no_state_needs(self):
        needed = set(b'N\x88\x89]})\x8f\x85\x86\x87t(aesu\x90\x91\x94RQ01.\x80\x95KMJGhj\x8c\x43\x8aX\x42\x8b')
        for opcode in pickletools.opcodes:
            code = opcode.code.encode('latin-1')
            if code[0] not in needed:
                with self.subTest(opcode.name):
                    self.check_refused(state(b'\x80\x04N' + code + b'\0' * 16 + b'.'), 'which no state has')

    def test_the_builders_with_what_they_do_not_expect(self):
        calls = {
            'eval': text('1') + b'\x85', 'make': text('x') + b'\x85',
            'complex': text('a') + text('b') + b'\x86', 'bytearray': b'J\xff\xff\xff\x7f\x85',
            'deque': text('x') + b'\x85', 'defaultdict': text('eval') + b'\x85',
            'standard': text('os') + text('system') + b'\x86', 'uuid': text('x') + b'\x85', 'fill': b'N)\x86',
        }
        for which, args in calls.items():
            with self.subTest(which):
                self.check_refused(bound(builder(which) + args + b'R'))
        for kind, base in (('os', 'object'), ('os.system', 'object'), ('Plain', 'list'), ('One.run', 'object')):
            made = b'(' + text('python.d/D/one.py') + text(kind) + text(base) + b'Nt'
            ran = self.go(self.victim, bound(builder('make') + made + b'R'))
            self.assertEqual((ran.told, ran.codes), (['(1, [], False)'], ['state-dropped']))
        zone = text('zone') + text('../../../../etc/passwd') + b'\x86'
        self.check_refused(bound(builder('standard') + zone + b'R'))

    def test_fill_of_what_is_no_instance_of_the_bundle(self):
        for target in (b']', b'}', builder('make'), text('') + text('') + text('') + b'\x87Q'):
            with self.subTest(target):
                self.check_refused(bound(builder('fill') + target + b'N}' + text('run') + b'K\x01s\x86\x86R'))

    def test_no_code_of_the_bundle_runs(self):
        path = text('python.d/D/one.py')
        for kind, base, content in (('Plain', 'object', b'N'), ('Restores', 'object', b'N'),
                                    ('Reduces', 'dict', b'N}' + text('k') + b'K\x01s\x86')):
            made = b'(' + path + text(kind) + text(base) + b'Nt'
            ran = self.go(self.victim, whole(
                b'}' + name('x') + builder('make') + made + b'R\x94' + builder('fill') + b'h\0' + content
                + b'}' + text('a') + b'K\x01s\x86\x86R0s'))
            with self.subTest(kind):
                self.assertEqual((ran.told, ran.warnings), (['(1, [], False)'], []))

    def test_names_that_are_code_or_nothing(self):
        for owner, attribute in (('python.d/D/one.py', 'os'), ('python.d/D/one.py:One', 'run'), ('', '__class__'),
                                 ('python.d/D/one.py', '__builtins__'), ('builtins', 'open'), ('nowhere', 'x')):
            ran = self.go(self.victim, whole(b'}' + text(owner) + text(attribute) + b'\x86K\x05s'))
            with self.subTest(attribute):
                self.assertEqual((ran.told, ran.error), (['(1, [], False)'], None))

    def test_what_would_grow(self):
        self.check_refused(state(b'\x80\x04' + self.laughs() + b'.'), 'grow')
        self.check_refused(state(b'\x80\x04j\xff\xff\xff\x7f.'))
        self.check_refused(state(b'\x80\x04\x8b\xff\xff\xff\x7f1.'), 'cut off')
        self.check_refused(state(b'\x80\x04\x95' + b'\xff' * 8 + b'N.'), 'cut off')

    @staticmethod
    def laughs() -> bytes:
        """Ten references to a list of ten references to... ten levels of them, in a few hundred bytes."""
        made = b']\x94K\x01a'
        for level in range(10):
            made += b']\x94(' + (b'h' + bytes([level])) * 10 + b'e'
        return b'(' + made + b't'

    def test_what_is_nested_deeply(self):
        for opened, closed in ((b']', b'a'), (b'', b'\x85')):
            deep = opened * 100_000 + b'N' + closed * 100_000
            self.check_refused(bound(deep), 'too deeply')

    def test_what_is_no_state_at_all(self):
        for poison in (b'', b'\0', b'\xff\xff', state(b''), state(b'.'), state(b'\x80\x04N.'), state(b'\x80\x04N.N.'),
                       state(b'\x80\x04}.'), state(b'\x80\x04N'), state(b'\x80\x04' + b'R' * 10 + b'.'),
                       whole(b'N'), whole(b'}K\x01K\x01s'), os.urandom(2000), state(os.urandom(2000))):
            if poison:
                with self.subTest(poison[:20]):
                    self.check_refused(poison)

    def test_a_state_with_a_bit_turned_never_ends_a_run(self):
        good = self.go(self.host('self.n, self.t = 0, {}', 'import datetime\nself.n += 1\n'
                                 'self.t[datetime.date(2020, 1, 1)] = [1.5, "x", P()]', head='class P: pass\n')).state
        for at in range(0, len(good), 3):
            broken = bytearray(good)
            broken[at] ^= 1 << (at % 8)
            ran = self.go(self.victim, bytes(broken))
            self.assertEqual((ran.error, len(ran.told)), (None, 1), at)


if __name__ == '__main__':
    unittest.main()
