"""Writes the golden frames beside this file. Both languages' tests read them; see README.md.

    python test/contract/frames/generate.py

It shares no code with the host, and gives the same bytes on every machine.
"""
from __future__ import annotations

import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {'setup': 0x01, 'run': 0x02, 'renew': 0x03, 'cancel': 0x04, 'stop': 0x05, 'state': 0x06,
         'ready': 0x11, 'started': 0x12, 'result': 0x13, 'output': 0x14, 'ended': 0x15, 'fatal': 0x1F,
         'report': 0x21, 'lasterror': 0x22, 'warning': 0x23, 'raw': 0x24, 'finished': 0x25,
         'newstate': 0x26, 'loaded': 0x27, 'passbegan': 0x28, 'passended': 0x29}
MIB = 1024 * 1024
FILES: dict = {}

POINT = {'measurement': 'abc', 'tags': {'t1': 'b', 't2': 'd'}, 'fields': {'f1': 123, 'f2': 3.4, 'f3': 'strval'}}
AT = '1700000000123456789'


def packed(kind, payload):
    return struct.pack('>IB', len(payload) + 1, TYPES[kind]) + payload


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(',', ':')).encode('utf-8')


def save(name, direction, data, **rest):
    FILES[name] = {'name': name, 'direction': direction, **rest, 'hex': data.hex()}


def good(name, direction, kind, decoded, payload=None):
    data = packed(kind, text(decoded) if payload is None else payload)
    save(name, direction, data, type=kind, decoded=decoded)
    return data


def as_text(name, direction, kind, payload):
    """A payload that a plain JSON parser can't keep: numbers that only Python writes, or beyond a double."""
    save(name, direction, packed(kind, payload.encode('utf-8')), type=kind, payload=payload)


def bad(name, direction, data, error):
    save(name, direction, data, error=error)


def to_host():
    setup = good('setup', 'to-host', 'setup', {
        'protocol': 1, 'bundleRoot': '/cache/ab12', 'tmpRoot': '/tmp/pythond/host-3',
        'modules': [{'name': 'demo', 'file': 'python.d/Demo/demo.py', 'root': 'python.d/Demo', 'dir': 'Demo'},
                    {'name': 'parent.file', 'file': 'python.d/Demo/parent/file.py', 'root': 'python.d/Demo', 'dir': 'Demo'}],
        'limits': {'outputKeptBytes': 262144, 'resultBytes': 16777216, 'points': 100000, 'killGraceMs': 1000,
                   'leaseMarginMs': 2000},
        'policy': {}})
    run = good('run', 'to-host', 'run', {'run': 7, 'collector': 'Demo/demo:Demo', 'timeoutMs': 300000, 'leaseMs': 15000,
                                         'capture': True})
    good('run-live', 'to-host', 'run', {'run': 4294967295, 'collector': 'Démo/采集:Demo', 'timeoutMs': 1, 'leaseMs': 0.5,
                                        'capture': True, 'live': True, 'aKeyOfTomorrow': {'x': [1]}})
    renew = good('renew', 'to-host', 'renew', {'run': 7, 'leaseMs': 15000})
    good('cancel', 'to-host', 'cancel', {'run': 7, 'graceMs': 1000})
    stop = good('stop', 'to-host', 'stop', {})
    state = good('state', 'to-host', 'state', {'run': 7, 'data': '00027b7d80049500ff'},
                 struct.pack('>I', 7) + bytes.fromhex('00027b7d80049500ff'))
    good('run-without-state', 'to-host', 'run', {'run': 8, 'collector': 'Demo/demo:Demo', 'timeoutMs': 300000,
                                                 'leaseMs': 15000, 'state': False})
    good('setup-resident', 'to-host', 'setup', {
        'protocol': 1, 'bundleRoot': '/cache/ab12', 'tmpRoot': '/tmp/pythond/host-4', 'modules': [], 'limits': {},
        'policy': {}, 'resident': True})
    good('run-resident', 'to-host', 'run', {
        'run': 1, 'collector': 'web', 'timeoutMs': 315360000000, 'leaseMs': 15000, 'capture': True, 'live': True,
        'state': False, 'residents': [{'collector': 'Demo/demo:Demo', 'everyMs': 10000, 'offsetMs': 17}]})
    save('glued-state', 'to-host', state + run, frames=['state', 'run'], rest=0)
    save('glued-to-host', 'to-host', setup + run + renew + stop, frames=['setup', 'run', 'renew', 'stop'], rest=0)
    save('cut-to-host', 'to-host', run + renew[:-1], frames=['run'], rest=len(renew) - 1)


