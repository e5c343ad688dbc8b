"""Which classes are found, and what `ready` says of them."""
from __future__ import annotations

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTestCase  # noqa: E402

IMPORT = 'from datakit_framework import DataKitFramework\n'


class CatalogueTest(HostTestCase):
    def ready(self, files, listed=None):
        self.host = self.start({'python.d/' + path: IMPORT + text for path, text in files.items()},
                               None if listed is None else ['python.d/' + path for path in listed])
        return self.host.ready

    def classes(self, *args, **more):
        return [found['key'] for found in self.ready(*args, **more)['collectors']]

    def one(self, body):
        """The entry of a collector whose class has `body`."""
        ready = self.ready({'D/x.py': 'class C(DataKitFramework):\n    def run(self): pass\n    ' + body})
        self.assertEqual(ready['failures'], [])
        return ready['collectors'][0]

    def refused(self, body):
        ready = self.ready({'D/x.py': 'class C(DataKitFramework):\n    def run(self): pass\n    ' + body
                            + '\nclass Other(DataKitFramework):\n    def run(self): pass\n'})
        self.assertEqual([found['class'] for found in ready['collectors']], ['Other'])
        self.assertEqual(len(ready['failures']), 1)
        self.assertEqual(ready['failures'][0]['class'], 'C')
        return ready['failures'][0]

    def test_the_entry_of_a_collector(self):
        self.assertEqual(self.one('name = "Mine"; interval = 2.5; timeout = 7; isolation = "run"'),
                         {'key': 'D/x:C', 'module': 'x', 'dir': 'D', 'class': 'C', 'name': 'Mine', 'interval': 2.5,
                          'timeout': 7, 'isolation': 'run', 'warnings': []})

    def test_several_classes_of_a_module(self):
        self.assertEqual(self.classes({'D/x.py': 'class A(DataKitFramework):\n    def run(self): pass\n'
                                                 'class B(A): pass\nclass Not: pass\n'}), ['D/x:A', 'D/x:B'])

    def test_a_class_under_two_names_runs_once(self):
        self.assertEqual(self.classes({'D/x.py': 'class A(DataKitFramework):\n    def run(self): pass\nB = A'}), ['D/x:A'])

    def test_two_classes_of_one_name_are_told_apart(self):
        self.assertEqual(self.classes({'D/x.py': 'def make():\n    class A(DataKitFramework):\n'
                                                 '        def run(self): pass\n    return A\nX = make()\nY = make()'}),
                         ['D/x:A', 'D/x:A#2'])

    def test_abstract_classes_are_skipped_and_their_children_run(self):
        self.assertEqual(self.classes({'D/x.py': 'import abc\nclass Base(DataKitFramework, abc.ABC):\n'
                                                 '    @abc.abstractmethod\n    def part(self): pass\n'
                                                 '    def run(self): self.part()\n'
                                                 'class Child(Base):\n    def part(self): pass'}), ['D/x:Child'])

    def test_a_class_without_run_is_a_base_class_and_warned_about(self):
        ready = self.ready({'D/x.py': 'class Base(DataKitFramework): pass\nclass C(Base):\n    def run(self): pass'})
        self.assertEqual([found['class'] for found in ready['collectors']], ['C'])
        self.assertEqual([warning['code'] for warning in ready['warnings']], ['class-without-run'])
        self.assertIn('class Base', ready['warnings'][0]['message'])

    def test_an_imported_class_runs_once_where_it_is_defined(self):
        files = {'D/a.py': 'from b import B', 'D/b.py': 'class B(DataKitFramework):\n    def run(self): pass',
                 'D/c.py': 'from b import B'}
        self.assertEqual(self.classes(files), ['D/b:B'])
        self.assertEqual(self.classes(files, ['D/a.py', 'D/c.py']), ['D/a:B'])

    def test_a_base_class_imported_from_another_module_does_not_warn(self):
        ready = self.ready({'D/a.py': 'from lib.base import Base\nclass A(Base):\n    def run(self): pass',
                            'D/lib/base.py': 'class Base(DataKitFramework): pass'}, ['D/a.py'])
        self.assertEqual(([found['class'] for found in ready['collectors']], ready['warnings']), (['A'], []))

    def test_lazy_proxies_among_the_attributes_are_not_asked(self):
        self.assertEqual(self.classes({'D/x.py': 'class Proxy:\n    @property\n    def __class__(self): raise RuntimeError\n'
                                                 'p = Proxy()\nclass A(DataKitFramework):\n    def run(self): pass'}),
                         ['D/x:A'])

    def test_the_constructor_runs_once_and_its_state_is_there_in_every_run(self):
        self.ready({'D/x.py': 'import os\nclass C(DataKitFramework):\n    built = 0\n    def __init__(self, **kw):\n'
                              '        super().__init__(ip="10.0.0.1", port=1)\n        C.built += 1; self.pid = os.getpid()\n'
                              '    def run(self):\n        print(C.built, self.pid == os.getppid())\n'
                              '        self.report({"M": [1]})'})
        for number in (1, 2):
            result = self.host.run('D/x:C', number)
            self.assertEqual(result.ended['stdout'], '1 True\n')
            self.assertEqual((result.reports[0]['ip'], result.reports[0]['port']), ('10.0.0.1', 1))

    def test_a_subclass_that_skips_the_constructor_works(self):
        self.one('def __init__(self): pass')
        self.assertIsNone(self.host.run('D/x:C').error)

    def test_a_constructor_that_raises_is_a_failure_of_that_class(self):
        failure = self.refused('def __init__(self): 1 / 0')
        self.assertEqual(failure['type'], 'ZeroDivisionError')
        self.assertNotIn('_pythond', failure['traceback'])
        self.assertEqual(self.refused('def __init__(self): raise SystemExit(1)')['type'], 'SystemExit')

    def test_a_constructor_that_wants_arguments_is_told_so(self):
        self.assertIn('built without arguments', self.refused('def __init__(self, host): pass')['hint'])

    def test_the_interval(self):
        for text, wanted in (('', 10), ('interval = 0', 10), ('interval = None', 10), ('interval = ""', 10),
                             ('interval = False', 10), ('interval = 2.5', 2.5), ('interval = 3', 3), ('interval = True', 1),
                             ('interval = 1e-3', 0.001), ('def __init__(self): self.interval = 7', 7)):
            with self.subTest(text):
                self.assertEqual(self.one(text)['interval'], wanted)

    def test_an_interval_that_cannot_be_used(self):
        for text, named in (('-1', 'interval is -1'), ('float("nan")', 'interval is nan'), ('float("inf")', 'interval is inf'),
                            ('"x"', "interval is 'x', of type str"), ('[1]', 'interval is [1], of type list'),
                            ('-0.5', 'interval is -0.5'), ('10**400', 'interval is 1000')):
            with self.subTest(text):
                failure = self.refused('interval = ' + text)
                self.assertIn(named, failure['message'])
                self.assertIn('such as interval = 10', failure['message'])

    def test_an_interval_that_raises_is_a_failure(self):
        self.assertEqual(self.refused('interval = property(lambda self: 1 / 0)')['type'], 'ZeroDivisionError')

    def test_timeout_and_isolation_pass_when_valid(self):
        for text in ('timeout = 0', 'timeout = -1', 'timeout = "5s"', 'timeout = True', 'timeout = float("nan")'):
            with self.subTest(text):
                entry = self.one(text)
                self.assertIsNone(entry['timeout'])
                self.assertEqual([warning['code'] for warning in entry['warnings']], ['timeout'])
        for text in ('isolation = "thread"', 'isolation = 5', 'isolation = []'):
            with self.subTest(text):
                entry = self.one(text)
                self.assertIsNone(entry['isolation'])
                self.assertEqual([warning['code'] for warning in entry['warnings']], ['isolation'])
        self.assertEqual(self.one('timeout = 0.5; isolation = "resident"')['timeout'], 0.5)

    def test_the_name(self):
        self.assertEqual(self.one('')['name'], 'C')
        self.assertEqual(self.one('name = 5')['name'], '5')
        self.assertLess(len(self.one('name = "x" * 10000')['name']), 400)

    def test_a_report_at_import_is_warned_about(self):
        ready = self.ready({'D/x.py': 'class C(DataKitFramework):\n    def __init__(self):\n'
                                      '        self.report({"M": [1]})\n    def run(self): self.report({"M": [2]})'})
        self.assertEqual([warning['code'] for warning in ready['warnings']], ['report-at-import'])
        self.assertEqual(self.host.run('D/x:C').points, [2])


if __name__ == '__main__':
    unittest.main()
