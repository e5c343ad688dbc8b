"""How runs are killed, and what is left of them: nothing."""
from __future__ import annotations

import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import PATIENCE_S, Closed, HostTestCase, frames  # noqa: E402

LINUX = sys.platform == 'linux'
FOREVER = 'import time\nprint("began", flush=True)\nwhile True: time.sleep(0.01)'
STUBBORN = 'import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n' + FOREVER
# Prints the pids of a child and a grandchild, both of which ignore SIGTERM.
FAMILY = '''
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", """if 1:
    import os, signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork(): print(os.getpid(), flush=True)
    else: print(os.getpid(), flush=True)
    while True: time.sleep(0.01)
"""], stdout=subprocess.PIPE)
print(child.stdout.readline().decode(), child.stdout.readline().decode(), "began", flush=True)
'''


def alive(pid):
    try:
        with open('/proc/{}/stat'.format(pid), 'rb') as file:
            return file.read().rpartition(b')')[2].split()[0] not in b'ZX'
    except OSError:
        return False


class KillTestCase(HostTestCase):
    def started(self, body, head='', order=None, **more):
        """A host with one collector whose run 1 goes on, and has printed a line that ends in "began"."""
        host = self.start_one(body, head, **more)
        host.order(1, 'D/one:One', live=True, **(order or {}))
        self.said = b''
        while b'began' not in self.said:
            self.said += host.wait_for(frames.OUTPUT, 1)['data']
        return host

    def assert_gone(self, pids):
        for pid in pids:
            self.assertFalse(alive(pid), 'process {} lives'.format(pid))

    @property
    def family(self):
        return [int(pid) for pid in self.said.split()[:2]]


class TimeOutTest(KillTestCase):
    def test_a_run_over_its_time_is_asked_to_end(self):
        result = self.start_one(FOREVER).run('D/one:One', timeoutMs=50)
        self.assertEqual((result.ended['cause'], result.ended['signal'], result.ended['exitCode']), ('timed-out', 15, None))
        self.assertEqual(result.ended['stdout'], 'began\n')

    def test_it_may_use_the_grace_to_clean_up_and_report(self):
        body = '''
            import signal, time
            def stop(*_): raise SystemExit("stopped")
            signal.signal(signal.SIGTERM, stop)
            self.report({"M": [1]})
            try:
                while True: time.sleep(0.01)
            finally: self.report({"M": [2]})
        '''
        result = self.start_one(body, limits={'killGraceMs': 60000}).run('D/one:One', timeoutMs=1500)
        self.assertEqual((result.ended['cause'], result.ended['exitCode']), ('timed-out', 1))
        self.assertEqual((result.points, result.error['message']), ([1, 2], 'stopped'))

    def test_one_that_ignores_it_is_killed(self):
        result = self.start_one(STUBBORN, limits={'killGraceMs': 20}).run('D/one:One', timeoutMs=1500)
        self.assertEqual((result.ended['cause'], result.ended['signal']), ('timed-out', 9))

    def test_one_that_spins_without_the_gil_being_free(self):
        result = self.start_one('while True: pass').run('D/one:One', timeoutMs=50)
        self.assertEqual(result.ended['cause'], 'timed-out')

    def test_what_it_had_reported_arrives(self):
        result = self.start_one('self.report({"M": [1]})\n' + STUBBORN, limits={'killGraceMs': 10}).run(
            'D/one:One', timeoutMs=1500)
        self.assertEqual(result.points, [1])
        self.assertEqual(result.of(frames.FINISHED), [])

    @unittest.skipUnless(LINUX, 'orphans stay with init')
    def test_its_children_and_their_children_die_with_it(self):
        host = self.started(FAMILY + FOREVER, limits={'killGraceMs': 10}, order={'timeoutMs': 3000})
        result = host.finish(1)
        self.assertEqual((result.ended['cause'], result.ended['strays']), ('timed-out', 2))
        self.assert_gone(self.family)

    def test_the_next_run_is_not_affected(self):
        host = self.start_one('import os, time\nwhile not os.path.exists({!r}): time.sleep(0.01)'.format(
            os.path.join(self.home, 'go')))
        self.assertEqual(host.run('D/one:One', 1, timeoutMs=50).ended['cause'], 'timed-out')
        self.write('go', '')
        self.assertEqual(host.run('D/one:One', 2).ended['cause'], 'exited')


