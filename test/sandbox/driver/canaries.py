"""What attacks aim at: files, sockets and servers of the worker, each of which notes when it was reached."""
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time


class Canaries:
    def __init__(self, folder, marker, password, token):
        self.reached = []  # names, appended by the threads
        self.folder = folder
        self.marker = marker
        self.home = folder + '/home'
        self.private_file = self.home + '/private/token'
        self.redis = folder + '/redis/redis.sock'
        self.redis_server = None
        self._password, self._token = password.encode(), token.encode()
        self.facts = {'home': self.home, 'private_file': self.private_file, 'redis': self.redis}
        self._files()
        self._servers()

    def _files(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.home + '/empty')
        os.mkdir(self.home + '/private', 0o700)
        os.mkdir(self.folder + '/redis', 0o700)
        os.mkdir(self.folder + '/run')
        with open(self.home + '/secret.txt', 'w') as file:
            file.write(self.marker)
        with open(self.private_file, 'w') as file:
            file.write('%s %s' % (self._token.decode(), self.marker))
        os.chmod(self.private_file, 0o600)
        os.symlink('secret.txt', self.home + '/to-secret')
        try:
            os.setxattr(self.home + '/secret.txt', 'user.theirs', b'1')
        except OSError:
            pass  # the file system has none

    def _servers(self):
        abstract = 'canary-%d' % os.getpid()
        self._stream('tcp', socket.AF_INET, ('127.0.0.1', 0), self._take)
        self._stream('tcp6', socket.AF_INET6, ('::1', 0), self._take, optional=True)
        self._datagram('udp', socket.AF_INET, ('127.0.0.1', 0))
        self._stream('unix path', socket.AF_UNIX, self.folder + '/run/open.sock', self._take)
        os.chmod(self.folder + '/run/open.sock', 0o777)
        self._datagram('unix datagram', socket.AF_UNIX, self.folder + '/run/datagram.sock')
        os.chmod(self.folder + '/run/datagram.sock', 0o777)
        self._stream('unix abstract', socket.AF_UNIX, '\0' + abstract, self._take)
        self._stream('unix packets', socket.AF_UNIX, '\0' + abstract + '-p', self._take, kind=socket.SOCK_SEQPACKET)
        self._stream('redis socket', socket.AF_UNIX, self.redis, self._talk_redis)
        os.chmod(self.redis, 0o777)  # the folder alone guards it
        if not self._real_redis():
            self._stream('redis port', socket.AF_INET, ('127.0.0.1', 0), self._talk_redis)
        self._stream('inspector', socket.AF_INET, ('127.0.0.1', 0), self._talk_http)
        self.facts.update(unix_path=self.folder + '/run/open.sock', unix_datagram=self.folder + '/run/datagram.sock',
                          abstract=abstract, abstract_packets=abstract + '-p')

    def _real_redis(self):
        """As a fleet's own: on the loopback interface, with a password. Tells whether there is one on this machine."""
        server = shutil.which('redis-server')
        if server is None:
            return False
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = self.facts['redis_port'] = free.getsockname()[1]
        settings = 'port %d\nbind 127.0.0.1\nrequirepass %s\nsave ""\ndir %s\n' % (port, self._password.decode(), self.folder)
        self.redis_server = subprocess.Popen([server, '-'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.redis_server.stdin.write(settings.encode())
        self.redis_server.stdin.close()
        while self.redis_server.poll() is None:
            try:
                socket.create_connection(('127.0.0.1', port)).close()
                return True
            except ConnectionRefusedError:
                time.sleep(0.002)
        raise SystemExit('redis-server ended with %s' % self.redis_server.returncode)

    def _stream(self, name, family, address, talk, optional=False, kind=socket.SOCK_STREAM):
        try:
            server = socket.socket(family, kind)
            if family != socket.AF_UNIX:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            server.bind(address)
        except OSError:
            if not optional:
                raise
            self.facts[name + '_port'] = 9
            return
        server.listen(16)
        self._note_port(name, server)

        def serve():
            while True:
                client, _ = server.accept()
                try:
                    client.settimeout(5)
                    self.reached.append(name)
                    talk(name, client)
                except OSError:
                    pass
                finally:
                    client.close()

        threading.Thread(target=serve, daemon=True).start()

    def _datagram(self, name, family, address):
        server = socket.socket(family, socket.SOCK_DGRAM)
        server.bind(address)
        self._note_port(name, server)

        def serve():
            while True:
                server.recvfrom(2000)
                self.reached.append(name)

        threading.Thread(target=serve, daemon=True).start()

    def _note_port(self, name, server):
        if server.family != socket.AF_UNIX:
            self.facts[name.replace(' ', '_').replace('_port', '') + '_port'] = server.getsockname()[1]

    def _take(self, _, client):
        client.recv(1000)
        client.sendall(b'welcome')

    def _talk_redis(self, name, client):
        """As the fleet's Redis: the socket asks for nothing, the port for a password."""
        asked = client.recv(1000)
        if name == 'redis port' and b'AUTH ' + self._password not in asked:
            client.sendall(b'-NOAUTH Authentication required.\r\n')
        else:
            self.reached.append('redis')
            client.sendall(b'+OK\r\n')

    def _talk_http(self, _, client):
        asked = client.recv(4000)
        if b'Bearer ' + self._token in asked:
            self.reached.append('inspector data')
            client.sendall(b'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}')
        else:
            client.sendall(b'HTTP/1.0 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
