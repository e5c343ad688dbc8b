"""A root file system that is thrown away, in namespaces and bounds of its own: the only place where attacks are made.

Without it, an attack that succeeds reaches the machine: with a bind mount of /etc onto a run's temporary folder, the
host's clean-up would empty the machine's own /etc. So nothing of the machine that can be written may be reachable at all:

    launcher, real root      makes the bounds (cgroup), starts what is below, checks it from outside, says "go"
      the door               in the new namespaces, outside of the new process numbers; only waits
        process 1            builds the root, moves into it, lets go of the old one, checks it from inside, asks to go,
                             gives up what reaches past namespaces, and becomes the suite

The root is an overlay: the machine's own files below, which an overlay only ever reads, and a tmpfs above, which takes
every change and ends with the namespace. /dev, /proc, /sys, /run and the temporary folders are new. The old root is
detached, so no path leads there; no descriptor does either, the suite's streams are pipes; there is no terminal.

`unprivileged` adds a user namespace, whose root is nobody on the machine: for attacks that nothing else confines.

Whatever can't be had or does not look as it should raises CanNotContain before anything hostile is started, and the
suite is skipped with that reason. There is no way to run it without.
"""
from __future__ import annotations

import ctypes
import fcntl
import json
import os
import platform
import secrets
import signal
import stat
import sys
import tempfile
import threading

STAGE = '/tmp/suite'  # of the disposable root
_PROCESSES = 400
_MEMORY_BYTES = 1536 << 20
_DISK = 'size=512m'
_FIRST_UID = 1_900_000_000  # of the machine, in a range that nothing gives out; 65,536 of them are the namespace's own
_UIDS = 65536

_NEW = {'mnt': 0x20000, 'pid': 0x20000000, 'ipc': 0x8000000, 'net': 0x40000000, 'uts': 0x4000000, 'cgroup': 0x2000000}
_NEW_USER = 0x10000000
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_PROGRAMS, _RECURSIVE, _PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000
_QUIET = _NO_SUID | _NO_DEVICES | _NO_PROGRAMS
_BIND = 0x1000
_REMOUNT_READ_ONLY = 0x20 | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES  # MS_REMOUNT
_DETACH = 2
_PIVOT_ROOT = {'x86_64': 155, 'aarch64': 41}
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24
# What reaches past namespaces: devices, the clock, modules, reboot, files by handle, mounts, the machine's log and audit.
_GIVEN_UP = {'DAC_READ_SEARCH': 2, 'SYS_MODULE': 16, 'SYS_RAWIO': 17, 'SYS_PACCT': 20, 'SYS_ADMIN': 21, 'SYS_BOOT': 22,
             'SYS_TIME': 25, 'MKNOD': 27, 'AUDIT_WRITE': 29, 'AUDIT_CONTROL': 30, 'MAC_OVERRIDE': 32, 'MAC_ADMIN': 33,
             'SYSLOG': 34, 'WAKE_ALARM': 35, 'BLOCK_SUSPEND': 36, 'PERFMON': 38, 'BPF': 39, 'CHECKPOINT_RESTORE': 40}
_DEVICES = {'null': (1, 3), 'zero': (1, 5), 'full': (1, 7), 'random': (1, 8), 'urandom': (1, 9), 'tty': (5, 0)}
_MOUNTED = {'/': 'overlay', '/dev': 'tmpfs', '/dev/pts': 'devpts', '/dev/shm': 'tmpfs', '/dev/mqueue': 'mqueue',
            '/proc': 'proc', '/sys': 'sysfs', '/run': 'tmpfs', '/tmp': 'tmpfs', '/var/tmp': 'tmpfs'}
# Settings of the whole kernel, which uid 0 may write without any capability: covered, /proc/sys by copies of its files.
_TRIGGER = '/proc/sysrq-trigger'
_SETTINGS = '/proc/sys'
_COVERED = dict.fromkeys((_SETTINGS, '/proc/irq', '/proc/bus', '/proc/fs', '/proc/acpi', '/proc/scsi', '/proc/driver',
                          _TRIGGER), 'tmpfs')
_ENVIRONMENT = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8'}
_CANARY_FOLDERS = ('/etc', '/usr', '/var', '/root', '/tmp', '/run', '/dev', '')

_libc = ctypes.CDLL(None, use_errno=True)


class CanNotContain(Exception):
    """A part is missing, or a check failed: nothing hostile was started."""


