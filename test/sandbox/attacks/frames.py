"""Forged frames: in another run's name, of kinds that only the host sends, broken ones.

What the worker then holds is looked at from outside: only frames about this run, all of them whole.
"""
from __future__ import annotations

import json
import os
import socket
import stat
import struct

from _calls import call
from _order import order

WHERE = ('run',)


def _frame(kind, payload):
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return struct.pack('>IB', len(data) + 1, kind) + data


def _ended(run):
    return _frame(0x15, {'run': run, 'cause': 'exited', 'exitCode': 0, 'signal': None, 'stdout': 'forged'})


def _sockets():
    for number in range(3, 4096):
        try:
            yield socket.socket(fileno=os.dup(number))
        except OSError:
            pass


def attack_speak_for_host(ctx):
    """On every socket that is open here."""
    sent = 0
    for found in _sockets():
        sent += found.send(_ended(ctx.run))
    return '%d bytes sent' % sent if sent else None


def attack_speak_for_sibling(ctx):
    sent = 0
    for found in _sockets():
        sent += found.send(_frame(0x13, struct.pack('>I', 99) + b'forged'))
    return '%d bytes sent' % sent if sent else None


def attack_write_to_every_descriptor(ctx):
    """Only the run's own result and output may be among them."""
    ctx.tried('wrote to all descriptors')
    for number in range(3, 4096):
        if number != ctx.result_fd():
            try:
                os.write(number, _ended(ctx.run))
                if stat.S_ISCHR(os.fstat(number).st_mode):  # /dev/null
                    continue
            except OSError:
                continue
            return 'descriptor %d took it: %s' % (number, os.readlink('/proc/self/fd/%d' % number))
    return None


def attack_reopen_stream_of_host(ctx):
    for number in os.listdir('/proc/%d/fd' % ctx.host):
        with open('/proc/%d/fd/%s' % (ctx.host, number), 'wb', buffering=0) as stream:
            return stream.write(_ended(ctx.run))
    return None


def attack_take_stream_of_host(ctx):
    pidfd = call('pidfd_open', ctx.host, 0)
    for number in range(1000, 1300):
        try:
            taken = call('pidfd_getfd', pidfd, number, 0)
        except OSError as error:
            if error.errno == 9:
                continue
            raise
        return 'took %d' % taken
    return None


def _write(ctx, data):
    ctx.tried('wrote %d bytes' % len(data))
    view = memoryview(data)
    while view:
        view = view[os.write(ctx.result_fd(), view):]


def attack_end_frame_in_result(ctx):
    _write(ctx, _ended(ctx.run))


def attack_end_of_another_run_in_result(ctx):
    _write(ctx, _ended(99))


def attack_fatal_in_result(ctx):
    _write(ctx, _frame(0x1f, {'code': 'internal', 'message': 'forged', 'traceback': ''}))


def attack_ready_in_result(ctx):
    _write(ctx, _frame(0x11, {'protocol': 1, 'pid': 1, 'collectors': []}))


def attack_garbage(ctx):
    _write(ctx, os.urandom(100_000))


def attack_length_zero(ctx):
    _write(ctx, bytes(4))


def attack_length_of_four_gigabytes(ctx):
    _write(ctx, b'\xff\xff\xff\xff\x21')


def attack_half_a_frame(ctx):
    _write(ctx, struct.pack('>IB', 1000, 0x21) + b'{"report":0')


def attack_finished_twice(ctx):
    _write(ctx, _frame(0x25, {'error': None}) * 2)


def attack_report_after_finished(ctx):
    report = {'report': 0, 'category': 'metric', 'query': {}, 'ip': None, 'port': None, 'at': '1', 'points': []}
    _write(ctx, _frame(0x25, {'error': None}) + _frame(0x21, report))


def attack_deep_json(ctx):
    _write(ctx, _frame(0x21, b'{"points":' + b'[' * 200_000 + b']' * 200_000 + b'}'))


def attack_long_number(ctx):
    _write(ctx, _frame(0x21, b'{"report":' + b'9' * 1_000_000 + b'}'))


def attack_prototype_keys(ctx):
    _write(ctx, _frame(0x21, b'{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'))


def attack_not_utf8(ctx):
    _write(ctx, _frame(0x23, b'{"code":"\xff\xfe","message":"\xc0\x80"}'))


def attack_frame_of_the_greatest_length(ctx):
    _write(ctx, _frame(0x23, b'{"code":"x","message":"' + b'y' * (15 << 20) + b'"}'))


def attack_frames_on_standard_output(ctx):
    ctx.tried('printed frames')
    os.write(1, _ended(ctx.run) + _frame(0x25, {'error': None}))


@order()
def attack_run_orders_for_host(ctx):
    """The host reads orders from one stream only: nothing that a run writes is one."""
    _write(ctx, _frame(0x02, {'run': 500, 'collector': 'attacks/attacker:Attacker', 'timeoutMs': 1000, 'leaseMs': 1000}))


def attack_connect_as_worker(ctx):
    """Is there any socket by which a host would take orders from somebody else?"""
    with open('/proc/%d/net/unix' % ctx.host) as file:
        lines = file.read().splitlines()[1:]
    for line in lines:
        path = line.split()[-1]
        if path.startswith(ctx.tmp) or path.startswith('@pythond'):
            return path
    return None