def from_host():
    good('ready', 'from-host', 'ready', {
        'protocol': 1, 'pid': 4710,
        'python': {'version': '3.11.7', 'executable': '/usr/bin/python3', 'prefix': '/usr'},
        'importMs': 12.5, 'threads': 0,
        'collectors': [{'key': 'Demo/demo:Demo', 'module': 'demo', 'dir': 'Demo', 'class': 'Demo', 'name': 'Demo',
                        'interval': 10, 'timeout': None, 'isolation': None, 'warnings': []},
                       {'key': 'Demo/x:X', 'module': 'x', 'dir': 'Demo', 'class': 'X', 'name': 'X', 'interval': 2.5,
                        'timeout': 7, 'isolation': 'resident',
                        'warnings': [{'code': 'timeout', 'message': 'timeout is -1 and is left aside'}]}],
        'failures': [{'module': 'broken', 'dir': 'Demo', 'file': 'python.d/Demo/broken.py', 'class': None,
                      'type': 'SyntaxError', 'message': 'invalid syntax (broken.py, line 1)',
                      'traceback': '  File "broken.py", line 1\n', 'hint': None},
                     {'module': 'y', 'dir': 'Demo', 'file': 'python.d/Demo/y.py', 'class': 'Y', 'type': 'ValueError',
                      'message': 'interval is -1', 'traceback': 'Traceback …\n', 'hint': 'write a number'}],
        'warnings': [{'code': 'class-without-run', 'message': 'class Base does not define run()'}],
        'stdout': 'what the imports printed\n', 'stderr': ''})
    started = good('started', 'from-host', 'started', {'run': 7, 'pid': 4711, 'startedAtNs': AT})
    result = good('result', 'from-host', 'result', {'run': 7, 'data': '0000000fff25'},
                  struct.pack('>I', 7) + bytes.fromhex('0000000fff25'))
    good('result-empty', 'from-host', 'result', {'run': 4294967295, 'data': ''}, struct.pack('>I', 4294967295))
    good('output', 'from-host', 'output', {'run': 7, 'stream': 2, 'data': 'e4b8ad0affc3'},
         struct.pack('>IB', 7, 2) + bytes.fromhex('e4b8ad0affc3'))
    ended = {'run': 7, 'cause': 'exited', 'exitCode': 0, 'signal': None, 'startedAtNs': AT,
             'endedAtNs': '1700000000223456789', 'forkMs': 1.2, 'runMs': 98.0, 'cpuMs': 3.1, 'maxRssKb': 12345,
             'stdout': 'Demo\n', 'stderr': '', 'stdoutBytes': 5, 'stderrBytes': 0, 'strays': 0}
    last = good('ended', 'from-host', 'ended', ended)
    for cause in ('timed-out', 'cancelled', 'lease', 'result-limit'):
        good('ended-' + cause, 'from-host', 'ended', {**ended, 'cause': cause, 'exitCode': None, 'signal': 9, 'strays': 2})
    good('ended-refused', 'from-host', 'ended', {
        **ended, 'cause': 'refused', 'message': 'this host has no collector "x"', 'exitCode': None, 'forkMs': 0, 'runMs': 0,
        'cpuMs': 0, 'maxRssKb': 0, 'stdout': '', 'stdoutBytes': 0, 'endedAtNs': AT})
    good('fatal', 'from-host', 'fatal', {'code': 'protocol', 'message': 'the worker speaks protocol 2', 'traceback': ''})
    save('glued-from-host', 'from-host', started + result + last, frames=['started', 'result', 'ended'], rest=0)