def _call(name: str, *arguments) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise CanNotContain('{}{}: {}'.format(name, tuple(arguments)[:3], os.strerror(number)))


def _mount(kind: str, target: str, flags: int = 0, options: str = '') -> None:
    os.makedirs(target, exist_ok=True)
    _call('mount', kind.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())


def _require(holds: object, what: str) -> None:
    if not holds:
        raise CanNotContain(what)


class Bounds:
    """A pids and a memory cgroup, made below (version 1) or beside (version 2) the one that the launcher is in."""

    def __init__(self) -> None:
        self.folders: list[str] = []
        try:
            for line in _read('/proc/self/cgroup').splitlines():
                _, controllers, path = line.split(':', 2)
                for name, limits in self._limits(controllers):
                    self._make(name, path, limits)
        except OSError as error:
            self.remove()
            raise CanNotContain('no cgroup can be made: {}'.format(error)) from error
        if not self.folders:
            raise CanNotContain('there is no cgroup with pids and memory to be made')

    def _limits(self, controllers: str) -> list:
        if controllers == '' and os.path.exists('/sys/fs/cgroup/cgroup.controllers'):
            return [('', {'pids.max': _PROCESSES, 'memory.max': _MEMORY_BYTES})]
        own = {'pids': {'pids.max': _PROCESSES}, 'memory': {'memory.limit_in_bytes': _MEMORY_BYTES}}
        return [(name, own[name]) for name in controllers.split(',') if name in own]

    def _make(self, controller: str, path: str, limits: dict) -> None:
        within = '/sys/fs/cgroup/{}{}'.format(controller, path if controller else os.path.dirname(path))
        folder = '{}/pythond-escape-suite-{}-{}'.format(within.rstrip('/'), os.getpid(), secrets.token_hex(4))
        os.mkdir(folder)
        self.folders.append(folder)
        for name, value in limits.items():
            with open(os.path.join(folder, name), 'w') as file:
                file.write(str(value))

    def join(self) -> None:
        for folder in self.folders:
            with open(folder + '/cgroup.procs', 'w') as file:
                file.write('0')

    def hold(self, pid: int) -> bool:
        return all(str(pid) in _read(folder + '/cgroup.procs').split() for folder in self.folders)

    def remove(self) -> None:
        for folder in self.folders:
            try:
                os.rmdir(folder)
            except OSError:
                pass  # a process is still on its way out; the group is bounded and harmless


# -- outside


def run_contained(files: dict[str, bytes], command: list[str], unprivileged: bool = False,
                  read_only: bool = False) -> tuple[int, bytes]:
    """Write `files` (path -> content) below /tmp/suite of a disposable root, run `command` there as process 1.

    Its standard output comes back with its exit code, its standard error goes to ours. Raises CanNotContain.
    `read_only`: not even the disposable root can be written, but for /tmp, /var/tmp, /run and /dev/shm.
    """
    _require(sys.platform == 'linux' and platform.machine() in _PIVOT_ROOT, 'it takes Linux on x86-64 or aarch64')
    _require(os.geteuid() == 0 and _mapped_root() == 0,
             'it takes the machine\'s own root, to make namespaces and a root file system that is thrown away')
    bounds = Bounds()
    folder = tempfile.mkdtemp(prefix='pythond-disposable-')
    try:
        return _Launch(bounds, _Inside(folder, files, command, unprivileged, read_only)).result()
    finally:
        os.rmdir(folder)  # never more than that: the tmpfs was mounted on it in another namespace
        bounds.remove()


