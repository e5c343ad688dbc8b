"""Level strict: honest collectors run as at level none, for each way in which a host can give its rights up."""
from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import textwrap
import unittest
import venv

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import REPOSITORY, HostTestCase, probed, strict_policy  # noqa: E402
from honest import ALL_KINDS, IF_SERVED, IF_THERE, LIBRARIES  # noqa: E402
from services import Services  # noqa: E402

HEAD = '''
import os
from datakit_framework import DataKitFramework
LEFT = os.path.join(os.environ["TMPDIR"], "left")
with open(LEFT, "w") as file: file.write("left")
class One(DataKitFramework):
    def run(self):
'''


def root() -> bool:
    return os.getuid() == 0


class ConfineTestCase(HostTestCase):
    """A test with a strict host, in a folder that every user may pass."""

    prefix: list = []

    def setUp(self) -> None:
        super().setUp()
        if strict_policy() is None:
            self.skipTest('strict can\'t be had here: {}'.format(probed()['missing'] if sys.platform == 'linux' else sys.platform))
        self.outer = self.home
        self.home = os.path.join(self.outer, 'bundle')
        os.mkdir(self.home)
        os.chmod(self.outer, 0o755)

    def setup_of(self, **policy) -> dict:
        return {'policy': self.policy(**policy), 'tmpRoot': os.path.join(self.outer, 'tmp')}

    def policy(self, **more) -> dict:
        return strict_policy(**more)

    def confined(self, body: str, head: str = '', **policy):
        return self.start_one(body, head, prefix=self.prefix, **self.setup_of(**policy))

    def run_confined(self, body: str, head: str = '', **policy):
        return self.confined(body, head, **policy).run('D/one:One')


class OwnUidTest(ConfineTestCase):
    """As root, becoming a user of the bundle's own."""

    def setUp(self) -> None:
        super().setUp()
        if not probed()['dropUid']:
            self.skipTest('needs root, and an interpreter that other users can reach')


class NoCapabilitiesTest(ConfineTestCase):
    """As root, staying uid 0 without capabilities; or as whatever user runs the tests."""

    def policy(self, **more) -> dict:
        return strict_policy(**{'uid': None, **more})


class PlainUserTest(ConfineTestCase):
    """As a user without any rights."""

    prefix = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']

    def setUp(self) -> None:
        super().setUp()
        if not probed()['dropUid'] or not shutil.which('setpriv'):
            self.skipTest('needs root, setpriv, and an interpreter that other users can reach')
        os.mkdir(os.path.join(self.outer, 'tmp'))
        os.chown(os.path.join(self.outer, 'tmp'), 65534, 65534)

    def policy(self, **more) -> dict:
        return strict_policy(**{'uid': None, **more})


class CountTest(unittest.TestCase):
    def test_the_documentation_says_how_many_there_are(self) -> None:
        with open(os.path.join(REPOSITORY, 'docs', 'security.md'), encoding='utf-8') as file:
            text = ' '.join(file.read().split())
        more = len(IF_THERE) + len(IF_SERVED) + len(LIBRARIES)
        self.assertGreaterEqual(len(ALL_KINDS), 40)
        self.assertIn('{} honest things, and {} more'.format(len(ALL_KINDS), more), text)


class Honest:
    def test_everything_honest_works(self) -> None:
        services = Services(self.outer)
        self.addCleanup(services.close)
        bodies = dict(ALL_KINDS)
        bodies.update((name, body) for name, (program, body) in IF_THERE.items() if shutil.which(program, path='/usr/bin:/bin:/usr/sbin'))
        bodies.update((name, body) for name, body in LIBRARIES.items() if importlib.util.find_spec(name))
        bodies.update((name, body) for name, (service, body) in IF_SERVED.items() if service in services.ports)
        if os.statvfs(self.outer).f_flag & os.ST_NOEXEC:
            del bodies['program_of_its_own']  # nobody can start a program there, confined or not
        for name, body in bodies.items():
            body = textwrap.dedent(body).strip()
            for service, port in services.ports.items():
                body = body.replace('{%s}' % service, str(port))
            self.write('python.d/D/{}.py'.format('c_' + name), HEAD + textwrap.indent(body, ' ' * 8) + '\n')
        if 'tls' in services.ports:
            shutil.copy(os.path.join(self.outer, 'ca.pem'), os.path.join(self.home, 'python.d/D/ca.pem'))
        self.write('python.d/D/data.txt', 'data')
        self.write('python.d/D/beside.py', 'VALUE = 7')
        host = self.start({}, listed=['python.d/D/c_{}.py'.format(name) for name in bodies],
                          prefix=self.prefix, env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'}, **self.setup_of())
        self.assertEqual(host.ready['failures'], [])
        for number, name in enumerate(bodies):
            with self.subTest(name):
                result = host.run('D/c_{0}:One'.format(name), number)
                self.assertIsNone(result.error, result.error and result.error['traceback'] + result.ended['stderr'])
                if name != 'shared_block':  # which leaves multiprocessing's resource tracker
                    self.assertEqual(result.ended['strays'], 0)


    def test_a_virtual_environment_is_a_cmd(self) -> None:
        folder = os.path.join(self.outer, 'venv')
        venv.create(folder, symlinks=True)
        os.chmod(folder, 0o755)
        python = os.path.join(folder, 'bin', 'python')
        packages = ask(python, 'import sysconfig; print(sysconfig.get_path("purelib"))')
        put(os.path.join(packages, 'only_there.py'), 'VALUE = 7')
        result = self.start_one('import only_there, sys\nassert only_there.VALUE == 7 and sys.prefix == {!r}'.format(folder),
                                executable=python, prefix=self.prefix, **self.setup_of()).run('D/one:One')
        self.assertIsNone(result.error, result.error and result.error['traceback'])

    def test_imports_as_from_a_shell(self) -> None:
        """User site, a .pth file in it, PYTHONPATH."""
        where = {'PYTHONUSERBASE': os.path.join(self.outer, 'user'), 'PYTHONPATH': os.path.join(self.outer, 'path')}
        user = ask(sys.executable, 'import site; print(site.getusersitepackages())', where)
        put(os.path.join(self.outer, 'path', 'of_path.py'), 'VALUE = 1')
        put(os.path.join(user, 'of_user.py'), 'VALUE = 2')
        put(os.path.join(user, 'more.pth'), os.path.join(self.outer, 'more'))
        put(os.path.join(self.outer, 'more', 'of_pth.py'), 'VALUE = 3')
        body = 'import of_path, of_pth, of_user\nassert (of_path.VALUE, of_user.VALUE, of_pth.VALUE) == (1, 2, 3)'
        result = self.start_one(body, prefix=self.prefix, env={'PATH': '/usr/bin:/bin', **where},
                                **self.setup_of()).run('D/one:One')
        self.assertIsNone(result.error, result.error and result.error['traceback'])


def ask(python: str, code: str, env: dict | None = None) -> str:
    return subprocess.check_output([python, '-c', code], env=env, universal_newlines=True).strip()


def put(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)


class HonestWithOwnUidTest(Honest, OwnUidTest):
    pass


class HonestWithoutCapabilitiesTest(Honest, NoCapabilitiesTest):
    pass


class HonestAsPlainUserTest(Honest, PlainUserTest):
    pass


if __name__ == '__main__':
    unittest.main()
