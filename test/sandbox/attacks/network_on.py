"""Under the default policy TCP and UDP outwards are open; nothing else is, and nothing of the fleet's own is."""
from __future__ import annotations

import os
import socket
import struct
import urllib.error
import urllib.request

from _calls import call, opened

WHERE = ('run', 'import')


def _ask(address, words, family=socket.AF_UNIX):
    with socket.socket(family) as client:
        client.settimeout(3)
        client.connect(address)
        client.sendall(words)
        return client.recv(200)


def _worker_environment(ctx):
    with open('/proc/%d/environ' % ctx.worker, 'rb') as file:
        return dict(item.split('=', 1) for item in file.read().decode().split('\0') if '=' in item)


def attack_redis_by_path(ctx):
    """The embedded Redis listens in a folder of mode 0700."""
    return _ask(ctx.redis, b'*1\r\n$4\r\nPING\r\n')


def attack_redis_by_proc_root(ctx):
    return _ask('/proc/%d/root%s' % (ctx.worker, ctx.redis), b'*1\r\n$4\r\nPING\r\n')


def attack_redis_without_password(ctx):
    for command in (b'KEYS *', b'GET x', b'SET x y', b'CONFIG GET dir', b'EVAL "return 1" 0', b'SUBSCRIBE x', b'SHUTDOWN'):
        answer = _ask(('127.0.0.1', ctx.redis_port), command + b'\r\n', socket.AF_INET)
        if not answer.startswith(b'-NOAUTH'):
            return command + b': ' + answer
    return None


def attack_redis_with_guessed_password(ctx):
    for password in (b'redis', b'password', b'admin', b'pythond'):
        answer = _ask(('127.0.0.1', ctx.redis_port), b'AUTH ' + password + b'\r\n', socket.AF_INET)
        if answer.startswith(b'+'):
            return password
    return None


def attack_redis_with_stolen_password(ctx):
    password = _worker_environment(ctx)['REDIS_PASSWORD'].encode()
    answer = _ask(('127.0.0.1', ctx.redis_port), b'AUTH %s\r\n' % password, socket.AF_INET)
    return answer if answer.startswith(b'+OK') else None


def _inspect(ctx, headers):
    request = urllib.request.Request('http://127.0.0.1:%d/api/fleet' % ctx.inspector_port, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return None if error.code == 401 else 'answered %d' % error.code


def attack_inspector_without_token(ctx):
    return _inspect(ctx, {})


def attack_inspector_with_guessed_token(ctx):
    return _inspect(ctx, {'Authorization': 'Bearer admin', 'X-Forwarded-For': '127.0.0.1'})


def attack_inspector_with_stolen_token(ctx):
    return _inspect(ctx, {'Authorization': 'Bearer ' + _worker_environment(ctx)['INSPECTOR_TOKEN']})


def attack_inspector_with_token_from_file(ctx):
    with open(ctx.private_file) as file:
        token = file.read().split()[0]
    return _inspect(ctx, {'Authorization': 'Bearer ' + token})


def attack_unix_path(ctx):
    return _ask(ctx.unix_path, b'leaked')


def attack_unix_path_in_own_folder(ctx):
    """A link to the socket does not help either."""
    os.symlink(ctx.unix_path, 'door')
    return _ask('door', b'leaked')


def attack_unix_datagram(ctx):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        return client.sendto(b'leaked', ctx.unix_datagram)


def attack_unix_seqpacket(ctx):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect('\0' + ctx.abstract_packets)
        return client.send(b'leaked')


def attack_unix_abstract(ctx):
    return _ask('\0' + ctx.abstract, b'leaked')


def attack_unix_pair_retargeted(ctx):
    """socketpair() is there for scripts; its ends must not be connected to anything else."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return ours.sendto(b'leaked', ctx.unix_datagram)


def attack_unix_pair_reconnected(ctx):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.connect(ctx.unix_datagram)
    return ours.send(b'leaked')


def attack_system_bus(ctx):
    return _ask('/run/dbus/system_bus_socket', b'\0AUTH EXTERNAL\r\n') or None


def attack_listen(ctx):
    server = socket.socket()
    server.bind(('127.0.0.1', 0))
    server.listen()
    return 'listening on %d' % server.getsockname()[1]


def attack_listen_everywhere(ctx):
    server = socket.socket(socket.AF_INET6)
    server.bind(('::', 0))
    server.listen()
    return 'listening on %d' % server.getsockname()[1]


def attack_listen_without_bind(ctx):
    server = socket.socket()
    server.listen()
    return 'listening on %d' % server.getsockname()[1]


def attack_take_port_of_worker(ctx):
    """SO_REUSEPORT beside the inspector would get half of its requests, tokens and all."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind(('127.0.0.1', ctx.inspector_port))
    server.listen()
    return 'shares port %d' % ctx.inspector_port


def attack_raw_ip(ctx):
    return opened(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)


def attack_packet(ctx):
    """Sees every packet of the machine, DataKit's and Redis's among them."""
    return opened(socket.AF_PACKET, socket.SOCK_RAW, 0x0300)


def attack_netlink_uevent(ctx):
    return opened(socket.AF_NETLINK, socket.SOCK_RAW, 15)


def attack_netlink_audit(ctx):
    return opened(socket.AF_NETLINK, socket.SOCK_RAW, 9)


def attack_netlink_netfilter(ctx):
    return opened(socket.AF_NETLINK, socket.SOCK_RAW, 12)


def attack_netlink_diagnostics(ctx):
    return opened(socket.AF_NETLINK, socket.SOCK_RAW, 4)


def attack_add_address(ctx):
    """Routes and addresses may be read, not changed."""
    client = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    client.settimeout(3)
    attribute = struct.pack('HH4B', 8, 2, 127, 9, 9, 9)
    body = struct.pack('BBBBi', 2, 32, 0, 0, 1) + attribute + struct.pack('HH4B', 8, 1, 127, 9, 9, 9)
    client.sendto(struct.pack('IHHII', 16 + len(body), 20, 0x605, 1, 0) + body, (0, 0))
    (error,) = struct.unpack('i', client.recv(1000)[16:20])
    return 'added' if error == 0 else None


def attack_vsock(ctx):
    return opened(socket.AF_VSOCK, socket.SOCK_STREAM)


def attack_kernel_crypto(ctx):
    return opened(38, socket.SOCK_SEQPACKET)


def attack_tcp_repair(ctx):
    """Forges a connection's state, sequence numbers and all."""
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_TCP, 19, 1)
    return 'in repair mode'


def attack_mark_packets(ctx):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, 36, 1)  # SO_MARK
    return 'packets carry a mark'


def attack_transparent_proxy(ctx):
    client = socket.socket()
    client.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
    return 'may speak for any address'


def attack_attach_filter_to_socket(ctx):
    """A classic filter is for everybody; a program of the kernel's own machine is not."""
    attributes = struct.pack('IIIIIIII', 2, 4, 4, 1, 0, 0, 0, 0)
    return 'a map: %d' % call('bpf', 0, attributes, len(attributes))
