"""A hardened container of a real engine as the disposable root: what drive.mjs has started by `docker run`.

The engine makes the namespaces, the bounds and the root here, so nothing of them is ours to believe: check_inside()
looks at what the kernel says of them before anything hostile is started.
"""
from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import subprocess

from disposable_root import STAGE, CanNotContain

_ENTRY = '''
import base64, json, os, sys
told = json.load(sys.stdin)
for path, data in told['files'].items():
    path = os.path.join(told['stage'], path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(base64.b64decode(data))
os.dup2(os.open('/dev/null', os.O_RDONLY), 0)
os.execv(sys.executable, [sys.executable, '-I', *told['command']])
'''
_OWN_KINDS = ('tmpfs', 'proc', 'devpts', 'mqueue')  # gone with the container, or the kernel's view of it
_SETTINGS = '/proc/sys'
_BOUNDS = (('/sys/fs/cgroup/pids/pids.max', '/sys/fs/cgroup/pids.max'),
           ('/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory.max'))  # of version 1, of version 2
_NO_LIMIT = 1 << 60  # version 1 says so by a number near 2 to the power of 63
_NO_RIGHTS = {'CapInh': 0, 'CapPrm': 0, 'CapEff': 0, 'CapBnd': 0, 'CapAmb': 0, 'NoNewPrivs': 1}


# -- outside


def run_in_container(files: dict[str, bytes], command: list[str], run: list[str]) -> tuple[int, bytes]:
    """Write `files` (path -> content) below /tmp/suite of a container, run the Python script `command` as process 1.

    `run` is the `docker run …` up to the Python of the image. Its standard output comes back with its exit code.
    """
    name = 'pythond-escape-suite-' + secrets.token_hex(8)
    docker, verb, *options = run
    told = {'stage': STAGE, 'command': command,
            'files': {path: base64.b64encode(data).decode() for path, data in files.items()}}
    try:
        done = subprocess.run([docker, verb, '--interactive', '--name', name, *options, '-I', '-c', _ENTRY],
                              input=json.dumps(told).encode(), stdout=subprocess.PIPE)
        return done.returncode, done.stdout
    finally:  # it is gone already, but where this was interrupted
        subprocess.run([docker, 'rm', '--force', name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# -- inside


def check_inside() -> None:
    """Whether this is a container from which nothing of the machine can be changed. Raises CanNotContain."""
    check_mounts(_read('/proc/self/mountinfo'))
    check_rights(_read('/proc/self/status'))
    check_bounds([_first(paths) for paths in _BOUNDS])
    _require(len(_read('/proc/net/route').splitlines()) < 2, 'it has a network')
    _require([name for _, name in socket.if_nameindex() if _is_up(name)] == ['lo'], 'it has other interfaces than lo')


def check_mounts(table: str) -> None:
    """Whatever can be written is the container's own."""
    points = {}
    for line in table.splitlines():
        before, _, after = line.partition(' - ')
        point, options = before.split(' ')[4:6]
        kind = after.split(' ')[0]
        points[point] = options.split(',')
        _require(kind in _OWN_KINDS or 'ro' in points[point], 'a {} that can be written is mounted on {}'.format(kind, point))
    _require('ro' in points.get('/', ()), 'its root can be written')
    _require('ro' in points.get(_SETTINGS, ()), 'settings of the kernel can be written')


def check_rights(status: str) -> None:
    """No capability can be had, and a filter of the engine is there: nothing reaches past the namespaces."""
    told = dict(line.split(':', 1) for line in status.splitlines())
    for name, wanted in _NO_RIGHTS.items():
        _require(int(told[name], 16) == wanted, '{} is {}'.format(name, told[name].strip()))
    _require(told['Seccomp'].strip() == '2', 'the engine applies no seccomp profile')


def check_bounds(limits: list[str]) -> None:
    for limit in limits:
        _require(limit.isdigit() and int(limit) < _NO_LIMIT, 'processes or memory are not bounded')


def _is_up(interface: str) -> bool:
    return bool(int(_read('/sys/class/net/{}/flags'.format(interface)), 16) & 1)


def _first(paths: tuple) -> str:
    return next((_read(path).strip() for path in paths if os.path.exists(path)), 'unknown')


def _require(holds: object, what: str) -> None:
    if not holds:
        raise CanNotContain(what)


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()
