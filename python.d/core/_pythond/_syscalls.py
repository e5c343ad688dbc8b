"""The system calls that the sandbox makes or filters, by their numbers on x86-64 and aarch64."""
from __future__ import annotations

import os
from ctypes import PyDLL, c_int, c_long, c_ulong, get_errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_MACHINES = {'x86_64': (0, 0xC000003E), 'aarch64': (1, 0xC00000B7)}
machine = os.uname().machine
_COLUMN, AUDIT_ARCH = _MACHINES.get(machine, (None, 0))

# Checked against asm/unistd_64.h and asm-generic/unistd.h. None: the architecture has no such call.
_NUMBERS = {
    'ptrace': (101, 117), 'process_vm_readv': (310, 270), 'process_vm_writev': (311, 271),
    'process_madvise': (440, 440), 'pidfd_getfd': (438, 438), 'kcmp': (312, 272), 'mount': (165, 40),
    'umount2': (166, 39), 'pivot_root': (155, 41), 'chroot': (161, 51), 'setns': (308, 268), 'unshare': (272, 97),
    'move_mount': (429, 429), 'open_tree': (428, 428), 'fsopen': (430, 430), 'fsconfig': (431, 431),
    'fsmount': (432, 432), 'fspick': (433, 433), 'mount_setattr': (442, 442), 'bpf': (321, 280),
    'perf_event_open': (298, 241), 'keyctl': (250, 219), 'add_key': (248, 217), 'request_key': (249, 218),
    'kexec_load': (246, 104), 'kexec_file_load': (320, 294), 'init_module': (175, 105), 'finit_module': (313, 273),
    'delete_module': (176, 106), 'userfaultfd': (323, 282), 'io_uring_setup': (425, 425),
    'io_uring_enter': (426, 426), 'io_uring_register': (427, 427), 'open_by_handle_at': (304, 265),
    'name_to_handle_at': (303, 264), 'fanotify_init': (300, 262), 'swapon': (167, 224), 'swapoff': (168, 225),
    'reboot': (169, 142), 'sethostname': (170, 161), 'setdomainname': (171, 162), 'settimeofday': (164, 170),
    'clock_settime': (227, 112), 'acct': (163, 89), 'quotactl': (179, 60), 'quotactl_fd': (443, 443),
    'syslog': (103, 116), 'personality': (135, 92), 'move_pages': (279, 239), 'migrate_pages': (256, 238),
    'lookup_dcookie': (212, 18), 'nfsservctl': (180, 42), 'vhangup': (153, 58), 'iopl': (172, None),
    'ioperm': (173, None), 'modify_ldt': (154, None), 'uselib': (134, None), 'ustat': (136, None),
    'sysfs': (139, None), '_sysctl': (156, None), 'create_module': (174, None), 'get_kernel_syms': (177, None),
    'query_module': (178, None), 'afs_syscall': (183, None), 'tuxcall': (184, None), 'security': (185, None),
    'putpmsg': (182, None), 'getpmsg': (181, None), 'vserver': (236, None), 'chmod': (90, None),
    'fchmod': (91, 52), 'fchmodat': (268, 53), 'chown': (92, None), 'fchown': (93, 55), 'lchown': (94, None),
    'fchownat': (260, 54), 'utime': (132, None), 'utimes': (235, None), 'utimensat': (280, 88),
    'futimesat': (261, None), 'setxattr': (188, 5), 'lsetxattr': (189, 6), 'fsetxattr': (190, 7),
    'removexattr': (197, 14), 'lremovexattr': (198, 15), 'fremovexattr': (199, 16), 'memfd_secret': (447, 447),
    'memfd_create': (319, 279), 'setpriority': (141, 140), 'ioprio_set': (251, 30),
    'sched_setscheduler': (144, 119), 'sched_setparam': (142, 118), 'sched_setattr': (314, 274),
    'sched_setaffinity': (203, 122), 'shmget': (29, 194), 'shmat': (30, 196), 'shmctl': (31, 195),
    'semget': (64, 190), 'semop': (65, 193), 'semtimedop': (220, 192), 'semctl': (66, 191), 'msgget': (68, 186),
    'msgsnd': (69, 189), 'msgrcv': (70, 188), 'msgctl': (71, 187), 'mq_open': (240, 180), 'mq_unlink': (241, 181),
    'prlimit64': (302, 261), 'prctl': (157, 167), 'socket': (41, 198), 'socketpair': (53, 199),
    'listen': (50, 201), 'ioctl': (16, 29), 'clone': (56, 220), 'clone3': (435, 435), 'fork': (57, None),
    'vfork': (58, None), 'execve': (59, 221), 'execveat': (322, 281), 'setsid': (112, 157), 'setpgid': (109, 154),
    'seccomp': (317, 277), 'landlock_create_ruleset': (444, 444), 'landlock_add_rule': (445, 445),
    'landlock_restrict_self': (446, 446), 'mkdir': (83, None), 'mkdirat': (258, 34), 'umask': (95, 166),
    'inotify_init': (253, None), 'inotify_init1': (294, 26), 'process_mrelease': (448, 448),
    'capset': (126, 91),
}

# PyDLL keeps the GIL: none of these calls blocks.
_libc = PyDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = c_long
_prctl = _libc.prctl


def number(name: str) -> int | None:
    """The number of a call on this machine, None where it has none."""
    return None if _COLUMN is None else _NUMBERS[name][_COLUMN]


def call(name: str, *args: Any) -> int:
    """Make a system call by name. `args` are integers, bytes, ctypes buffers or None. Raises OSError."""
    wanted = number(name)
    if wanted is None:
        raise OSError(38, '{} is not known on {}'.format(name, machine))
    result = _syscall(c_long(wanted), *[_word(arg) for arg in args])
    if result < 0:
        _fail(name)
    return result


def prepare(name: str, *args: int) -> Callable[[], None]:
    """A system call, to be made later with as little memory touched as can be: what it needs is made now."""
    words = (c_long(number(name) or -1), *[c_long(arg) for arg in args])

    def make(run: Any = _syscall, words: Any = words, name: str = name) -> None:
        if run(*words) < 0:
            _fail(name)

    return make


def prctl(option: int, *args: int) -> int:
    words = [c_ulong(arg) for arg in (*args, 0, 0, 0, 0)[:4]]
    result = _prctl(c_int(option), *words)
    if result < 0:
        _fail('prctl({})'.format(option))
    return result


def _word(arg: Any) -> Any:
    return c_long(arg) if isinstance(arg, int) else arg


def _fail(what: str) -> None:
    error = get_errno()
    raise OSError(error, '{}: {}'.format(what, os.strerror(error)))
