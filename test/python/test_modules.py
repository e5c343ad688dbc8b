"""How the user's modules are found and loaded, through a real host."""
from __future__ import annotations

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import CORE, HostTestCase  # noqa: E402

COLLECTOR = '''
from datakit_framework import DataKitFramework
class {name}(DataKitFramework):
    def run(self):
        {body}
'''


def collector(name='C', body='pass', head=''):
    return head + COLLECTOR.format(name=name, body=body)


class ModuleTestCase(HostTestCase):
    def keys(self, host):
        return [found['key'] for found in host.ready['collectors']]

    def failure(self, host):
        self.assertEqual(len(host.ready['failures']), 1, host.ready['failures'])
        return host.ready['failures'][0]

    def printed(self, host, key, number=1):
        result = host.run(key, number)
        self.assertIsNone(result.error)
        return result.ended['stdout'].rstrip('\n')


class NameTest(ModuleTestCase):
    def test_a_file_and_a_file_one_level_down(self):
        host = self.start({'python.d/Demo/demo.py': collector(), 'python.d/Demo/parent/file.py': collector()})
        self.assertEqual(self.keys(host), ['Demo/demo:C', 'Demo/parent.file:C'])
        self.assertEqual(host.ready['collectors'][1]['module'], 'parent.file')

    def test_the_manuals_test_py_is_loaded_although_the_standard_library_has_a_test(self):
        host = self.start({
            'python.d/mytest/test.py': collector('MyTest', 'print("mine", __name__)'),
            'python.d/mytest/other.py': collector('Other', 'print(hasattr(test, "__path__"))', head='import test')})
        self.assertEqual(self.keys(host), ['mytest/test:MyTest', 'mytest/other:Other'])
        self.assertTrue(self.printed(host, 'mytest/test:MyTest').startswith('mine'))
        self.assertEqual(self.printed(host, 'mytest/other:Other', 2), 'True')

    def test_a_json_py_disturbs_nobodys_import_json(self):
        host = self.start({
            'python.d/D/json.py': collector('J', 'print("own", json.dumps([1]))', head='import json'),
            'python.d/D/user.py': collector('U', 'print(json.dumps([1])); self.report({"M": [{"measurement": "m"}]})',
                                            head='import json')})
        self.assertEqual(self.printed(host, 'D/json:J'), 'own [1]')
        self.assertEqual(self.printed(host, 'D/user:U', 2), '[1]')

    def test_built_in_modules_names_are_free_to_use(self):
        host = self.start({'python.d/D/time.py': collector(), 'python.d/D/sys.py': collector(),
                           'python.d/D/threading.py': collector(), 'python.d/D/__main__.py': collector()})
        self.assertEqual(len(self.keys(host)), 4, host.ready['failures'])

    def test_same_named_modules_in_two_dirs_both_run(self):
        host = self.start({'python.d/A/x.py': collector('X', 'print("A")'), 'python.d/B/x.py': collector('X', 'print("B")')})
        self.assertEqual(self.keys(host), ['A/x:X', 'B/x:X'])
        self.assertEqual([self.printed(host, 'A/x:X'), self.printed(host, 'B/x:X', 2)], ['A', 'B'])

    def test_same_named_parents_in_two_dirs_both_run(self):
        host = self.start({
            'python.d/A/p/x.py': collector('X', 'print("A", V)', head='from .helper import V'),
            'python.d/A/p/helper.py': 'V = 1', 'python.d/A/p/__init__.py': '',
            'python.d/B/p/x.py': collector('X', 'print("B", V)', head='from .helper import V'),
            'python.d/B/p/helper.py': 'V = 2', 'python.d/B/p/__init__.py': ''},
            listed=['python.d/A/p/x.py', 'python.d/B/p/x.py'])
        self.assertEqual(host.ready['failures'], [])
        self.assertEqual([self.printed(host, 'A/p.x:X'), self.printed(host, 'B/p.x:X', 2)], ['A 1', 'B 2'])

    def test_a_parent_named_like_a_standard_package(self):
        host = self.start({
            'python.d/D/email/x.py': collector('X', 'print(V, email.message.__name__)',
                                               head='import email.message\nfrom . import helper\nV = helper.V'),
            'python.d/D/email/helper.py': 'V = "own"'})
        self.assertEqual(host.ready['failures'], [])
        self.assertEqual(self.printed(host, 'D/email.x:X'), 'own email.message')

    def test_siblings_of_a_private_package_share_one_copy(self):
        host = self.start({
            'python.d/D/json/a.py': collector('A', 'print(b.B is B)', head='from . import b\nfrom .b import B'),
            'python.d/D/json/b.py': collector('B')})
        self.assertEqual(self.keys(host), ['D/json.a:A', 'D/json.b:B'])
        self.assertEqual(self.printed(host, 'D/json.a:A'), 'True')

    def test_relative_imports_with_and_without_an_init(self):
        for init in (True, False):
            files = {'python.d/D/pkg/a.py': collector('A', 'print(x.V, V)', head='from . import x\nfrom .x import V'),
                     'python.d/D/pkg/x.py': 'V = 3'}
            if init:
                files['python.d/D/pkg/__init__.py'] = ''
            host = self.start(files, listed=['python.d/D/pkg/a.py'])
            self.assertEqual(self.printed(host, 'D/pkg.a:A'), '3 3')

    def test_a_module_is_shared_with_those_that_import_it(self):
        host = self.start({
            'python.d/D/a.py': collector('A', 'print(b.COUNT, sys.modules["b"] is b)', head='import b, sys\nb.COUNT += 1'),
            'python.d/D/b.py': collector('B', head='COUNT = 0')})
        self.assertEqual(self.printed(host, 'D/a:A'), '1 True')

    def test_the_deeper_levels_are_reached_by_import(self):
        host = self.start({'python.d/D/a.py': collector('A', 'print(V)', head='from lib.deep.er import V'),
                           'python.d/D/lib/deep/er.py': 'V = 5'}, listed=['python.d/D/a.py'])
        self.assertEqual(self.printed(host, 'D/a:A'), '5')

    def test_names_that_no_import_statement_could_write(self):
        files = ['python.d/D/my-collector.py', 'python.d/D/with space.py', 'python.d/D/a.b.py', 'python.d/D/UPPER.PY',
                 'python.d/D/sub dir/x.py', 'python.d/D/sub.dir/y.z.py', 'python.d/D/1.py', 'python.d/D/été.py']
        host = self.start({path: collector() for path in files})
        self.assertEqual(host.ready['failures'], [])
        self.assertEqual(len(self.keys(host)), len(files))

    def test_dataclasses_and_pickle_work_in_a_privately_loaded_module(self):
        head = ('import pickle\nfrom dataclasses import dataclass\nfrom typing import ClassVar, List\n'
                '@dataclass\nclass P:\n    n: ClassVar[int] = 1\n    x: "List[int]" = None\n')
        host = self.start({'python.d/mytest/test.py': collector(
            'T', 'print(pickle.loads(pickle.dumps(P([1]))) == P([1]), pickle.loads(pickle.dumps(P)) is P)', head=head)})
        self.assertEqual(self.printed(host, 'mytest/test:T'), 'True True')

    def test_a_copy_of_the_framework_is_left_aside_with_a_warning(self):
        host = self.start({'python.d/D/datakit_framework.py': 'class DataKitFramework: pass\nimport no_such_requests',
                           'python.d/D/x.py': collector()})
        self.assertEqual(self.keys(host), ['D/x:C'])
        self.assertEqual([warning['code'] for warning in host.ready['warnings']], ['framework-copy'])

    def test_no_bytecode_is_left_in_the_bundle(self):
        self.start({'python.d/D/x.py': collector(head='import y'), 'python.d/D/y.py': ''})
        self.assertEqual(sorted(os.listdir(os.path.join(self.home, 'python.d/D'))), ['x.py', 'y.py'])

    def test_a_module_may_replace_itself(self):
        host = self.start({'python.d/D/x.py': 'import sys\nclass Lazy: pass\nsys.modules[__name__] = Lazy()',
                           'python.d/D/y.py': collector()})
        self.assertEqual(self.keys(host), ['D/y:C'])


