"""The first process of the disposable root: starts players of the worker's part, one after another.

An attack that succeeds may kill or stop its player; that is its result, and the next player goes on behind it. Signals
go to everything only from here, and only when this really is process 1 of a disposable root.
"""
from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from disposable_root import STAGE, foreign_mounts  # noqa: E402
from place import check  # noqa: E402

PLAIN_UID = 64999
_SILENCE_S = {'strict': 240.0, 'none': 30.0}  # for one attack; a machine that is ten times slower stays below


def loopback_up():
    """The network namespace is new as well, and its loopback is down: an engine starts that of a container itself."""
    with socket.socket() as any_socket:
        request = struct.pack('16sH14x', b'lo', 0x1 | 0x40)
        fcntl.ioctl(any_socket, 0x8914, request)


class Init:
    def __init__(self, config):
        self.config = config
        self.results = []
        self.alone = 0

    def command(self, skip):
        player = [self.config['python'], '-I', STAGE + '/test/sandbox/driver/player.py', STAGE, str(skip), str(self.alone)]
        if 'container' in self.config or self.config['mode'] in ('root', 'root-keeping-uid'):
            return player
        if self.config['mode'] == 'user':
            ids = ['--reuid', str(PLAIN_UID), '--regid', str(PLAIN_UID), '--clear-groups', '--inh-caps=-all']
        else:
            ids = ['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs']
        return ['setpriv', *ids, *player]

    def play(self):
        if 'container' not in self.config:
            loopback_up()
        if self.config['mode'] == 'user':
            for folder, _, names in os.walk(STAGE):
                for name in ['.', *names]:
                    os.chown(os.path.join(folder, name), PLAIN_UID, PLAIN_UID)
        while self._one_player():
            sweep()
            clear([] if 'container' in self.config else foreign_mounts())
        sweep()

    def _one_player(self):
        """Start a player behind the last result; tells whether another has to follow."""
        before = len(self.results)
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        environment = dict(os.environ, SUITE_PIPE=str(writer))
        player = subprocess.Popen(self.command(before), pass_fds=[writer], env=environment, stdout=2,
                                  stdin=subprocess.DEVNULL, start_new_session=True)
        os.close(writer)
        begun, ended = None, False
        end = self._listen(player, reader)
        for record in end['records']:
            begun = record.get('begin', begun)
            self.alone = max(self.alone, record.get('alone', 0))
            if 'result' in record:
                self.results.append(record['result'])
                begun = None
            ended = ended or 'end' in record
        if ended:
            return False
        if begun and 'batch' in begun:
            self.alone = max(self.alone, begun['batch'])
        elif begun:
            self.results.append(dict(begun, outcome='ESCAPED', evidence=end['why']))
        elif len(self.results) == before and end['why'] != 'replaced':
            raise SystemExit('the player failed: %s' % end['why'])
        return True

    def _listen(self, player, reader):
        data, last, why = b'', time.monotonic(), None
        while True:
            ready, _, _ = select.select([reader], [], [], 0.2)
            if ready:
                piece = os.read(reader, 1 << 16)
                if piece:
                    data += piece
                    last = time.monotonic()
                    continue
            status = player.poll()
            if status is not None:
                why = why or ('replaced' if status == 75 else 'the worker ended: %s' % status)
                data += drain(reader)
                break
            if stopped(player.pid):
                why = 'the worker was stopped'
            elif time.monotonic() - last > _SILENCE_S[self.config['level']]:
                why = 'the worker did not go on'
            if why:
                os.kill(player.pid, signal.SIGKILL)
                player.wait()
                data += drain(reader)
                break
            reap(player.pid)
        os.close(reader)
        records = [json.loads(line) for line in data.split(b'\n') if line.startswith(b'{') and line.endswith(b'}')]
        return {'records': records, 'why': why}


def drain(reader):
    data = b''
    os.set_blocking(reader, False)
    try:
        while True:
            piece = os.read(reader, 1 << 16)
            if not piece:
                return data
            data += piece
    except BlockingIOError:
        return data


def stopped(pid):
    try:
        with open('/proc/%d/stat' % pid) as file:
            return file.read().rpartition(')')[2].split()[0] in 'Tt'
    except OSError:
        return False


def reap(player):
    """Orphans come to process 1."""
    for name in os.listdir('/proc'):
        if name.isdigit() and int(name) not in (1, player):
            try:
                os.waitpid(int(name), os.WNOHANG)
            except OSError:
                pass


def sweep():
    if os.getpid() != 1:
        raise SystemExit('not in a namespace of its own')
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def clear(mounts):
    """What the last player and its attacks left; they may have left folders a thousand deep, or without rights."""
    folders = [STAGE + '/play', *('%s/%s' % (top, name) for top in ('/tmp', '/var/tmp', '/dev/shm') for name in os.listdir(top)
                                  if name != 'suite')]
    for point in mounts:
        subprocess.run(['umount', '-l', point], stderr=subprocess.DEVNULL)
    subprocess.run(['rm', '-rf', *folders], stderr=subprocess.DEVNULL)


def main():
    if os.getpid() != 1:
        raise SystemExit('not in a namespace of its own: nothing is run')
    with open(STAGE + '/config.json') as file:
        config = json.load(file)
    check(config)
    init = Init(config)
    init.play()
    print(json.dumps({'mode': config['mode'], 'level': config['level'], 'results': init.results}))


if __name__ == '__main__':
    main()
