"""The worker's end of real hosts."""
from __future__ import annotations

import copy
import json
import os
import shutil
import socket
import sys
import time

STAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, STAGE + '/test/python')
from harness import HOST, Closed, HostProcess, frames  # noqa: E402

PATIENCE_S = 90.0
LIMITS = {'outputKeptBytes': 262144, 'resultBytes': 16 << 20, 'points': 100000, 'killGraceMs': 500,
          'leaseMarginMs': 2000}


def merged(base, more):
    result = copy.deepcopy(base)
    for key, value in more.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) \
            else value
    return result


class SuiteHost(HostProcess):
    """A host of one bundle. `end()` takes its folder away."""

    count = 0

    def __init__(self, folder, bundle, policy, environment=None, python=None):
        SuiteHost.count += 1
        self.folder = '%s/hosts/host-%d-%d' % (folder, os.getpid(), SuiteHost.count)
        os.makedirs(self.folder, 0o711)
        os.chmod(self.folder, 0o711)
        os.mkdir(self.folder + '/tmp', 0o700)
        environment = {'PATH': os.environ.get('PATH', '/usr/bin:/bin'), 'MALLOC_ARENA_MAX': '1', **(environment or {})}
        self._spawn(python or sys.executable, environment)
        self.home = bundle
        self.decoder = frames.Decoder(frames.FROM_HOST)
        self.inbox, self.results, self.ready, self.status = [], {}, {}, None
        self.tmp = self.folder + '/tmp'
        self.bundle = bundle
        self.policy = policy
        self.is_closed = False

    def _spawn(self, python, environment):
        """As the worker does: a session of its own, nothing but descriptors 0 to 3."""
        self.socket, theirs = socket.socketpair()
        with open(os.devnull, 'r+b') as null:
            actions = [(os.POSIX_SPAWN_DUP2, null.fileno(), number) for number in (0, 1)]
            actions += [(os.POSIX_SPAWN_DUP2, sys.stderr.fileno(), 2), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)]
            self.pid = os.posix_spawn(python, [python, '-I', HOST], environment, file_actions=actions, setsid=True)
        theirs.close()

    def begin(self, files):
        """Send the setup; each file is a module below python.d/<dir>/."""
        modules = []
        for path in files:
            parts = path.split('/')
            modules.append({'name': os.path.splitext(parts[-1])[0], 'file': path, 'root': '/'.join(parts[:2]),
                            'dir': parts[1]})
        self.setup(modules, limits=LIMITS, policy=self.policy)

    def take(self, deadline):
        """The next frame, or None when the host closed its end or the time is over."""
        try:
            kind, value = self.receive(deadline)
        except socket.timeout:
            return None
        except (Closed, OSError):
            self.is_closed = True
            return None
        return kind, value

    def is_alive(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is None

    def trouble(self, deadline):
        """Why it did not answer. None: it may still."""
        if not self.is_alive():
            return 'the host died'
        with open('/proc/%d/stat' % self.pid) as file:
            if file.read().rpartition(')')[2].split()[0] in 'Tt':
                return 'the host was stopped'
        if self.is_closed:
            return 'the host closed its stream'
        return 'the run did not end' if time.monotonic() > deadline else None

    def end(self):
        self.close()
        deadline = time.monotonic() + (15 if self.policy else 1)
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.002)
        if self.is_alive():
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
            self.status = 9
        shutil.rmtree(self.folder, ignore_errors=True)


def start_sibling(folder, stage, policy, marker):
    """A host with a run that goes on, and what an attacker may know of it."""
    bundle = folder + '/sibling-bundle'
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(stage + '/test/sandbox/sibling', bundle + '/python.d/Sibling')
    with open(bundle + '/python.d/Sibling/data.txt', 'w') as file:
        file.write(marker)
    if policy:
        policy = dict(policy, readPaths=[*policy['readPaths'], bundle])
    host = SuiteHost(folder, bundle, policy, {'SIBLING_SECRET': marker})
    host.begin(['python.d/Sibling/sibling.py'])
    host.wait_until_ready()
    host.send(frames.RUN, {'run': 99, 'collector': 'Sibling/sibling:Sibling', 'timeoutMs': 3600000, 'leaseMs': 3600000})
    host.wait_for(frames.STARTED)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for name in os.listdir(host.tmp):
            notes = '%s/%s/notes.txt' % (host.tmp, name)
            if os.path.exists(notes):
                with open(notes) as file:
                    told = json.load(file)
                return host, {
                    'sibling': host.pid, 'sibling_run': told['run'], 'sibling_address': told['address'],
                    'sibling_marker': marker[:8], 'sibling_shared': told['shared'] or 'none', 'sibling_bundle': bundle,
                    'sibling_tmp': os.path.dirname(notes)}
        time.sleep(0.01)
    raise SystemExit('the sibling did not start')