class PathTest(ModuleTestCase):
    """What stands in sys.path."""

    def path(self, env=None, **more):
        host = self.start({'python.d/D/x.py': collector('C', 'print("\\n".join(sys.path))', head='import sys')},
                          env=env, **more)
        return self.printed(host, 'D/x:C').splitlines(), host

    def test_roots_stand_at_the_end_after_the_core(self):
        path, _ = self.path()
        self.assertEqual(path[-2:], [CORE, os.path.join(self.home, 'python.d/D')])

    def test_the_current_folder_is_never_there(self):
        path, _ = self.path(env={'PYTHONPATH': ':.::relative:'})
        self.assertFalse([entry for entry in path if not os.path.isabs(entry)])
        self.assertNotIn(self.home, path)

    def test_pythonpath_comes_first_and_relative_entries_are_warned_about(self):
        self.write('lib/extra.py', 'V = 1')
        path, host = self.path(env={'PYTHONPATH': os.path.join(self.home, 'lib') + ':here'})
        self.assertEqual(path[0], os.path.join(self.home, 'lib'))
        self.assertEqual([warning['code'] for warning in host.ready['warnings']], ['pythonpath-relative'])

    def test_a_module_planted_in_the_current_or_temporary_folder_is_never_imported(self):
        body = ('open("planted.py", "w").write("raise SystemExit"); open(tempfile.gettempdir() + "/requests_x.py", "w").close()\n'
                '        for name in ("planted", "requests_x"):\n'
                '            try: __import__(name); print("imported")\n'
                '            except ModuleNotFoundError: print("never")')
        host = self.start({'python.d/D/x.py': collector('C', body, head='import tempfile')})
        self.assertEqual(self.printed(host, 'D/x:C'), 'never\nnever')

    def test_the_user_site_and_its_pth_files_are_there(self):
        base = os.path.join(self.home, 'base')
        site = '{}/lib/python{}.{}/site-packages'.format(base, *sys.version_info[:2])
        if sys.platform == 'darwin':
            self.skipTest('frameworks have another layout')
        os.makedirs(os.path.join(self.home, 'by_pth'))
        self.write(os.path.relpath(site, self.home) + '/mine.pth', os.path.join(self.home, 'by_pth') + '\n')
        path, _ = self.path(env={'PYTHONUSERBASE': base})
        self.assertIn(site, path)
        self.assertEqual(path.index(os.path.join(self.home, 'by_pth')), path.index(site) + 1)
        packages = [entry for entry in path if entry.endswith('-packages') and not entry.startswith(self.home)]
        if packages:
            self.assertLess(path.index(site), path.index(packages[0]))
        path, _ = self.path(env={'PYTHONUSERBASE': base, 'PYTHONNOUSERSITE': '1'})
        self.assertNotIn(site, path)

    def test_an_empty_environment_works(self):
        path, _ = self.path(env={})
        self.assertTrue(path)


