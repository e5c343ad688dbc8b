"""What modules do to the host while they are imported."""
from __future__ import annotations

import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Closed, HostTestCase  # noqa: E402


class ImportTest(HostTestCase):
    def still_works(self, head, body='self.report({"M": [1]})'):
        """A host with `head` at the top of its module is ready, and runs."""
        host = self.start_one(body, head)
        self.assertEqual(host.ready['failures'], [])
        result = host.run('D/one:One')
        self.assertIsNone(result.error)
        self.assertEqual(result.ended['cause'], 'exited')
        self.assertEqual(result.ended['exitCode'], 0)
        return host, result

    def test_what_an_import_prints_is_told(self):
        host, _ = self.still_works('import sys\nprint("out")\nprint("err", file=sys.stderr)\nimport os\nos.write(1, b"raw\\n")')
        self.assertEqual((host.ready['stdout'], host.ready['stderr']), ('out\nraw\n', 'err\n'))

    def test_ten_megabytes_printed_never_block(self):
        host, _ = self.still_works('import sys\nfor _ in range(10000): print("x" * 999)\nsys.stderr.write("y" * 10000000)')
        self.assertLess(len(host.ready['stdout']), 300000)
        self.assertIn('left out', host.ready['stdout'])
        self.assertTrue(host.ready['stderr'].startswith('yyy') and host.ready['stderr'].endswith('yyy'))

    def test_a_program_started_at_import_may_print_as_much(self):
        host, _ = self.still_works('import subprocess, sys\n'
                                   'subprocess.check_call([sys.executable, "-c", "print(\'z\' * 3000000)"])')
        self.assertTrue(host.ready['stdout'].startswith('zzz'))

    def test_output_without_a_newline_is_told_too(self):
        host, _ = self.still_works('print("no newline", end="")')
        self.assertEqual(host.ready['stdout'], 'no newline')

    def test_text_that_is_not_ascii_needs_no_locale(self):
        host, result = self.still_works('print("h\\u00e9 \\ud800")', 'print("\\u4e2d\\u6587 \\ud801")')
        self.assertEqual(host.ready['stdout'], 'h\u00e9 \\ud800\n')
        self.assertEqual(result.ended['stdout'], '\u4e2d\u6587 \\ud801\n')

    def test_replaced_and_closed_streams(self):
        for head in ('import sys\nsys.stdout = None\nsys.stderr = None', 'import sys\nsys.stdout.close()\nsys.stderr.close()',
                     'import os\nos.close(1); os.close(2)', 'import os\nos.close(0)', 'import os\nos.closerange(0, 3)',
                     'import sys, io\nsys.stdout = io.StringIO()', 'import sys\ndel sys.stdout, sys.stderr'):
            with self.subTest(head):
                self.still_works(head)

    def test_ignored_sigchld_costs_no_exit_code(self):
        self.still_works('import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)')
        result = self.run_one('import os; os._exit(3)', 'import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)')
        self.assertEqual(result.ended['exitCode'], 3)

    def test_the_users_handlers_are_in_force_in_a_run_alone(self):
        head = ('import os, signal\nsignal.signal(signal.SIGUSR1, lambda *a: print("user"))\n'
                'signal.signal(signal.SIGTERM, lambda *a: print("term"))')
        host, result = self.still_works(head, 'os.kill(os.getpid(), signal.SIGUSR1); os.kill(os.getpid(), signal.SIGTERM)')
        self.assertEqual(result.ended['stdout'], 'user\nterm\n')
        os.kill(host.pid, signal.SIGUSR1)
        self.assertIsNone(host.run('D/one:One', 2).error)
        os.kill(host.pid, signal.SIGTERM)
        self.assertEqual(os.WTERMSIG(host.wait()), signal.SIGTERM)

    def test_a_thread_that_holds_the_logging_lock(self):
        for lock in ('logging._lock.acquire()', 'logging.getLogger().handlers[0].acquire()'):
            with self.subTest(lock):
                head = ('import logging, threading\nlogging.basicConfig()\nheld = threading.Event()\n'
                        'def hold():\n    {}\n    held.set()\n    threading.Event().wait()\n'
                        'threading.Thread(target=hold, daemon=True).start()\nheld.wait()').format(lock)
                _, result = self.still_works(head, 'logging.warning("through"); self.report({"M": [1]})')
                self.assertIn('through', result.ended['stderr'])

    def test_a_thread_that_holds_an_executors_lock(self):
        self.still_works('import concurrent.futures.thread as t, threading\nheld = threading.Event()\n'
                         'lock = getattr(t, "_global_shutdown_lock", None) or threading.Lock()\n'
                         'def hold():\n    lock.acquire()\n    held.set()\n    threading.Event().wait()\n'
                         'threading.Thread(target=hold, daemon=True).start()\nheld.wait()')

    def test_threads_left_behind_are_counted(self):
        host, _ = self.still_works('import threading, _thread\nstay = threading.Event()\n'
                                   'for _ in range(2): threading.Thread(target=stay.wait, daemon=True).start()\n'
                                   'up = threading.Event()\ndef raw():\n    up.set()\n    stay.wait()\n'
                                   '_thread.start_new_thread(raw, ())\nup.wait()')
        self.assertEqual(host.ready['threads'], 3)
        host, _ = self.still_works('import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()')
        self.assertEqual(host.ready['threads'], 0)

    def test_a_thread_that_goes_on_printing_does_not_block(self):
        self.still_works('import threading\ndef loop():\n    for _ in range(3000): print("x" * 1000)\n'
                         '    done.set()\ndone = threading.Event()\n'
                         'threading.Thread(target=loop, daemon=True).start()')

    def test_a_thread_that_reaps_every_child(self):
        host = self.start_one('pass', 'import os, threading, time\ndef reap():\n    while True:\n'
                              '        try: os.wait()\n        except ChildProcessError: time.sleep(.001)\n'
                              'threading.Thread(target=reap, daemon=True).start()')
        for number in range(5):
            self.assertEqual(host.run('D/one:One', number).ended['cause'], 'exited')

    def test_os_exit_at_import_ends_the_host(self):
        self.write('python.d/D/x.py', 'import os\nos._exit(5)')
        host = self.spawn()
        host.setup([self.module('python.d/D/x.py')])
        with self.assertRaises(Closed):
            host.wait_until_ready()
        self.assertEqual(os.WEXITSTATUS(host.wait()), 5)

    def test_a_closed_control_stream_ends_the_host(self):
        self.write('python.d/D/x.py', 'import os\nos.closerange(0, 100000)')
        host = self.spawn()
        host.setup([self.module('python.d/D/x.py')])
        with self.assertRaises(Closed):
            host.wait_until_ready()
        self.assertEqual(os.WEXITSTATUS(host.wait()), 70)

    def test_closing_the_usual_numbers_of_a_daemon_does_no_harm(self):
        self.still_works('import os\nos.closerange(3, 1024)')

    def test_a_worker_that_leaves_during_an_endless_import(self):
        self.write('python.d/D/x.py', 'while True: pass')
        host = self.spawn()
        host.setup([self.module('python.d/D/x.py')])
        host.close()
        self.assertEqual(os.WEXITSTATUS(host.wait()), 0)

    def test_a_process_that_an_import_forked_is_no_second_host(self):
        host, _ = self.still_works('import os\nos.fork()')
        self.assertEqual(host.ready['pid'], host.pid)

    def test_patched_standard_functions_do_not_reach_the_host(self):
        head = ('import os, select, time, signal, json, sys\n'
                'def broken(*a, **k): raise RuntimeError("patched")\n'
                'for where, names in ((os, "fork read close pipe wait4 killpg set_blocking dup2 getpid setsid"),\n'
                '                     (select, "poll"), (time, "monotonic time_ns sleep"), (json, "loads"), (signal, "signal")):\n'
                '    for name in names.split(): setattr(where, name, broken)')
        self.still_works(head)

    def test_other_things_an_import_may_change(self):
        for head in ('import os\nos.chdir("/")', 'import os\nos.environ.clear()', 'import sys\nsys.path.clear()',
                     'import sys\nsys.setrecursionlimit(10000)', 'import gc\ngc.disable()', 'import os\nos.umask(0o777)',
                     'import signal\nsignal.alarm(0)\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})',
                     'import warnings\nwarnings.simplefilter("error")', 'import sys\nsys.settrace(lambda *a: None)',
                     'import os\nos.environ = {}', 'import locale\nlocale.setlocale(locale.LC_ALL, "C")',
                     'import builtins\nbuiltins.print = None', 'import random\nrandom.seed(1)'):
            with self.subTest(head):
                self.still_works(head)

    def test_a_program_that_an_import_started_stays_and_ends_with_the_host(self):
        head = ('import subprocess, sys\np = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"],'
                ' stdin=subprocess.PIPE)')
        host, _ = self.still_works(head, 'print(p.pid)')
        result = host.run('D/one:One', 2)
        pid = int(result.ended['stdout'])
        os.kill(pid, 0)  # alive still
        host.close()
        host.wait()
        with self.assertRaises(ProcessLookupError):
            os.kill(pid, 0)


if __name__ == '__main__':
    unittest.main()
