"""Another bundle's host and a run of it, which goes on meanwhile and holds a secret of its own."""
from __future__ import annotations

import ctypes
import os
import struct

from _calls import call

WHERE = ('run', 'import')
_SEIZE = 0x4206


def _open_and_look(ctx, path, size=1 << 20):
    with open(path, 'rb', buffering=0) as file:
        data = file.read(size)
    return data[:60] if ctx.sibling_marker.encode() in data else None


def attack_environ_of_sibling(ctx):
    return _open_and_look(ctx, '/proc/%d/environ' % ctx.sibling)


def attack_environ_of_sibling_run(ctx):
    return _open_and_look(ctx, '/proc/%d/environ' % ctx.sibling_run)


def attack_memory_of_sibling_run(ctx):
    descriptor = os.open('/proc/%d/mem' % ctx.sibling_run, os.O_RDWR)
    return os.pread(descriptor, 60, ctx.sibling_address)


def attack_maps_of_sibling_run(ctx):
    with open('/proc/%d/maps' % ctx.sibling_run) as file:
        return file.read(60)


def attack_vm_readv_of_sibling_run(ctx):
    buffer = ctypes.create_string_buffer(60)
    local = struct.pack('PN', ctypes.addressof(buffer), len(buffer))
    call('process_vm_readv', ctx.sibling_run, local, 1, struct.pack('PN', ctx.sibling_address, 60), 1, 0)
    return buffer.raw


def attack_ptrace_sibling_run(ctx):
    call('ptrace', _SEIZE, ctx.sibling_run, 0, 0)
    return 'seized'


def attack_ptrace_sibling_host(ctx):
    call('ptrace', _SEIZE, ctx.sibling, 0, 0)
    return 'seized'


def attack_descriptors_of_sibling_run(ctx):
    folder = '/proc/%d/fd' % ctx.sibling_run
    return [os.readlink('%s/%s' % (folder, name)) for name in os.listdir(folder)][:5]


def attack_output_of_sibling_run(ctx):
    """Print in its name."""
    with open('/proc/%d/fd/1' % ctx.sibling_run, 'wb', buffering=0) as pipe:
        return pipe.write(b'planted\n')


def attack_result_of_sibling_run(ctx):
    """Report points in its name."""
    pidfd = call('pidfd_open', ctx.sibling_run, 0)
    for number in range(1, 1300):
        try:
            taken = call('pidfd_getfd', pidfd, number, 0)
        except OSError as error:
            if error.errno == 9:
                continue
            raise
        return 'took %d' % taken
    return None


def attack_read_temporary_file_of_sibling(ctx):
    return _open_and_look(ctx, ctx.sibling_tmp + '/notes.txt')


def attack_list_temporary_folder_of_sibling(ctx):
    return os.listdir(ctx.sibling_tmp)


def attack_change_temporary_file_of_sibling(ctx):
    with open(ctx.sibling_tmp + '/notes.txt', 'a') as file:
        return file.write('planted')


def attack_plant_in_temporary_folder_of_sibling(ctx):
    with open(ctx.sibling_tmp + '/planted', 'w') as file:
        return file.write('x')


def attack_delete_temporary_file_of_sibling(ctx):
    os.unlink(ctx.sibling_tmp + '/notes.txt')
    return 'deleted'


def attack_current_folder_of_sibling(ctx):
    return os.listdir('/proc/%d/cwd' % ctx.sibling_run)


def attack_root_of_sibling(ctx):
    return _open_and_look(ctx, '/proc/%d/root%s/notes.txt' % (ctx.sibling_run, ctx.sibling_tmp))


def attack_bundle_of_sibling(ctx):
    """Its code and its data files may hold what is not for us."""
    with open(ctx.sibling_bundle + '/python.d/Sibling/data.txt') as file:
        return file.read()


def attack_plant_in_bundle_of_sibling(ctx):
    with open(ctx.sibling_bundle + '/python.d/Sibling/planted.py', 'w') as file:
        return file.write('x')


def attack_shared_memory_of_sibling(ctx):
    """What multiprocessing puts into /dev/shm is for its own run alone."""
    with open('/dev/shm/' + ctx.sibling_shared, 'rb') as file:
        return file.read()


def attack_unlink_shared_memory_of_sibling(ctx):
    os.unlink('/dev/shm/' + ctx.sibling_shared)
    return 'unlinked'


def attack_abstract_socket_of_sibling(ctx):
    import socket

    client = socket.socket(socket.AF_UNIX)
    client.connect('\0' + ctx.abstract)
    return 'connected'


def attack_priority_of_sibling(ctx):
    os.setpriority(os.PRIO_PROCESS, ctx.sibling_run, 19)
    return 'slowed down' if os.getpriority(os.PRIO_PROCESS, ctx.sibling_run) == 19 else None


def attack_processors_of_sibling(ctx):
    os.sched_setaffinity(ctx.sibling_run, {max(os.sched_getaffinity(0))})
    return 'pinned to one processor'


def attack_limits_of_sibling(ctx):
    call('prlimit64', ctx.sibling_run, 7, struct.pack('QQ', 3, 3), None)
    return 'it can open nothing more'


def attack_oom_score_of_sibling(ctx):
    with open('/proc/%d/oom_score_adj' % ctx.sibling_run, 'w') as file:
        file.write('1000')
    return 'it would be killed first'
