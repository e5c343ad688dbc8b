"""Signals to anything but the run's own processes."""
from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct

from _calls import call

WHERE = ('run', 'import')


def _signal(pid, number=signal.SIGTERM):
    os.kill(pid, number)
    return 'signal %d went to %d' % (number, pid)


def attack_term_worker(ctx):
    return _signal(ctx.worker)


def attack_kill_worker(ctx):
    return _signal(ctx.worker, signal.SIGKILL)


def attack_stop_worker(ctx):
    return _signal(ctx.worker, signal.SIGSTOP)


def attack_hang_up_worker(ctx):
    return _signal(ctx.worker, signal.SIGHUP)


def attack_probe_worker(ctx):
    """Signal 0 does nothing, but tells that the next one would arrive."""
    return _signal(ctx.worker, 0)


def attack_tkill_worker(ctx):
    call('tkill', ctx.worker, signal.SIGUSR1)
    return 'sent'


def attack_tgkill_worker(ctx):
    call('tgkill', ctx.worker, ctx.worker, signal.SIGUSR1)
    return 'sent'


def attack_queue_to_worker(ctx):
    info = struct.pack('iii', signal.SIGUSR1, 0, -1) + bytes(116)
    call('rt_sigqueueinfo', ctx.worker, signal.SIGUSR1, info)
    return 'sent'


def attack_queue_to_thread_of_worker(ctx):
    info = struct.pack('iii', signal.SIGUSR1, 0, -1) + bytes(116)
    call('rt_tgsigqueueinfo', ctx.worker, ctx.worker, signal.SIGUSR1, info)
    return 'sent'


def attack_pidfd_signal_to_worker(ctx):
    call('pidfd_send_signal', call('pidfd_open', ctx.worker, 0), signal.SIGUSR1, None, 0)
    return 'sent'


def attack_worker_by_descriptor_owner(ctx):
    """SIGIO or any other signal, sent by the kernel on our behalf."""
    ours, theirs = os.pipe()
    fcntl.fcntl(ours, fcntl.F_SETOWN, ctx.victim)
    fcntl.fcntl(ours, 10, signal.SIGKILL)  # F_SETSIG
    fcntl.fcntl(ours, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(theirs, b'x')
    return None if _is_whole(ctx.victim) else 'the victim is gone'


def attack_worker_by_urgent_data(ctx):
    ours, theirs = socket.socketpair()
    fcntl.fcntl(ours, fcntl.F_SETOWN, ctx.victim)
    theirs.send(b'x', socket.MSG_OOB)
    return None  # SIGURG is ignored by default: the outside sees whether anything else came of it


def attack_worker_by_child_exit(ctx):
    """A process may choose the signal that its end sends to its parent."""
    if ctx.where != 'run':
        return None
    pid = call('clone', 0x8000 | signal.SIGKILL, 0, 0, 0, 0)  # CLONE_PARENT: the host is the parent
    if pid == 0:
        os._exit(0)
    os.kill(ctx.host, 0)
    return None


def _is_whole(pid):
    with open('/proc/%d/stat' % pid) as file:
        return file.read().rpartition(')')[2].split()[0] not in 'ZX'


def attack_signal_everybody(ctx):
    """kill(-1) answers 0 even when every process refused: the outside counts the dead."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(-1, signal.SIGTERM)


def attack_kill_everybody(ctx):
    os.kill(-1, signal.SIGKILL)


def attack_stop_everybody(ctx):
    os.kill(-1, signal.SIGSTOP)


def attack_signal_each_process(ctx):
    reached = []
    for name in os.listdir('/proc'):
        if name.isdigit() and int(name) not in (1, os.getpid(), ctx.host):
            try:
                os.kill(int(name), signal.SIGTERM)
                reached.append(name)
            except OSError:
                pass
    return 'reached %s' % reached if reached else None


def attack_group_of_worker(ctx):
    os.killpg(ctx.worker_group, signal.SIGTERM)
    return 'sent'


def attack_group_of_sibling(ctx):
    os.killpg(os.getpgid(ctx.sibling), signal.SIGTERM)
    return 'sent'


def attack_join_group_of_sibling(ctx):
    os.setpgid(0, os.getpgid(ctx.sibling))
    return 'joined' if os.getpgrp() == os.getpgid(ctx.sibling) else None


def attack_init(ctx):
    return _signal(1, signal.SIGUSR1)


def attack_victim(ctx):
    return _signal(ctx.victim, signal.SIGKILL)


def attack_sibling_host(ctx):
    return _signal(ctx.sibling)


def attack_stop_sibling_host(ctx):
    return _signal(ctx.sibling, signal.SIGSTOP)


def attack_sibling_run(ctx):
    return _signal(ctx.sibling_run, signal.SIGKILL)


def attack_kill_own_host(ctx):
    return _signal(ctx.host, signal.SIGKILL) if ctx.where == 'run' else None


def attack_stop_own_host(ctx):
    return _signal(ctx.host, signal.SIGSTOP) if ctx.where == 'run' else None



def attack_by_a_program(ctx):
    pid = os.posix_spawn('/bin/sh', ['sh', '-c', 'kill -TERM %d' % ctx.victim], {'PATH': '/usr/bin:/bin'})
    return 'the shell did it' if os.waitpid(pid, 0)[1] == 0 else None


def attack_by_a_grandchild(ctx):
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        if grandchild == 0:
            try:
                os.kill(ctx.victim, signal.SIGKILL)
                os._exit(0)
            except BaseException:
                os._exit(1)
        os._exit(os.waitpid(grandchild, 0)[1] >> 8)
    return 'a grandchild did it' if os.waitpid(child, 0)[1] == 0 else None
