"""With `network = false` nothing leaves, by whatever kind of socket."""
from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess

from _calls import call, opened, reaches_kernel

WHERE = ('run', 'import')
POLICY = {'network': False}
_HERE, _HERE6 = '127.0.0.1', '::1'


def _connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        client.connect(address)
        client.sendall(b'leaked')
    return 'connected'


def _send(family, address, flags=0):
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        return 'sent %d bytes' % client.sendto(b'leaked', flags, address)


def attack_tcp(ctx):
    return _connect(socket.AF_INET, (_HERE, ctx.tcp_port))


def attack_tcp6(ctx):
    return _connect(socket.AF_INET6, (_HERE6, ctx.tcp6_port))


def attack_tcp_mapped(ctx):
    return _connect(socket.AF_INET6, ('::ffff:127.0.0.1', ctx.tcp_port))


def attack_tcp_without_waiting(ctx):
    client = socket.socket()
    client.setblocking(False)
    return 'begun' if client.connect_ex((_HERE, ctx.tcp_port)) in (0, 115) else None


def attack_tcp_by_bash(ctx):
    done = subprocess.run(['/bin/bash', '-c', 'echo leaked > /dev/tcp/127.0.0.1/%d' % ctx.tcp_port],
                          stderr=subprocess.DEVNULL)
    return 'connected' if done.returncode == 0 else None


def attack_tcp_fast_open(ctx):
    """MSG_FASTOPEN connects in sendto(), past Landlock's check of connect()."""
    client = socket.socket()
    return 'sent %d' % client.sendto(b'leaked', 0x20000000, (_HERE, ctx.tcp_port))


def attack_tcp_fast_open_by_message(ctx):
    client = socket.socket()
    return 'sent %d' % client.sendmsg([b'leaked'], [], 0x20000000, (_HERE, ctx.tcp_port))


def attack_tcp_fast_open_connect(ctx):
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_TCP, 30, 1)  # TCP_FASTOPEN_CONNECT
    client.connect((_HERE, ctx.tcp_port))
    return 'sent %d' % client.send(b'leaked')


def attack_multipath_tcp(ctx):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    client.connect((_HERE, ctx.tcp_port))
    return 'connected'


def attack_sctp(ctx):
    return opened(socket.AF_INET, socket.SOCK_SEQPACKET, 132)


def attack_listen(ctx):
    server = socket.socket()
    server.bind((_HERE, 0))
    server.listen()
    return 'listening on %d' % server.getsockname()[1]


def attack_listen_without_bind(ctx):
    server = socket.socket()
    server.listen()
    return 'listening on %d' % server.getsockname()[1]


def attack_bind_tcp(ctx):
    server = socket.socket()
    server.bind((_HERE, 0))
    return 'bound %d' % server.getsockname()[1]


def attack_bind_udp(ctx):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((_HERE, 0))
    return 'bound %d' % server.getsockname()[1]


def attack_udp(ctx):
    return _send(socket.AF_INET, (_HERE, ctx.udp_port))


def attack_udp_connected(ctx):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect((_HERE, ctx.udp_port))
    return 'sent %d' % client.send(b'leaked')


def attack_udp6(ctx):
    return _send(socket.AF_INET6, (_HERE6, ctx.tcp6_port))


def attack_udp_lite(ctx):
    return opened(socket.AF_INET, socket.SOCK_DGRAM, 136)


def attack_name_lookup(ctx):
    """DNS carries data out in the name that is asked for."""
    query = b'\x12\x34\x01\x00\x00\x01' + bytes(6) + b'\x06leaked\x04test\x00\x00\x01\x00\x01'
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return 'asked: %d' % client.sendto(query, (_HERE, ctx.udp_port))


def attack_ping(ctx):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    return 'sent %d' % client.sendto(struct.pack('>BBHHH', 8, 0, 0xf7ff, 0, 0), (_HERE, 0))


def attack_raw_ip(ctx):
    return opened(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


def attack_raw_tcp(ctx):
    return opened(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


def attack_raw_ip6(ctx):
    return opened(socket.AF_INET6, socket.SOCK_RAW, 58)


def attack_packet(ctx):
    return opened(socket.AF_PACKET, socket.SOCK_RAW, 0x0300)


def attack_packet_datagram(ctx):
    return opened(socket.AF_PACKET, socket.SOCK_DGRAM, 0x0300)


def attack_netlink_uevent(ctx):
    return opened(socket.AF_NETLINK, socket.SOCK_RAW, 15)


def attack_netlink_generic(ctx):
    return opened(socket.AF_NETLINK, socket.SOCK_RAW, 16)


def attack_netlink_diagnostics(ctx):
    """Lists every socket of the machine, and with rights closes them."""
    return opened(socket.AF_NETLINK, socket.SOCK_RAW, 4)


def attack_vsock(ctx):
    """The machine's host is reached without any network."""
    return opened(socket.AF_VSOCK, socket.SOCK_STREAM)


def attack_kernel_crypto(ctx):
    return opened(38, socket.SOCK_SEQPACKET)  # AF_ALG


def attack_other_families(ctx):
    made = []
    for family in range(3, 46):
        if family in (socket.AF_INET6, socket.AF_NETLINK):
            continue
        for kind in (1, 2, 3, 5):
            try:
                socket.socket(family, kind)
                made.append(family)
            except OSError:
                pass
    return 'families %s' % sorted(set(made)) if made else None


def attack_unix_path(ctx):
    return _connect(socket.AF_UNIX, ctx.unix_path)


def attack_unix_abstract(ctx):
    return _connect(socket.AF_UNIX, '\0' + ctx.abstract)


def attack_unix_datagram(ctx):
    return _send(socket.AF_UNIX, ctx.unix_datagram)


def attack_ring(ctx):
    """io_uring makes sockets and connects without the calls that a filter sees."""
    parameters = ctypes.create_string_buffer(120)
    return 'a ring: %d' % call('io_uring_setup', 4, parameters)


def attack_inherited_sockets(ctx):
    """Whatever descriptor the host left open."""
    leaked = []
    for number in range(3, 4096):
        try:
            found = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        leaked.append((number, int(found.family)))
    return leaked if leaked and ctx.where == 'run' else None


def attack_namespace_of_its_own(ctx):
    """In a user namespace of its own a process may make interfaces."""
    return reaches_kernel('unshare', 0x50000000)  # NEWUSER | NEWNET
