"""Processes that try to outlive their run. Seen from outside: two seconds after the end nothing is left."""
from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

from _calls import call
from _order import order

WHERE = ('run', 'import')
_SLEEP = ['/bin/sleep', '600']


def _forever(ctx, prepare=None):
    """A child that stays, told by its pid."""
    pid = os.fork()
    if pid:
        ctx.tried('process %d' % pid)
        return pid
    try:
        if prepare:
            prepare()
        while True:
            time.sleep(60)
    finally:
        os._exit(0)


def _ignore_all():
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass


def attack_child(ctx):
    _forever(ctx)


@order(where=('run',))
def attack_leave_the_session(ctx):
    """Whatever left its process group would not be reached by the signal that ends the group."""
    if os.fork() == 0:
        os.setsid()
        ctx.say({'evidence': 'it left'} if os.getsid(0) == os.getpid() else {'tried': 'setsid'})
        os._exit(0)
    os.wait()


@order(where=('run',))
def attack_leave_the_group(ctx):
    if os.fork() == 0:
        os.setpgid(0, 0)
        ctx.say({'evidence': 'it left'} if os.getpgrp() == os.getpid() else {'tried': 'setpgid'})
        os._exit(0)
    os.wait()


@order(where=('run',))
def attack_adopt_orphans(ctx):
    """They would not come to the host, which looks for them among its own children."""
    call('prctl', 36, 1, 0, 0, 0)
    return 'orphans come to the run'


@order(where=('run',))
def attack_outlive_the_host(ctx):
    """Without the signal at the host's death."""
    call('prctl', 1, 0, 0, 0, 0)
    signal_ = ctypes.c_int()
    ctypes.CDLL(None).prctl(2, ctypes.byref(signal_), 0, 0, 0)
    return None if signal_.value == signal.SIGKILL else 'it would not be told'


def attack_child_in_a_session_of_its_own(ctx):
    _forever(ctx, os.setsid)


def attack_child_in_a_group_of_its_own(ctx):
    _forever(ctx, lambda: os.setpgid(0, 0))


def attack_child_that_ignores_signals(ctx):
    _forever(ctx, _ignore_all)


def attack_daemon(ctx):
    """The text-book way: fork, setsid, fork, close everything."""
    ctx.tried('a daemon')
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.chdir('/')
        os.closerange(0, 4096)
        time.sleep(600)
        os._exit(0)


def attack_daemon_of_daemons(ctx):
    ctx.tried('ten generations')
    if os.fork() == 0:
        for _ in range(10):
            os.setsid() if os.getsid(0) != os.getpid() else None
            if os.fork():
                os._exit(0)
        time.sleep(600)
        os._exit(0)


def attack_daemon_that_forgets_its_parent(ctx):
    """Without the signal at the parent's death, and with orphans of its own."""

    def prepare():
        call('prctl', 1, 0, 0, 0, 0)
        call('prctl', 36, 1, 0, 0, 0)
        os.setsid()
        _forever(ctx, os.setsid)

    _forever(ctx, prepare)


def attack_thread(ctx):
    thread = threading.Thread(target=time.sleep, args=(600,))
    thread.start()
    ctx.tried('a thread')


def attack_daemon_thread_that_forks(ctx):
    ctx.tried('a thread that forks later')

    def later():
        while True:
            try:
                if os.fork() == 0:
                    os.setsid()
                    time.sleep(600)
                    os._exit(0)
            except OSError:
                pass
            time.sleep(0.01)

    if ctx.where == 'run':
        threading.Thread(target=later, daemon=True).start()
        time.sleep(0.1)


def attack_program(ctx):
    ctx.tried('process %d' % subprocess.Popen(_SLEEP).pid)


def attack_program_in_a_session_of_its_own(ctx):
    ctx.tried('process %d' % subprocess.Popen(_SLEEP, start_new_session=True).pid)


def attack_program_without_hang_up(ctx):
    subprocess.run(['/bin/sh', '-c', 'nohup setsid sleep 600 > /dev/null 2>&1 & nohup sleep 600 > /dev/null 2>&1 &'])
    ctx.tried('nohup')


def attack_spawned_program(ctx):
    pid = os.posix_spawn('/bin/sleep', _SLEEP, {}, setsigmask=[signal.SIGTERM])
    ctx.tried('process %d' % pid)


def attack_child_that_holds_the_output(ctx):
    """The host must not wait for whoever still has the pipe."""
    _forever(ctx, lambda: (os.setsid(), print('held', flush=True)))


def attack_child_that_goes_on_reporting(ctx):
    def prepare():
        os.setsid()
        while True:
            try:
                os.write(ctx.result_fd(), b'')
            except OSError:
                pass
            time.sleep(0.05)

    _forever(ctx, prepare)


def attack_stopped_child(ctx):
    _forever(ctx, lambda: os.kill(os.getpid(), signal.SIGSTOP))


def attack_child_of_host(ctx):
    """CLONE_PARENT: not our child at all."""
    pid = call('clone', 0x8000 | 17, 0, 0, 0, 0)
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    ctx.tried('process %d' % pid)


def attack_child_that_shares_memory(ctx):
    """vfork's sibling: CLONE_VM without CLONE_THREAD is no thread, and has a pid of its own."""
    ctx.tried('a process in our memory')
    libc = ctypes.CDLL(None)
    stack = ctypes.create_string_buffer(1 << 20)
    top = ctypes.c_void_p((ctypes.addressof(stack) + (1 << 20) - 64) & ~15)
    pause = ctypes.cast(libc.pause, ctypes.c_void_p)
    libc.clone(pause, top, 0x100 | 17, None)


@order(where=('run',), timeoutMs=700)
def attack_time_out_with_children(ctx):
    _forever(ctx, os.setsid)
    _forever(ctx, _ignore_all)
    time.sleep(600)


@order(where=('run',), cancel=True)
def attack_cancelled_with_children(ctx):
    _forever(ctx, os.setsid)
    _forever(ctx, _ignore_all)
    time.sleep(600)


@order(where=('run',))
def attack_kill_itself_with_children(ctx):
    _forever(ctx, os.setsid)
    os.kill(os.getpid(), signal.SIGKILL)


@order(where=('run',))
def attack_become_another_program(ctx):
    _forever(ctx, os.setsid)
    os.execv('/bin/sh', ['sh', '-c', 'setsid sleep 600 & exit 0'])


@order(where=('run',))
def attack_crash_with_children(ctx):
    _forever(ctx, os.setsid)
    ctypes.string_at(1)


def attack_chase(ctx):
    """Each generation makes the next as soon as it is there."""
    ctx.tried('a chain')
    if os.fork() == 0:
        os.setsid()
        while True:
            try:
                if os.fork():
                    os._exit(0)
            except OSError:
                pass


def attack_python_child(ctx):
    code = 'import os, time\nos.setsid()\nif os.fork() == 0:\n time.sleep(600)'
    subprocess.run([sys.executable, '-I', '-c', code], stderr=subprocess.DEVNULL)
    ctx.tried('another Python')


def attack_process_pool(ctx):
    from concurrent.futures import ProcessPoolExecutor

    pool = ProcessPoolExecutor(2)
    pool.submit(time.sleep, 600)
    ctx.tried('a pool that is not shut down')
    if ctx.where == 'run':
        os._exit(0)


def attack_timed_job(ctx):
    """at, cron and the system's manager start things that are nobody's children."""
    for words in (['at', 'now'], ['crontab', '-'], ['systemd-run', '--user', 'sleep', '600']):
        try:
            done = subprocess.run(words, input=b'* * * * * true\n', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return '%s took it' % words[0]
    return None
