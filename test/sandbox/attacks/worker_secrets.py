"""The worker's secret: in its environment, in its memory, in a file that it holds open."""
from __future__ import annotations

import ctypes
import os
import signal
import struct

from _calls import call

WHERE = ('run', 'import')
_ATTACH, _DETACH, _SEIZE, _PEEK = 16, 17, 0x4206, 2


def _read(path, size=1 << 20):
    with open(path, 'rb', buffering=0) as file:
        return file.read(size)


def _found(ctx, data, where):
    at = data.find(ctx.marker.encode())
    return '%s holds %r' % (where, data[at:at + 30]) if at >= 0 else None


def _memory(ctx, path):
    """What the file of a process's memory says where the secret lies."""
    descriptor = os.open(path, os.O_RDONLY)
    return _found(ctx, os.pread(descriptor, 64, ctx.secret_address), path)


def attack_environ_of_worker(ctx):
    return _found(ctx, _read('/proc/%d/environ' % ctx.worker), 'environ')


def attack_environ_of_worker_by_thread(ctx):
    return _found(ctx, _read('/proc/%d/task/%d/environ' % (ctx.worker, ctx.worker)), 'environ')


def attack_environ_of_every_process(ctx):
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                found = _found(ctx, _read('/proc/%s/environ' % name), name)
            except OSError:
                continue
            if found:
                return found
    return None


def attack_initial_stack_of_worker(ctx):
    """The environment lies on the stack, whose place the maps tell."""
    for line in _read('/proc/%d/maps' % ctx.worker).decode().splitlines():
        if line.endswith('[stack]'):
            low, high = (int(part, 16) for part in line.split()[0].split('-'))
            descriptor = os.open('/proc/%d/mem' % ctx.worker, os.O_RDONLY)
            return _found(ctx, os.pread(descriptor, high - low, low), 'the stack')
    return None


def attack_memory_of_worker(ctx):
    return _memory(ctx, '/proc/%d/mem' % ctx.worker)


def attack_memory_of_worker_by_thread(ctx):
    return _memory(ctx, '/proc/%d/task/%d/mem' % (ctx.worker, ctx.worker))


def attack_write_memory_of_worker(ctx):
    descriptor = os.open('/proc/%d/mem' % ctx.worker, os.O_RDWR)
    return 'wrote %d bytes' % os.pwrite(descriptor, b'!', ctx.scratch_address)


def attack_maps_of_worker(ctx):
    return _read('/proc/%d/maps' % ctx.worker)[:60]


def attack_smaps_of_worker(ctx):
    return _read('/proc/%d/smaps' % ctx.worker)[:60]


def attack_map_files_of_worker(ctx):
    return os.listdir('/proc/%d/map_files' % ctx.worker)[:3]


def attack_auxv_of_worker(ctx):
    """Where its stack and its libraries lie."""
    return _read('/proc/%d/auxv' % ctx.worker)[:16].hex()


def attack_pagemap_of_worker(ctx):
    return len(_read('/proc/%d/pagemap' % ctx.worker, 8))


def attack_syscall_of_worker(ctx):
    return _read('/proc/%d/syscall' % ctx.worker)


def attack_stack_of_worker(ctx):
    return _read('/proc/%d/stack' % ctx.worker)[:60]


def attack_open_files_of_worker(ctx):
    folder = '/proc/%d/fd' % ctx.worker
    return [os.readlink('%s/%s' % (folder, name)) for name in os.listdir(folder)][:5]


def attack_fdinfo_of_worker(ctx):
    return _read('/proc/%d/fdinfo/%d' % (ctx.worker, ctx.secret_fd))


def attack_reopen_file_of_worker(ctx):
    return _found(ctx, _read('/proc/%d/fd/%d' % (ctx.worker, ctx.secret_fd)), 'its open file')


def attack_control_stream_of_worker(ctx):
    """What the worker and another host say to each other."""
    descriptor = call('pidfd_getfd', call('pidfd_open', ctx.worker, 0), ctx.control_fd, 0)
    return 'took descriptor %d' % descriptor


def attack_pidfd_getfd(ctx):
    descriptor = call('pidfd_getfd', call('pidfd_open', ctx.worker, 0), ctx.secret_fd, 0)
    return _found(ctx, os.pread(descriptor, 100, 0), 'the taken descriptor')


def attack_root_of_worker(ctx):
    return _found(ctx, _read('/proc/%d/root%s' % (ctx.worker, ctx.private_file)), 'its root')


