"""What a run does and what is told of it."""
from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import REPOSITORY, HostTestCase, frames  # noqa: E402

LINUX = sys.platform == 'linux'


class SeedTest(HostTestCase):
    """The manual's examples, word for word."""

    points = [{'measurement': name, 'tags': {'t1': 'b', 't2': 'd'}, 'fields': {'f1': 123, 'f2': 3.4, 'f3': 'strval'}}
              for name in ('abc', 'def')]
    example = '''
        from datakit_framework import DataKitFramework

        class MyTest(DataKitFramework):
            name = 'MyTest'
            interval = 10 # triggered interval seconds.

            # def __init__(self, **kwargs):
            #     super().__init__(ip = '127.0.0.1', port = 9529)

            def run(self):
                print("MyTest")
                data = [
                        {
                            "measurement": "abc",
                            "tags": {
                              "t1": "b",
                              "t2": "d"
                            },
                            "fields": {
                              "f1": 123,
                              "f2": 3.4,
                              "f3": "strval"
                            },
                            # "time": 1624550216 # you don't need this
                        },

                        {
                            "measurement": "def",
                            "tags": {
                              "t1": "b",
                              "t2": "d"
                            },
                            "fields": {
                              "f1": 123,
                              "f2": 3.4,
                              "f3": "strval"
                            },
                            # "time": 1624550216 # you don't need this
                        }
                    ]

                in_data = {
                    'M':data,
                    'input': "datakitpy"
                }

                return self.report(in_data) # you must call self.report here
    '''

    def test_the_shipped_demo(self):
        with open(os.path.join(REPOSITORY, 'python.d/Demo/demo.py'), encoding='utf-8') as file:
            text = file.read()
        host = self.start({'python.d/Demo/demo.py': text})
        found = host.ready['collectors'][0]
        self.assertEqual((found['key'], found['name'], found['interval']), ('Demo/demo:Demo', 'Demo', 10))
        self.check(host.run('Demo/demo:Demo'), 'Demo\n')

    def test_the_complete_example_in_mytest_test_py(self):
        host = self.start({'python.d/mytest/test.py': self.example})
        self.check(host.run('mytest/test:MyTest'), 'MyTest\n')

    def check(self, result, printed):
        self.assertIsNone(result.error)
        self.assertEqual(result.ended['stdout'], printed)
        self.assertEqual(len(result.reports), 1)
        report = result.reports[0]
        self.assertAlmostEqual(int(report.pop('at')) / 1e9, time.time(), delta=3600)
        self.assertEqual(report, {'report': 0, 'category': 'metric', 'query': {'input': 'datakitpy'}, 'ip': None,
                                  'port': None, 'points': self.points, 'more': False})


