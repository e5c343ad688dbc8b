"""Plays the worker of the attacks: a secret in its environment, its memory and a file that it holds open; canaries; a
sibling host with a run that goes on; then every attack, in a run and at import, each judged from inside and outside.

    python3 player.py STAGE SKIP ALONE

Attacks at import go many to a host, which is quick as long as they all fail; those before number ALONE, where a host of
many saw something happen, get a host each, so that it can be told which it was.

Results go line by line into the pipe that SUITE_PIPE names. After one that changed anything the player ends with code
75, and another goes on behind it with everything new.
"""
from __future__ import annotations

import ctypes
import importlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from canaries import Canaries  # noqa: E402
from hosts import PATIENCE_S, SuiteHost, frames, merged, start_sibling  # noqa: E402
from outside import Outside, process, resident_kb, wait_until_gone  # noqa: E402
from place import check  # noqa: E402

GROUPS = ('worker_secrets', 'files', 'signals', 'siblings', 'network_on', 'network_off', 'kernel', 'limits', 'floods',
          'strays', 'frames', 'state', 'itself')
_AGAIN = 75
_MANY = 40
_ONE_BY_ONE = ('strays',)  # whose processes would be each other's
_GROWTH_KB = 64 * 1024
_OUTPUT_BYTES = 8 << 20  # both streams in JSON, and the frames' own keys


def attacks(config):
    """(group, name, where, order, policy) of all, in an order that is always the same."""
    folder = config['stage'] + '/test/sandbox/attacks'
    sys.path.insert(0, folder)
    sys.path.insert(0, config['stage'] + '/python.d/core')
    found = []
    for group in GROUPS:
        module = importlib.import_module(group)
        for name, function in vars(module).items():
            if not name.startswith('attack_') or function.__module__ != group:
                continue
            for where in getattr(function, 'where', module.WHERE):
                if where not in config.get('where', ('run', 'import')):
                    continue
                if not config.get('only') or any(word in '%s.%s' % (group, name) for word in config['only']):
                    found.append((group, name, where, getattr(function, 'order', {}), getattr(module, 'POLICY', {})))
    return sorted(found, key=lambda attack: (GROUPS.index(attack[0]), attack[2] == 'import'))


def title(group, name, where):
    words = name[len('attack_'):].replace('_', ' ')
    return {'group': group.replace('_', ' '), 'name': words, 'where': where}


