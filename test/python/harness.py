"""Drives the real host, with real forks, over a socketpair."""
from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORE = os.path.join(REPOSITORY, 'python.d', 'core')
HOST = os.path.join(CORE, 'pythond_host.py')
if CORE not in sys.path:
    sys.path.insert(0, CORE)

from _pythond import _frames as frames  # noqa: E402

PATIENCE_S = 60.0  # generous: a deadline is only met by a test that fails


SOME_UID = 61234
# What the worker lists, as far as tests need it; the host adds its interpreter, the core, the bundle, /proc and /sys.
SYSTEM_PATHS = ['/usr', '/lib', '/lib32', '/lib64', '/bin', '/sbin', '/etc/ssl', '/etc/resolv.conf', '/etc/hosts',
                '/etc/host.conf', '/etc/nsswitch.conf', '/etc/gai.conf', '/etc/services', '/etc/protocols', '/etc/passwd',
                '/etc/group', '/etc/localtime', '/etc/timezone', '/etc/ld.so.cache', '/etc/mtab', '/etc/os-release',
                '/etc/alternatives', '/etc/gitconfig']
_probed: list = []


def probed() -> dict:
    """What `pythond_host.py --probe` answers here; asked once."""
    if not _probed:
        _probed.append(json.loads(subprocess.run([sys.executable, '-I', HOST, '--probe'], stdout=subprocess.PIPE,
                                                 check=True).stdout))
    return _probed[0]


def strict_policy(**more) -> dict | None:
    """A policy of level strict, with a uid of its own where that can be had; None where strict can't."""
    if sys.platform != 'linux' or not probed()['strict']:
        return None
    return {'level': 'strict', 'uid': SOME_UID if probed()['dropUid'] else None, 'readPaths': SYSTEM_PATHS, **more}


class Closed(Exception):
    """The host closed its end."""