class ResultTest(HostTestCase):
    def test_the_end_of_a_good_run(self):
        result = self.run_one('print("hello")\nreturn 5')
        ended = result.ended
        self.assertEqual({key: ended[key] for key in ('run', 'cause', 'exitCode', 'signal', 'stdout', 'stderr',
                                                      'stdoutBytes', 'stderrBytes', 'strays')},
                         {'run': 1, 'cause': 'exited', 'exitCode': 0, 'signal': None, 'stdout': 'hello\n', 'stderr': '',
                          'stdoutBytes': 6, 'stderrBytes': 0, 'strays': 0})
        self.assertLessEqual(int(ended['startedAtNs']), int(ended['endedAtNs']))
        for key in ('forkMs', 'runMs', 'cpuMs', 'maxRssKb'):
            self.assertGreater(ended[key], 0, key)
        self.assertEqual(result.frames, [(frames.FINISHED, {'error': None})])

    def test_started_comes_first_and_names_the_process(self):
        host = self.start_one('import os; print(os.getpid(), os.getsid(0), os.getpgrp())')
        host.order(7, 'D/one:One')
        started = host.wait_for(frames.STARTED, 7)
        result = host.finish(7)
        self.assertEqual(result.ended['stdout'].split(), [str(started['pid'])] * 3)
        self.assertEqual(result.ended['startedAtNs'], started['startedAtNs'])

    def test_exceptions_of_run_are_told_with_their_traceback(self):
        result = self.run_one('print("before")\nself.help()', head='class Help:\n    def help(self): return {}["gone"]\n'
                              'DataKitFramework.help = Help.help')
        error = result.error
        self.assertEqual((error['type'], error['message']), ('KeyError', "'gone'"))
        self.assertTrue(error['traceback'].startswith('Traceback (most recent call last):\n  File "' + self.home))
        self.assertNotIn('_pythond', error['traceback'])
        self.assertIn('self.help()', error['traceback'])
        self.assertEqual((result.ended['cause'], result.ended['exitCode'], result.ended['stdout']), ('exited', 1, 'before\n'))

    def test_system_exit_and_keyboard_interrupt_are_failures_too(self):
        for body, kind in (('import sys; sys.exit(0)', 'SystemExit'), ('raise KeyboardInterrupt', 'KeyboardInterrupt'),
                           ('raise GeneratorExit', 'GeneratorExit'), ('exit("bye")', 'SystemExit'),
                           ('raise NotImplementedError', 'NotImplementedError'), ('raise MemoryError', 'MemoryError')):
            with self.subTest(body):
                result = self.run_one(body)
                self.assertEqual(result.error['type'], kind)
                self.assertEqual(result.ended['exitCode'], 1)

    def test_a_traceback_has_at_most_64_kib(self):
        error = self.run_one('raise ValueError("y" * 3000000)').error
        self.assertLess(len(error['traceback']), 66000)
        self.assertIn('left out', error['traceback'])
        self.assertEqual(self.run_one('def f(): f()\nf()').error['type'], 'RecursionError')

    def test_what_json_cannot_write_raises_in_run_and_nothing_of_that_report_is_sent(self):
        body = ('try: self.report({"M": [{"measurement": "m"}] * 2000, "L": [{"bad": {1}}]})\n'
                'except TypeError as e: print(e)\nself.report({"M": [1]})')
        result = self.run_one(body)
        self.assertIn('Object of type set is not JSON serializable', result.ended['stdout'])
        self.assertEqual(result.points, [1])
        error = self.run_one('self.report({"M": [{"bad": b"x"}]})').error
        self.assertEqual(error['type'], 'TypeError')
        self.assertIn('self.report({"M"', error['traceback'])

    def test_points_are_as_json_dumps_writes_them(self):
        body = ('self.report({"M": [float("nan"), float("inf"), -float("inf"), 10**40, -0.0, 1e308, {1: "a", None: 2, False: 3},\n'
                '                  (1, 2), "\\u4e2d\\ud800\\n", {"n": None}]})')
        data = self.run_one(body).data
        self.assertIn(b'"points": [NaN, Infinity, -Infinity, 1' + b'0' * 40 + b', -0.0, 1e+308, {"1": "a", "null": 2, '
                      b'"false": 3}, [1, 2], "\\u4e2d\\ud800\\n", {"n": null}], "more": false}', data)

    def test_what_is_no_list_goes_as_it_is(self):
        result = self.run_one('self.report({"M": {"measurement": "m"}, "L": "text", "O": 5, "E": ({"a": 1},)})')
        self.assertEqual([report['points'] for report in result.reports], [{'measurement': 'm'}, 'text', 5, [{'a': 1}]])

    def test_reports_are_numbered_by_call_and_category(self):
        result = self.run_one('self.report({"L": [2], "M": [1], "input": "x"})\nself.report({"E": [3]})\n'
                              'self.http_post_raw("http://10.0.0.1:9529/v1/write/metric?precision=s", "m v=1 5")')
        self.assertEqual([(report['report'], report['category'], report['query']) for report in result.reports],
                         [(0, 'metric', {'input': 'x'}), (1, 'logging', {'input': 'x'}), (2, 'keyevent', {})])
        raw = result.of(frames.RAW)[0]
        self.assertTrue(raw.pop('at').isdigit())
        self.assertEqual(raw, {'report': 3, 'category': 'metric', 'query': {'precision': 's'}, 'ip': '10.0.0.1',
                               'port': 9529, 'body': 'm v=1 5'})

    def test_a_thousand_points_a_frame(self):
        for count, sizes in ((999, [999]), (1000, [1000]), (1001, [1000, 1]), (2500, [1000, 1000, 500])):
            result = self.run_one('self.report({"M": list(range(%d))})\nself.report({"M": [0]})' % count)
            self.assertEqual([len(report['points']) for report in result.reports], sizes + [1])
            self.assertEqual([report['report'] for report in result.reports], [0] * len(sizes) + [1])
            self.assertEqual([report['more'] for report in result.reports], [True] * (len(sizes) - 1) + [False, False])
            self.assertEqual(result.points, [*range(count), 0])

    def test_a_hundred_thousand_points_arrive_whole(self):
        body = ('self.report({"M": [{"measurement": "m", "tags": {"host": "web%d" % n}, "fields": {"v": n}}\n'
                '                   for n in range(100000)]})')
        result = self.run_one(body)
        self.assertIsNone(result.error)
        self.assertEqual([point['fields']['v'] for point in result.points], list(range(100000)))
        self.assertEqual(result.rest, 0)

    def test_large_points_make_smaller_frames(self):
        result = self.run_one('self.report({"M": ["x" * 6000000] * 4})', limits={'resultBytes': 100000000})
        self.assertEqual([len(report['points']) for report in result.reports], [2, 2])
        error = self.run_one('self.report({"M": ["x" * 20000000]})', limits={'resultBytes': 100000000}).error
        self.assertEqual(error['type'], 'ValueError')
        self.assertIn('one point is 20000004 bytes', error['message'])

    def test_lasterrors_and_warnings(self):
        result = self.run_one('self.set_lasterror("demo", "it broke")\nself.feed_system_event({}, 10, "fine", "id", "title")')
        self.assertEqual(result.of(frames.LASTERROR), [{'input': 'demo', 'err_content': 'it broke'}])
        self.assertEqual([warning['code'] for warning in result.warnings], ['event-status'])
        self.assertEqual(result.points[0]['fields']['df_status'], 'fine')

    def test_a_report_before_a_death_arrives(self):
        for death, signal in (('os._exit(7)', None), ('os.kill(os.getpid(), 9)', 9), ('os.abort()', 6)):
            result = self.run_one('import os\nself.report({"M": [1, 2]})\nprint("said", flush=True)\n' + death)
            self.assertEqual(result.points, [1, 2])
            self.assertEqual(result.of(frames.FINISHED), [])
            self.assertEqual((result.ended['cause'], result.ended['signal'], result.ended['stdout']),
                             ('exited', signal, 'said\n'))
            self.assertEqual(result.ended['exitCode'], 7 if signal is None else None)

    def test_reports_from_threads_and_forked_processes_keep_their_frames_whole(self):
        body = '''
            import os, threading
            def work(who):
                for n in range(30): self.report({"M": [{"who": who, "n": n, "x": "y" * 5000}]})
            threads = [threading.Thread(target=work, args=("t%d" % n,)) for n in range(3)]
            children = []
            for n in range(3):
                pid = os.fork()
                if pid == 0:
                    work("p%d" % n)
                    os._exit(0)
                children.append(pid)
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            for pid in children: os.waitpid(pid, 0)
        '''
        if not LINUX:
            self.skipTest('no locks on pipes here')
        result = self.run_one(body)
        self.assertEqual(result.rest, 0)
        numbers = [report['report'] for report in result.reports]
        self.assertEqual(len(numbers), 180)
        self.assertEqual(len(set(numbers)), 180)
        for who in ('t0', 't1', 't2', 'p0', 'p1', 'p2'):
            self.assertEqual([point['n'] for point in result.points if point['who'] == who], list(range(30)))

    def test_a_forked_process_that_returns_from_run_does_not_finish_it(self):
        result = self.run_one('import os\npid = os.fork()\nself.report({"M": [pid > 0]})\nif pid: os.waitpid(pid, 0)')
        self.assertEqual(len(result.of(frames.FINISHED)), 1)
        self.assertEqual(sorted(result.points), [False, True])

    def test_an_exception_from_a_signal_handler_in_mid_report_leaves_whole_frames(self):
        body = '''
            import signal
            def alarm(*_): raise TimeoutError
            signal.signal(signal.SIGALRM, alarm)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                while True: self.report({"M": ["x" * 100000] * 20})
            except (TimeoutError, OSError) as error: print(type(error).__name__)
        '''
        result = self.run_one(body, limits={'resultBytes': 1 << 30})
        self.assertIn(result.ended['stdout'], ('TimeoutError\n', 'OSError\n'))
        self.assertTrue(all(len(report['points']) == 20 for report in result.reports))


