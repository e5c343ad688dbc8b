"""What a run costs in the Python host and its child: page faults, and CPU time of user and kernel.

    python test/bench/host-run.py [--core old=PATH] [--core new=PATH] [--runs 1000] [--at-once 4] [--level strict]

Each core is a python.d/core folder; without one it is this repository's own. All of them serve the same 100 collectors
and take turns, so that none gets the quieter machine. Page faults hardly depend on the machine's load: compare those
first. Linux only: it reads /proc.
"""
from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'python'))
import harness  # noqa: E402
from _pythond import _frames as frames  # noqa: E402

COLLECTORS = 100
TURNS = 10
CLASS = '''
class C{0}(DataKitFramework):
    interval = 1

    def run(self):
        self.report({{'M': [{{'measurement': 'bench', 'tags': {{'t': 'c{0}'}}, 'fields': {{'v': 1}}}}], 'input': 'bench'}})
'''
# of /proc/PID/stat, from the third field on (proc_pid_stat(5))
FIELDS = {'minflt': 7, 'cminflt': 8, 'utime': 11, 'stime': 12, 'cutime': 13, 'cstime': 14}
TICK_MS = 1000 / os.sysconf('SC_CLK_TCK')


class Contender:
    def __init__(self, name: str, core: str, home: str, policy: dict) -> None:
        self.name = name
        self.spent = dict.fromkeys(FIELDS, 0)
        self.runs = 0
        harness.HOST = os.path.join(core, 'pythond_host.py')
        self.host = harness.HostProcess(home, env={'PATH': os.environ['PATH'], 'MALLOC_ARENA_MAX': '1'})
        self.host.tmp = os.path.join(home, 'tmp-' + name)
        self.host.setup([{'name': 'bench', 'file': 'python.d/B/bench.py', 'root': 'python.d/B', 'dir': 'B'}],
                        policy=policy)
        self.host.wait_until_ready()

    def turn(self, runs: int, at_once: int) -> None:
        before = self._look()
        self._serve(runs, at_once)
        after = self._look()
        for name in FIELDS:
            self.spent[name] += after[name] - before[name]
        self.runs += runs

    def _serve(self, runs: int, at_once: int) -> None:
        ordered = 0
        ended = 0
        while ended < runs:
            while ordered < runs and ordered - ended < at_once:
                self.host.order(self.runs + ordered, 'B/bench:C{}'.format(ordered % COLLECTORS))
                ordered += 1
            record = self.host.wait_for(frames.ENDED)
            if record['exitCode'] != 0:
                raise AssertionError(record)
            ended += 1
        self.host.results.clear()

    def _look(self) -> dict:
        with open('/proc/{}/stat'.format(self.host.pid), encoding='ascii') as file:
            fields = file.read().rpartition(')')[2].split()
        return {name: int(fields[index]) for name, index in FIELDS.items()}

    def line(self) -> str:
        each = {name: spent / self.runs for name, spent in self.spent.items()}
        for name in ('utime', 'stime', 'cutime', 'cstime'):
            each[name] *= TICK_MS
        whole = each['utime'] + each['stime'] + each['cutime'] + each['cstime']
        return '| {} | {:.1f} | {:.1f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |'.format(
            self.name, each['minflt'], each['cminflt'], each['utime'], each['stime'], each['cutime'], each['cstime'],
            whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--core', action='append', help='NAME=FOLDER of a core; may be given several times')
    parser.add_argument('--runs', type=int, default=1000)
    parser.add_argument('--at-once', type=int, default=4)
    parser.add_argument('--imports', default='', help='modules that the collectors import')
    parser.add_argument('--level', choices=('strict', 'none'), default='strict')
    options = parser.parse_args()
    policy = {'level': 'none'} if options.level == 'none' else harness.strict_policy()
    if policy is None:
        sys.exit('level strict can\'t be had here: --level none')
    cores = [each.split('=', 1) for each in options.core or ['this=' + harness.CORE]]
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o755)
        folder = os.path.join(home, 'python.d', 'B')
        os.makedirs(folder)
        with open(os.path.join(folder, 'bench.py'), 'w', encoding='utf-8') as file:
            file.write(''.join('import {}\n'.format(name) for name in options.imports.split(',') if name))
            file.write('from datakit_framework import DataKitFramework\n')
            file.write(''.join(CLASS.format(number) for number in range(COLLECTORS)))
        contenders = [Contender(name, core, home, policy) for name, core in cores]
        for contender in contenders:
            contender.turn(50, options.at_once)  # for warming up
            contender.spent, contender.runs = dict.fromkeys(FIELDS, 0), 50
        for _ in range(TURNS):
            for contender in contenders:
                contender.turn(options.runs // TURNS, options.at_once)
        for contender in contenders:
            contender.runs -= 50
        print('Python {}, level {}, {} at once; page faults and CPU ms a run, of the host and of its children:\n'.format(
            platform.python_version(), options.level, options.at_once))
        print('| core | host faults | child faults | host user | host kernel | child user | child kernel | in all |')
        print('|---|---|---|---|---|---|---|---|')
        for contender in contenders:
            print(contender.line())
            contender.host.end()


if __name__ == '__main__':
    main()
