"""Limits of a run, and the scheduler's favours. The driver gives small limits, to be quick."""
from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import struct
import subprocess
import threading
import time

from _calls import call
from _order import order

WHERE = ('run',)
_MIB = 1 << 20
POLICY = {'limits': {'addressSpaceBytes': 512 * _MIB, 'fileBytes': 4 * _MIB, 'openFiles': 128, 'processes': 64,
                     'cpuMs': 1000}}
_TOO_MUCH = 640  # MiB


def _raise_limit(which):
    soft, hard = resource.getrlimit(which)
    if hard == resource.RLIM_INFINITY:
        return 'there is no limit'
    resource.setrlimit(which, (hard + 1, hard + 1))
    return 'raised from %d' % hard


def attack_raise_memory(ctx):
    return _raise_limit(resource.RLIMIT_AS)


def attack_raise_open_files(ctx):
    return _raise_limit(resource.RLIMIT_NOFILE)


def attack_raise_file_size(ctx):
    return _raise_limit(resource.RLIMIT_FSIZE)


def attack_raise_processor_time(ctx):
    return _raise_limit(resource.RLIMIT_CPU)


def attack_raise_core_size(ctx):
    return _raise_limit(resource.RLIMIT_CORE)


def attack_raise_limits_by_child(ctx):
    done = subprocess.run(['/bin/sh', '-c', 'ulimit -n 100000 && ulimit -n'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else None


def attack_limits_of_worker(ctx):
    call('prlimit64', ctx.worker, 7, struct.pack('QQ', 3, 3), None)
    return 'the worker can open nothing more'


def attack_limits_of_victim(ctx):
    call('prlimit64', ctx.victim, 6, struct.pack('QQ', 0, 0), None)
    return 'the victim can fork no more'


def attack_read_limits_of_worker(ctx):
    call('prlimit64', ctx.worker, 7, None, ctypes.create_string_buffer(16))
    return 'read'


def attack_limits_of_host(ctx):
    call('prlimit64', ctx.host, 7, struct.pack('QQ', 3, 3), None)
    return 'no later run can start'


def attack_higher_priority(ctx):
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, before - 5)
    return 'raised' if os.getpriority(os.PRIO_PROCESS, 0) < before else None


def attack_priority_of_worker(ctx):
    os.setpriority(os.PRIO_PROCESS, ctx.victim, 15)
    return 'slowed down' if os.getpriority(os.PRIO_PROCESS, ctx.victim) == 15 else None


def attack_priority_of_user(ctx):
    """Everything of this user at once."""
    os.setpriority(os.PRIO_USER, 0, 12)
    return 'slowed down' if os.getpriority(os.PRIO_PROCESS, ctx.victim) == 12 else None


def attack_real_time(ctx):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    return 'real time' if os.sched_getscheduler(0) == os.SCHED_FIFO else None


def attack_round_robin(ctx):
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    return 'real time' if os.sched_getscheduler(0) == os.SCHED_RR else None


def attack_deadline_scheduler(ctx):
    attributes = struct.pack('IIQiIQQQ', 48, 6, 0, 0, 0, 10 ** 7, 10 ** 8, 10 ** 8)
    call('sched_setattr', 0, attributes, 0)
    return 'deadline'


def attack_scheduler_of_worker(ctx):
    call('sched_setscheduler', ctx.victim, 5, struct.pack('i', 0))  # SCHED_IDLE
    return 'the victim runs when nobody else does'


def attack_processors_of_worker(ctx):
    os.sched_setaffinity(ctx.victim, {max(os.sched_getaffinity(0))})
    return 'pinned'


def attack_disk_priority(ctx):
    call('ioprio_set', 1, 0, 1 << 13)  # real time
    return 'real time'


def attack_disk_priority_of_worker(ctx):
    call('ioprio_set', 1, ctx.victim, 3 << 13)  # idle
    return 'the victim waits for everybody'


def attack_never_be_killed(ctx):
    with open('/proc/self/oom_score_adj', 'w') as file:
        file.write('-1000')
    return 'the kernel would kill others first'


def attack_lock_memory(ctx):
    call('mlockall', 3)
    block = mmap.mmap(-1, 16 * _MIB)
    del block
    return 'locked 16 MiB'


def _fill(maps):
    held = 0
    for block in maps:
        for at in range(0, len(block), 4096):
            block[at] = 1
        held += len(block) // _MIB
        if held >= _TOO_MUCH:
            return 'held %d MiB' % held
    return None


def attack_memory(ctx):
    kept = []
    while len(kept) * 16 < _TOO_MUCH:
        kept.append(bytearray(16 * _MIB))
    return 'held %d MiB' % (len(kept) * 16)


def _maps(flags):
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 64 * _MIB, flags))
        yield kept[-1]