class OutputTest(HostTestCase):
    def test_ten_megabytes_do_not_block_and_are_capped(self):
        result = self.run_one('import sys\nfor n in range(10000): print("%04d" % n + "x" * 1019)\nsys.stderr.write("e" * 3000000)\n'
                              'self.report({"M": [1]})', limits={'outputKeptBytes': 100000})
        ended = result.ended
        self.assertIsNone(result.error)
        self.assertEqual((ended['stdoutBytes'], ended['stderrBytes']), (10240000, 3000000))
        head, _, tail = ended['stdout'].partition('\n[... 10140000 bytes are left out here ...]\n')
        self.assertEqual((len(head), len(tail)), (25000, 75000))
        self.assertTrue(head.startswith('0000xxx') and tail.endswith('x\n') and '9999xxx' in tail)
        self.assertEqual(len(ended['stderr']), 100000 + len('\n[... 2900000 bytes are left out here ...]\n'))

    def test_what_fits_is_kept_whole(self):
        result = self.run_one('print("x" * 999)', limits={'outputKeptBytes': 1000})
        self.assertEqual(result.ended['stdout'], 'x' * 999 + '\n')

    def test_bytes_that_are_no_text(self):
        result = self.run_one('import os\nos.write(1, b"a\\xff\\xfeb\\0")')
        self.assertEqual(result.ended['stdout'], 'a\ufffd\ufffdb\0')

    def test_output_without_a_newline_is_flushed(self):
        self.assertEqual(self.run_one('print("no newline", end="")').ended['stdout'], 'no newline')

    def test_programs_print_to_the_same_place(self):
        result = self.run_one('import subprocess\nsubprocess.check_call("echo out; echo err >&2", shell=True)')
        self.assertEqual((result.ended['stdout'], result.ended['stderr']), ('out\n', 'err\n'))

    def test_streams_that_the_run_replaces_closes_or_breaks(self):
        for body in ('import sys; sys.stdout = None', 'import sys; sys.stdout.close(); sys.stderr.close()',
                     'import os; os.close(1); os.close(2)', 'import sys, io; sys.stdout = io.StringIO(); print("lost")',
                     'import sys; del sys.stdout', 'import sys\nclass S:\n    def flush(self): raise RuntimeError\nsys.stdout = S()',
                     'import os; os.closerange(0, 3)'):
            with self.subTest(body):
                result = self.run_one(body + '\nself.report({"M": [1]})')
                self.assertIsNone(result.error)
                self.assertEqual(result.points, [1])

    def test_frames_on_stdout_are_only_output(self):
        result = self.run_one('import os\nos.write(1, b"\\0\\0\\0\\x11\\x25{\\"error\\": null}")\nself.report({"M": [1]})')
        self.assertEqual(len(result.of(frames.FINISHED)), 1)
        self.assertTrue(result.ended['stdout'].endswith('{"error": null}'))

    def test_live_output_comes_while_the_run_goes_on(self):
        host = self.start_one('import sys, os\nprint("now", flush=True)\nsys.stderr.write("also\\n")\nos.read(0, 1)\n'
                              'import time\nwhile not os.path.exists(%r): time.sleep(0.005)' % os.path.join(self.home, 'go'))
        host.order(1, 'D/one:One', live=True)
        seen = {1: b'', 2: b''}
        while seen != {1: b'now\n', 2: b'also\n'}:
            piece = host.wait_for(frames.OUTPUT, 1)
            seen[piece['stream']] += piece['data']
        self.write('go', '')
        self.assertEqual(host.finish(1).ended['stdout'], 'now\n')

    def test_without_capture_nothing_is_kept(self):
        host = self.start_one('print("x" * 100000)\nself.report({"M": [1]})')
        result = host.run('D/one:One', capture=False)
        self.assertEqual((result.ended['stdoutBytes'], result.points), (0, [1]))

    def test_mylog_shows_in_the_runs_stderr(self):
        result = self.run_one('from datakit_framework import mylog\nmylog("look: %s", 1)')
        self.assertEqual(result.ended['stderr'], 'look: 1\n')