def from_run():
    report = good('report', 'from-run', 'report', {
        'report': 0, 'category': 'metric', 'query': {'input': 'datakitpy'}, 'ip': None, 'port': None, 'at': AT,
        'points': [POINT, {**POINT, 'measurement': 'def'}], 'more': False})
    good('report-to-another-datakit', 'from-run', 'report', {
        'report': 3, 'category': 'custom_object', 'query': {'precision': 'ms', 'ignore_global_tags': 'true'},
        'ip': '10.0.0.1', 'port': 9530, 'at': AT, 'points': [POINT], 'more': True})
    good('report-with-text-port', 'from-run', 'report', {
        'report': 1, 'category': 'logging', 'query': {}, 'ip': 'datakit', 'port': '9529', 'at': AT,
        'points': [{'measurement': '日志', 'tags': None, 'fields': {'message': '\u0000 \u2028 "quoted" 😀'}, 'time': None}],
        'more': False})
    good('report-of-no-list', 'from-run', 'report', {
        'report': 0, 'category': 'metric', 'query': {}, 'ip': None, 'port': None, 'at': AT, 'points': {'measurement': 'm'},
        'more': False})
    as_text('report-numbers', 'from-run', 'report',
            '{"report": 0, "category": "metric", "query": {}, "ip": null, "port": null, "at": "' + AT + '", "points": '
            '[{"measurement": "m", "tags": {}, "fields": {"nan": NaN, "inf": Infinity, "ninf": -Infinity, '
            '"big": 123456789012345678901234567890, "edge": 9007199254740993, "minus": -0.0, "float": 1e+308, '
            '"key \\ud800": "\\udfff"}}], "more": false}')
    good('lasterror', 'from-run', 'lasterror', {'input': 'demo', 'err_content': 'it broke'})
    good('warning', 'from-run', 'warning', {'code': 'event-status', 'message': "df_status is 'fine'"})
    good('raw', 'from-run', 'raw', {'report': 1, 'category': 'metric', 'query': {'precision': 'n'}, 'ip': '127.0.0.1',
                                    'port': 9529, 'at': AT, 'body': 'm,t=a v=1 1700000000000000000\nm v=2'})
    finished = good('finished', 'from-run', 'finished', {'error': None})
    good('finished-with-error', 'from-run', 'finished', {'error': {
        'type': 'ValueError', 'message': 'arguments missing "df_title"', 'traceback': 'Traceback (most recent call last):\n'}})
    state = good('new-state', 'from-run', 'newstate', {'data': '00027b7d80049500ff'}, bytes.fromhex('00027b7d80049500ff'))
    good('new-state-forget', 'from-run', 'newstate', {'data': ''}, b'')
    loaded = good('loaded', 'from-run', 'loaded', {
        'collectors': ['Demo/demo:Demo'], 'warnings': [], 'failures': [
            {'module': 'y', 'dir': 'Demo', 'file': 'python.d/Demo/y.py', 'class': 'Y', 'type': 'ValueError',
             'message': 'no', 'traceback': 'Traceback …\n', 'hint': None}]})
    began = good('pass-began', 'from-run', 'passbegan', {
        'collector': 'Demo/demo:Demo', 'pass': 0, 'kind': 'first', 'dueMs': 1700000000123, 'at': AT})
    ended = good('pass-ended', 'from-run', 'passended', {
        'collector': 'Demo/demo:Demo', 'pass': 0, 'at': AT, 'cpuMs': 1.5, 'error': None, 'refused': []})
    good('pass-ended-with-error', 'from-run', 'passended', {
        'collector': 'Demo/demo:Demo', 'pass': 1, 'at': AT, 'cpuMs': 0, 'refused': [
            {'kind': 'read', 'path': '/var/log/syslog', 'errno': 13, 'key': 'read_paths'}],
        'error': {'type': 'PermissionError', 'message': 'denied', 'traceback': 'Traceback …\n'}})
    good('report-of-a-resident', 'from-run', 'report', {
        'report': 0, 'category': 'metric', 'query': {}, 'ip': None, 'port': None, 'at': AT,
        'collector': 'Demo/demo:Demo', 'points': [POINT], 'more': False})
    good('report-of-nobody', 'from-run', 'report', {
        'report': 0, 'category': 'metric', 'query': {}, 'ip': None, 'port': None, 'at': AT, 'collector': None,
        'points': [POINT], 'more': False})
    good('warning-of-a-resident', 'from-run', 'warning', {
        'code': 'event-status', 'message': "df_status is 'fine'", 'collector': 'Demo/demo:Demo'})
    save('glued-pass', 'from-run', loaded + began + report + ended,
         frames=['loaded', 'passbegan', 'report', 'passended'], rest=0)
    save('glued-new-state', 'from-run', report + state + finished, frames=['report', 'newstate', 'finished'], rest=0)
    save('glued-from-run', 'from-run', report + report + finished, frames=['report', 'report', 'finished'], rest=0)
    save('cut-in-header', 'from-run', report + b'\0\0', frames=['report'], rest=2)


