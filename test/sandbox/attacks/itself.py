"""A run that stops, blinds or replaces itself, or stops what is above it. The next run must find all in order."""
from __future__ import annotations

import ctypes
import os
import signal
import sys

from _calls import call
from _order import order

WHERE = ('run',)


@order(timeoutMs=700)
def attack_stop_itself(ctx):
    ctx.tried('stops')
    os.kill(os.getpid(), signal.SIGSTOP)


@order(timeoutMs=700)
def attack_stop_its_group(ctx):
    ctx.tried('stops its group')
    os.killpg(0, signal.SIGSTOP)


def attack_stop_its_parent(ctx):
    os.kill(os.getppid(), signal.SIGSTOP)
    return 'stopped'


def attack_kill_its_parent(ctx):
    os.kill(os.getppid(), signal.SIGKILL)
    return 'killed'


def attack_stop_threads_of_its_parent(ctx):
    for thread in os.listdir('/proc/%d/task' % os.getppid()):
        call('tkill', int(thread), signal.SIGSTOP)
    return 'stopped'


def attack_kill_itself(ctx):
    ctx.tried('kills itself')
    os.kill(os.getpid(), signal.SIGKILL)


def attack_exit_without_a_word(ctx):
    ctx.tried('leaves')
    os._exit(0)


def attack_crash(ctx):
    ctx.tried('crashes')
    ctypes.string_at(1)


@order(timeoutMs=1000)
def attack_overflow_the_stack(ctx):
    ctx.tried('recurses')
    sys.setrecursionlimit(10 ** 8)

    def deeper(n):
        return deeper(n + 1) + 1

    deeper(0)


def attack_abort(ctx):
    ctx.tried('aborts')
    os.abort()


def attack_close_everything(ctx):
    ctx.tried('closes')
    os.closerange(0, 65536)


def attack_close_result(ctx):
    ctx.tried('closes its result')
    os.close(ctx.result_fd())


def attack_replace_itself(ctx):
    ctx.tried('becomes another program')
    os.execv('/bin/sh', ['sh', '-c', 'exit 0'])


def attack_second_filter(ctx):
    """A filter of its own could make the calls of a set-uid child fail in ways that nobody expects."""
    return 'installed' if call('seccomp', 1, 0, None) == 0 else None


def attack_trap_its_own_clean_up(ctx):
    """os._exit replaced: what ends the run must not be the user's to change."""
    ctx.tried('replaces functions')
    os._exit = os.close = os.write = lambda *_: None
    sys.exit = lambda *_: None


@order(timeoutMs=1000)
def attack_never_return_from_clean_up(ctx):
    import atexit
    import time
    ctx.tried('hooks that never return')
    atexit.register(time.sleep, 600)
    sys.stdout.flush = lambda: time.sleep(600)


def attack_poison_the_host(ctx):
    """What a run changes in its copy of the host stays in its copy."""
    ctx.tried('changes modules')
    host = sys.modules['_pythond._host']
    host.Host._start = host.Host._tend = None
    sys.modules['os'].fork = None


def attack_leave_a_full_folder(ctx):
    ctx.tried('leaves files')
    os.makedirs('a/b/c')
    for number in range(500):
        with open('a/b/c/%d' % number, 'w') as file:
            file.write('x')


def attack_find_what_another_run_left(ctx):
    """The folder is empty at the start, and shared memory is too."""
    left = os.listdir('.')
    return left if left else None


def attack_dumpable_again(ctx):
    """Core and ptrace rules follow a flag that a process sets itself: it must not open the worker."""
    call('prctl', 4, 1, 0, 0, 0)
    call('ptrace', 0x4206, ctx.worker, 0, 0)
    return 'seized'


def attack_new_landlock_domain(ctx):
    """Sixteen of them are the most: the next run's own would not fit, were they the host's."""
    ctx.tried('domains')
    attributes = (1).to_bytes(8, 'little')
    for _ in range(20):
        ruleset = call('landlock_create_ruleset', attributes, 8, 0)
        call('landlock_restrict_self', ruleset, 0)


def attack_priority_to_nothing(ctx):
    """A run may be nice; the host must not become it."""
    ctx.tried('slows down')
    before = os.getpriority(os.PRIO_PROCESS, ctx.host)
    os.nice(19)
    return 'the host is slower' if os.getpriority(os.PRIO_PROCESS, ctx.host) > before else None