def attack_private_map(ctx):
    return _fill(_maps(mmap.MAP_PRIVATE))


def attack_shared_map(ctx):
    return _fill(_maps(mmap.MAP_SHARED))


def attack_memory_of_many_threads(ctx):
    threading.stack_size(8 * _MIB)
    stop = threading.Event()
    threads = []
    try:
        while len(threads) * 8 < _TOO_MUCH:
            threads.append(threading.Thread(target=stop.wait, daemon=True))
            threads[-1].start()
        return '%d threads' % len(threads)
    finally:
        stop.set()


def attack_file_in_memory(ctx):
    with open('/dev/shm/planted-by-attack', 'wb') as file:
        for _ in range(64):
            file.write(bytes(_MIB))
    return 'wrote 64 MiB'


def attack_big_file(ctx):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open('big', 'wb') as file:
        for _ in range(8):
            file.write(bytes(_MIB))
    return 'wrote 8 MiB'


def attack_big_file_by_allocation(ctx):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open('big', 'wb') as file:
        os.posix_fallocate(file.fileno(), 0, 64 * _MIB)
    return 'took 64 MiB'


def attack_big_file_by_a_child(ctx):
    done = subprocess.run(['/bin/sh', '-c', 'trap "" XFSZ; head -c 8388608 /dev/zero > big'], stderr=subprocess.DEVNULL)
    return 'wrote 8 MiB' if done.returncode == 0 and os.path.getsize('big') >= 8 * _MIB else None


def attack_many_files_open(ctx):
    kept = []
    while len(kept) < 300:
        kept.append(os.open('/dev/null', os.O_RDONLY))
    return '%d open' % len(kept)


def attack_core_dump(ctx):
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        return 'a core of %s bytes may be written' % resource.getrlimit(resource.RLIMIT_CORE)[0]
    return None


@order(timeoutMs=8000)
def attack_processor_time(ctx):
    ctx.tried('burns')
    end = time.process_time() + 3.5
    while time.process_time() < end:
        pass
    return 'burned 3.5 s'


@order(timeoutMs=8000)
def attack_processor_time_ignoring_the_warning(ctx):
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    return attack_processor_time(ctx)


@order(timeoutMs=700)
def attack_wall_clock(ctx):
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            pass
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctx.tried('waits for ever')
    while True:
        time.sleep(60)


@order(timeoutMs=700)
def attack_wall_clock_with_children(ctx):
    ctx.tried('children that wait for ever')
    for _ in range(5):
        subprocess.Popen(['/bin/sh', '-c', 'trap "" TERM; while :; do sleep 60; done'])
    time.sleep(600)


@order(timeoutMs=700)
def attack_wall_clock_in_c(ctx):
    """A call that never comes back to Python."""
    ctx.tried('sleeps in C')
    libc = ctypes.PyDLL(None)
    while True:
        libc.sleep(60)


@order(timeoutMs=700)
def attack_lock_the_interpreter(ctx):
    ctx.tried('spins with the interpreter locked')
    import re
    re.match('(a*)*b', 'a' * 60)


@order(cancel=True)
def attack_outlive_cancel(ctx):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctx.tried('ignores that it is cancelled')
    time.sleep(600)
