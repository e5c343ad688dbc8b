"""Calls that reach further into the kernel than any collector needs, with arguments that do no harm."""
from __future__ import annotations

import ctypes
import mmap
import os
import platform
import struct
import time

from _calls import call, reaches_kernel

WHERE = ('run', 'import')
_AT_FDCWD = -100
_NEW = {'user': 0x10000000, 'pid': 0x20000000, 'network': 0x40000000, 'mount': 0x20000, 'uts': 0x4000000,
        'ipc': 0x8000000, 'cgroup': 0x2000000, 'time': 0x80}


def attack_mount(ctx):
    return reaches_kernel('mount', b'none', b'/mnt', b'tmpfs', 0, b'')


def attack_bind_mount(ctx):
    """The host empties its folders afterwards: with what lies on a mount in one it would empty the worker's own."""
    call('mount', ctx.home.encode(), ctx.tmp.encode(), None, 4096, None)
    return 'the worker\'s home is mounted on the temporary folder'


def attack_remount_writable(ctx):
    return reaches_kernel('mount', b'', b'/', b'', 32 | 4096, None)  # MS_REMOUNT | MS_BIND


def attack_unmount(ctx):
    return reaches_kernel('umount2', b'/proc/nothing-is-mounted-here', 0)


def attack_open_tree(ctx):
    return reaches_kernel('open_tree', _AT_FDCWD, b'/', 1)


def attack_fsopen(ctx):
    return reaches_kernel('fsopen', b'tmpfs', 0)


def attack_move_mount(ctx):
    return reaches_kernel('move_mount', _AT_FDCWD, b'/nowhere', _AT_FDCWD, b'/nowhere', 0)


def attack_mount_setattr(ctx):
    return reaches_kernel('mount_setattr', _AT_FDCWD, ctx.tmp.encode(), 0, bytes(32), 32)


def attack_pivot_root(ctx):
    return reaches_kernel('pivot_root', b'/nowhere', b'/nowhere')


def attack_chroot(ctx):
    os.chroot('/proc')
    return 'changed'


def attack_unshare_user(ctx):
    return reaches_kernel('unshare', _NEW['user'])


def attack_unshare_mount(ctx):
    return reaches_kernel('unshare', _NEW['mount'])


def attack_unshare_pid(ctx):
    return reaches_kernel('unshare', _NEW['pid'])


def attack_unshare_network(ctx):
    return reaches_kernel('unshare', _NEW['network'])


def attack_unshare_uts(ctx):
    return reaches_kernel('unshare', _NEW['uts'])


def attack_unshare_ipc(ctx):
    return reaches_kernel('unshare', _NEW['ipc'])


def attack_unshare_cgroup(ctx):
    return reaches_kernel('unshare', _NEW['cgroup'])


def attack_unshare_time(ctx):
    return reaches_kernel('unshare', _NEW['time'])


def _in_child(pid):
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return 'made process %d' % pid


def attack_clone_user(ctx):
    return _in_child(call('clone', _NEW['user'] | 17, 0, 0, 0, 0))


def attack_clone3_user(ctx):
    return _in_child(call('clone3', struct.pack('8Q', _NEW['user'], 0, 0, 0, 17, 0, 0, 0), 64))


def attack_clone_pid(ctx):
    return _in_child(call('clone', _NEW['pid'] | 17, 0, 0, 0, 0))


def attack_setns_of_worker(ctx):
    return reaches_kernel('setns', call('pidfd_open', ctx.worker, 0), _NEW['network'])


def attack_setns_by_proc(ctx):
    return reaches_kernel('setns', os.open('/proc/%d/ns/mnt' % ctx.worker, os.O_RDONLY), 0)


def attack_map_ids(ctx):
    with open('/proc/%d/uid_map' % ctx.worker, 'w') as file:
        file.write('0 0 1')
    return 'mapped'


def attack_bpf_map(ctx):
    attributes = struct.pack('8I', 2, 4, 4, 1, 0, 0, 0, 0)
    return 'a map: %d' % call('bpf', 0, attributes, len(attributes))


def attack_bpf_program(ctx):
    code = ctypes.create_string_buffer(struct.pack('<BBhi', 0xb7, 0, 0, 0) + struct.pack('<BBhi', 0x95, 0, 0, 0), 16)
    licence = ctypes.create_string_buffer(b'GPL')
    attributes = struct.pack('IIQQIIQII', 1, 2, ctypes.addressof(code), ctypes.addressof(licence), 0, 0, 0, 0, 0)
    return 'a program: %d' % call('bpf', 5, attributes + bytes(16), len(attributes) + 16)


def attack_perf_events(ctx):
    attributes = struct.pack('<IIQQ', 1, 112, 1, 0) + bytes(112 - 24)
    return 'counter %d' % call('perf_event_open', attributes, 0, -1, -1, 0)


