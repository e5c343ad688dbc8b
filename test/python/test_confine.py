"""Level strict: honest collectors run as at level none, for each way in which a host can give its rights up."""
from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import textwrap
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTestCase, probed, strict_policy  # noqa: E402
from honest import ALL_KINDS, IF_THERE, LIBRARIES  # noqa: E402

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


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args) -> None:
        pass


class Honest:
    def test_everything_honest_works(self) -> None:
        server = HTTPServer(('127.0.0.1', 0), _Server)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bodies = dict(ALL_KINDS)
        bodies.update((name, body) for name, (program, body) in IF_THERE.items() if shutil.which(program, path='/usr/bin:/bin:/usr/sbin'))
        bodies.update((name, body) for name, body in LIBRARIES.items() if importlib.util.find_spec(name))
        for name, body in bodies.items():
            body = textwrap.dedent(body).replace('{port}', str(server.server_port)).strip()
            self.write('python.d/D/{}.py'.format('c_' + name), HEAD + textwrap.indent(body, ' ' * 8) + '\n')
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


class HonestWithOwnUidTest(Honest, OwnUidTest):
    pass


class HonestWithoutCapabilitiesTest(Honest, NoCapabilitiesTest):
    pass


class HonestAsPlainUserTest(Honest, PlainUserTest):
    pass


if __name__ == '__main__':
    unittest.main()
