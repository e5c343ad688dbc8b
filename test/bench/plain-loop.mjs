// The same library calls as a worker makes for a run, and nothing else: read, normalise, POST, one after the other, paced.
// `node test/bench/plain-loop.mjs URL REPORTS POINTS` prints how many milliseconds that took.
import process from 'node:process';
import { createDataKitClient, createPacer, resolveDelivery } from '@pythond/datakit';
import { normalise, parseExactJson } from '@pythond/points';
import { reportOf } from './points.mjs';

const [url, reports, points] = process.argv.slice(2);
const texts = Array.from({ length: Number(reports) }, (_, nth) =>
  reportOf(Number(points), nth * Number(points)),
);
const client = createDataKitClient({ pacer: createPacer() });
const { signal } = new AbortController();
const time = () => '1700000000000000000';

const startMs = performance.now();
for (const text of texts) {
  const read = parseExactJson(text, { integers: 'big' });
  const { accepted } = normalise(read, { category: 'metric', integers: 'float', tags: {}, time });
  const lines = accepted.map(({ line }) => line);
  const delivery = {
    endpoint: url,
    category: 'metric',
    query: [],
    body: lines.join('\n'),
    points: lines.length,
    lines,
  };
  const resolution = await resolveDelivery(client, delivery, { signal });
  if (resolution.accepted !== Number(points)) throw new Error(`${resolution.accepted} points were accepted`);
}
process.stdout.write(String(performance.now() - startMs));
await client.close();