class _Launch:
    def __init__(self, bounds: Bounds, inside: _Inside) -> None:
        self._bounds, self._inside = bounds, inside
        report, errors, asking, answer = (os.pipe() for _ in range(4))
        self._door = os.fork()
        if self._door == 0:
            _as_door(bounds, inside, [report[1], errors[1], asking[1], answer[0]])
        for descriptor in (report[1], errors[1], asking[1], answer[0]):
            os.close(descriptor)
        self._report, self._errors, self._asking, self._answer = report[0], errors[0], asking[0], answer[1]

    def result(self) -> tuple[int, bytes]:
        relay = threading.Thread(target=self._relay, daemon=True)
        relay.start()
        try:
            with os.fdopen(self._asking) as asking:
                self._check([asking.readline(), asking.readline()])
            os.write(self._answer, b'go\n')
            os.close(self._answer)
            with os.fdopen(self._report, 'rb') as report:
                output = report.read()
        except BaseException:
            os.kill(self._door, signal.SIGKILL)  # which takes process 1, and with it everything, along
            raise
        finally:
            status = os.waitpid(self._door, 0)[1]
            relay.join(5)
        return status >> 8 or status, output

    def _relay(self) -> None:
        with os.fdopen(self._errors, 'rb', buffering=0) as errors:
            for piece in iter(lambda: errors.read(1 << 16), b''):
                os.write(2, piece)

    def _check(self, lines: list[str]) -> None:
        """What process 1 says of itself is no proof: the kernel is asked, from here."""
        told: dict = {}
        for line in lines:
            told.update(json.loads(line or '{"problem": "the disposable root could not be made"}'))
            _require('problem' not in told, told.get('problem'))
        proc = '/proc/{}'.format(told['pid'])
        for name in _NEW:
            _require(os.readlink('{}/ns/{}'.format(proc, name)) != os.readlink('/proc/self/ns/' + name),
                     'the {} namespace is the machine\'s own'.format(name))
        _require(self._bounds.hold(told['pid']), 'it is not within its cgroups')
        _require(os.stat(proc + '/root').st_dev != os.stat('/').st_dev, 'its root is the machine\'s own')
        check_mounts(_read(proc + '/mountinfo'), self._inside.unprivileged)
        for name in os.listdir(proc + '/fd'):
            status = os.stat('{}/fd/{}'.format(proc, name))
            _require(stat.S_ISFIFO(status.st_mode) or status.st_rdev == os.makedev(*_DEVICES['null']),
                     'it holds {} open'.format(os.readlink('{}/fd/{}'.format(proc, name))))
        for folder in _CANARY_FOLDERS:
            path = '{}/{}'.format(folder, self._inside.canary)
            _require(os.path.lexists(proc + '/root' + path), 'what it wrote into {}/ is not there'.format(folder))
            if os.path.lexists(path):
                os.unlink(path)
                raise CanNotContain('what it wrote into {}/ came out'.format(folder))


def _as_door(bounds: Bounds, inside: _Inside, pipes: list[int]) -> None:
    """In the launcher's child: report, errors, asking and answer become descriptors 1 to 4, and nothing else stays."""
    code = 1
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.setsid()  # no terminal
        for number, high in enumerate([fcntl.fcntl(old, fcntl.F_DUPFD, 100) for old in pipes], 1):
            os.dup2(high, number)
        os.closerange(5, 1 << 16)
        bounds.join()
        _new_namespaces()
        pid = os.fork()
        if pid == 0:
            inside.become_suite()
        _tell({'pid': pid})
        os.closerange(0, 5)
        status = os.waitpid(pid, 0)[1]
        code = status >> 8 or status
    except BaseException as error:
        _tell({'problem': str(error)})
    finally:
        os._exit(code)


def _new_namespaces(more: int = 0) -> None:
    flags = more
    for flag in _NEW.values():
        flags |= flag
    _call('unshare', flags)


def _tell(record: dict) -> None:
    os.write(3, json.dumps(record).encode() + b'\n')


# -- inside


