"""Hooks around fork: what the host leaves out for its own forks, a run must not miss."""
from __future__ import annotations

import unittest

from harness import HostTestCase

HEAD = '''
import concurrent.futures, logging, os, random, threading
POOL = concurrent.futures.ThreadPoolExecutor(2)  # has no threads until it is used
LOG = logging.getLogger('fork')
LOG.addHandler(logging.StreamHandler())
'''
FIELDS = "self.report({'M': [{'measurement': 'm', 'fields': {%s}}]})"


class AtFork(HostTestCase):
    def test_every_run_has_random_numbers_of_its_own(self):
        host = self.start_one(FIELDS % "'own': random.random(), 'of_gauss': random.gauss(0, 1)", HEAD)
        runs = [host.run('D/one:One', number).points[0]['fields'] for number in range(3)]
        self.assertEqual(len({run['own'] for run in runs}), 3)
        self.assertEqual(len({run['of_gauss'] for run in runs}), 3)

    def test_the_second_half_of_a_gauss_pair_does_not_come_from_the_import(self):
        host = self.start_one(FIELDS % "'of_gauss': random.gauss(0, 1)", HEAD + 'random.gauss(0, 1)\n')
        values = {host.run('D/one:One', number).points[0]['fields']['of_gauss'] for number in range(3)}
        self.assertEqual(len(values), 3)

    def test_a_run_has_one_thread_and_may_start_more(self):
        run = self.run_one('''
            before = threading.active_count()
            is_main = threading.current_thread() is threading.main_thread()
            answers = list(POOL.map(lambda number: threading.current_thread() is threading.main_thread(), range(4)))
            LOG.warning('said')
            {}
        '''.format(FIELDS % "'before': before, 'is_main': is_main, 'elsewhere': any(answers)"), HEAD)
        self.assertEqual(run.points[0]['fields'], {'before': 1, 'is_main': True, 'elsewhere': False})
        self.assertIn('said', run.ended['stderr'])

    def test_a_process_that_a_run_forks_while_it_has_threads_knows_only_its_own(self):
        run = self.run_one('''
            go_on = threading.Event()
            held, LOCK = threading.Event(), logging._lock
            def hold():
                with LOCK:
                    held.set()
                    go_on.wait()
            thread = threading.Thread(target=hold)
            thread.start()
            held.wait()
            pid = {fork}
            if pid == 0:
                LOG.warning('from below')  # for ever, if the lock were the one that the thread holds
                os._exit(threading.active_count())
            status = os.waitpid(pid, 0)[1]
            go_on.set()
            thread.join()
            {report}
        '''.format(fork='os.fork()', report=FIELDS % "'threads': status >> 8"), HEAD)
        self.assertIsNone(run.error)
        self.assertEqual(run.points[0]['fields'], {'threads': 1})
        self.assertIn('from below', run.ended['stderr'])


if __name__ == '__main__':
    unittest.main()
