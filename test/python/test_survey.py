"""What scripts rely on, found without running anything of them."""
from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HOST  # noqa: E402


def survey(source: str, listed: bool = True, disk: str = '/home/of/python.d/a/a.py') -> list:
    text = textwrap.dedent(source).encode('utf-8')
    file = {'path': 'python.d/a/a.py', 'disk': disk, 'listed': listed, 'source': base64.b64encode(text).decode('ascii')}
    request = json.dumps({'files': [file], 'roots': [os.path.dirname(disk)]})
    done = subprocess.run([sys.executable, '-I', HOST, '--survey'], input=request, stdout=subprocess.PIPE, check=True,
                          universal_newlines=True, timeout=60)
    return json.loads(done.stdout)['files'][0]['facts']


def brief(facts: list) -> list:
    return [(fact['kind'], fact['line'], fact['what']) for fact in facts]


class Survey(unittest.TestCase):
    def test_runs_nothing_of_a_script(self):
        with tempfile.TemporaryDirectory() as folder:
            mark = os.path.join(folder, 'mark')
            with open(os.path.join(folder, 'beside.py'), 'w') as file:
                file.write('open({!r}, "w")\n'.format(mark))
            survey('import beside\nopen({!r}, "w")\n'.format(mark), disk=os.path.join(folder, 'a.py'))
            self.assertFalse(os.path.exists(mark))

    def test_knows_names_through_imports_and_values_through_names(self):
        self.assertEqual(brief(survey('''
            from os import getenv as ask
            import subprocess as sp
            NAME = 'SHOP'
            FOLDER = '/etc/shop'
            class A:
                file = FOLDER + '/a.ini'
                def b(self):
                    ask(NAME), open(self.file), sp.run(['/usr/bin/df', '-h'])
            ''')), [('environment', 9, 'SHOP'), ('path', 9, '/etc/shop/a.ini'), ('host', 9, 'df')])

    def test_takes_no_guess_at_what_is_bound_twice_or_given(self):
        self.assertEqual(survey('''
            file = '/etc/a'
            file = '/etc/b'
            def read(path):
                open(file), open(path)
            '''), [])

    def test_takes_no_documentation_for_code(self):
        self.assertEqual(survey('''
            """Reads /proc/meminfo, and posts to http://127.0.0.1:9529/v1/write/metric"""
            def f():
                \'\'\'/proc/stat\'\'\'
            '''), [])

    def test_a_post_through_the_framework_is_none_of_the_scripts_own(self):
        own = "self.http_post_json('http://127.0.0.1:9529/v1/write/metric', [])"
        self.assertEqual(survey('def f(self):\n    {}\n'.format(own)), [])

    def test_collectors_and_their_intervals(self):
        facts = survey('''
            from datakit_framework import DataKitFramework
            import datakit_framework as framework
            class Base(DataKitFramework):
                interval = 5
            class Inherits(Base):
                def run(self): pass
            class Late(framework.DataKitFramework):
                def __init__(self): self.interval = 1
                def run(self): pass
            class None_(DataKitFramework):
                interval = None
                def run(self): pass
            class Without(DataKitFramework):
                def run(self): pass
            class NoCollector:
                def run(self): pass
            ''')
        self.assertEqual(brief(facts), [('collector', 6, 'Inherits'), ('collector', 8, 'Late'), ('collector', 11, 'None_'),
                                        ('collector', 14, 'Without'), ('no-interval', 14, 'Without')])

    def test_what_can_not_be_parsed_is_told_with_its_line(self):
        for source, line in (('x = 1\nprint "a"\n', 2), ('\0', 1)):
            [fact] = survey(source)
            self.assertEqual((fact['kind'], fact['line']), ('syntax', line))
        self.assertIsInstance(survey('(' * 5000 + ')' * 5000), list)


if __name__ == '__main__':
    unittest.main()
