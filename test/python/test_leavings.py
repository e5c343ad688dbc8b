"""What imports and constructors leave that runs in processes of their own would not share, as `ready` tells it."""
from __future__ import annotations

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTestCase  # noqa: E402


@unittest.skipUnless(sys.platform == 'linux', 'descriptors are looked at through /proc')
class LeavingsTest(HostTestCase):
    def left(self, head: str = '', init: str = '') -> list:
        text = 'from datakit_framework import DataKitFramework\n' + head + '\nclass One(DataKitFramework):\n'
        if init:
            text += '    def __init__(self):\n' + ''.join('        ' + line + '\n' for line in init.split('\n'))
        host = self.start({'python.d/D/one.py': text + '    def run(self):\n        pass\n'})
        self.assertEqual(host.ready['failures'], [])
        return [(one['code'], one['message']) for one in host.ready['leavings']]

    def test_a_thread(self):
        start = 'import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()'
        self.assertEqual(self.left(start), [('thread', 'importing python.d/D/one.py left a thread running')])
        self.assertEqual(self.left(init=start), [('thread', 'building One left a thread running')])

    def test_a_thread_that_has_ended_is_none(self):
        self.assertEqual(self.left('import threading\nfor _ in range(300):\n    t = threading.Thread(target=int)\n'
                                   '    t.start()\n    t.join()'), [])

    def test_a_socket(self):
        self.assertEqual(self.left('import socket\nS = socket.socket()'),
                         [('socket', 'importing python.d/D/one.py left a socket open')])
        self.assertEqual(self.left(init='import socket\nself.pair = socket.socketpair()'),
                         [('socket', 'building One left a socket open')])

    def test_a_socket_that_was_closed_is_none(self):
        self.assertEqual(self.left('import socket\nsocket.socket().close()'), [])

    def test_a_pipe_and_an_epoll(self):
        self.assertEqual([code for code, _ in self.left('import os\nP = os.pipe()')], ['pipe'])
        self.assertEqual([code for code, _ in self.left('import select\nE = select.epoll()')], ['descriptor'])
        self.assertEqual(self.left('import asyncio\nL = asyncio.new_event_loop()')[0][0], 'socket')

    def test_a_file_that_is_read_on(self):
        data = self.write('data.log', 'a\nb\n')
        other = '/etc/hostname' if os.path.exists('/etc/hostname') else sys.executable
        self.assertEqual(self.left('F = open({!r})'.format(other)),
                         [('descriptor', 'importing python.d/D/one.py left a file open')])
        self.assertEqual(self.left('F = open({!r})'.format(data)), [])  # it lies in the bundle, and never changes

    def test_what_a_run_can_use_as_well(self):
        log = os.path.join(self.home, 'tmp', 'a.log')
        for head in ('import logging\nlogging.basicConfig(filename={!r})'.format(log), 'import os\nN = open(os.devnull)',
                     'import threading\nL = threading.Lock()', 'F = lambda: 1\nimport re\nR = re.compile("a")',
                     'import random, os\nR = os.urandom(3), random.random()', 'N = (n for n in ())\nlist(N)',
                     'import subprocess\nsubprocess.check_call(["true"])'):
            with self.subTest(head):
                self.assertEqual(self.left(head), [])

    def test_what_moves_on_as_it_is_used(self):
        self.assertEqual(self.left('import itertools\nSEQ = itertools.count()'), [
            ('not-carried', 'python.d/D/one.py: SEQ is an iterator (count): what a run takes of it can\'t be carried '
             'to the next one')])
        self.assertEqual(self.left(init='self.numbers = iter([1, 2])')[0][0], 'not-carried')
        self.assertEqual(self.left(init='self.lines = (n for n in range(3))')[0][0], 'not-carried')
        self.assertIn('self.q is a queue.Queue', self.left(init='import queue\nself.q = queue.Queue()')[0][1])

    def test_nobodys_code_is_called_to_find_out(self):
        trap = ('class Trap:\n    def __getattribute__(self, name):\n        raise RuntimeError(name)\nTRAP = Trap()\n'
                'class Meta(type):\n    def __getattr__(cls, name):\n        raise RuntimeError(name)\n'
                'class Odd(metaclass=Meta):\n    pass\nODD = Odd()')
        self.assertEqual(self.left(trap, 'self.__dict__["trap"] = TRAP\nself.odd = ODD'), [])


if __name__ == '__main__':
    unittest.main()