class _Inside:
    """Process 1 of the new namespaces, until it becomes the suite."""

    def __init__(self, folder: str, files: dict, command: list[str], unprivileged: bool, read_only: bool) -> None:
        self.canary = 'pythond-canary-' + secrets.token_hex(8)
        self._folder, self._files, self._command = folder, files, command
        self.unprivileged, self._read_only = unprivileged, read_only

    def become_suite(self) -> None:
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            _require(os.getpid() == 1, 'it has no process numbers of its own')
            self._build()
            self._move()
            self._write_files()
            for folder in _CANARY_FOLDERS:
                with open('{}/{}'.format(folder, self.canary), 'w'):
                    pass
            check_inside(self.unprivileged)
            _tell({'ready': True})
            _require(os.read(4, 10) == b'go\n', 'it was not let go')
            for folder in _CANARY_FOLDERS:
                os.unlink('{}/{}'.format(folder, self.canary))
            os.closerange(3, 10)
            if self._read_only:
                _call('mount', b'none', b'/', None, ctypes.c_ulong(_REMOUNT_READ_ONLY), None)
            if self.unprivileged:
                _hand_over()
                _enter_user_namespace()
            else:
                _give_up(_GIVEN_UP.values())
                check_given_up()
            os.execve(self._command[0], self._command, _ENVIRONMENT)
        except BaseException as error:
            try:
                _tell({'problem': str(error)})
            except OSError:
                os.write(2, 'the disposable root: {}\n'.format(error).encode())
            os._exit(1)

    def _build(self) -> None:
        _call('mount', b'none', b'/', None, ctypes.c_ulong(_RECURSIVE | _PRIVATE), None)
        _mount('tmpfs', self._folder, _NO_SUID | _NO_DEVICES, 'mode=700,' + _DISK)
        for name in ('up', 'work', 'root'):
            os.mkdir('{}/{}'.format(self._folder, name), 0o755)
        root = self._folder + '/root'
        _mount('overlay', root, _NO_SUID | _NO_DEVICES, 'lowerdir=/,upperdir={0}/up,workdir={0}/work'.format(self._folder))
        _mount('proc', root + '/proc', _QUIET)
        _mount('sysfs', root + '/sys', _QUIET | _READ_ONLY)
        for folder in ('/run', '/tmp', '/var/tmp'):
            _mount('tmpfs', root + folder, _NO_SUID | _NO_DEVICES, 'mode={},{}'.format('755' if folder == '/run' else '1777', _DISK))
        self._make_devices(root + '/dev')
        if not self.unprivileged:  # nobody can write them, and a user namespace must see all of /proc to get its own
            self._cover_settings(root)

    def _cover_settings(self, root: str) -> None:
        settings = {_SETTINGS + '/kernel/modprobe': b'', **_contents(_SETTINGS)}  # not every kernel has modules
        for folder in filter(os.path.isdir, _COVERED):
            _mount('tmpfs', root + folder, _QUIET, 'mode=755,size=16m')
        for path, data in settings.items():
            _write(root + path, data, 0o644)
        if os.path.exists(_TRIGGER):
            _call('mount', (root + '/dev/null').encode(), (root + _TRIGGER).encode(), None, ctypes.c_ulong(_BIND), None)

    def _make_devices(self, dev: str) -> None:
        _mount('tmpfs', dev, _NO_SUID, 'mode=755,size=1m')
        for name, (major, minor) in _DEVICES.items():
            os.mknod('{}/{}'.format(dev, name), 0o020666, os.makedev(major, minor))
            os.chmod('{}/{}'.format(dev, name), 0o666)
        _mount('devpts', dev + '/pts', _NO_SUID | _NO_PROGRAMS, 'newinstance,ptmxmode=0666,mode=620')
        _mount('tmpfs', dev + '/shm', _NO_SUID | _NO_DEVICES, 'mode=1777,' + _DISK)
        _mount('mqueue', dev + '/mqueue', _QUIET)
        for name, target in (('ptmx', 'pts/ptmx'), ('fd', '/proc/self/fd'), ('stdin', '/proc/self/fd/0'),
                             ('stdout', '/proc/self/fd/1'), ('stderr', '/proc/self/fd/2')):
            os.symlink(target, '{}/{}'.format(dev, name))

    def _move(self) -> None:
        """pivot_root(2): both arguments the same, and the old root, which lies on top of the new one then, detached."""
        os.chdir(self._folder + '/root')
        _call('syscall', _PIVOT_ROOT[platform.machine()], b'.', b'.')
        _call('umount2', b'.', _DETACH)
        os.chdir('/')
        os.dup2(os.open('/dev/null', os.O_RDONLY), 0)

    def _write_files(self) -> None:
        os.umask(0o022)
        owner = _FIRST_UID if self.unprivileged else 0
        for path, data in self._files.items():
            _write(os.path.join(STAGE, path), data, 0o644)
        for folder, _, names in os.walk(STAGE):
            for name in ['.', *names]:
                os.chown(os.path.join(folder, name), owner, owner)
        _require(os.access(self._command[0], os.X_OK), '{} is not on the root file system'.format(self._command[0]))


def check_inside(unprivileged: bool) -> None:
    """Whether this process really is in a disposable root. Raises CanNotContain."""
    check_mounts(_read('/proc/self/mountinfo'), unprivileged)


