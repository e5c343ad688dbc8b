// How many points a second one core normalises and encodes. By hand, after a build:
//   node node_modules/typescript-native/bin/tsc --build libs/points && node libs/points/bench/normalise.bench.mjs
import os from 'node:os';
import { createRunClock, normalise, parseExactJson, parseLineProtocol } from '../dist/index.js';

const SAMPLES = 7;
const SAMPLE_NS = 400_000_000n;

/** A typical metric: two tags, three fields (an integer, a float, a percentage), like those of the manual. */
function report(count, time) {
  const points = [];
  for (let i = 0; i < count; i += 1) {
    const tags = `{"host": "web-${i % 50}.example.com", "device": "/dev/sda${i % 8}"}`;
    const fields = `{"total": ${1000 + i}, "used": ${((i * 7919) % 100000) / 7}, "used_percent": ${(i % 1000) / 10}}`;
    points.push(`{"measurement": "disk", "tags": ${tags}, "fields": ${fields}, "time": ${time(i)}}`);
  }
  return `[${points.join(', ')}]`;
}

/** Log lines, as feed_logging writes them. */
function logs(count) {
  const points = [];
  for (let i = 0; i < count; i += 1) {
    const fields = `{"message": "GET /api/items/${i} 200 in ${i % 90} ms, user \\"u${i % 7}\\"", "status": "info"}`;
    points.push(`{"measurement": "nginx", "tags": {"service": "shop"}, "fields": ${fields}, "time": null}`);
  }
  return `[${points.join(', ')}]`;
}

const clock = () =>
  createRunClock({ dueMs: 1_700_000_000_000, startedMs: 1_700_000_000_020, everyMs: 10_000 });
const metric = () => ({ category: 'metric', time: clock().forReport('metric', '1700000000123456789') });
const logging = () => ({ category: 'logging', time: clock().forReport('logging', '1700000000123456789') });

const texts = {
  noTime: report(1000, () => 'null'),
  seconds: report(1000, (i) => 1_700_000_000 + (i % 3)),
  nanoseconds: report(1000, (i) => `17000000001234${10000 + i}`),
  logs: logs(1000),
};
const parsed = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, parseExactJson(text)]));
const lines = normalise(parsed.nanoseconds, metric()).accepted.map((point) => point.line);
const body = lines.join('\n');

const cases = [
  ['normalise: metric without a time', () => normalise(parsed.noTime, metric())],
  ['normalise: metric, time in seconds', () => normalise(parsed.seconds, metric())],
  ['normalise: metric, time in nanoseconds', () => normalise(parsed.nanoseconds, metric())],
  ['normalise: log lines', () => normalise(parsed.logs, logging())],
  [
    'normalise + join + bytes',
    () =>
      Buffer.from(
        normalise(parsed.noTime, metric())
          .accepted.map((p) => p.line)
          .join('\n'),
      ),
  ],
  ['parse, plain (JSON.parse)', () => parseExactJson(texts.noTime)],
  ['parse, exact (long integers)', () => parseExactJson(texts.nanoseconds)],
  ['parse, all integers', () => parseExactJson(texts.noTime, { integers: 'all' })],
  ['parse + normalise, plain', () => normalise(parseExactJson(texts.noTime), metric())],
  ['parse + normalise, exact', () => normalise(parseExactJson(texts.nanoseconds), metric())],
  ['read line protocol', () => parseLineProtocol(body, { nowNs: 1n, precision: 'n' })],
];

console.log(
  `${os.cpus()[0]?.model}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}; ${lines[0]}`,
);
for (const [name, run] of cases) {
  const rates = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const start = process.hrtime.bigint();
    const cpu = process.cpuUsage();
    let points = 0;
    while (process.hrtime.bigint() - start < SAMPLE_NS) {
      run();
      points += 1000;
    }
    // By CPU time of the whole process, its collector's threads included, so that a busy machine does not count.
    const { user, system } = process.cpuUsage(cpu);
    rates.push((points / (user + system)) * 1000);
  }
  rates.sort((a, b) => a - b);
  const [median, best] = [rates[SAMPLES >> 1], rates[SAMPLES - 1]].map((rate) =>
    String(Math.round(rate)).padStart(5),
  );
  console.log(`${name.padEnd(40)} ${median} thousand points per CPU second, at best ${best}`);
}