class Player:
    def __init__(self, config, pipe):
        self.config, self._pipe = config, pipe
        stage = config['stage']
        self.folder = stage + '/play'
        self._patience_s = PATIENCE_S if config['level'] == 'strict' else 4.0  # what escapes may never answer
        os.makedirs(self.folder)
        self.canaries = Canaries(self.folder + '/canaries', os.environ['WORKER_SECRET_AT_START'],
                                 os.environ['REDIS_PASSWORD'], os.environ['INSPECTOR_TOKEN'])
        self.core, self.bundle = stage + '/python.d/core', self.folder + '/bundle'
        shutil.copytree(stage + '/test/sandbox/attacks', self.bundle + '/python.d/attacks')
        self.next_file = self.bundle + '/python.d/attacks/next.json'
        self._hosts = {}
        self._number = 0
        self._facts()

    def _facts(self):
        self._secret = ctypes.create_string_buffer(os.environ['WORKER_SECRET_AT_START'].encode())
        self._scratch = ctypes.create_string_buffer(16384)
        self._file = open(self.canaries.private_file, 'rb')
        self.victim = subprocess.Popen([self.config['python'], '-I', '-c', 'import time\nwhile 1: time.sleep(60)'])
        base = self.policy({})
        self.sibling, told = start_sibling(self.folder, self.config['stage'], base, 'NEXTDOOR-' + secrets.token_hex(8))
        self.facts = {
            'marker': 'PYTHOND-CANARY', 'worker': os.getpid(), 'worker_group': os.getpgrp(), 'victim': self.victim.pid,
            'secret_address': ctypes.addressof(self._secret), 'scratch_address': ctypes.addressof(self._scratch) + 4096,
            'secret_fd': self._file.fileno(), 'control_fd': self.sibling.socket.fileno(), 'core': self.core,
            'bundle': self.bundle, **self.canaries.facts, **told}
        with open(self.next_file, 'w') as file:
            file.write('{}')
        trees = [self.canaries.folder, self.bundle, self.core, self.sibling.bundle, told['sibling_tmp']]
        people = {'worker': os.getpid(), 'victim': self.victim.pid, 'sibling host': self.sibling.pid,
                  'sibling run': told['sibling_run']}
        if self.canaries.redis_server:
            people['redis'] = self.canaries.redis_server.pid
        self._people = set(people.values())
        self.outside = Outside(trees, people, {self.next_file, self.next_file[:-len('/next.json')]})

    def policy(self, more):
        if self.config['level'] == 'none':
            return {}
        base = dict(self.config['policy'])
        if self.config['mode'] != 'root':
            base.update(uid=None, gid=None, groups=[])
        base['readPaths'] = [*base['readPaths'], self.core]
        return merged(base, more)

    # -- one attack

    def make(self, group, name, where, order, more):
        """Its result; more time for what was ended before it said anything, on a machine that is busy."""
        result = self._make(group, name, where, order, more)
        for factor in (5, 50):
            if result['outcome'] == 'SILENT' and 'timeoutMs' in order:
                result = self._make(group, name, where, dict(order, timeoutMs=factor * order['timeoutMs']), more)
        return result

    def _make(self, group, name, where, order, more):
        what = title(group, name, where)
        self.say({'begin': what})
        self._number += 1
        self.canaries.reached.clear()
        facts = dict(self.facts, run=self._number)
        with open(self.next_file, 'w') as file:
            json.dump({'group': group, 'name': name, 'facts': facts}, file)
        began = time.monotonic()
        policy = self.policy(more)
        told, damage = self._in_run(policy, order) if where == 'run' else self._at_import(policy)
        damage += self._look_around(group)
        outcome = dict(what, ms=round((time.monotonic() - began) * 1000), **judge(told, damage))
        if damage:
            self._pipe.write(json.dumps({'result': outcome}).encode() + b'\n')
            os._exit(_AGAIN)  # whatever was changed is made anew
        return outcome

    def _host(self, policy):
        key = json.dumps(policy, sort_keys=True)
        host = self._hosts.get(key)
        if host is None or not host.is_alive():
            host = self._hosts[key] = SuiteHost(self.folder, self.bundle, policy, python=self.config['python'])
            host.begin(['python.d/attacks/attacker.py'])
            host.wait_until_ready()
        return host

    def _in_run(self, policy, order):
        host, number = self._host(policy), self._number
        before = process(host.pid), resident_kb(host.pid), resident_kb(os.getpid())
        timeout = order.get('timeoutMs', 60000)
        cancel = order.get('cancel', False)
        if 'state' in order:
            host.socket.sendall(frames.frame(frames.STATE, number.to_bytes(4, 'big') + order['state']()))
        host.send(frames.RUN, {'run': number, 'collector': 'attacks/attacker:Attacker', 'timeoutMs': timeout,
                               'leaseMs': 120000, 'capture': True, 'live': cancel})
        deadline = time.monotonic() + timeout / 1000 + self._patience_s
        ended, seen, taken, damage = None, b'', 0, []
        while ended is None:
            got = host.take(min(deadline, time.monotonic() + 1))
            if got is None:
                trouble = host.trouble(deadline)
                if trouble is None:
                    continue
                damage.append(trouble)
                host.end()
                break
            kind, value = got
            if value.get('run') != number or kind not in (frames.STARTED, frames.RESULT, frames.OUTPUT, frames.ENDED):
                damage.append('a frame that nobody should have sent: 0x%02x %s' % (kind, str(value)[:100]))
            elif kind == frames.RESULT:
                taken += len(value['data'])
            elif kind == frames.OUTPUT:
                seen += value['data']
                if cancel and b'ATTACK' in seen:
                    host.send(frames.CANCEL, {'run': number, 'graceMs': 300})
                    cancel = False
            elif kind == frames.ENDED:
                ended = value
        if ended:
            damage += self._weigh(host, before, taken, ended)
        return records((ended or {}).get('stdout', '') + seen.decode('utf-8', 'replace')), damage

    def _weigh(self, host, before, taken, ended):
        damage, (host_before, host_kb, own_kb) = [], before
        if taken > (17 << 20):
            damage.append('%d bytes of result came through' % taken)
        if len(ended['stdout']) + len(ended['stderr']) > _OUTPUT_BYTES:
            damage.append('%d characters of output came through' % len(ended['stdout']))
        for who, kb in (('host', resident_kb(host.pid) - host_kb), ('worker', resident_kb(os.getpid()) - own_kb)):
            if kb > _GROWTH_KB:
                damage.append('the %s grew by %d MiB' % (who, kb // 1024))
        if process(host.pid) != host_before:
            damage.append('the host is not as it was: %s' % process(host.pid))
        return damage

    def make_many(self, batch, upto):
        """Their results, or no return where one of them did something, or took the host along."""
        self.say({'begin': {'batch': upto}})
        self.canaries.reached.clear()
        orders = [{'group': group, 'name': name, 'facts': dict(self.facts, run=0)} for group, name, *_ in batch]
        with open(self.next_file, 'w') as file:
            json.dump(orders, file)
        told, _ = self._at_import(self.policy(batch[0][4]))
        if self._look_around(batch[0][0]):
            self.say({'alone': upto})
            os._exit(_AGAIN)
        by_name = {}
        for record in told:
            by_name.setdefault(record['name'], []).append(record)
        results = []
        for group, name, where, _, _ in batch:
            mine = by_name.get(name, [])
            if not any(set(record) & {'evidence', 'blocked', 'nothing'} for record in mine):
                self.say({'alone': upto})
                os._exit(_AGAIN)
            results.append(dict(title(group, name, where), **judge(mine, [])))
        return results

    def _at_import(self, policy):
        host = SuiteHost(self.folder, self.bundle, policy, python=self.config['python'])
        host.begin(['python.d/attacks/importer.py'])
        deadline = time.monotonic() + self._patience_s
        told = []
        while True:
            got = host.take(deadline)
            if got is None:
                break
            if got[0] == frames.READY:
                told = records(got[1]['stdout'])
                break
            if got[0] == frames.FATAL:
                if got[1]['code'] == 'sandbox':
                    raise SystemExit(got[1]['message'])
                break
        host.end()
        return told, []

    def _look_around(self, group):
        expected = {1, *self._people, *(host.pid for host in self._hosts.values())}
        left = wait_until_gone(expected)
        damage = ['left behind: %s' % left] if left else []
        damage += self.outside.differences()
        quiet = self.canaries.reached if group == 'network_off' else [
            name for name in self.canaries.reached if name.startswith(('unix', 'redis socket', 'inspector data')) or
            name == 'redis']
        if quiet:
            damage.append('reached: %s' % ', '.join(sorted(set(quiet))))
        self.sibling.socket.setblocking(False)
        try:
            if self.sibling.socket.recv(1):
                damage.append('the sibling said something')
        except OSError:
            pass
        return damage

    def say(self, record):
        self._pipe.write(json.dumps(record).encode() + b'\n')

    def play(self, skip, alone):
        all_of_them = list(attacks(self.config))
        at = skip
        while at < len(all_of_them):
            batch = batch_at(all_of_them, at) if at >= alone else []
            if len(batch) > 1:
                for result in self.make_many(batch, at + len(batch)):
                    self.say({'result': result})
                at += len(batch)
            else:
                self.say({'result': self.make(*all_of_them[at])})
                at += 1
        self.say({'end': True})


def batch_at(everything, at):
    """The attacks at import from here on that can share a host."""
    group = everything[at][0]
    batch = []
    for attack in everything[at:at + _MANY]:
        if attack[0] != group or attack[2] != 'import' or group in _ONE_BY_ONE or attack[3]:
            break
        batch.append(attack)
    return batch


def records(text):
    found = []
    for line in text.split('\n'):
        if line.startswith('ATTACK {'):
            try:
                found.append(json.loads(line[len('ATTACK '):]))
            except ValueError:
                pass
    return found


def judge(told, damage):
    """What came of an attack, by what it told and what was seen from outside."""
    evidence = [record['evidence'] for record in told if 'evidence' in record]
    tried = [record['tried'] for record in told if 'tried' in record]
    blocked = [record['blocked'] for record in told if 'blocked' in record]
    if evidence or damage:
        return {'outcome': 'ESCAPED', 'evidence': '; '.join(evidence + damage)}
    if not told:
        return {'outcome': 'SILENT', 'evidence': 'it was not heard of: it may not have been made'}
    return {'outcome': 'held', 'evidence': '; '.join(blocked or tried)[:200], 'refused': bool(blocked)}


def main():
    if os.getppid() != 1:
        raise SystemExit('not below process 1 of a namespace of its own')
    stage, skip = sys.argv[1], int(sys.argv[2])
    pipe = open(int(os.environ['SUITE_PIPE']), 'wb', buffering=0)
    if 'WORKER_SECRET_AT_START' not in os.environ:  # it has to be in the environment that the kernel shows
        marker = 'PYTHOND-CANARY-' + secrets.token_hex(8)
        os.environ.update(WORKER_SECRET_AT_START=marker, REDIS_PASSWORD=secrets.token_hex(8),
                          INSPECTOR_TOKEN=secrets.token_hex(8))
        os.execv(sys.executable, [sys.executable, '-I', os.path.abspath(__file__), *sys.argv[1:]])
    os.set_inheritable(pipe.fileno(), False)
    with open(stage + '/config.json') as file:
        config = json.load(file)
    check(config)
    threading.stack_size(256 * 1024)
    Player(config, pipe).play(skip, int(sys.argv[3]))


if __name__ == '__main__':
    main()