def check_mounts(table: str, unprivileged: bool) -> None:
    """The table of mounts is the one that was made here, and no more: nothing of the machine can be written by any path."""
    points = set()
    for line in table.splitlines():
        before, _, after = line.partition(' - ')
        _, _, _, top, point, _, *shared = before.split(' ')
        kind = after.split(' ')[0]
        _require({**_MOUNTED, **_COVERED}.get(point) == kind, 'a {} is mounted on {}'.format(kind, point))
        _require(top == ('/null' if point == _TRIGGER else '/'), '{} shows {}'.format(point, top))
        _require(not shared, 'mounts on {} are shared'.format(point))
        points.add(point)
    wanted = _MOUNTED if unprivileged else {**_MOUNTED, **_COVERED}
    missing = {point for point in wanted if os.path.exists(point)} - points
    _require(not missing, 'nothing is mounted on {}'.format(sorted(missing)))


def foreign_mounts() -> list[str]:
    """What was mounted since, the latest first."""
    points = [line.split(' ')[4] for line in _read('/proc/self/mountinfo').splitlines()]
    return [point for point in reversed(points) if point not in {**_MOUNTED, **_COVERED}]


def check_given_up() -> None:
    """Whether this process is without every right that reaches past its namespaces."""
    found = [line for line in _read('/proc/self/status').splitlines() if line.startswith(('CapBnd', 'CapPrm', 'CapEff', 'CapInh'))]
    _require(len(found) == 4, 'the kernel does not tell capabilities')
    for line in found:
        for name, number in _GIVEN_UP.items():
            _require(not int(line.split()[1], 16) >> number & 1, 'CAP_{} is left in {}'.format(name, line.split(':')[0]))


def check_unprivileged() -> None:
    """Whether root here is nobody on the machine."""
    _require(_mapped_root() >= _FIRST_UID, 'root is the machine\'s own: {}'.format(_read('/proc/self/uid_map').strip()))


def _mapped_root() -> int:
    """Which uid of the machine uid 0 is; 0: its own root."""
    first, outside, _ = (int(word) for word in _read('/proc/self/uid_map').split()[:3])
    return outside if first == 0 else 0


def _give_up(capabilities) -> None:
    for number in capabilities:
        _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # the ones that the kernel does not know are not there either
    # The bounding set bounds what exec gives; these sets are emptied of them now, so that it can be checked.
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    _call('capget', header, data)
    for number in capabilities:
        for part in range(3):
            data[(number // 32) * 3 + part] &= ~(1 << number % 32)
    _call('capset', header, data)


def _hand_over() -> None:
    """Give some of the machine's files, as they appear in the disposable root, to the namespace's own root: targets."""
    for path in ('/etc', '/etc/passwd', '/etc/shadow', '/root', os.path.realpath(sys.executable), os.__file__,
                 *(folder for folder in sys.path if folder.endswith('-packages'))):
        if os.path.exists(path):
            os.chown(path, _FIRST_UID, _FIRST_UID)


def _enter_user_namespace() -> None:
    """Go on as process 1 of further namespaces, whose root is nobody. The processes above only wait for it."""
    ready, mapped = os.pipe(), os.pipe()
    door = os.fork()
    if door:
        os.read(ready[0], 1)
        for name in ('uid_map', 'gid_map'):
            with open('/proc/{}/{}'.format(door, name), 'w') as file:
                file.write('0 {} {}'.format(_FIRST_UID, _UIDS))
        os.write(mapped[1], b'x')
        _leave_with(door)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _new_namespaces(_NEW_USER)
    os.write(ready[1], b'x')
    os.read(mapped[0], 1)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # which the change of user had cleared
    suite = os.fork()
    if suite:
        _leave_with(suite)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.closerange(3, 20)
    _require(os.getpid() == 1, 'it has no process numbers of its own')
    check_unprivileged()
    _call('mount', b'proc', b'/proc', b'proc', ctypes.c_ulong(_QUIET), b'')


def _leave_with(pid: int) -> None:
    os.closerange(0, 20)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            os._exit(status >> 8 if not status & 0x7F else 128 + (status & 0x7F))


def _write(path: str, data: bytes, mode: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, mode), 'wb') as file:
        file.write(data)


def _contents(top: str) -> dict[str, bytes]:
    found = {}
    for folder, _, names in os.walk(top):
        for path in (os.path.join(folder, name) for name in names):
            try:
                with open(path, 'rb') as file:
                    found[path] = file.read(4096)
            except OSError:
                pass  # for writing only, or of a device that is not there
    return found


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()
