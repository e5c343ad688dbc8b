"""More than the worker, the host or the disk should take. What got through is counted from outside."""
from __future__ import annotations

import ctypes
import os
import sys
import threading

from datakit_framework import DataKitFramework

from _order import order

_MIB = 1 << 20
POLICY = {'limits': {'processes': 64, 'openFiles': 256, 'fileBytes': 4 * _MIB, 'tmpBytes': 16 * _MIB}}
WHERE = ('run',)


@order(timeoutMs=1000)
def attack_standard_output(ctx):
    ctx.tried('prints for ever')
    block = b'x' * 65536
    while True:
        os.write(1, block)


@order(timeoutMs=1000)
def attack_standard_error(ctx):
    ctx.tried('complains for ever')
    block = b'x' * 65536
    while True:
        os.write(2, block)


@order(timeoutMs=1000)
def attack_lines(ctx):
    ctx.tried('prints short lines for ever')
    while True:
        sys.stdout.write('\n' * 500)


@order(timeoutMs=1000)
def attack_output_of_many_processes(ctx):
    ctx.tried('eight processes print')
    for _ in range(8):
        if os.fork() == 0:
            while True:
                os.write(1, b'y' * 65536)
    while True:
        os.write(2, b'y' * 65536)


@order(timeoutMs=10000)
def attack_result(ctx):
    """Past the framework, straight into the descriptor."""
    ctx.tried('fills the result')
    block = b'\x00\x00\xff\xff\x21' + b'z' * 65534
    while True:
        os.write(ctx.result_fd(), block)


@order(timeoutMs=10000)
def attack_reports(ctx):
    ctx.tried('reports for ever')
    collector = DataKitFramework(ip='127.0.0.1', port=9529)
    points = [{'measurement': 'm', 'tags': {'n': str(n)}, 'fields': {'v': 'x' * 500}} for n in range(1000)]
    while True:
        collector.report({'M': points})


@order(timeoutMs=10000)
def attack_tiny_reports(ctx):
    ctx.tried('reports a little for ever')
    collector = DataKitFramework(ip='127.0.0.1', port=9529)
    while True:
        collector.report({'M': [0]})


@order(timeoutMs=10000)
def attack_last_errors(ctx):
    ctx.tried('complains to DataKit for ever')
    collector = DataKitFramework(ip='127.0.0.1', port=9529)
    while True:
        collector.set_lasterror('x', 'y' * 10000)


@order(timeoutMs=1000, bomb=True)
def attack_fork_bomb(ctx):
    ctx.tried('forks for ever')
    while True:
        try:
            os.fork()
        except OSError:
            pass


@order(timeoutMs=1000, bomb=True)
def attack_fork_bomb_in_shell(ctx):
    ctx.tried('the shell forks for ever')
    os.execv('/bin/bash', ['bash', '-c', 'b() { b | b & }; b; while :; do :; done'])


@order(timeoutMs=1000, bomb=True)
def attack_fork_and_run_away(ctx):
    """Each process makes a successor and ends, so that no list of them is ever true."""
    ctx.tried('a chain of processes')
    for _ in range(10):
        if os.fork() == 0:
            while True:
                try:
                    if os.fork():
                        os._exit(0)
                except OSError:
                    pass
    while True:
        pass


@order(timeoutMs=5000)
def attack_threads(ctx):
    ctx.tried('threads without end')
    stop = threading.Event()
    threading.stack_size(64 * 1024)
    while True:
        thread = threading.Thread(target=stop.wait, daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            return None


@order(timeoutMs=4000)
def attack_many_small_files(ctx):
    ctx.tried('files without end')
    count = 0
    while count < 30000:
        with open('f%d' % count, 'w'):
            count += 1


@order(timeoutMs=4000)
def attack_disk(ctx):
    """Many files, each below the limit for one: the worker watches the sum."""
    ctx.tried('fills its folder')
    for number in range(16):
        with open('f%d' % number, 'wb') as file:
            file.write(bytes(2 * _MIB))


@order(timeoutMs=4000)
def attack_deep_folders(ctx):
    ctx.tried('folders in folders')
    for _ in range(3000):
        os.mkdir('d')
        os.chdir('d')


@order(timeoutMs=4000)
def attack_unreadable_folders(ctx):
    ctx.tried('folders without rights')
    for number in range(50):
        os.makedirs('a%d/b' % number)
        os.chmod('a%d' % number, 0)


@order(timeoutMs=4000)
def attack_pipes(ctx):
    """Each pipe holds kernel memory that no limit of a process counts."""
    import fcntl
    ctx.tried('pipes')
    kept = []
    while len(kept) < 2000:
        ours, theirs = os.pipe()
        fcntl.fcntl(theirs, 1031, _MIB)
        os.set_blocking(theirs, False)
        os.write(theirs, bytes(_MIB))
        kept.append((ours, theirs))
    return '%d MiB in pipes' % len(kept)


@order(timeoutMs=4000)
def attack_watches(ctx):
    """inotify instances are counted by user: the worker would have none left."""
    ctx.tried('inotify')
    libc = ctypes.CDLL(None, use_errno=True)
    count = 0
    while libc.inotify_init() >= 0 and count < 1000:
        count += 1
    return '%d instances' % count if count >= 1000 else None


@order(timeoutMs=4000)
def attack_terminals(ctx):
    ctx.tried('pseudo-terminals')
    import pty
    kept = []
    while len(kept) < 500:
        kept.append(pty.openpty())
    return '%d terminals' % len(kept)


@order(timeoutMs=4000)
def attack_timers(ctx):
    """Queued signals and timers are counted by user."""
    ctx.tried('timers')
    libc = ctypes.CDLL('librt.so.1', use_errno=True)
    timer = ctypes.c_void_p()
    count = 0
    while count < 200000 and libc.timer_create(1, None, ctypes.byref(timer)) == 0:
        count += 1
    return None