class HostProcess:
    """One host and the worker's end of its stream."""

    def __init__(self, home: str, env: dict | None = None, executable: str | None = None,
                 prefix: list = ()) -> None:
        """`prefix` is a command that the host is started by, such as setpriv."""
        ours, theirs = socket.socketpair()
        python = executable or sys.executable
        # posix_spawn's DUP2 clears close-on-exec, on descriptor 3 alone: that is what the worker does too.
        with open(os.devnull, 'r+b') as null:
            actions = [(os.POSIX_SPAWN_DUP2, null.fileno(), 0), (os.POSIX_SPAWN_DUP2, null.fileno(), 1),
                       (os.POSIX_SPAWN_DUP2, sys.stderr.fileno(), 2), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)]
            command = [*prefix, python, '-I', HOST]
            self.pid = os.posix_spawn(shutil.which(command[0]) or python, command, {'PATH': os.environ.get('PATH', '')}
                                      if env is None else env, file_actions=actions, setpgroup=0)
        theirs.close()
        self.socket = ours
        self.home = home
        self.tmp = os.path.join(home, 'tmp')
        self.decoder = frames.Decoder(frames.FROM_HOST)
        self.inbox: list = []
        self.status: int | None = None
        self.results: dict = {}
        self.ready: dict = {}

    def send(self, kind: int, value: dict) -> None:
        self.socket.sendall(frames.message(kind, value))

    def setup(self, modules: list, **more) -> None:
        self.send(frames.SETUP, {'protocol': 1, 'bundleRoot': self.home, 'tmpRoot': self.tmp, 'modules': modules,
                                 'limits': more.pop('limits', {}), 'policy': {}, **more})

    def receive(self, deadline: float | None = None):
        """The next frame: (type, parsed payload)."""
        deadline = deadline or time.monotonic() + PATIENCE_S
        while not self.inbox:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            data = self.socket.recv(1 << 20)
            if not data:
                raise Closed()
            self.decoder.feed(data)
            self.inbox += self.decoder.frames()
        kind, payload = self.inbox.pop(0)
        return kind, parse(kind, payload)

    def wait_for(self, kind: int, run: int | None = None) -> dict:
        """The next frame of a type, and of a run where one is given; results of all runs are kept on the way."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            got, value = self.receive(deadline)
            if got == frames.RESULT:
                self.results[value['run']] = self.results.get(value['run'], b'') + value['data']
            if got == frames.FATAL and kind != frames.FATAL:
                raise AssertionError('fatal: {}'.format(value))
            if got == kind and (run is None or value['run'] == run):
                return value

    def wait_until_ready(self) -> dict:
        self.ready = self.wait_for(frames.READY)
        return self.ready

    def order(self, run: int, collector: str, **more) -> None:
        self.send(frames.RUN, {'run': run, 'collector': collector, 'timeoutMs': 120000, 'leaseMs': 120000, **more})

    def run(self, collector: str, number: int = 1, **more) -> RunResult:
        self.order(number, collector, **more)
        return self.finish(number)

    def finish(self, number: int = 1) -> RunResult:
        ended = self.wait_for(frames.ENDED, number)
        return RunResult(ended, self.results.pop(number, b''))

    def close(self) -> None:
        self.socket.close()

    def wait(self) -> int:
        """Wait until the host has exited; its wait status."""
        deadline = time.monotonic() + PATIENCE_S
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
            elif time.monotonic() > deadline:
                raise AssertionError('the host did not exit')
            else:
                time.sleep(0.002)  # nothing to wait on but the process itself
        return self.status

    def end(self) -> None:
        self.close()
        if self.status is None:
            try:
                self.wait()
            except AssertionError:
                os.kill(self.pid, signal.SIGKILL)
                self.wait()


class RunResult:
    """What a run sent: `ended`, and the frames of its result."""

    def __init__(self, ended: dict, data: bytes) -> None:
        self.ended = ended
        self.data = data
        decoder = frames.Decoder(frames.FROM_RUN)
        decoder.feed(data)
        self.frames = [(kind, payload if kind == frames.NEW_STATE else json.loads(payload))
                       for kind, payload in decoder.frames()]
        self.rest = decoder.pending

    def of(self, kind: int) -> list:
        return [value for got, value in self.frames if got == kind]

    @property
    def reports(self) -> list:
        return self.of(frames.REPORT)

    @property
    def warnings(self) -> list:
        return self.of(frames.WARNING)

    @property
    def error(self):
        return self.of(frames.FINISHED)[0]['error']

    @property
    def points(self) -> list:
        return [point for report in self.reports for point in report['points']]


def parse(kind: int, payload: bytes):
    if kind == frames.RESULT:
        return {'run': struct.unpack('>I', payload[:4])[0], 'data': payload[4:]}
    if kind == frames.OUTPUT:
        run, stream = struct.unpack('>IB', payload[:5])
        return {'run': run, 'stream': stream, 'data': payload[5:]}
    return json.loads(payload)


def remove(folder: str) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        pass  # a test of very deep folders deletes them itself


class HostTestCase(unittest.TestCase):
    """A test with a bundle in a temporary folder; every host it starts is ended with it."""

    def setUp(self) -> None:
        self.home = os.path.realpath(tempfile.mkdtemp(prefix='pythond-test-'))
        self.addCleanup(remove, self.home)

    def write(self, path: str, text) -> str:
        full = os.path.join(self.home, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'wb') as file:
            file.write(text if isinstance(text, bytes) else textwrap.dedent(text).encode('utf-8'))
        return full

    def module(self, path: str) -> dict:
        """The entry of `modules` that the worker would make for python.d/<dir>/[<parent>/]<file>.py."""
        parts = path.split('/')
        return {'name': '.'.join([*parts[2:-1], os.path.splitext(parts[-1])[0]]), 'file': path,
                'root': '/'.join(parts[:2]), 'dir': parts[1]}

    def spawn(self, **more) -> HostProcess:
        host = HostProcess(self.home, **more)
        self.addCleanup(host.end)
        return host

    def start(self, files: dict, listed: list | None = None, env: dict | None = None,
              executable: str | None = None, prefix: list = (), **more) -> HostProcess:
        """A ready host for the files given; all of them are listed as modules unless `listed` says which."""
        for path, text in files.items():
            self.write(path, text)
        host = self.spawn(env=env, executable=executable, prefix=prefix)
        host.setup([self.module(path) for path in (files if listed is None else listed)], **more)
        host.wait_until_ready()
        return host

    def start_one(self, body: str, head: str = '', **more) -> HostProcess:
        """A host with one collector, D/one:One, whose run() has `body`."""
        text = 'from datakit_framework import DataKitFramework\n' + textwrap.dedent(head) \
            + '\nclass One(DataKitFramework):\n    def run(self):\n' + textwrap.indent(textwrap.dedent(body), ' ' * 8)
        return self.start({'python.d/D/one.py': text}, **more)

    def run_one(self, body: str, head: str = '', **more) -> RunResult:
        return self.start_one(body, head, **more).run('D/one:One')
