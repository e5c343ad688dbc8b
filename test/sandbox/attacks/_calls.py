"""System calls by name, for attacks that Python has no function for."""
from __future__ import annotations

import ctypes
import os
import platform
import socket

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long

# name: (x86-64, aarch64); None where the architecture has no such call
_NUMBERS = {
    'ptrace': (101, 117), 'process_vm_readv': (310, 270), 'process_vm_writev': (311, 271), 'pidfd_getfd': (438, 438),
    'pidfd_open': (434, 434), 'pidfd_send_signal': (424, 424), 'process_mrelease': (448, 448), 'kcmp': (312, 272),
    'process_madvise': (440, 440), 'perf_event_open': (298, 241), 'mount': (165, 40), 'umount2': (166, 39),
    'pivot_root': (155, 41), 'chroot': (161, 51), 'unshare': (272, 97), 'setns': (308, 268), 'clone': (56, 220),
    'clone3': (435, 435), 'bpf': (321, 280), 'keyctl': (250, 219), 'add_key': (248, 217), 'request_key': (249, 218),
    'userfaultfd': (323, 282), 'io_uring_setup': (425, 425), 'memfd_create': (319, 279), 'memfd_secret': (447, 447),
    'shmget': (29, 194), 'semget': (64, 190), 'msgget': (68, 186), 'mq_open': (240, 180), 'kexec_load': (246, 104),
    'kexec_file_load': (320, 294), 'init_module': (175, 105), 'finit_module': (313, 273), 'delete_module': (176, 106),
    'reboot': (169, 142), 'swapon': (167, 224), 'swapoff': (168, 225), 'sethostname': (170, 161),
    'setdomainname': (171, 162), 'adjtimex': (159, 171), 'clock_settime': (227, 112), 'acct': (163, 89),
    'quotactl': (179, 60), 'syslog': (103, 116), 'personality': (135, 92), 'iopl': (172, None), 'ioperm': (173, None),
    'modify_ldt': (154, None), 'fanotify_init': (300, 262), 'open_tree': (428, 428), 'fsopen': (430, 430),
    'move_mount': (429, 429), 'mount_setattr': (442, 442), 'name_to_handle_at': (303, 264),
    'open_by_handle_at': (304, 265), 'move_pages': (279, 239), 'migrate_pages': (256, 238), 'vhangup': (153, 58),
    'tgkill': (234, 131), 'tkill': (200, 130), 'rt_sigqueueinfo': (129, 138), 'rt_tgsigqueueinfo': (297, 240),
    'prlimit64': (302, 261), 'sched_setscheduler': (144, 119), 'sched_setattr': (314, 274),
    'sched_setaffinity': (203, 122), 'ioprio_set': (251, 30), 'renameat2': (316, 276), 'utimensat': (280, 88),
    'fchmodat2': (452, 452), 'setxattrat': (463, 463), 'capset': (126, 91), 'prctl': (157, 167),
    'landlock_create_ruleset': (444, 444), 'landlock_restrict_self': (446, 446), 'seccomp': (317, 277),
    'sendto': (44, 206), 'mlockall': (151, 230), 'execveat': (322, 281), 'statmount': (457, 457),
    'getppid': (110, 173), 'fchmodat': (268, 53),
}
_COLUMN = {'x86_64': 0, 'aarch64': 1}[platform.machine()]


def call(name, *args):
    """Make a system call; its result, or OSError. Integers are passed as longs, bytes and buffers as pointers."""
    number = _NUMBERS[name][_COLUMN]
    if number is None or number < 0:
        raise OSError(38, '%s does not exist on this architecture' % name)
    result = _syscall(ctypes.c_long(number), *[ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args])
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, '%s: %s' % (name, os.strerror(code)))
    return result


def reaches_kernel(name, *args):
    """Evidence when a call with harmless arguments gets past every guard: what it says then is not a refusal."""
    try:
        return '%s returned %d' % (name, call(name, *args))
    except OSError as error:
        if error.errno in (1, 13, 38, 95, 97):  # EPERM, EACCES, ENOSYS, EOPNOTSUPP, EAFNOSUPPORT
            raise
        return '%s went as far as: %s' % (name, error)


def opened(family, kind, protocol=0):
    """Evidence of a socket that should not be had."""
    return 'a socket: %d' % socket.socket(family, kind, protocol).fileno()
