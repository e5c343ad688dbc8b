"""The parts of level strict on their own: the probe, filters for both architectures, rulesets of older kernels."""
from __future__ import annotations

import errno
import os
import re
import struct
import sys
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import CORE, probed  # noqa: E402

if sys.platform == 'linux':
    from _pythond import _bpf, _confine, _landlock, _probe, _syscalls
    from _pythond._frames import FrameError
    from _pythond._policy import Policy
    from _pythond._seccomp import host_filter, run_filter
    from _pythond._setup import Setup

ALLOWED, KILLED = 'allowed', 'killed'
HEADERS = (('/usr/include/x86_64-linux-gnu/asm/unistd_64.h', 0), ('/usr/include/asm-generic/unistd.h', 1))


def policy(**more) -> Policy:
    return Policy({'level': 'strict', **more})


def for_machine(column: int, audit: int):
    """The filters of another architecture, built here."""
    return mock.patch.multiple(_syscalls, _COLUMN=column), mock.patch.multiple(_bpf, AUDIT_ARCH=audit)


def decide(program, number: int, args=(), arch: int | None = None):
    """What a program answers: the rules of bpf(4) for the instructions that seccomp admits."""
    data = struct.pack('<IIQ6Q', number, _bpf.AUDIT_ARCH if arch is None else arch, 0, *(list(args) + [0] * 6)[:6])
    code = [struct.unpack('<HBBI', program._code.raw[at:at + 8]) for at in range(0, len(program._code.raw), 8)]
    at, value = 0, 0
    while True:
        kind, if_true, if_false, k = code[at]
        at += 1
        if kind == 0x20:
            value = struct.unpack_from('<I', data, k)[0]
        elif kind == 0x54:
            value &= k
        elif kind == 0x05:
            at += k
        elif kind == 0x06:
            return {0x7FFF0000: ALLOWED, 0x80000000: KILLED}.get(k, k & 0xFFFF)
        else:
            hit = {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[kind]
            at += if_true if hit else if_false


@unittest.skipUnless(sys.platform == 'linux', 'the sandbox is Linux\'s')
class FilterTest(unittest.TestCase):
    def each(self):
        for name, (column, audit) in _syscalls._MACHINES.items():
            numbers, audits = for_machine(column, audit)
            with self.subTest(name), numbers, audits:
                yield column

    def test_every_rule_of_a_plain_call_holds_and_all_else_is_allowed(self) -> None:
        from _pythond import _seccomp
        for column in self.each():
            program = host_filter(policy())
            refused = set(_seccomp._REFUSED.split())
            for name, numbers in _syscalls._NUMBERS.items():
                if name in refused and numbers[column] is not None:
                    self.assertEqual(decide(program, numbers[column]), errno.EPERM, name)
            known = {numbers[column] for numbers in _syscalls._NUMBERS.values()}
            for number in set(range(451)) - known:
                self.assertEqual(decide(program, number), ALLOWED, number)

    def test_another_architecture_is_killed_and_unknown_calls_are_missing(self) -> None:
        for _ in self.each():
            program = host_filter(policy())
            self.assertEqual(decide(program, 1, arch=0x40000003), KILLED)
            for number in (451, 600, 0x40000001, 0xFFFFFFFF):
                self.assertEqual(decide(program, number), errno.ENOSYS)

    def test_sockets(self) -> None:
        cases = (  # family, type, protocol; by default, without network, with unix sockets
            ((2, 1, 0), ALLOWED, errno.EAFNOSUPPORT, ALLOWED), ((10, 0x80801, 6), ALLOWED, errno.EAFNOSUPPORT, ALLOWED),
            ((2, 2, 17), ALLOWED, errno.EAFNOSUPPORT, ALLOWED), ((2, 2, 1), ALLOWED, errno.EAFNOSUPPORT, ALLOWED),
            ((10, 2, 58), ALLOWED, errno.EAFNOSUPPORT, ALLOWED), ((16, 3, 0), ALLOWED, ALLOWED, ALLOWED),
            ((2, 3, 1), errno.EPERM, errno.EAFNOSUPPORT, errno.EPERM),
            ((2, 1, 262), errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT),
            ((2, 1, 132), errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT),
            ((16, 3, 12), errno.EPROTONOSUPPORT, errno.EPROTONOSUPPORT, errno.EPROTONOSUPPORT),
            ((1, 1, 0), errno.EAFNOSUPPORT, errno.EAFNOSUPPORT, ALLOWED),
            ((38, 5, 0), errno.EAFNOSUPPORT, errno.EAFNOSUPPORT, errno.EAFNOSUPPORT))
        for column in self.each():
            number = _syscalls._NUMBERS['socket'][column]
            programs = [host_filter(policy(**more)) for more in ({}, {'network': False}, {'unixSockets': True})]
            for args, *wanted in cases:
                self.assertEqual([decide(program, number, args) for program in programs], wanted, args)

    def test_the_run_filter(self) -> None:
        for column in self.each():
            for flags, wanted in ((0x3D0F00, ALLOWED), (0x11, ALLOWED), (0x8011, errno.EPERM), (0x10000011, errno.EPERM)):
                self.assertEqual(decide(host_filter(policy()), _syscalls._NUMBERS['clone'][column], [flags]), wanted)
            whole, alone = run_filter(policy()), run_filter(policy(subprocess=False))
            number = {name: numbers[column] for name, numbers in _syscalls._NUMBERS.items()}
            for program in (whole, alone):
                self.assertEqual([decide(program, number[name]) for name in ('setsid', 'setpgid')], [0, 0])
                self.assertEqual([decide(program, number['prctl'], [option]) for option in (1, 36, 22, 15)],
                                 [0, errno.EPERM, errno.EPERM, ALLOWED])
                self.assertEqual(decide(program, number['clone'], [0x3D0F00]), ALLOWED)  # a thread
            self.assertEqual([decide(program, number['clone'], [0x11]) for program in (whole, alone)], [ALLOWED, errno.EPERM])
            self.assertEqual([decide(program, number['execve']) for program in (whole, alone)], [ALLOWED, errno.EPERM])
            self.assertLess(whole.length, 60)

    def test_modes_are_pretended_unless_the_uid_is_the_bundles_own(self) -> None:
        for column in self.each():
            number = _syscalls._NUMBERS['fchmodat'][column]
            made = _syscalls._NUMBERS['mkdirat'][column]
            answers = [(decide(host_filter(policy(**more)), number), decide(host_filter(policy(**more)), made, [0, 0, 0o77]))
                       for more in ({}, {'uid': 61234}, {'uid': 61234, 'sharedUid': True})]
            self.assertEqual(answers, [(0, errno.EPERM), (ALLOWED, ALLOWED), (0, errno.EPERM)])

    def test_the_numbers_are_those_of_the_headers(self) -> None:
        for path, column in HEADERS:
            if not os.path.exists(path):
                continue
            with open(path, encoding='utf-8') as file:
                found = {name: int(number) for name, number in re.findall(r'#define __NR(?:3264)?_(\w+)\s+(\d+)', file.read())}
            for name, numbers in _syscalls._NUMBERS.items():
                self.assertEqual(numbers[column], found.get(name, numbers[column]), name)


@unittest.skipUnless(sys.platform == 'linux', 'the sandbox is Linux\'s')
class ProbeTest(unittest.TestCase):
    def test_what_it_tells(self) -> None:
        told = probed()
        self.assertEqual(set(told), {'landlockAbi', 'seccomp', 'dropUid', 'dropCapabilities', 'strict', 'missing', 'arch'})
        self.assertEqual((told['strict'], told['arch']), (not told['missing'], os.uname().machine))

    def test_verdicts(self) -> None:
        for version in range(8):
            for drops_uid in (False, True):
                told = _probe.verdict(version, True, drops_uid, True)
                self.assertEqual(told['strict'], version >= 6 or (version > 0 and drops_uid), (version, drops_uid))
        self.assertFalse(_probe.verdict(7, False, True, True)['strict'])
        told = _probe.verdict(7, True, True, False)
        self.assertEqual([bool(each['what'] and each['remedy']) for each in told['missing']], [True])

    def test_rulesets_of_older_kernels_can_be_built_and_entered(self) -> None:
        newest = probed()['landlockAbi']
        if not newest:
            self.skipTest('there is no Landlock here')
        for version in range(1, newest + 1):
            self.assertTrue(_probe._in_child(lambda: _probe._landlock_holds(version)), version)

    def test_a_kernel_without_landlock_is_told_as_such(self) -> None:
        with mock.patch.object(_landlock, 'abi', lambda: 0):
            told = _probe.probe()
        self.assertFalse(told['strict'])
        self.assertIn('Landlock', told['missing'][0]['what'])

    def test_a_host_does_not_start_where_signals_would_reach_the_worker(self) -> None:
        setup = Setup({'protocol': 1, 'bundleRoot': CORE, 'tmpRoot': '/tmp', 'modules': [], 'policy': {'level': 'strict'}})
        for version in (0, 1, 5):
            with mock.patch.object(_landlock, 'abi', lambda: version), self.assertRaises(FrameError) as caught:
                _confine.Confinement(setup, CORE, '/tmp').enter_host()
            self.assertEqual(caught.exception.code, 'sandbox')


if __name__ == '__main__':
    unittest.main()
