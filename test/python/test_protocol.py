"""The stream between worker and host."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HOST, Closed, HostTestCase, frames  # noqa: E402


class SetupTest(HostTestCase):
    def fatal(self, host):
        fatal = host.wait_for(frames.FATAL)
        with self.assertRaises(Closed):
            host.receive()
        self.assertEqual(os.WEXITSTATUS(host.wait()), 70)
        self.assertTrue(fatal['message'])
        return fatal['code']

    def test_ready_names_the_interpreter(self):
        host = self.start_one('pass')
        self.assertEqual(host.ready['protocol'], 1)
        self.assertEqual(host.ready['pid'], host.pid)
        self.assertEqual(host.ready['python'], {'version': sys.version.split()[0], 'executable': sys.executable,
                                                'prefix': sys.prefix})
        self.assertGreater(host.ready['importMs'], 0)
        self.assertEqual(host.ready['threads'], 0)

    def test_no_module_at_all_is_fine(self):
        host = self.start({})
        self.assertEqual((host.ready['collectors'], host.ready['failures'], host.ready['warnings']), ([], [], []))

    def test_a_host_without_a_setup_waits_until_the_worker_leaves(self):
        host = self.spawn()
        host.close()
        self.assertEqual(os.WEXITSTATUS(host.wait()), 0)

    def test_another_protocol_is_refused(self):
        host = self.spawn()
        host.setup([], protocol=2)
        self.assertEqual(self.fatal(host), 'protocol')

    def test_a_setup_that_does_not_fit(self):
        good = {'protocol': 1, 'bundleRoot': self.home, 'tmpRoot': self.home, 'modules': [], 'limits': {}}
        for change in ({'protocol': None}, {'protocol': True}, {'bundleRoot': 5}, {'tmpRoot': None}, {'modules': {}},
                       {'modules': [5]}, {'modules': [{}]}, {'modules': [{'name': 'x', 'file': 5, 'root': '', 'dir': ''}]},
                       {'limits': []}, {'limits': {'resultBytes': 'x'}}, {'policy': 5}):
            with self.subTest(change):
                host = self.spawn()
                host.send(frames.SETUP, {**good, **change})
                self.assertEqual(self.fatal(host), 'does-not-fit')

    def test_unknown_keys_are_ignored(self):
        host = self.spawn()
        host.setup([], colour='red')
        host.wait_until_ready()

    def test_the_first_frame_is_setup_and_it_comes_once(self):
        host = self.spawn()
        host.send(frames.STOP, {})
        self.assertEqual(self.fatal(host), 'unexpected')
        host = self.start_one('pass')
        host.setup([])
        self.assertEqual(self.fatal(host), 'unexpected')

    def test_a_temporary_root_that_cannot_be_made(self):
        host = self.spawn()
        host.setup([], tmpRoot='/dev/null/x')
        self.assertEqual(self.fatal(host), 'internal')

    def test_orders_that_do_not_fit(self):
        for kind, value in ((frames.RUN, {}), (frames.RUN, {'run': -1, 'collector': 'x', 'timeoutMs': 1, 'leaseMs': 1}),
                            (frames.RUN, {'run': 1 << 32, 'collector': 'x', 'timeoutMs': 1, 'leaseMs': 1}),
                            (frames.RUN, {'run': 1, 'collector': 'x', 'timeoutMs': '1', 'leaseMs': 1}),
                            (frames.RUN, {'run': 1, 'collector': 'x', 'timeoutMs': 1, 'leaseMs': -1}),
                            (frames.RUN, {'run': 1, 'collector': 'x', 'timeoutMs': 1, 'leaseMs': 1, 'capture': 1}),
                            (frames.RENEW, {'run': 1}), (frames.CANCEL, {'graceMs': 1})):
            with self.subTest(value):
                host = self.start({})
                host.send(kind, value)
                self.assertEqual(self.fatal(host), 'does-not-fit')

    def test_broken_streams(self):
        for data, code in ((b'\0\0\0\0', 'length-zero'), (b'\xff\xff\xff\xff', 'too-long'), (b'\x01\x10\x00\x01', 'too-long'),
                           (b'\0\0\0\3\x99{}', 'unknown-type'), (b'\0\0\0\3\x11{}', 'unknown-type'),
                           (b'\0\0\0\3\2\xff\xff', 'bad-utf8'), (b'\0\0\0\3\2{x', 'bad-json'),
                           (b'\0\0\0\3\2[]', 'not-an-object'), (b'\0\0\0\1\2', 'bad-json')):
            with self.subTest(code):
                host = self.start({})
                host.socket.sendall(data)
                self.assertEqual(self.fatal(host), code)

    def test_frames_may_come_glued_or_byte_by_byte(self):
        host = self.start_one('print(1)')
        order = {'collector': 'D/one:One', 'timeoutMs': 60000, 'leaseMs': 60000}
        for byte in frames.message(frames.RUN, {'run': 1, **order}):
            host.socket.sendall(bytes([byte]))
        self.assertEqual(host.finish(1).ended['stdout'], '1\n')
        host.socket.sendall(frames.message(frames.RENEW, {'run': 5, 'leaseMs': 1})
                            + frames.message(frames.RUN, {'run': 2, **order})
                            + frames.message(frames.RENEW, {'run': 2, 'leaseMs': 60000})
                            + frames.message(frames.RUN, {'run': 3, **order, 'collector': 'nobody'}))
        self.assertEqual(host.wait_for(frames.ENDED, 3)['cause'], 'refused')
        self.assertEqual(host.finish(2).ended['stdout'], '1\n')

    def test_orders_may_come_together_with_the_setup(self):
        self.write('python.d/D/x.py', 'from datakit_framework import DataKitFramework\nclass C(DataKitFramework):\n'
                                      '    def run(self): print(1)')
        host = self.spawn()
        host.setup([self.module('python.d/D/x.py')])
        host.order(1, 'D/x:C')
        self.assertEqual(host.finish(1).ended['stdout'], '1\n')

    def test_a_run_number_that_goes_on_is_a_fault_of_the_worker(self):
        host = self.start_one('import time\nwhile True: time.sleep(0.01)')
        host.order(1, 'D/one:One')
        host.order(1, 'D/one:One')
        self.assertEqual(self.fatal(host), 'does-not-fit')

    def test_after_ended_nothing_of_that_run_follows(self):
        host = self.start_one('for n in range(50): self.report({"M": ["x" * 10000]}); print(n)')
        for number in range(5):
            host.order(number, 'D/one:One', live=True)
            self.assertEqual(len(host.finish(number).points), 50)
        host.send(frames.RUN, {'run': 9, 'collector': 'nobody', 'timeoutMs': 1, 'leaseMs': 1})
        kinds = []
        while True:
            kind, value = host.receive()
            kinds.append(kind)
            if kind == frames.ENDED:
                break
        self.assertEqual(kinds, [frames.ENDED])

    def test_a_host_that_was_started_without_standard_streams(self):
        text = 'import sys\nfrom datakit_framework import DataKitFramework\nprint("imported")\n' \
               'class C(DataKitFramework):\n    def run(self): print(repr(sys.stdin.read()))'
        self.write('python.d/D/x.py', text)
        host = self.spawn_closed()
        host.setup([self.module('python.d/D/x.py')])
        self.assertEqual(host.wait_until_ready()['stdout'], 'imported\n')
        self.assertEqual(host.run('D/x:C').ended['stdout'], "''\n")

    def spawn_closed(self):
        real = os.posix_spawn

        def spawn(path, argv, env, *, file_actions, **more):
            closed = [(os.POSIX_SPAWN_CLOSE, number) for number in (0, 1, 2)]
            return real(path, argv, env, file_actions=[*file_actions, *closed], **more)

        os.posix_spawn = spawn
        try:
            return self.spawn()
        finally:
            os.posix_spawn = real

    def test_an_older_python_is_told_so(self):
        # Any interpreter can stand in for an old one: the version is looked at before anything else is imported.
        read, write = os.pipe()
        code = ('import os, runpy, sys\nos.dup2({}, 3)\nsys.version_info = (3, 7, 9, "final", 0)\n'
                'runpy.run_path({!r}, run_name="__main__")').format(write, HOST)
        done = subprocess.run([sys.executable, '-c', code], pass_fds=(write,), check=False)
        os.close(write)
        with open(read, 'rb') as file:
            data = file.read()
        self.assertEqual(done.returncode, 70)
        decoder = frames.Decoder(frames.FROM_HOST)
        decoder.feed(data)
        (kind, payload), = decoder.frames()
        self.assertEqual((kind, json.loads(payload)['code']), (frames.FATAL, 'python-too-old'))


if __name__ == '__main__':
    unittest.main()