def broken():
    for direction, kind in (('to-host', 'run'), ('from-host', 'ended'), ('from-run', 'finished')):
        def one(name, data, error, direction=direction):
            bad('bad-{}-{}'.format(direction, name), direction, data, error)

        one('length-zero', struct.pack('>IB', 0, TYPES[kind]), 'length-zero')
        one('length-over-the-limit', struct.pack('>I', 17 * MIB + 1), 'too-long')
        one('length-all-ones', b'\xff' * 8, 'too-long')
        one('unknown-type', b'\0\0\0\3\x7f{}', 'unknown-type')
        one('type-zero', b'\0\0\0\3\0{}', 'unknown-type')
        one('utf8', packed(kind, b'{"run":7,"a":"\xff"}'), 'bad-utf8')
        one('utf8-surrogate', packed(kind, b'{"run":7,"a":"\xed\xa0\x80"}'), 'bad-utf8')
        one('json', packed(kind, b'{"run":7,}'), 'bad-json')
        one('json-cut', packed(kind, b'{"run":7'), 'bad-json')
        one('json-trailing', packed(kind, b'{"run":7} x'), 'bad-json')
        one('json-empty', packed(kind, b''), 'bad-json')
        one('json-array', packed(kind, b'[7]'), 'not-an-object')
        one('json-null', packed(kind, b'null'), 'not-an-object')
    bad('bad-to-host-state-without-run', 'to-host', packed('state', b'\0\0\7'), 'does-not-fit')
    bad('bad-to-host-of-the-other-direction', 'to-host', packed('ended', b'{}'), 'unknown-type')
    bad('bad-from-host-of-the-other-direction', 'from-host', packed('run', b'{}'), 'unknown-type')
    bad('bad-from-run-forged-ended', 'from-run', packed('ended', b'{}'), 'unknown-type')
    bad('bad-from-host-after-a-good-one', 'from-host',
        packed('started', text({'run': 7, 'pid': 1, 'startedAtNs': AT})) + b'\0\0\0\0', 'length-zero')


def main():
    for part in (to_host, from_host, from_run, broken):
        part()
    for name in os.listdir(HERE):
        if name.endswith('.json') and name[:-5] not in FILES:
            os.unlink(os.path.join(HERE, name))
    for name, content in FILES.items():
        with open(os.path.join(HERE, name + '.json'), 'w', encoding='utf-8', newline='\n') as file:
            json.dump(content, file, indent=1, sort_keys=False)
            file.write('\n')


if __name__ == '__main__':
    main()