def attack_add_key(ctx):
    """The kernel's keyrings are shared by all processes of a user."""
    return 'key %d' % call('add_key', b'user', b'planted', b'x', 1, -4)  # the user's keyring


def attack_request_key(ctx):
    return reaches_kernel('request_key', b'user', b'absent', None, -4)


def attack_keyctl(ctx):
    return 'keyring %d' % call('keyctl', 0, -4, 1)


def attack_join_keyring(ctx):
    return 'keyring %d' % call('keyctl', 1, b'planted')


def attack_userfaultfd(ctx):
    return 'descriptor %d' % call('userfaultfd', 1)


def attack_io_uring(ctx):
    return 'ring %d' % call('io_uring_setup', 4, ctypes.create_string_buffer(120))


def attack_memfd(ctx):
    """Memory that no limit on files counts, and a program that no path rule sees."""
    return 'descriptor %d' % call('memfd_create', b'x', 0)


def attack_run_from_memory(ctx):
    descriptor = call('memfd_create', b'x', 1)
    with open('/bin/true', 'rb') as file:
        os.write(descriptor, file.read())
    child = os.fork()
    if child == 0:
        try:
            call('execveat', descriptor, b'', None, None, 0x1000)
        finally:
            os._exit(9)
    return 'ran' if os.waitpid(child, 0)[1] == 0 else None


def attack_memfd_secret(ctx):
    return 'descriptor %d' % call('memfd_secret', 0)


def attack_shared_memory(ctx):
    return 'segment %d' % call('shmget', 0, 4096, 0o1600)


def attack_semaphores(ctx):
    return 'set %d' % call('semget', 0, 1, 0o1600)


def attack_message_queue(ctx):
    return 'queue %d' % call('msgget', 0, 0o1600)


def attack_posix_queue(ctx):
    return 'queue %d' % call('mq_open', b'planted', os.O_CREAT | os.O_RDWR, 0o600, None)


def attack_kexec(ctx):
    return reaches_kernel('kexec_load', 0, 9999, None, 1)  # more segments than there can be


def attack_kexec_file(ctx):
    return reaches_kernel('kexec_file_load', -1, -1, 0, None, 0)


def attack_load_module(ctx):
    return reaches_kernel('init_module', b'not a module', 12, b'')


def attack_load_module_file(ctx):
    return reaches_kernel('finit_module', -1, b'', 0)


def attack_unload_module(ctx):
    return reaches_kernel('delete_module', b'there_is_no_such_module', 0x800)


def attack_reboot(ctx):
    return reaches_kernel('reboot', 0, 0, 0, None)  # without the magic numbers it does nothing


def attack_swap_on(ctx):
    return reaches_kernel('swapon', b'/nowhere', 0)


def attack_swap_off(ctx):
    return reaches_kernel('swapoff', b'/nowhere')


def attack_host_name(ctx):
    return reaches_kernel('sethostname', b'planted', 7)


def attack_domain_name(ctx):
    return reaches_kernel('setdomainname', b'planted', 7)


def attack_clock(ctx):
    return reaches_kernel('clock_settime', 0, struct.pack('qq', 0, -1))  # a time that can't be


def attack_clock_speed(ctx):
    buffer = ctypes.create_string_buffer(208)
    call('adjtimex', buffer)  # reading is for everybody
    struct.pack_into('I', buffer, 0, 0x4000)  # ADJ_TICK, to the value that it has
    return reaches_kernel('adjtimex', buffer)


def attack_accounting(ctx):
    return reaches_kernel('acct', b'/nowhere')


def attack_quota(ctx):
    return reaches_kernel('quotactl', 0x800002 << 8, b'/dev/nothing', 0, None)


def attack_read_kernel_messages(ctx):
    return 'read %d bytes' % call('syslog', 3, ctypes.create_string_buffer(4096), 4096)


def attack_personality(ctx):
    """Without address randomisation every other fault is easier to use."""
    call('personality', 0x0040000)
    return 'set' if call('personality', 0xffffffff) & 0x0040000 else None


def attack_io_ports(ctx):
    return reaches_kernel('iopl', 3)


def attack_io_port(ctx):
    return reaches_kernel('ioperm', 0x80, 1, 1)


def attack_segments(ctx):
    return reaches_kernel('modify_ldt', 0, ctypes.create_string_buffer(64), 64)


def attack_fanotify(ctx):
    return 'descriptor %d' % call('fanotify_init', 0x200, 0)


def attack_hang_up_terminal(ctx):
    return reaches_kernel('vhangup')


def attack_move_pages_of_worker(ctx):
    status = ctypes.create_string_buffer(4)
    page = struct.pack('P', ctx.scratch_address & ~4095)
    return 'node %d' % call('move_pages', ctx.worker, 1, page, None, status, 0)