class FailureTest(ModuleTestCase):
    def broken(self, text, name='broken.py', **more):
        host = self.start({'python.d/D/' + name: text, 'python.d/D/good.py': collector()}, **more)
        self.assertEqual(self.keys(host), ['D/good:C'])
        failure = self.failure(host)
        self.assertEqual((failure['module'], failure['dir'], failure['file'], failure['class']),
                         (os.path.splitext(name)[0], 'D', 'python.d/D/' + name, None))
        self.assertNotIn('_pythond', failure['traceback'])
        self.assertNotIn('importlib', failure['traceback'])
        return failure

    def test_a_syntax_error_fails_that_module_alone(self):
        failure = self.broken('def run(:\n  pass')
        self.assertEqual(failure['type'], 'SyntaxError')
        self.assertIn('broken.py", line 1', failure['traceback'])

    def test_any_exception_has_its_traceback(self):
        failure = self.broken('def f():\n    return 1 / 0\n\nf()')
        self.assertEqual(failure['type'], 'ZeroDivisionError')
        self.assertTrue(failure['traceback'].startswith('Traceback (most recent call last):\n  File "' + self.home))
        self.assertIn('line 4, in <module>', failure['traceback'])
        self.assertIn('return 1 / 0', failure['traceback'])
        self.assertIsNone(failure['hint'])

    def test_the_same_where_the_module_is_loaded_privately(self):
        failure = self.broken('1 / 0', name='json.py')
        self.assertEqual(failure['type'], 'ZeroDivisionError')

    def test_system_exit_fails_that_module_alone(self):
        failure = self.broken('import sys\nsys.exit(3)')
        self.assertEqual((failure['type'], failure['message']), ('SystemExit', '3'))
        self.assertIn('__main__', failure['hint'])

    def test_keyboard_interrupt_and_base_exceptions_too(self):
        self.assertEqual(self.broken('raise KeyboardInterrupt')['type'], 'KeyboardInterrupt')
        self.assertEqual(self.broken('class E(BaseException): pass\nraise E("x")')['type'], 'E')

    def test_a_missing_library_is_named_with_its_place_and_the_way_to_install_it(self):
        failure = self.broken('import os\nimport yaml_no_such_thing')
        self.assertEqual(failure['type'], 'ModuleNotFoundError')
        self.assertIn('python.d/D/broken.py, line 2 (import yaml_no_such_thing)', failure['hint'])
        self.assertIn(sys.executable + ' -m pip install yaml_no_such_thing', failure['hint'])

    def test_libraries_that_pip_calls_otherwise(self):
        names = {'yaml': 'PyYAML', 'cv2': 'opencv-python', 'PIL.Image': 'Pillow', 'sklearn.svm': 'scikit-learn',
                 'MySQLdb': 'mysqlclient', 'dotenv': 'python-dotenv', 'bs4': 'beautifulsoup4', 'psycopg2': 'psycopg2-binary'}
        files = {'python.d/D/m{}.py'.format(number): 'import ' + name for number, name in enumerate(names)}
        host = self.start(files)
        wanted = {'m{}'.format(number): value for number, value in enumerate(names.values())}
        for failure in host.ready['failures']:  # one that is installed here does not fail
            self.assertIn('-m pip install ' + wanted[failure['module']], failure['hint'])

    def test_an_import_that_fails_in_a_module_that_was_imported(self):
        host = self.start({'python.d/D/a.py': 'import helper', 'python.d/D/helper.py': 'x = 1\nimport no_such_thing'},
                          listed=['python.d/D/a.py'])
        self.assertIn('python.d/D/helper.py, line 2 (import no_such_thing)', self.failure(host)['hint'])

    def test_a_module_that_differs_in_capitals_is_named(self):
        failure = self.broken('import Good')
        self.assertIn('there is no module "Good", but there is python.d/D/good.py: capital letters count', failure['hint'])

    def test_a_part_that_is_missing_in_a_module_that_is_there(self):
        failure = self.broken('import json.no_such_part')
        self.assertIn('there is a module "json", but no "no_such_part" in it', failure['hint'])

    def test_nul_bytes_and_bad_encodings(self):
        self.assertIn('NUL bytes', self.broken(b'x = 1\0\n')['hint'])
        self.assertIn('NUL bytes', self.broken('x = 1'.encode('utf-16'))['hint'])
        failure = self.broken(b'x = "\xe9"\n')
        self.assertEqual(failure['type'], 'SyntaxError')
        self.assertIn('not UTF-8 (byte 5)', failure['hint'])
        self.assertIn('unknown encoding', self.broken(b'# coding: no-such\n')['message'])

    def test_an_empty_file_is_fine_and_holds_nothing(self):
        host = self.start({'python.d/D/empty.py': ''})
        self.assertEqual((host.ready['collectors'], host.ready['failures']), ([], []))

    def test_what_is_not_a_regular_file_is_not_opened(self):
        self.write('python.d/D/good.py', collector())
        os.mkfifo(os.path.join(self.home, 'python.d/D/pipe.py'))
        os.mkdir(os.path.join(self.home, 'python.d/D/folder.py'))
        host = self.start({}, listed=['python.d/D/pipe.py', 'python.d/D/folder.py', 'python.d/D/gone.py',
                                      'python.d/D/good.py'])
        self.assertEqual([failure['type'] for failure in host.ready['failures']], ['FileNotFoundError'] * 3)
        self.assertEqual(self.keys(host), ['D/good:C'])

    def test_a_failing_init_fails_the_modules_of_its_package(self):
        for parent in ('pkg', 'json'):
            host = self.start({'python.d/D/{}/__init__.py'.format(parent): '1 / 0',
                               'python.d/D/{}/x.py'.format(parent): collector()},
                              listed=['python.d/D/{}/x.py'.format(parent)])
            self.assertEqual(self.failure(host)['type'], 'ZeroDivisionError')

    def test_tracebacks_have_a_bounded_size(self):
        failure = self.broken('raise ValueError("x" * 10000000)')
        self.assertLess(len(failure['message']), 10000)
        self.assertLess(len(failure['traceback']), 70000)
        self.assertIn('left out', failure['message'])

    def test_thousands_of_broken_modules_fit_one_frame(self):
        files = {'python.d/D/m{}.py'.format(number): 'raise ValueError("\\u00e9" * 8000)' for number in range(1500)}
        host = self.start(files)
        self.assertEqual(len(host.ready['failures']), 1500)

    def test_hostile_exceptions_are_described_all_the_same(self):
        self.assertEqual(self.broken('class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E()')['type'], 'E')
        self.assertEqual(self.broken('def f(): f()\nf()')['type'], 'RecursionError')
        self.assertIn('\ud800', self.broken('raise ValueError("\\ud800")')['message'])


if __name__ == '__main__':
    unittest.main()
