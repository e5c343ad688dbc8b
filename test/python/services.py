"""What honest collectors talk to, on the loopback interface: HTTP, TLS with a certificate of its own, DNS, a Redis."""
from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

_REQUEST = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
_CERTIFICATE = """[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = localhost
[extensions]
subjectAltName = DNS:localhost
basicConstraints = critical, CA:TRUE
"""


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args) -> None:
        pass


class Services:
    """`ports`: what each placeholder of honest.py stands for; a service that can't be had here has none."""

    def __init__(self, folder: str) -> None:
        """`folder` gets the certificate, ca.pem."""
        self._ends: list = []
        self.ports = {'port': self._http(None), 'dns': self._dns()}
        if shutil.which('openssl'):
            self.ports['tls'] = self._http(self._certificate(folder))
        if shutil.which('redis-server'):
            self.ports['redis'] = self._redis()

    def close(self) -> None:
        for end in reversed(self._ends):
            end()

    def _http(self, context: ssl.SSLContext | None) -> int:
        server = HTTPServer(('127.0.0.1', 0), _Answers)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._ends += [server.server_close, server.shutdown]
        return server.server_port

    def _certificate(self, folder: str) -> ssl.SSLContext:
        settings, certificate, key = (os.path.join(folder, name) for name in ('ca.cnf', 'ca.pem', 'key.pem'))
        with open(settings, 'w') as file:
            file.write(_CERTIFICATE)
        subprocess.run(['openssl', *_REQUEST, '-config', settings, '-keyout', key, '-out', certificate], check=True,
                       stderr=subprocess.DEVNULL)
        os.chmod(certificate, 0o644)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    def _dns(self) -> int:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(('127.0.0.1', 0))

        def serve() -> None:
            while True:
                query, asker = server.recvfrom(512)
                if not query:
                    return
                answer = query[:2] + b'\x81\x80\0\1\0\1\0\0\0\0' + query[12:]  # one question, one answer
                server.sendto(answer + b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\3', asker)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()

        def end() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b'', server.getsockname())
            thread.join()
            server.close()

        self._ends.append(end)
        return server.getsockname()[1]

    def _redis(self) -> int:
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        words = ['--port', str(port), '--bind', '127.0.0.1', '--save', '', '--requirepass', 'for-the-collector']
        server = subprocess.Popen(['redis-server', *words], stdout=subprocess.DEVNULL)

        def end() -> None:
            server.terminate()
            server.wait()

        self._ends.append(end)
        while server.poll() is None:
            try:
                socket.create_connection(('127.0.0.1', port)).close()
                return port
            except ConnectionRefusedError:
                time.sleep(0.005)  # it says nowhere that it listens now
        raise AssertionError('redis-server ended with {}'.format(server.returncode))