class SurroundingsTest(HostTestCase):
    """What a run finds around itself."""

    def evaluated(self, body, **more):
        result = self.run_one(body, **more)
        self.assertIsNone(result.error)
        return ast.literal_eval(result.ended['stdout'])

    def test_stdin_is_empty(self):
        self.assertEqual(self.evaluated('import sys; print(repr(sys.stdin.read()))'), '')

    def test_the_temporary_folder_is_current_private_and_empty(self):
        body = ('import os, tempfile\nprint([os.getcwd(), os.environ["TMPDIR"], tempfile.gettempdir(), os.listdir("."),\n'
                '       os.stat(".").st_mode & 0o777])')
        cwd, tmpdir, gettempdir, content, mode = self.evaluated(
            body, head='import tempfile\ntempfile.gettempdir()')
        self.assertEqual((cwd, tmpdir, content, mode), (tmpdir, gettempdir, [], 0o700))
        self.assertTrue(cwd.startswith(os.path.join(self.home, 'tmp')))

    def test_the_next_run_finds_its_folder_empty(self):
        body = '''
            import os
            print(os.listdir("."))
            os.makedirs("a/b/c"); open("a/b/c/d", "w").close(); os.symlink("/", "link"); os.mkfifo("fifo")
            for n in range(500): open("f%d" % n, "w").close()
            os.chmod("a/b", 0)
            os.symlink({!r}, "out")
        '''
        outside = self.write('kept/file', 'x')
        host = self.start_one(body.replace('{!r}', repr(os.path.dirname(outside))))
        for number in range(4):
            self.assertEqual(host.run('D/one:One', number).ended['stdout'], '[]\n')
        self.assertTrue(os.path.exists(outside))

    def test_a_run_that_deletes_its_folder(self):
        host = self.start_one('import os, shutil\nprint(os.listdir("."))\nshutil.rmtree(os.getcwd())')
        for number in range(3):
            self.assertEqual(host.run('D/one:One', number).ended['stdout'], '[]\n')

    def test_a_folder_too_deep_for_its_name_is_given_up(self):
        self.addCleanup(subprocess.call, ['rm', '-rf', self.home])  # which shutil.rmtree can't
        host = self.start_one('import os\nprint(os.listdir("."))\nfor _ in range(1500):\n    os.mkdir("d" * 50); os.chdir("d" * 50)')
        for number in range(3):
            self.assertEqual(host.run('D/one:One', number).ended['stdout'], '[]\n')

    @unittest.skipUnless(LINUX, 'reads /proc')
    def test_a_run_holds_its_own_descriptors_alone(self):
        host = self.start({
            'python.d/D/wait.py': 'import os, time\nfrom datakit_framework import DataKitFramework\n'
                                  'class W(DataKitFramework):\n    def run(self):\n'
                                  '        while not os.path.exists({!r}): time.sleep(0.005)\n'.format(self.home + '/go'),
            'python.d/D/look.py': 'import os\nfrom datakit_framework import DataKitFramework\n'
                                  'class L(DataKitFramework):\n    def run(self):\n'
                                  '        print({n: os.readlink("/proc/self/fd/%s" % n).split(":")[0]\n'
                                  '               for n in sorted(map(int, os.listdir("/proc/self/fd")))\n'
                                  '               if os.path.exists("/proc/self/fd/%s" % n) or 1})\n'.replace(' or 1', '')})
        host.order(1, 'D/wait:W')
        host.wait_for(frames.STARTED, 1)
        found = ast.literal_eval(host.run('D/look:L', 2).ended['stdout'])
        self.assertEqual({number: kind for number, kind in found.items() if kind != '/dev/null'},
                         {1: 'pipe', 2: 'pipe', max(found): 'pipe'})
        self.assertGreater(max(found), 64)
        self.write('go', '')
        host.finish(1)

    def test_the_result_descriptor_is_not_inherited_by_programs(self):
        body = ('import subprocess, sys\nprint(subprocess.run([sys.executable, "-c", "import os\\n'
                'for n in range(3, 3000):\\n    try: os.fstat(n); print(n)\\n    except OSError: pass"],\n'
                '    close_fds=False, stdout=subprocess.PIPE).stdout)')
        self.assertEqual(self.evaluated(body), b'')

    def test_descriptors_that_user_code_opened_at_import_stay_open(self):
        log = os.path.join(self.home, 'log')
        host = self.start_one('logging.warning("in a run")', 'import logging\nlogging.basicConfig(filename={!r})'.format(log))
        host.run('D/one:One')
        with open(log, encoding='utf-8') as file:
            self.assertIn('in a run', file.read())

    def test_random_numbers_differ_from_run_to_run(self):
        host = self.start_one('print(random.random())', 'import random')
        self.assertEqual(len({host.run('D/one:One', number).ended['stdout'] for number in range(3)}), 3)

    def test_numpys_too(self):
        host = self.start_one('print(fake.seeded)', 'import sys, types\nfake = types.ModuleType("numpy.random")\n'
                              'fake.seeded = 0\ndef seed(): fake.seeded += 1\nfake.seed = seed\n'
                              'sys.modules["numpy.random"] = fake')
        self.assertEqual(host.run('D/one:One').ended['stdout'], '1\n')

    def test_what_a_run_changes_dies_with_it(self):
        host = self.start_one('global N\nN += 1\nself.n = getattr(self, "n", 0) + 1\nprint(N, self.n)', 'N = 0')
        for number in range(2):
            self.assertEqual(host.run('D/one:One', number).ended['stdout'], '1 1\n')

    def test_the_environment_is_the_inputs(self):
        env = self.evaluated('import os; print(dict(os.environ))', env={'A': 'b', 'PATH': '/bin'})
        env.pop('TMPDIR')
        env.pop('LC_CTYPE', None)  # the interpreter sets it where no locale is given
        self.assertEqual(env, {'A': 'b', 'PATH': '/bin'})

    def test_multiprocessing_subprocess_and_threads_work(self):
        head = ('import multiprocessing, subprocess, sys\nfrom concurrent.futures import ThreadPoolExecutor\n'
                'def double(n): return 2 * n')
        body = ('with multiprocessing.get_context("fork").Pool(2) as pool: a = pool.map(double, [1, 2])\n'
                'with ThreadPoolExecutor(2) as pool: b = list(pool.map(double, [3]))\n'
                'c = subprocess.check_output([sys.executable, "-c", "print(8)"])\nprint([a, b, c])')
        self.assertEqual(self.evaluated(body, head=head), [[2, 4], [6], b'8\n'])

    def test_a_spawned_process_finds_the_module_and_starts_no_host(self):
        head = 'import multiprocessing\ndef double(n): return 2 * n'
        body = 'with multiprocessing.get_context("spawn").Pool(1) as pool: print(pool.map(double, [1, 2]))'
        self.assertEqual(self.evaluated(body, head=head), [2, 4])


