"""Which system calls the host and its runs may make."""
from __future__ import annotations

import errno

from ._bpf import ALLOW, Filter, answer, where, where_any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._bpf import Program
    from ._policy import Policy

# Other processes' memory and descriptors, mounts and namespaces, the kernel itself, and what is shared by name with
# everything of the same user. Much of it needs a capability that is not there anyway.
_REFUSED = '''
    ptrace process_vm_readv process_vm_writev process_madvise process_mrelease pidfd_getfd kcmp
    mount umount2 pivot_root chroot setns unshare move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr
    bpf perf_event_open keyctl add_key request_key kexec_load kexec_file_load init_module finit_module delete_module
    userfaultfd open_by_handle_at name_to_handle_at fanotify_init swapon swapoff reboot sethostname setdomainname
    settimeofday clock_settime acct quotactl quotactl_fd syslog move_pages migrate_pages lookup_dcookie nfsservctl
    vhangup iopl ioperm modify_ldt uselib sysfs _sysctl create_module get_kernel_syms query_module afs_syscall tuxcall
    security putpmsg getpmsg vserver memfd_create memfd_secret
    shmget shmat shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink
'''
# Programs have another way where these are missing. clone3 keeps its flags where no filter can look.
_MISSING = 'clone3 io_uring_setup io_uring_enter io_uring_register'
_ATTRIBUTES = 'setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr'
_OWNERSHIP = 'chmod fchmod fchmodat chown fchown lchown fchownat utime utimes utimensat futimesat'

_NEW_NAMESPACES = 0x7E020080
_CLONE_THREAD, _CLONE_PARENT = 0x10000, 0x8000
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16  # numbers: importing socket takes a while
_STREAM, _DATAGRAM, _SEQUENCED, _TYPE = 1, 2, 5, 0xF
_NETLINK_ROUTE = 0
_TCP, _UDP, _ICMP, _ICMP6 = 6, 17, 1, 58
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_MM, _PR_SET_CHILD_SUBREAPER = 1, 22, 35, 36
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # put text into a terminal's input
_ASK_PERSONALITY = 0xFFFFFFFF
_OWNERS_RIGHTS = 0o700

_NOT_PERMITTED = answer(errno.EPERM)
_PRETENDED = answer(0)
_NO_SUCH_CALL = answer(errno.ENOSYS)


def host_filter(policy: Policy) -> Program:
    """For the host and, since it can't be left, its runs."""
    made = Filter()
    made.on(_REFUSED, _NOT_PERMITTED)
    made.on(_MISSING, _NO_SUCH_CALL)
    made.on(_ATTRIBUTES, answer(errno.ENOTSUP))  # copying tools take it for a file system without attributes
    made.on('clone', where_any(0, _NEW_NAMESPACES | _CLONE_PARENT, _NOT_PERMITTED, ALLOW))  # nor a child of the worker
    made.on('personality', where(0, [_ASK_PERSONALITY], ALLOW, _NOT_PERMITTED))
    made.on('ioctl', where(1, [_TIOCSTI, _TIOCLINUX], _NOT_PERMITTED, ALLOW))
    made.on('prctl', where(0, [_PR_SET_MM], _NOT_PERMITTED, ALLOW))
    _about_oneself(made)
    _sockets(made, policy)
    if not policy.has_own_uid:
        _shared_uid(made)
    return made.program()


def _about_oneself(made: Filter) -> None:
    """Limits and priorities: of the calling process alone. Others of the same user are not Landlock's concern."""
    oneself = where(0, [0], ALLOW, _NOT_PERMITTED)
    made.on('prlimit64 sched_setaffinity sched_setscheduler sched_setparam sched_setattr', oneself)
    made.on('setpriority', where(0, [0], where(1, [0], ALLOW, _NOT_PERMITTED), _NOT_PERMITTED))
    made.on('ioprio_set', where(0, [1], where(1, [0], ALLOW, _NOT_PERMITTED), _NOT_PERMITTED))


def _sockets(made: Filter, policy: Policy) -> None:
    no_protocol, no_family = answer(errno.EPROTONOSUPPORT), answer(errno.EAFNOSUPPORT)
    body = where(0, [_AF_NETLINK], where(2, [_NETLINK_ROUTE], ALLOW, no_protocol), no_family)
    if policy.network:
        datagram = where(2, [0, _UDP, _ICMP, _ICMP6], ALLOW, no_protocol)
        body = where(0, [_AF_INET, _AF_INET6], where(1, [_DATAGRAM], datagram, where(
            1, [_STREAM], where(2, [0, _TCP], ALLOW, no_protocol), _NOT_PERMITTED, _TYPE),
            _TYPE), body)
    if policy.unix_sockets:
        body = where(0, [_AF_UNIX], ALLOW, body)
    else:
        # One of a datagram pair could be sent to, or connected to, any path: Landlock does not look at those.
        connected = where(1, [_STREAM, _SEQUENCED], ALLOW, _NOT_PERMITTED, _TYPE)
        made.on('socketpair', where(0, [_AF_UNIX], connected, no_family))
    made.on('socket', body)
    if not policy.listen:
        made.on('listen', _NOT_PERMITTED)


def _shared_uid(made: Filter) -> None:
    """Others' files may be this user's too, and Landlock covers neither their modes nor their times.

    chmod and its kin succeed and do nothing, since shutil.copy and tar call them for no purpose of their own. That
    makes folders without their owner's rights a thing that the host could not delete: they are not made.
    """
    made.on(_OWNERSHIP, _PRETENDED)
    made.on('mkdir', where(1, [_OWNERS_RIGHTS], ALLOW, _NOT_PERMITTED, _OWNERS_RIGHTS))
    made.on('mkdirat', where(2, [_OWNERS_RIGHTS], ALLOW, _NOT_PERMITTED, _OWNERS_RIGHTS))
    made.on('umask', where_any(0, _OWNERS_RIGHTS, _NOT_PERMITTED, ALLOW))
    made.on('inotify_init inotify_init1', _NO_SUCH_CALL)  # would tell the names in folders that can't be read


def run_filter(policy: Policy) -> Program:
    """On top of it, for a run: small, since every run pays for entering it."""
    made = Filter()
    made.on('setsid setpgid', _PRETENDED)  # so that killing the process group reaches everything
    made.on('landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp', _NO_SUCH_CALL)
    made.on('prctl', where(0, [_PR_SET_PDEATHSIG], _PRETENDED, where(
        0, [_PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER], _NOT_PERMITTED, ALLOW)))
    if not policy.subprocess:
        made.on('clone', where_any(0, _CLONE_THREAD, ALLOW, _NOT_PERMITTED))
        made.on('fork vfork execve execveat', _NOT_PERMITTED)
    return made.program()
