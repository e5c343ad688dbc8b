"""What is seen from outside of a run: that nothing changed, nobody died, nothing is left."""
from __future__ import annotations

import os
import resource
import socket
import time

_GONE_WITHIN_S = 20.0  # ten times what is promised: the machine may be that slow


def tree(top, without=()):
    """Every entry's kind, rights, owner, size and times, as one mapping.

    The time of the last change (ctime) tells of content, attributes, names and rights alike, and nobody can set it.
    """
    seen = {}
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name != '__pycache__']
        for name in ['.', *folders, *files]:
            path = os.path.normpath(os.path.join(folder, name))
            if path not in without:
                seen[path] = _entry(path)
    return seen


def _entry(path):
    try:
        status = os.lstat(path)
        return [status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    except OSError as error:
        return ['not to be looked at', error.errno]


def process(pid):
    """What may be done to a process short of ending it. None: it has ended."""
    try:
        with open('/proc/%d/stat' % pid) as file:
            fields = file.read().rpartition(')')[2].split()
        if fields[0] in 'ZX':
            return None
        with open('/proc/%d/oom_score_adj' % pid) as file:
            score = file.read()
        with open('/proc/%d/comm' % pid) as file:
            name = file.read()
        return {'stopped': fields[0] in 'Tt', 'nice': fields[16], 'oom': score, 'name': name,
                'processors': sorted(os.sched_getaffinity(pid)), 'scheduler': os.sched_getscheduler(pid),
                'limits': [resource.prlimit(pid, which) for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)],
                'traced': _tracer(pid)}
    except (OSError, IndexError):
        return None


def _tracer(pid):
    with open('/proc/%d/status' % pid) as file:
        return [line for line in file if line.startswith('TracerPid')]


def listing(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def resident_kb(pid):
    try:
        with open('/proc/%d/statm' % pid) as file:
            return int(file.read().split()[1]) * resource.getpagesize() // 1024
    except (OSError, IndexError):
        return 0


def living():
    """Every process of the namespace that is not a zombie: pid -> its name."""
    found = {}
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                with open('/proc/%s/stat' % name) as file:
                    text = file.read()
            except OSError:
                continue
            if text.rpartition(')')[2].split()[0] not in 'ZX':
                found[int(name)] = text[text.index('(') + 1:text.rindex(')')]
    return found


def wait_until_gone(expected):
    """Strays that stay."""
    deadline = time.monotonic() + _GONE_WITHIN_S
    while True:
        left = {pid: name for pid, name in living().items() if pid not in expected}
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.005)


class Outside:
    """A picture of everything that no attack may change; differences() compares with it."""

    def __init__(self, trees, processes, own_files):
        self._trees, self._processes, self._own_files = trees, processes, own_files
        self._picture = self._look()

    def _look(self):
        picture = {'processes': {name: process(pid) for name, pid in self._processes.items()}}
        for top in self._trees:
            picture[top] = tree(top, self._own_files)
        for folder in ('/tmp', '/dev/shm', '/var/tmp', '/dev/mqueue', '/etc/cron.d'):
            picture[folder] = listing(folder)
        for kind in ('shm', 'sem', 'msg'):
            with open('/proc/sysvipc/' + kind) as file:
                picture['sysv ' + kind] = len(file.readlines())
        with open('/proc/self/mounts') as file:
            picture['mounts'] = file.read()
        picture['host name'] = socket.gethostname()
        return picture

    def differences(self):
        now, told = self._look(), []
        for key, before in self._picture.items():
            if now[key] == before:
                continue
            if isinstance(before, dict):
                changed = [name for name in {**before, **now[key]} if before.get(name) != now[key].get(name)]
                told.append('%s: %s' % (key, ', '.join(
                    '%s %s' % (name, _change(before.get(name), now[key].get(name))) for name in changed[:3])))
            else:
                told.append('%s changed' % key)
        return told


def _change(before, now):
    if now is None:
        return 'is gone'
    if isinstance(before, dict):
        return ', '.join('%s: %s -> %s' % (key, before[key], now[key]) for key in before if before[key] != now[key])
    return 'changed'