def attack_migrate_pages_of_worker(ctx):
    mask = struct.pack('Q', 1)
    return 'left %d' % call('migrate_pages', ctx.worker, 2, mask, mask)


def attack_become_root(ctx):
    if os.getuid() == 0:
        return None
    os.setuid(0)
    return 'uid 0'


def attack_become_root_again(ctx):
    """Where root dropped its uid for good, or its capabilities."""
    os.setresuid(0, 0, 0)
    with open('/proc/self/status') as file:
        effective = [line for line in file if line.startswith('CapEff')][0].split()[1]
    return 'capabilities %s' % effective if int(effective, 16) else None


def attack_other_user(ctx):
    os.setresuid(4321, 4321, 4321)
    return 'uid %d' % os.getuid() if os.getuid() == 4321 else None


def attack_other_groups(ctx):
    os.setgroups([0, 4, 999])
    return 'groups %s' % os.getgroups() if 999 in os.getgroups() else None


def attack_take_capabilities(ctx):
    header = struct.pack('Ii', 0x20080522, 0)
    wanted = 1 << 21  # CAP_SYS_ADMIN
    call('capset', header, struct.pack('6I', wanted, wanted, 0, 0, 0, 0))
    return 'taken'


def attack_capabilities_left(ctx):
    """Of whichever set, held or to be had again by starting a program."""
    with open('/proc/self/status') as file:
        sets = [line.split() for line in file if line.startswith('Cap')]
    left = [name for name, value in sets if int(value, 16)]
    return left if set(left) - {'CapBnd:'} or left and os.getuid() == 0 else None


def attack_set_uid_program(ctx):
    """su, sudo and mount give root to whoever starts them, unless no_new_privs is set."""
    with open('/proc/self/status') as file:
        return None if 'NoNewPrivs:\t1' in file.read() else 'set-uid programs work'


def attack_filters_are_there(ctx):
    with open('/proc/self/status') as file:
        return None if 'Seccomp:\t2' in file.read() else 'no filter'


def attack_call_of_other_architecture(ctx):
    """int 0x80 makes a 32-bit call, whose numbers mean something else to a filter."""
    if platform.machine() != 'x86_64':
        return None
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b'\xb8\x14\x00\x00\x00\xcd\x80\xc3')  # mov eax, 20 (getpid); int 0x80; ret
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    child = os.fork()
    if child == 0:
        os._exit(0 if function() == os.getpid() else 1)
    return 'made' if os.waitpid(child, 0)[1] == 0 else None


def attack_call_of_x32(ctx):
    if platform.machine() != 'x86_64':
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    answer = libc.syscall(0x40000000 + 39)
    return 'made' if answer == os.getpid() else None


def attack_unknown_call(ctx):
    """What a newer kernel brings is refused until it is known."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(ctypes.c_long(457), bytes(24), ctypes.create_string_buffer(512), ctypes.c_long(512), ctypes.c_long(0))
    return None if ctypes.get_errno() == 38 else 'statmount: %s' % os.strerror(ctypes.get_errno())


def attack_kernel_settings(ctx):
    with open('/proc/sys/vm/swappiness', 'r+') as file:
        value = file.read()
        file.seek(0)
        file.write(value)
    return 'written'


def attack_core_pattern(ctx):
    """A pipe in it is a program that the kernel starts as root."""
    return 'opened %d' % os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)


def attack_module_helper(ctx):
    return 'opened %d' % os.open('/proc/sys/kernel/modprobe', os.O_WRONLY)


def attack_magic_keys(ctx):
    return 'opened %d' % os.open('/proc/sysrq-trigger', os.O_WRONLY)


def attack_devices_settings(ctx):
    return 'opened %d' % os.open('/sys/kernel/uevent_helper', os.O_WRONLY)


def attack_release_agent(ctx):
    for folder, _, files in os.walk('/sys/fs/cgroup'):
        for name in ('release_agent', 'cgroup.procs'):
            if name in files:
                try:
                    return 'opened %d' % os.open(os.path.join(folder, name), os.O_WRONLY)
                except OSError:
                    pass
    return None


def attack_own_control_group(ctx):
    for folder in ('/sys/fs/cgroup', '/sys/fs/cgroup/pids', '/sys/fs/cgroup/unified'):
        path = '%s/planted-%d' % (folder, time.time_ns())
        try:
            os.mkdir(path)
        except OSError:
            continue
        os.rmdir(path)
        return 'made in ' + folder
    return None


def attack_kernel_symbols(ctx):
    with open('/proc/kallsyms') as file:
        address = file.readline().split()[0]
    return address if int(address, 16) else None


def attack_kernel_memory(ctx):
    with open('/proc/kcore', 'rb') as file:
        return file.read(4)