def attack_current_folder_of_worker(ctx):
    os.chdir('/proc/%d/cwd' % ctx.worker)
    return os.listdir('.') or 'entered'


def attack_ptrace_attach(ctx):
    call('ptrace', _ATTACH, ctx.worker, 0, 0)
    os.waitpid(ctx.worker, 0x40000000)  # __WALL
    call('ptrace', _DETACH, ctx.worker, 0, 0)
    return 'attached'


def attack_ptrace_seize(ctx):
    call('ptrace', _SEIZE, ctx.worker, 0, 0)
    return 'seized'


def attack_ptrace_by_a_child(ctx):
    child = os.fork()
    if child == 0:
        try:
            call('ptrace', _SEIZE, ctx.worker, 0, 0)
            os._exit(0)
        except BaseException:
            os._exit(1)
    return 'a child seized the worker' if os.waitpid(child, 0)[1] == 0 else None


def _vectors(ctx, buffer, address):
    local = struct.pack('PN', ctypes.addressof(buffer), len(buffer))
    return local, struct.pack('PN', address, len(buffer))


def attack_process_vm_readv(ctx):
    buffer = ctypes.create_string_buffer(64)
    local, remote = _vectors(ctx, buffer, ctx.secret_address)
    call('process_vm_readv', ctx.worker, local, 1, remote, 1, 0)
    return _found(ctx, buffer.raw, 'memory')


def attack_process_vm_writev(ctx):
    buffer = ctypes.create_string_buffer(b'!', 1)
    local, remote = _vectors(ctx, buffer, ctx.scratch_address)
    return 'wrote %d bytes' % call('process_vm_writev', ctx.worker, local, 1, remote, 1, 0)


def attack_process_madvise(ctx):
    """MADV_PAGEOUT, or MADV_DONTNEED where the kernel allows it."""
    remote = struct.pack('PN', ctx.scratch_address & ~4095, 4096)
    pidfd = call('pidfd_open', ctx.worker, 0)
    return 'advised on %d bytes' % call('process_madvise', pidfd, remote, 1, 21, 0)


def attack_kcmp(ctx):
    return 'compared: %d' % call('kcmp', os.getpid(), ctx.worker, 1, 0, 0)


def attack_perf_event_on_worker(ctx):
    attributes = struct.pack('<IIQQ', 1, 112, 1, 0) + bytes(112 - 24)  # software, task clock
    return 'counter %d' % call('perf_event_open', attributes, ctx.worker, -1, -1, 0)


def attack_clear_refs_of_worker(ctx):
    with open('/proc/%d/clear_refs' % ctx.worker, 'w') as file:
        file.write('1')
    return 'written'


def attack_oom_score_of_worker(ctx):
    with open('/proc/%d/oom_score_adj' % ctx.worker, 'w') as file:
        file.write('1000')
    return 'the worker would be killed first'


def attack_core_dump_filter_of_worker(ctx):
    with open('/proc/%d/coredump_filter' % ctx.worker, 'w') as file:
        file.write('7f')
    return 'written'


def attack_rename_worker(ctx):
    with open('/proc/%d/comm' % ctx.worker, 'w') as file:
        file.write('renamed')
    return 'renamed the worker'


def attack_memory_of_host(ctx):
    """A run must not change what later runs inherit."""
    if ctx.where != 'run':
        return None
    descriptor = os.open('/proc/%d/mem' % ctx.host, os.O_RDWR)
    with open('/proc/%d/maps' % ctx.host) as maps:
        start = int(maps.readline().split('-')[0], 16)
    return os.pread(descriptor, 4, start)


def attack_ptrace_host(ctx):
    if ctx.where != 'run':
        return None
    call('ptrace', _SEIZE, ctx.host, 0, 0)
    return 'seized'


def attack_descriptors_of_host(ctx):
    """Its control stream would let a run speak for it."""
    if ctx.where != 'run':
        return None
    pidfd = call('pidfd_open', ctx.host, 0)
    taken = []
    for number in range(3, 1300):
        try:
            taken.append(call('pidfd_getfd', pidfd, number, 0))
        except OSError:
            pass
    return '%d descriptors taken' % len(taken) if taken else None


def attack_core_of_worker(ctx):
    """Have it dump its memory where we could read it."""
    os.kill(ctx.victim, signal.SIGABRT)
    return 'told to dump core'
