"""CPU of a trivial run in the host, against a cold interpreter per run, on this machine.

    python test/python/bench_host.py [--runs 1000] [--imports requests,logging] [--json]

Counted for a run: all the CPU time of the host and of the run's child, from the kernel, less what a host costs that
starts and runs nothing; at level none, and at level strict, with a uid of its own where that uid can reach the
interpreter. The two take turns, so that neither gets the quieter machine. The other side starts an interpreter that
imports what DataKit's own framework imports (json, logging, urllib), runs the same collector once, without a POST, and
exits.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import CORE, HostProcess, strict_policy  # noqa: E402

PARTS = 10

COLLECTOR = '''
{imports}
from datakit_framework import DataKitFramework

class Bench(DataKitFramework):
    interval = 1

    def run(self):
        self.report({{'M': [{{'measurement': 'm', 'tags': {{'a': 'b'}}, 'fields': {{'f': 1}}}}], 'input': 'bench'}})
'''
COLD = '''
import json, logging, sys, urllib.request
from logging.handlers import RotatingFileHandler
sys.path[:0] = [{core!r}, {folder!r}]
import datakit_framework, bench
class Sink:
    def report(self, posts, _collector=None):
        json.dumps(posts)
datakit_framework._sink = Sink()
bench.Bench().run()
'''


def serve(home: str, runs: int, policy: dict) -> tuple[float, list[float]]:
    """CPU seconds of a host that ends after `runs` runs, and the seconds that each took."""
    host = HostProcess(home)
    host.setup([{'name': 'bench', 'file': 'python.d/B/bench.py', 'root': 'python.d/B', 'dir': 'B'}], policy=policy)
    host.wait_until_ready()
    taken = []
    for number in range(runs):
        began = time.perf_counter()
        host.run('B/bench:Bench', number)
        taken.append(time.perf_counter() - began)
    host.close()
    return cpu_of(host.pid), taken


def cpu_of(pid: int) -> float:
    _, _, usage = os.wait4(pid, 0)
    return usage.ru_utime + usage.ru_stime


def cold(folder: str) -> float:
    script = COLD.format(core=CORE, folder=folder)
    return cpu_of(os.posix_spawn(sys.executable, [sys.executable, '-c', script], os.environ))


def measure(home: str, runs: int, none: dict, strict: dict | None) -> dict:
    policies = [none] if strict is None else [none, strict]
    idle = [min(serve(home, 0, policy)[0] for _ in range(3)) for policy in policies]
    cpu, taken, wall = [0.0] * 2, [[], []], [0.0] * 2
    for _ in range(PARTS):
        for index, policy in enumerate(policies):
            began = time.perf_counter()
            spent, times = serve(home, runs // PARTS, policy)
            wall[index] += time.perf_counter() - began
            cpu[index] += spent - idle[index]
            taken[index] += times
    figures = [figures_of(idle[index], cpu[index], sorted(taken[index]), wall[index]) for index in range(len(policies))]
    if strict is None:
        return {**figures[0], 'strict': None}
    return {**figures[0], 'strict': {**figures[1], 'dropsUid': strict['uid'] is not None,
                                     'overNone': round(figures[1]['cpuMsPerRun'] / figures[0]['cpuMsPerRun'], 3)}}


def figures_of(idle: float, cpu: float, taken: list[float], wall: float) -> dict:
    return {'cpuMsPerRun': round(cpu / len(taken) * 1e3, 3), 'hostStartCpuMs': round(idle * 1e3, 1),
            'latencyMsP50': round(taken[len(taken) // 2] * 1e3, 2),
            'latencyMsP99': round(taken[len(taken) * 99 // 100] * 1e3, 2), 'runsPerSecond': round(len(taken) / wall)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--runs', type=int, default=1000)
    parser.add_argument('--imports', default='', help='modules that the collector imports')
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    imports = '\n'.join('import ' + name for name in options.imports.split(',') if name)
    with tempfile.TemporaryDirectory() as home:
        folder = os.path.join(home, 'python.d', 'B')
        os.makedirs(folder)
        with open(os.path.join(folder, 'bench.py'), 'w', encoding='utf-8') as file:
            file.write(COLLECTOR.format(imports=imports))
        os.chmod(home, 0o755)
        none, strict = {}, strict_policy()
        serve(home, 1, none)  # writes the framework's bytecode
        cold(folder)
        result = {'python': platform.python_version(), 'machine': platform.machine(), 'imports': options.imports,
                  'runs': options.runs, **measure(home, options.runs, none, strict)}
        cold_cpu = min(cold(folder) for _ in range(5))
    result.update(coldCpuMs=round(cold_cpu * 1e3, 1), coldOverWarm=round(cold_cpu * 1e3 / result['cpuMsPerRun'], 1))
    if options.json:
        print(json.dumps(result))
    else:
        print('Python {python} on {machine}, imports: {imports}\n'
              '  a run in the host   {cpuMsPerRun} ms CPU, latency p50 {latencyMsP50} ms, p99 {latencyMsP99} ms, '
              '{runsPerSecond} runs/s one after the other\n'
              '  host start          {hostStartCpuMs} ms CPU\n'
              '  the same, strict    {strict}\n'
              '  a cold interpreter  {coldCpuMs} ms CPU a run: {coldOverWarm} times as much'.format(**result))


if __name__ == '__main__':
    main()
