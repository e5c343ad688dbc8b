"""A resident: the run that imports the modules itself and calls run() of its collectors for ever."""
from __future__ import annotations

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTestCase, frames, strict_policy  # noqa: E402

HEAD = 'import os, sys, threading, time\nfrom datakit_framework import DataKitFramework\n'
ONE, OTHER = 'D/one:One', 'D/one:Other'


class ResidentTest(HostTestCase):
    def reside(self, text: str, *collectors: str, every_ms: int = 50, **more):
        """A resident with these collectors; its host."""
        self.decoder = frames.Decoder(frames.FROM_RUN)
        self.output = b''
        self.seen: list = []
        host = self.start({'python.d/D/one.py': HEAD + text}, resident=True, **more)
        self.assertEqual(host.ready['collectors'], [])
        host.order(1, 'input', live=True, state=False, residents=[
            {'collector': key, 'everyMs': every_ms, 'offsetMs': 7} for key in collectors or (ONE,)])
        self.host = host
        return host

    def next(self, kind: int) -> dict:
        """The next frame of a type that the resident writes."""
        while True:
            for index, (got, value) in enumerate(self.seen):
                if got == kind:
                    del self.seen[:index + 1]
                    return value
            self.seen.clear()
            got, value = self.host.receive()
            if got == frames.OUTPUT:
                self.output += value['data']
            self.assertNotEqual(got, frames.ENDED, value)
            if got == frames.RESULT:
                self.decoder.feed(value['data'])
                self.seen += [(which, frames.parse(payload)) for which, payload in self.decoder.frames()]

    def test_calls_run_at_once_and_then_on_its_grid(self):
        self.reside('class One(DataKitFramework):\n    def run(self):\n        pass\n')
        self.assertEqual(self.next(frames.LOADED)['collectors'], [ONE])
        first = self.next(frames.PASS_BEGAN)
        self.assertEqual((first['collector'], first['pass'], first['kind']), (ONE, 0, 'first'))
        last = 0
        for number in range(1, 6):
            began = self.next(frames.PASS_BEGAN)
            self.assertEqual((began['pass'], began['kind'], began['dueMs'] % 50), (number, 'grid', 7))
            self.assertGreater(began['dueMs'], last)
            self.assertLessEqual(began['dueMs'], int(began['at']) / 1e6)
            last = began['dueMs']

    def test_a_tick_that_is_over_when_run_returns_is_left_out(self):
        self.reside('class One(DataKitFramework):\n    def run(self):\n        time.sleep(0.12)\n')
        due = [self.next(frames.PASS_BEGAN)['dueMs'] for _ in range(4)]
        for before, after in zip(due[1:], due[2:]):
            self.assertGreaterEqual(after - before, 100)

    def test_goes_on_after_whatever_run_raises(self):
        self.reside('class One(DataKitFramework):\n    n = 0\n    def run(self):\n        self.n += 1\n'
                    '        if self.n == 1: raise ValueError("no")\n        if self.n == 2: sys.exit(3)\n'
                    '        if self.n == 3: raise KeyboardInterrupt\n')
        told = [self.next(frames.PASS_ENDED)['error'] for _ in range(4)]
        self.assertEqual([error and error['type'] for error in told],
                         ['ValueError', 'SystemExit', 'KeyboardInterrupt', None])
        self.assertIn('raise ValueError("no")', told[0]['traceback'])

    def test_what_is_printed_comes_before_the_end_of_its_call(self):
        self.reside('class One(DataKitFramework):\n    n = 0\n    def run(self):\n        self.n += 1\n'
                    '        print("call", self.n)\n        os.write(2, b"raw\\n")\n')
        for number in range(1, 20):
            self.next(frames.PASS_ENDED)
            self.assertIn('call {}\n'.format(number).encode(), self.output)

    def test_threads_of_several_collectors_share_the_process_and_name_themselves(self):
        self.reside('PIDS = []\nclass Base(DataKitFramework):\n    def run(self):\n        PIDS.append(os.getpid())\n'
                    '        self.feed_metric(measurement=type(self).__name__, fields={"n": len(set(PIDS))})\n'
                    'class One(Base):\n    def run(self):\n        Base.run(self)\n'
                    'class Other(Base):\n    def run(self):\n        Base.run(self)\n', ONE, OTHER)
        self.assertEqual(sorted(self.next(frames.LOADED)['collectors']), [ONE, OTHER])
        seen = set()
        while len(seen) < 2:
            report = self.next(frames.REPORT)
            name = report['points'][0]['measurement']
            self.assertEqual(report['collector'], 'D/one:' + name)
            self.assertEqual(report['points'][0]['fields'], {'n': 1})
            seen.add(name)

    def test_a_report_from_a_helper_thread_is_its_collectors(self):
        self.reside('class One(DataKitFramework):\n    def __init__(self):\n'
                    '        threading.Thread(target=self.tick, daemon=True).start()\n    def tick(self):\n'
                    '        while True:\n            self.feed_metric(measurement="tick", fields={"n": 1})\n'
                    '            time.sleep(0.01)\n    def run(self):\n        time.sleep(3600)\n')
        self.assertEqual(self.next(frames.REPORT)['collector'] in (ONE, None), True)
        for _ in range(5):
            report = self.next(frames.REPORT)
        self.assertEqual(report['collector'], ONE)

    def test_a_report_while_the_module_is_imported_is_sent(self):
        self.reside('DataKitFramework().feed_metric(measurement="early", fields={"n": 1})\n'
                    'class One(DataKitFramework):\n    def run(self):\n        pass\n')
        report = self.next(frames.REPORT)
        self.assertEqual((report['points'][0]['measurement'], report['collector']), ('early', None))

    def test_builds_only_what_it_is_told_to(self):
        self.reside('class One(DataKitFramework):\n    def run(self):\n        print(BUILT)\n'
                    'BUILT = []\nclass Other(DataKitFramework):\n    def __init__(self):\n        BUILT.append(1)\n'
                    '    def run(self):\n        pass\n')
        self.assertEqual(self.next(frames.LOADED)['collectors'], [ONE])
        self.next(frames.PASS_ENDED)
        self.assertIn(b'[]\n', self.output)

    def test_tells_what_it_could_not_build_and_runs_the_rest(self):
        self.reside('class One(DataKitFramework):\n    def run(self):\n        pass\n'
                    'class Other(DataKitFramework):\n    def __init__(self):\n        raise OSError("no database")\n'
                    '    def run(self):\n        pass\n', ONE, OTHER)
        loaded = self.next(frames.LOADED)
        self.assertEqual(loaded['collectors'], [ONE])
        self.assertEqual([(one['class'], one['message']) for one in loaded['failures']], [('Other', 'no database')])
        self.next(frames.PASS_ENDED)

    def test_tries_again_to_build_what_failed(self):
        flag = os.path.join(self.home, 'there')
        self.reside('class One(DataKitFramework):\n    def run(self):\n        pass\n'
                    'class Other(DataKitFramework):\n    def __init__(self):\n        open({!r})\n'
                    '    def run(self):\n        self.feed_metric(measurement="late", fields={{"n": 1}})\n'.format(flag),
                    ONE, OTHER)
        self.assertEqual(self.next(frames.LOADED)['collectors'], [ONE])
        self.write('there', '')
        report = self.next(frames.REPORT)
        self.assertEqual((report['points'][0]['measurement'], report['collector']), ('late', OTHER))

    def test_ends_when_there_is_nothing_to_run(self):
        host = self.reside('raise ImportError("nothing")\n')
        ended = host.wait_for(frames.ENDED, 1)
        self.assertEqual((ended['cause'], ended['exitCode']), ('exited', 0))

    def test_takes_no_other_run_and_is_taken_by_no_other_host(self):
        host = self.reside('class One(DataKitFramework):\n    def run(self):\n        pass\n')
        host.order(2, ONE)
        self.assertEqual(host.wait_for(frames.ENDED, 2)['cause'], 'refused')
        plain = self.start_one('pass')
        plain.order(1, ONE, residents=[{'collector': ONE, 'everyMs': 50, 'offsetMs': 7}])
        self.assertEqual(plain.wait_for(frames.ENDED, 1)['cause'], 'refused')

    def test_a_broken_order_ends_the_host(self):
        for wrong in ([7], [{'collector': ONE}], [{'collector': ONE, 'everyMs': 0, 'offsetMs': 0}], {}):
            with self.subTest(wrong):
                host = self.start({'python.d/D/one.py': HEAD}, resident=True)
                host.order(1, 'input', residents=wrong)
                self.assertEqual(host.wait_for(frames.FATAL)['code'], 'does-not-fit')

    def test_is_killed_when_its_lease_ends_or_the_worker_leaves(self):
        text = 'class One(DataKitFramework):\n    def run(self):\n        time.sleep(3600)\n'
        self.reside(text)
        self.next(frames.PASS_BEGAN)
        self.host.send(frames.RENEW, {'run': 1, 'leaseMs': 2100})
        self.assertEqual(self.host.wait_for(frames.ENDED, 1)['cause'], 'lease')
        self.reside(text)
        self.next(frames.PASS_BEGAN)
        self.host.close()
        self.assertEqual(os.WEXITSTATUS(self.host.wait()), 0)

    def test_is_confined_as_a_run_is(self):
        policy = strict_policy(listen=True)
        if policy is None:
            self.skipTest('there is no sandbox here')
        self.reside('import socket\nS = socket.socket()\nS.bind(("127.0.0.1", 0))\nS.listen()\n'
                    'class One(DataKitFramework):\n    def run(self):\n        open("/root/x" if os.getuid() else "/etc/x", "w")\n',
                    policy=policy)
        ended = self.next(frames.PASS_ENDED)
        self.assertEqual(ended['error']['type'], 'PermissionError')
        self.assertEqual(ended['refused'][0]['key'], 'write_paths')


if __name__ == '__main__':
    unittest.main()
