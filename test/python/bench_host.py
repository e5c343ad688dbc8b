"""CPU of a trivial run in the host, against a cold interpreter per run, on this machine.

    python test/python/bench_host.py [--runs 1000] [--imports requests,logging] [--json]

Counted for a run: all the CPU time of the host and of the run's child, from the kernel, less what a host costs that
starts and runs nothing. The other side starts an interpreter that imports what DataKit's own framework imports
(json, logging, urllib), runs the same collector once, without a POST, and exits.
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
from harness import CORE, HostProcess  # noqa: E402

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
    def report(self, posts):
        json.dumps(posts)
datakit_framework._sink = Sink()
bench.Bench().run()
'''


def serve(home: str, runs: int) -> tuple[float, list[float]]:
    """CPU seconds of a host that ends after `runs` runs, and the seconds that each took."""
    host = HostProcess(home)
    host.setup([{'name': 'bench', 'file': 'python.d/B/bench.py', 'root': 'python.d/B', 'dir': 'B'}])
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
        serve(home, 1)  # writes the framework's bytecode
        cold(folder)
        idle = min(serve(home, 0)[0] for _ in range(3))
        began = time.perf_counter()
        cpu, taken = serve(home, options.runs)
        wall = time.perf_counter() - began
        cold_cpu = min(cold(folder) for _ in range(5))
    taken.sort()
    warm = (cpu - idle) / options.runs
    result = {'python': platform.python_version(), 'machine': platform.machine(), 'imports': options.imports,
              'runs': options.runs, 'cpuMsPerRun': round(warm * 1e3, 3), 'hostStartCpuMs': round(idle * 1e3, 1),
              'latencyMsP50': round(taken[len(taken) // 2] * 1e3, 2),
              'latencyMsP99': round(taken[len(taken) * 99 // 100] * 1e3, 2), 'runsPerSecond': round(options.runs / wall),
              'coldCpuMs': round(cold_cpu * 1e3, 1), 'coldOverWarm': round(cold_cpu / warm, 1)}
    if options.json:
        print(json.dumps(result))
    else:
        print('Python {python} on {machine}, imports: {imports}\n'
              '  a run in the host   {cpuMsPerRun} ms CPU, latency p50 {latencyMsP50} ms, p99 {latencyMsP99} ms, '
              '{runsPerSecond} runs/s one after the other\n'
              '  host start          {hostStartCpuMs} ms CPU\n'
              '  a cold interpreter  {coldCpuMs} ms CPU a run: {coldOverWarm} times as much'.format(**result))


if __name__ == '__main__':
    main()