class LeaseTest(KillTestCase):
    def test_a_lease_that_is_not_renewed_kills_at_once_before_it_ends(self):
        host = self.start_one(STUBBORN, limits={'leaseMarginMs': 1000, 'killGraceMs': 60000})
        began = time.monotonic()
        result = host.run('D/one:One', leaseMs=1100)
        self.assertEqual((result.ended['cause'], result.ended['signal']), ('lease', 9))
        self.assertGreaterEqual(time.monotonic() - began, 0.1)

    def test_a_lease_within_the_margin_kills_at_once(self):
        self.assertEqual(self.start_one(FOREVER).run('D/one:One', leaseMs=1500).ended['cause'], 'lease')

    def test_renewing_keeps_it_going(self):
        host = self.started(FOREVER, limits={'leaseMarginMs': 0}, order={'leaseMs': 30000})
        for _ in range(3):
            host.send(frames.RENEW, {'run': 1, 'leaseMs': 60000})
        host.send(frames.RENEW, {'run': 1, 'leaseMs': 20})  # counts anew from now
        self.assertEqual(host.finish(1).ended['cause'], 'lease')

    def test_renewing_an_unknown_run_is_nothing(self):
        host = self.start_one('pass')
        host.send(frames.RENEW, {'run': 99, 'leaseMs': 1000})
        host.send(frames.CANCEL, {'run': 99, 'graceMs': 1000})
        self.assertEqual(host.run('D/one:One').ended['cause'], 'exited')

    @unittest.skipUnless(LINUX, 'orphans stay with init')
    def test_what_dies_together_with_the_run_is_counted(self):
        host = self.started(FAMILY + FOREVER)
        host.send(frames.RENEW, {'run': 1, 'leaseMs': 0})
        ended = host.finish(1).ended
        self.assertEqual((ended['cause'], ended['strays']), ('lease', 2))
        self.assert_gone(self.family)


class CancelTest(KillTestCase):
    def test_cancel_asks_and_then_kills(self):
        for body, number in ((FOREVER, 15), (STUBBORN, 9)):
            host = self.started(body)
            host.send(frames.CANCEL, {'run': 1, 'graceMs': 30 if number == 9 else 60000})
            ended = host.finish(1).ended
            self.assertEqual((ended['cause'], ended['signal']), ('cancelled', number))

    def test_the_first_cause_wins(self):
        host = self.started(STUBBORN)
        host.send(frames.CANCEL, {'run': 1, 'graceMs': 600000})
        host.send(frames.RENEW, {'run': 1, 'leaseMs': 20})  # runs out at once, and kills
        ended = host.finish(1).ended
        self.assertEqual((ended['cause'], ended['signal']), ('cancelled', 9))

    def test_cancel_shortens_the_grace_of_a_time_out(self):
        body = 'import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))\n' \
               'while True: time.sleep(0.01)'
        host = self.start_one(body, limits={'killGraceMs': 600000})
        host.order(1, 'D/one:One', live=True, timeoutMs=1500)
        self.assertEqual(host.wait_for(frames.OUTPUT, 1)['data'], b'asked\n')
        host.send(frames.CANCEL, {'run': 1, 'graceMs': 0})
        self.assertEqual(host.finish(1).ended['cause'], 'timed-out')


class ResultLimitTest(KillTestCase):
    def test_a_run_that_reports_too_much_is_killed(self):
        body = 'while True: self.report({"M": [{"measurement": "m"}] * 100})'
        result = self.start_one(body, limits={'resultBytes': 100000}).run('D/one:One')
        self.assertEqual((result.ended['cause'], result.ended['signal']), ('result-limit', 9))
        self.assertEqual(len(result.data), 100000)
        self.assertTrue(result.reports)

    def test_one_that_ends_before_it_is_noticed(self):
        result = self.start_one('self.report({"M": ["x" * 2000]})', limits={'resultBytes': 1000}).run('D/one:One')
        self.assertEqual(result.ended['cause'], 'result-limit')
        self.assertEqual(len(result.data), 1000)

    def test_exactly_the_limit_is_fine(self):
        size = len(self.run_one('self.report({"M": ["x" * 2000]})').data)
        result = self.start_one('self.report({"M": ["x" * 2000]})', limits={'resultBytes': size}).run('D/one:One')
        self.assertEqual(result.ended['cause'], 'exited')


