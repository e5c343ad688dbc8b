"""The disposable root of test/sandbox: what happens in it stays in it, and nothing starts where it is not as it should be."""
from __future__ import annotations

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'sandbox', 'driver'))
import disposable_root as disposable  # noqa: E402

_PATIENCE_S = 60.0
_PYTHON = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else sys.executable  # for nobody to read
_WHAT = '''
import ctypes, json, os, shutil, sys
mark = sys.argv[1]
for folder in '/etc', '/root', '/tmp':
    os.makedirs(folder + '/' + mark + '/deep')
    open(folder + '/' + mark + '/deep/file', 'w').close()
os.makedirs('/tmp/slot/run-0')
bound = ctypes.CDLL(None).mount(('/etc/' + mark).encode(), b'/tmp/slot/run-0', None, ctypes.c_ulong(4096), None)
shutil.rmtree('/tmp/slot/run-0', ignore_errors=True)
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
print(json.dumps({
    'pid': os.getpid(), 'bound': bound, 'left': os.path.exists('/etc/' + mark + '/deep'),
    'uid map': open('/proc/self/uid_map').read().split(), 'bounding': int(status['CapBnd'], 16),
    'others': sorted(name for name in os.listdir('/proc') if name.isdigit()), 'devices': sorted(os.listdir('/dev')),
    'descriptors': [os.readlink('/proc/self/fd/%d' % number) for number in range(3)],
    'files': open('/tmp/suite/given').read()}))
'''


def mounts(*more: str) -> str:
    """The table of a disposable root, and more lines of it."""
    lines = ['1 0 0:1 {0} {1} rw - {2} none rw'.format('/null' if 'trigger' in point else '/', point, kind)
             for point, kind in {**disposable._MOUNTED, **disposable._COVERED}.items()]
    return '\n'.join([*lines, *more])


class ChecksTest(unittest.TestCase):
    def test_a_root_as_it_should_be_passes(self):
        disposable.check_mounts(mounts(), False)

    def test_anything_else_is_refused(self):
        for line in ('1 0 8:1 / /data rw - ext4 /dev/sda1 rw', '1 0 8:1 / / rw - ext4 /dev/sda1 rw',
                     '1 0 8:1 /etc /tmp rw - tmpfs none rw', '1 0 0:1 / /run rw shared:1 - tmpfs none rw',
                     '1 0 0:1 / /run rw master:1 - tmpfs none rw', '1 0 0:1 / /sys/fs/cgroup rw - cgroup2 none rw'):
            with self.subTest(line), self.assertRaises(disposable.CanNotContain):
                disposable.check_mounts(mounts(line), False)

    def test_a_missing_mount_is_refused(self):
        for point in ('/', '/dev', '/proc', '/tmp', '/run', '/proc/sys'):
            table = '\n'.join(line for line in mounts().splitlines() if ' {} rw'.format(point) not in line)
            with self.subTest(point), self.assertRaises(disposable.CanNotContain):
                disposable.check_mounts(table, False)

    @unittest.skipUnless(sys.platform == 'linux', 'Linux only')
    def test_the_machine_itself_is_refused(self):
        with self.assertRaises(disposable.CanNotContain):
            disposable.check_inside(False)
        with self.assertRaises(disposable.CanNotContain):
            disposable.check_unprivileged()


class ContainedTest(unittest.TestCase):
    def setUp(self) -> None:
        try:
            self.run_contained(['/bin/true'])
        except disposable.CanNotContain as error:
            self.skipTest('no disposable root can be made: {}'.format(error))
        self.mark = 'pythond-test-{}-{}'.format(os.getpid(), time.time_ns())

    def run_contained(self, command: list, **more):
        return disposable.run_contained({'given': b'to the suite'}, command, **more)

    def look(self, **more) -> dict:
        before = sorted(os.listdir('/etc')), sorted(os.listdir('/dev'))
        code, output = self.run_contained([_PYTHON, '-I', '-c', _WHAT, self.mark], **more)
        self.assertEqual(code, 0)
        self.assertEqual((sorted(os.listdir('/etc')), sorted(os.listdir('/dev'))), before)
        for folder in ('/etc', '/root', '/tmp'):
            self.assertFalse(os.path.lexists('{}/{}'.format(folder, self.mark)), folder)
        return json.loads(output)

    def test_what_root_does_stays_inside(self):
        seen = self.look()
        self.assertEqual((seen['pid'], seen['others'], seen['files']), (1, ['1'], 'to the suite'))
        self.assertEqual((seen['bound'], seen['left']), (-1, True))  # it may mount nothing
        self.assertFalse([name for name, number in disposable._GIVEN_UP.items() if seen['bounding'] >> number & 1])
        self.assertFalse([name for name in seen['devices'] if name.startswith(('sd', 'vd', 'nvme', 'mem', 'kmsg'))])
        self.assertEqual([name.split(':')[0] for name in seen['descriptors']], ['/dev/null', 'pipe', 'pipe'])

    def test_the_accident_that_once_happened_stays_inside(self):
        """A folder of /etc, mounted on a run's temporary folder that is emptied afterwards."""
        seen = self.look(unprivileged=True)
        self.assertEqual((seen['pid'], seen['others']), (1, ['1']))
        self.assertEqual((seen['bound'], seen['left']), (0, False))
        self.assertEqual(seen['uid map'], ['0', str(disposable._FIRST_UID), str(disposable._UIDS)])

    def test_it_ends_with_whoever_started_it(self):
        scratch = tempfile.mkdtemp(prefix='pythond-test-')
        self.addCleanup(shutil.rmtree, scratch, ignore_errors=True)
        seconds = str(1_000_000 + os.getpid())
        code = 'import sys\nsys.path.insert(0, {!r})\nimport disposable_root\ndisposable_root.run_contained({{}}, ["/bin/sleep", {!r}])'
        launcher = subprocess.Popen([sys.executable, '-c', code.format(os.path.dirname(disposable.__file__), seconds)],
                                    env=dict(os.environ, TMPDIR=scratch))
        wanted = '/bin/sleep\0{}\0'.format(seconds)
        self.wait_until(lambda: sleeping(wanted))
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
        self.wait_until(lambda: not sleeping(wanted))
        for group in glob.glob('/sys/fs/cgroup/**/pythond-escape-suite-{}-*'.format(launcher.pid), recursive=True):
            self.wait_until(lambda folder=group: removed(folder))

    def wait_until(self, holds) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not holds():
            self.assertLess(time.monotonic(), deadline, 'it did not come')
            time.sleep(0.01)


def sleeping(command: str) -> bool:
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/{}/cmdline'.format(name)) as file:
                if file.read() == command:
                    return True
        except OSError:
            pass
    return False


def removed(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except OSError:
        pass
    return not os.path.exists(folder)


if __name__ == '__main__':
    unittest.main()
