"""What level strict refuses, layer by layer; the escape suite proper is test/sandbox."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import frames  # noqa: E402
from test_confine import NoCapabilitiesTest, OwnUidTest, PlainUserTest, root  # noqa: E402

HEAD = '''
import ctypes, errno, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def refused(call, *args):
    """The errno's name, or what came of it."""
    try: got = call(*args)
    except OSError as error: return errno.errorcode.get(error.errno, str(error))
    return "done: %r" % (got,)
def kernel(name, *args):
    from _pythond._syscalls import number
    got = libc.syscall(ctypes.c_long(number(name)), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    return errno.errorcode[ctypes.get_errno()] if got < 0 else "done: %d" % got
'''
DENIED = ('EACCES', 'EPERM')
# Each prints an errno's name; {home} holds secret.txt, {outside} is the pid of a process of the tests' own user.
REFUSED = {
    'reading a file elsewhere': ('refused(open, "{home}/secret.txt")', DENIED),
    'reading it through a link': ('(os.symlink("{home}/secret.txt", "s"), refused(open, "s"))[1]', DENIED),
    'reading it through /proc': ('refused(open, "/proc/self/root{home}/secret.txt")', DENIED),
    'a hard link to it': ('refused(os.link, "{home}/secret.txt", "h")', (*DENIED, 'EXDEV')),
    'listing a folder elsewhere': ('refused(os.listdir, "/var/lib")', DENIED),
    'writing a file elsewhere': ('refused(open, "{home}/secret.txt", "a")', DENIED),
    'cutting it short': ('refused(os.truncate, "{home}/secret.txt", 0)', DENIED),
    'making a file elsewhere': ('refused(open, "{home}/new", "w")', DENIED),
    'writing into the bundle': ('refused(open, __file__, "a")', DENIED),
    'deleting a file elsewhere': ('refused(os.unlink, "{home}/secret.txt")', DENIED),
    'moving a file out': ('(open("m", "w").close(), refused(os.rename, "m", "{home}/m"))[1]', (*DENIED, 'EXDEV')),
    'the folders of other runs': ('refused(os.listdir, os.path.dirname(os.getcwd()))', DENIED),
    'deleting its own folder': ('refused(os.rmdir, os.getcwd())', DENIED),
    '/dev/shm': ('refused(open, "/dev/shm/x", "w")', DENIED),
    'a terminal': ('refused(open, "/dev/ptmx", "r+")', (*DENIED, 'ENOENT')),
    'extended attributes': ('refused(os.setxattr, "{home}/secret.txt", "user.x", b"x")', ('ENOTSUP', *DENIED)),
    'the environment of another process': ('refused(lambda: open("/proc/{outside}/environ").read())', DENIED),
    'its memory': ('refused(lambda: open("/proc/{outside}/mem", "rb").read(1))', DENIED),
    'its memory map': ('refused(lambda: open("/proc/{outside}/maps").read())', DENIED),
    'its descriptors': ('refused(os.readlink, "/proc/{outside}/fd/0")', DENIED),
    'its root folder': ('refused(os.listdir, "/proc/{outside}/root/")', DENIED),
    'a signal to it': ('refused(os.kill, {outside}, 0)', DENIED),
    'a signal to the host': ('refused(os.kill, os.getppid(), 0)', DENIED),
    'the environment of the host': ('refused(lambda: open("/proc/%d/environ" % os.getppid()).read())', DENIED),
    'tracing it': ('kernel("ptrace", 0x4206, {outside}, 0, 0)', DENIED),
    'reading it': ('kernel("process_vm_readv", {outside}, 0, 0, 0, 0, 0)', DENIED),
    'its limits': ('kernel("prlimit64", {outside}, 7, 0, 0)', DENIED),
    'its priority': ('refused(os.setpriority, os.PRIO_PROCESS, {outside}, 19)', DENIED),
    'a real-time priority': ('refused(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))', DENIED),
    'a namespace': ('kernel("unshare", 0x10000000)', DENIED),
    'a namespace by clone': ('kernel("clone", 0x10000011, 0, 0, 0, 0)', DENIED),
    'clone3': ('kernel("clone3", 0, 0)', ('ENOSYS',)),
    'io_uring': ('kernel("io_uring_setup", 4, bytes(200))', ('ENOSYS',)),
    'a call newer than the filter': ('errno.errorcode[(libc.syscall(600), ctypes.get_errno())[1]]', ('ENOSYS',)),
    'bpf': ('kernel("bpf", 0, 0, 0)', DENIED),
    'keyrings': ('kernel("keyctl", 0, 0, 0)', DENIED),
    'userfaultfd': ('kernel("userfaultfd", 1)', DENIED),
    'memory without a file': ('kernel("memfd_create", b"x", 0)', DENIED),
    'System V memory': ('kernel("shmget", 1, 4096, 0o1600)', DENIED),
    'a new Landlock domain': ('kernel("landlock_create_ruleset", 0, 0, 1)', ('ENOSYS',)),
    'being a subreaper': ('(libc.prctl(36, 1, 0, 0, 0), errno.errorcode[ctypes.get_errno()])[1]', DENIED),
    'a unix socket': ('refused(socket.socket, socket.AF_UNIX)', ('EAFNOSUPPORT',)),
    'a datagram pair': ('refused(socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM)', DENIED),
    'a raw socket': ('refused(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)', DENIED),
    'a packet socket': ('refused(socket.socket, 17, socket.SOCK_RAW, 0)', ('EAFNOSUPPORT',)),
    'a vsock': ('refused(socket.socket, 40, socket.SOCK_STREAM)', ('EAFNOSUPPORT',)),
    'another netlink protocol': ('refused(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 9)', ('EPROTONOSUPPORT',)),
    'listening': ('(lambda s: (s.bind(("127.0.0.1", 0)), refused(s.listen))[1])(socket.socket())', DENIED),
}


class Layers:
    def test_what_is_refused(self) -> None:
        secret = os.path.join(self.outer, 'secret.txt')
        with open(secret, 'w', encoding='utf-8') as file:
            file.write('secret')
        os.chmod(secret, 0o666)
        with subprocess.Popen([*self.prefix, 'cat'], stdin=subprocess.PIPE) as outside:
            self.addCleanup(outside.kill)
            lines = ['print({!r}, {}, sep="\\t")'.format(name, code.replace('{home}', self.outer).replace(
                '{outside}', str(outside.pid))) for name, (code, _) in REFUSED.items()]
            result = self.run_confined('\n'.join(lines), HEAD)
            outside.stdin.close()
        self.assertIsNone(result.error, result.error and result.error['traceback'])
        got = dict(line.split('\t') for line in result.ended['stdout'].splitlines())
        for name, (_, allowed) in REFUSED.items():
            with self.subTest(name):
                self.assertIn(got[name], allowed)
        with open(secret, encoding='utf-8') as file:
            self.assertEqual((file.read(), os.stat(secret).st_mode & 0o777), ('secret', 0o666))

    def test_modes_and_times_of_others_files_stay(self) -> None:
        path = self.write('../file', 'x')
        before = os.stat(path)
        result = self.run_confined('''
            for call in (os.chmod, {0!r}, 0o777), (os.utime, {0!r}, (1, 1)), (os.chown, {0!r}, os.getuid(), -1):
                refused(*call)
        '''.format(path), HEAD)
        self.assertIsNone(result.error)
        after = os.stat(path)
        self.assertEqual((before.st_mode, before.st_mtime_ns, before.st_uid), (after.st_mode, after.st_mtime_ns, after.st_uid))

    def test_the_process_group_is_locked(self) -> None:
        result = self.run_confined('''
            group = os.getpgid(0)
            if os.fork() == 0:
                os.setsid(); os.setpgid(0, 0)
                print(os.getpgid(0) == group, flush=True)
                time.sleep(600)
            time.sleep(0.3)
        ''', HEAD)
        self.assertEqual((result.ended['stdout'], result.ended['strays']), ('True\n', 1))

    def test_a_run_cannot_signal_another_or_see_its_files(self) -> None:
        mine = 'import os, time\nopen("mine", "w").write(str(os.getpid()))\nprint("began", os.getcwd(), os.getpid(), flush=True)\nwhile True: time.sleep(0.05)'
        theirs = 'import sys\nfolder, pid = open(os.path.dirname(__file__) + "/other").read().split()\n' \
            'print(refused(os.kill, int(pid), 0), refused(open, folder + "/mine"), refused(lambda: open("/proc/%s/environ" % pid).read()))'
        text = 'from datakit_framework import DataKitFramework\n{}\nclass One(DataKitFramework):\n    def run(self):\n{}\n'
        host = self.start({
            'python.d/D/mine.py': text.format('', textwrap.indent(mine, ' ' * 8)),
            'python.d/D/theirs.py': text.format(HEAD, textwrap.indent(theirs, ' ' * 8)),
        }, prefix=self.prefix, **self.setup_of())
        host.order(1, 'D/mine:One', live=True)
        said = b''
        while not said.endswith(b'\n'):
            said += host.wait_for(frames.OUTPUT, 1)['data']
        self.write('python.d/D/other', said.split(None, 1)[1])
        result = host.run('D/theirs:One', 2)
        self.assertIsNone(result.error, result.error)
        self.assertTrue(all(name in DENIED for name in result.ended['stdout'].split()), result.ended['stdout'])
        host.send(frames.CANCEL, {'run': 1, 'graceMs': 0})
        host.finish(1)

    def test_without_network(self) -> None:
        result = self.run_confined('''
            for family in socket.AF_INET, socket.AF_INET6:
                for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM: print(refused(socket.socket, family, kind))
            print(bool(socket.if_nameindex()))
        ''', HEAD, network=False)
        self.assertEqual(result.ended['stdout'].split(), ['EAFNOSUPPORT'] * 4 + ['True'])

    def test_without_subprocess_threads_go_on(self) -> None:
        result = self.run_confined('''
            import threading
            thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
            print(refused(os.fork), refused(os.execv, "/bin/true", ["true"]), kernel("clone", 17, 0, 0, 0, 0))
        ''', HEAD, subprocess=False)
        self.assertEqual(result.ended['stdout'].split(), ['thread', 'EPERM', 'EPERM', 'EPERM'])

    def test_what_keys_open(self) -> None:
        for name in 'read', 'write':
            os.mkdir(os.path.join(self.outer, name), 0o777)
            os.chmod(os.path.join(self.outer, name), 0o777)
        self.write('../read/file', 'x')
        result = self.run_confined('''
            print(open("{0}/read/file").read(), refused(open, "{0}/read/new", "w"))
            open("{0}/write/new", "w").write("y")
            one, two = socket.socket(socket.AF_UNIX), socket.socket()
            two.bind(("127.0.0.1", 0)); two.listen()
            one.bind("s")
        '''.format(self.outer), HEAD, readPaths=self.policy()['readPaths'] + [self.outer + '/read', '/nowhere'],
                                   writePaths=[self.outer + '/write'], unixSockets=True, listen=True)
        self.assertIsNone(result.error, result.error and result.error['traceback'])
        self.assertIn(result.ended['stdout'].split(), [['x', name] for name in DENIED])
        self.assertTrue(os.path.exists(self.outer + '/write/new'))

    def test_limits(self) -> None:
        result = self.run_confined('''
            print(refused(lambda: open("big", "wb").write(bytes(2 << 20))))
            try: bytes(2 << 30); print("room")
            except MemoryError: print("MemoryError")
            files = []
            print(refused(lambda: [files.append(open("/dev/null")) for _ in range(200)]))
        ''', HEAD, limits={'fileBytes': 1 << 20, 'addressSpaceBytes': 1 << 30, 'openFiles': 100, 'cpuMs': 900})
        self.assertIsNone(result.error, result.error and result.error['traceback'])
        self.assertEqual(result.ended['stdout'].split(), ['EFBIG', 'MemoryError', 'EMFILE'])
        result = self.run_confined('while True: pass', limits={'cpuMs': 900})
        self.assertEqual(result.ended['signal'], 24)  # SIGXCPU

    def test_what_a_run_leaves_is_gone(self) -> None:
        host = self.confined('import os\nprint(os.listdir("."))\nos.umask(0)\n'
                             'for mode in 0o700, 0o500, 0o300, 0:\n    try: os.mkdir("d%d" % mode, mode); open("d%d/x" % mode, "w")\n    except OSError: pass\n')
        for number in range(3):
            self.assertEqual(host.run('D/one:One', number).ended['stdout'], '[]\n')

    def test_imports_are_confined_too(self) -> None:
        path = os.path.realpath(self.write('../secret.txt', 'x'))
        self.write('python.d/D/one.py', 'open({!r})'.format(path))
        host = self.spawn(prefix=self.prefix)
        host.setup([self.module('python.d/D/one.py')], **self.setup_of())
        [failure] = host.wait_until_ready()['failures']
        self.assertEqual(failure['type'], 'PermissionError')
        self.assertEqual(failure['refused'], [{'kind': 'read', 'path': path, 'errno': 13, 'key': 'read_paths'}])


class LayersWithOwnUidTest(Layers, OwnUidTest):
    def test_a_folder_that_the_user_cannot_reach_is_named(self) -> None:
        os.chmod(self.outer, 0o700)
        host = self.spawn()
        host.setup([], **self.setup_of())
        fatal = host.wait_for(frames.FATAL)
        self.assertEqual(fatal['code'], 'sandbox')
        self.assertIn(self.outer, fatal['message'])

    def test_it_is_that_user_and_no_other(self) -> None:
        result = self.run_confined('print(os.getresuid(), os.getresgid(), os.getgroups())', HEAD)
        self.assertEqual(result.ended['stdout'], '(61234, 61234, 61234) (61234, 61234, 61234) []\n')

    def test_modes_are_real_for_what_is_its_own(self) -> None:
        result = self.run_confined('open("x", "w").close(); os.chmod("x", 0o400); print(oct(os.stat("x").st_mode))', HEAD)
        self.assertEqual(result.ended['stdout'], '0o100400\n')


class LayersWithoutCapabilitiesTest(Layers, NoCapabilitiesTest):
    def test_there_is_no_capability_left(self) -> None:
        result = self.run_confined('print([line for line in open("/proc/self/status") if line[:3] == "Cap"])', HEAD)
        for line in eval(result.ended['stdout']):  # noqa: S307
            self.assertEqual(int(line.split()[1], 16) if not line.startswith('CapBnd') or root() else 0, 0, line)


class LayersAsPlainUserTest(Layers, PlainUserTest):
    pass


class RefusalsTest(NoCapabilitiesTest):
    CASES = (
        ('open("{home}/secret.txt")', {}, 'read', 'read_paths'),
        ('import pathlib\npathlib.Path("{home}/secret.txt").read_text()', {}, 'read', 'read_paths'),
        ('open("{home}/secret.txt", "w")', {}, 'write', 'write_paths'),
        ('open("{home}/new", "w")', {}, 'write', 'write_paths'),
        ('import os\nos.mkdir("{home}/new")', {}, 'write', 'write_paths'),
        ('open(__file__, "a")', {}, 'write', 'write_paths'),
        ('import logging\nlogging.FileHandler("{home}/x.log")', {}, 'write', 'write_paths'),
        ('import os\nos.listdir("{home}")', {}, 'read', 'read_paths'),
        ('import subprocess\nsubprocess.run(["{home}/program"])', {}, 'read', 'read_paths'),
        ('import socket\nsocket.socket(socket.AF_UNIX)', {}, 'unix-socket', 'unix_sockets'),
        ('import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW)', {}, 'socket', None),
        ('import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)', {}, 'socket', None),
        ('import socket\nsocket.socket().listen()', {}, 'listen', 'listen'),
        ('from http.server import HTTPServer\nHTTPServer(("127.0.0.1", 0), None)', {}, 'listen', 'listen'),
        ('import socket\nsocket.create_connection(("127.0.0.1", 9))', {'network': False}, 'connect', 'network'),
        ('import urllib.request\nurllib.request.urlopen("http://127.0.0.1:9/")', {'network': False}, 'connect', 'network'),
        ('import socket\nsocket.getaddrinfo("example.invalid", 80)', {'network': False}, 'connect', 'network'),
        ('import subprocess\nsubprocess.run(["true"])', {'subprocess': False}, 'subprocess', 'subprocess'),
        ('import os\nos.fork()', {'subprocess': False}, 'subprocess', 'subprocess'),
        ('import os\nos.kill(os.getppid(), 0)', {}, 'other', None),
        ('files = []\nwhile True: files.append(open("/dev/null"))', {'limits': {'openFiles': 100}}, 'open-files', 'max_open_files'),
        ('import os\nfile = open("x", "wb", 0)\nwhile True: file.write(bytes(9000))', {'limits': {'fileBytes': 4096}}, 'file-size', 'tmp_size'),
        ('bytes(9 << 30)', {}, 'memory', 'memory'),
        ('try: open("{home}/secret.txt")\nexcept OSError: raise ValueError("no data")', {}, 'read', 'read_paths'),
    )

    def test_the_key_that_allows_it_is_named(self) -> None:
        for body, policy, kind, key in self.CASES:
            with self.subTest(body):
                self.write('../secret.txt', 'x')
                os.chmod(self.write('../program', '#!/bin/sh\n'), 0o755)
                result = self.run_confined(body.replace('{home}', self.outer), **policy)
                [finished] = result.of(frames.FINISHED)
                self.assertIn((kind, key), [(each['kind'], each['key']) for each in finished.get('refused', [])],
                              finished['error']['traceback'])

    def test_nothing_is_said_of_what_the_sandbox_did_not_do(self) -> None:
        for body in 'open("nothing")', 'raise ValueError()', 'import os; os.rmdir("/proc/x")', 'raise PermissionError("made up")':
            with self.subTest(body):
                [finished] = self.run_confined(body).of(frames.FINISHED)
                self.assertNotIn('refused', finished)


class SetupTest(NoCapabilitiesTest):
    def test_an_unknown_level_is_refused(self) -> None:
        host = self.spawn()
        host.setup([], policy={'level': 'lax'})
        self.assertEqual(host.wait_for(frames.FATAL)['code'], 'does-not-fit')

    def test_level_none_loads_nothing_of_it(self) -> None:
        result = self.start_one('import sys\nprint([m for m in sys.modules if m[9:] in ("_confine", "_seccomp", "_shared", "_policy")])',
                                policy={'level': 'none'}).run('D/one:One')
        self.assertEqual(result.ended['stdout'], '[]\n')


del NoCapabilitiesTest, OwnUidTest, PlainUserTest

if __name__ == '__main__':
    unittest.main()