@unittest.skipUnless(LINUX, 'orphans stay with init')
class StrayTest(KillTestCase):
    def test_what_a_run_leaves_behind_is_killed(self):
        result = self.run_one(FAMILY)
        self.assertEqual((result.ended['cause'], result.ended['exitCode'], result.ended['strays']), ('exited', 0, 2))
        self.assert_gone([int(pid) for pid in result.ended['stdout'].split()[:2]])

    def test_in_groups_and_sessions_of_their_own_too(self):
        body = '''
            import os, subprocess, sys
            sleeper = [sys.executable, "-c", "import time, os\\nprint(os.getpid(), flush=True)\\nwhile True: time.sleep(1)"]
            a = subprocess.Popen(sleeper, stdout=subprocess.PIPE, start_new_session=True)
            b = subprocess.Popen(sleeper, stdout=subprocess.PIPE, preexec_fn=os.setpgrp)
            print(int(a.stdout.readline()), int(b.stdout.readline()))
        '''
        result = self.run_one(body)
        self.assertEqual(result.ended['strays'], 2)
        self.assert_gone([int(pid) for pid in result.ended['stdout'].split()])

    def test_one_that_holds_the_output_open_is_not_waited_for(self):
        result = self.run_one('import subprocess\nsubprocess.Popen(["sleep", "1000"])\nprint("done")')
        self.assertEqual((result.ended['strays'], result.ended['stdout']), (1, 'done\n'))

    def test_one_that_goes_on_printing_does_not_keep_the_run_open(self):
        result = self.run_one('import subprocess\nsubprocess.Popen(["yes"])\nself.report({"M": [1]})')
        self.assertEqual((result.ended['strays'], result.points), (1, [1]))

    def test_an_orphan_of_the_runs_group_stays_until_the_run_ends(self):
        # The shell ends at once; the sleeping program is the host's child by then, and still wanted.
        body = '''
            import os, subprocess, time
            pid = int(subprocess.check_output("sleep 1000 >/dev/null & echo $!", shell=True))
            end = time.monotonic() + 0.7  # several looks of the host
            while time.monotonic() < end: os.kill(pid, 0); time.sleep(0.02)
            print(pid)
        '''
        result = self.run_one(body)
        self.assertIsNone(result.error)
        self.assertEqual(result.ended['strays'], 1)
        self.assert_gone([int(result.ended['stdout'])])

    def test_a_daemon_dies_while_the_run_goes_on(self):
        body = '''
            import os, time
            read, write = os.pipe()
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.write(write, b"%d" % os.getpid())
                    while True: time.sleep(0.01)
                os._exit(0)
            os.wait()
            pid = int(os.read(read, 100))
            end = time.monotonic() + 60
            while os.path.exists("/proc/%d" % pid) and time.monotonic() < end: time.sleep(0.01)
            print(os.path.exists("/proc/%d" % pid))
        '''
        result = self.run_one(body)
        self.assertEqual((result.ended['stdout'], result.ended['strays']), ('False\n', 1))

    def test_children_that_are_dead_already_are_no_strays(self):
        result = self.run_one('import subprocess, time\np = subprocess.Popen(["true"])\n'
                              'import os\nos.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)')
        self.assertEqual(result.ended['strays'], 0)

    def test_no_zombie_is_left_with_the_host(self):
        host = self.start_one('import subprocess\nsubprocess.check_output("sleep 1000 >/dev/null 2>&1 & (exit 0) &", shell=True)')
        for number in range(3):
            host.run('D/one:One', number)
        with open('/proc/{0}/task/{0}/children'.format(host.pid), encoding='ascii') as file:
            self.assertEqual(file.read(), '')


class EndOfHostTest(KillTestCase):
    def leave(self, how):
        host = self.started((FAMILY if LINUX else 'print("0 0 began")\n') + STUBBORN)
        family = self.family
        how(host)
        return host, family

    def test_a_closed_stream_ends_everything(self):
        host, family = self.leave(lambda host: host.close())
        self.assertEqual(os.WEXITSTATUS(host.wait()), 0)
        if LINUX:
            self.assert_gone(family)

    def test_stop_ends_everything(self):
        host, family = self.leave(lambda host: host.send(frames.STOP, {}))
        self.assertEqual(os.WEXITSTATUS(host.wait()), 0)
        if LINUX:
            self.assert_gone(family)

    def test_a_broken_stream_ends_everything_and_says_why(self):
        host, family = self.leave(lambda host: host.socket.sendall(b'\0\0\0\0'))
        self.assertEqual(host.wait_for(frames.FATAL)['code'], 'length-zero')
        self.assertEqual(os.WEXITSTATUS(host.wait()), 70)
        if LINUX:
            self.assert_gone(family)

    @unittest.skipUnless(LINUX, 'needs PR_SET_PDEATHSIG')
    def test_a_killed_host_takes_its_runs_along(self):
        host = self.start_one(STUBBORN)
        host.order(1, 'D/one:One', live=True)
        pid = host.wait_for(frames.STARTED, 1)['pid']
        host.wait_for(frames.OUTPUT, 1)
        os.kill(host.pid, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_S
        while alive(pid):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)
        with self.assertRaises(Closed):
            host.finish(1)

    def test_stop_with_nothing_going_on(self):
        host = self.start_one('pass')
        host.send(frames.STOP, {})
        self.assertEqual(os.WEXITSTATUS(host.wait()), 0)


if __name__ == '__main__':
    unittest.main()