class ManyTest(HostTestCase):
    def waiting(self, count):
        """A host with `count` collectors that wait for a file of their number."""
        text = 'import os, time\nfrom datakit_framework import DataKitFramework\n'
        for number in range(count):
            text += ('class C{0}(DataKitFramework):\n    def run(self):\n        print("began {0}", flush=True)\n'
                     '        while not os.path.exists({1!r}): time.sleep(0.005)\n').format(
                         number, os.path.join(self.home, 'go{}'.format(number)))
        return self.start({'python.d/D/x.py': text})

    def test_different_collectors_run_at_once_and_end_in_any_order(self):
        host = self.waiting(5)
        for number in range(5):
            host.order(number, 'D/x:C{}'.format(number), live=True)
        begun = set()
        while len(begun) < 5:
            begun.add(host.wait_for(frames.OUTPUT)['run'])
        for number in (3, 0, 4, 1, 2):
            self.write('go{}'.format(number), '')
            self.assertEqual(host.finish(number).ended['stdout'], 'began {}\n'.format(number))

    def test_a_second_run_of_one_collector_is_refused(self):
        host = self.waiting(1)
        host.order(1, 'D/x:C0', live=True)
        host.wait_for(frames.OUTPUT, 1)
        refused = host.run('D/x:C0', 2).ended
        self.assertEqual((refused['cause'], refused['exitCode']), ('refused', None))
        self.assertIn('goes on still', refused['message'])
        self.write('go0', '')
        self.assertEqual(host.finish(1).ended['cause'], 'exited')
        self.assertEqual(host.run('D/x:C0', 3).ended['cause'], 'exited')

    def test_an_unknown_collector_is_refused(self):
        host = self.waiting(1)
        refused = host.run('D/x:Nobody').ended
        self.assertEqual(refused['cause'], 'refused')
        self.assertIn('no collector "D/x:Nobody"', refused['message'])

    def test_one_run_right_after_the_other(self):
        host = self.start_one('self.report({"M": [1]})')
        for number in range(100):
            self.assertEqual(host.run('D/one:One', number).points, [1])

    def test_a_worker_that_does_not_read_stops_results_and_nothing_else(self):
        host = self.start({
            'python.d/D/big.py': 'from datakit_framework import DataKitFramework\nclass B(DataKitFramework):\n'
                                 '    def run(self):\n        for n in range(40): self.report({"M": ["x" * 1000000]})\n',
            'python.d/D/out.py': 'from datakit_framework import DataKitFramework\nclass O(DataKitFramework):\n'
                                 '    def run(self):\n        print("x" * 10000000)\n        open({!r}, "w").close()\n'.format(
                                     os.path.join(self.home, 'printed'))}, limits={'resultBytes': 1 << 30})
        host.order(1, 'D/big:B')
        host.order(2, 'D/out:O', live=True)
        deadline = time.monotonic() + 60
        while not os.path.exists(os.path.join(self.home, 'printed')):  # it prints although nobody reads
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)
        if LINUX:
            with open('/proc/{}/statm'.format(host.pid), encoding='ascii') as file:
                self.assertLess(int(file.read().split()[1]) * 4096, 60 << 20)
        self.assertEqual(len(host.finish(1).points), 40)

    def test_the_run_goes_on_when_it_closes_every_descriptor(self):
        result = self.run_one('import os\nprint("said", flush=True)\nself.report({"M": [1]})\nos.closerange(0, 70000)')
        self.assertEqual((result.ended['cause'], result.ended['exitCode']), ('exited', 70))
        self.assertEqual((result.points, result.of(frames.FINISHED)), ([1], []))
        self.assertEqual(result.ended['stdout'], 'said\n')

    def test_a_result_that_cannot_be_written_is_told_on_stderr(self):
        result = self.run_one('import os\nos.closerange(3, 70000)')
        self.assertEqual((result.ended['cause'], result.ended['exitCode']), ('exited', 70))
        self.assertIn('OSError', result.ended['stderr'])

    def test_a_report_after_that_raises_in_the_script(self):
        result = self.run_one('import os\nos.closerange(3, 70000)\ntry: self.report({"M": [1]})\nexcept OSError: print("raised")')
        self.assertEqual(result.ended['stdout'], 'raised\n')

    def test_closing_the_usual_numbers_of_a_daemon_does_no_harm(self):
        result = self.run_one('import os\nos.closerange(3, 1024)\nself.report({"M": [1]})')
        self.assertEqual((result.error, result.points), (None, [1]))


if __name__ == '__main__':
    unittest.main()
