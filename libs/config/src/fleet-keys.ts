import { type Isolation, isolations, MAX_INTERVAL_MS, MIN_INTERVAL_MS } from '@pythond/jobs';
import { blockKey, readPool } from './block-key.ts';
import { readDestination } from './destination.ts';
import { durationReader } from './duration.ts';
import { choiceReader, distinct, listReader, readBoolean, readText } from './readers.ts';
import type { Reader } from './reading.ts';
import { readOrigin } from './url.ts';

const limits = { minMs: MIN_INTERVAL_MS, maxMs: MAX_INTERVAL_MS };
const readDestinations: Reader<readonly string[] | null> = distinct(
  listReader(readDestination, 'destinations = ["10.0.0.5:9529"]'),
);
const readDatakit: Reader<string | null> = readOrigin;
const readInterval: Reader<number | null> = durationReader({
  ...limits,
  example: 'interval = 10, or leave the key out to let each class decide',
});
const readTimeout: Reader<number | null> = durationReader({ ...limits, example: 'timeout = "5m"' });
const readIsolation: Reader<Isolation | null> = choiceReader(isolations);

const readScope: Reader<'fleet' | 'host'> = choiceReader(['fleet', 'host']);

/** What the fleet adds to DataKit's keys, but for those of the sandbox. */
export const fleetKeys = {
  interval: blockKey({
    read: readInterval,
    fallback: null,
    type: 'seconds or duration',
    default: "the class's, else 10 s",
    where: 'block, class',
    about: 'How often each collector of the block runs: 100 ms to 366 days.',
  }),
  timeout: blockKey({
    read: readTimeout,
    fallback: null,
    type: 'seconds or duration',
    default: 'the larger of 5 min and 2 × interval',
    where: 'block, class',
    about: 'After this long a run is killed, with every process that it started. A resident has none.',
  }),
  isolation: blockKey({
    read: readIsolation,
    fallback: null,
    type: '`"auto"`, `"run"`, `"resident"`',
    default: '`"auto"`',
    where: 'block, class',
    about: 'A process for each run, or one that stays for the whole input as in DataKit.',
  }),
  scope: blockKey({
    read: readScope,
    fallback: 'fleet' as const,
    type: '`"fleet"`, `"host"`',
    default: '`"fleet"`',
    where: 'block',
    about:
      'Runs once in the whole fleet, or once on every host that has a worker of the pool: [there](#on-every-host).',
  }),
  state: blockKey({
    read: readBoolean,
    fallback: true,
    type: 'boolean',
    default: '`true`',
    where: 'block',
    about: 'Whether what a run changed on `self` and in its module is carried to the next run.',
  }),
  pool: blockKey({
    read: readPool,
    fallback: 'default',
    type: 'string',
    default: '`"default"`',
    where: 'block',
    about: 'Only workers that serve this pool run the collectors: letters, digits, `-` and `_`, at most 64.',
  }),
  datakit: blockKey({
    read: readDatakit,
    fallback: null,
    type: 'URL',
    default: "the worker's `DATAKIT_URL`",
    where: 'block',
    about: 'The DataKit that gets the points: `http://host:port` or `https://host:port`, nothing after it.',
    secret: true,
  }),
  destinations: blockKey({
    read: readDestinations,
    fallback: null,
    type: 'list of strings',
    default: 'any with `network = true`, else none',
    where: 'block',
    about:
      'What else a script may name as its `ip` and `port`: `"host"` (port 9529), `"host:port"`, `"host:*"`.',
  }),
  files: blockKey({
    read: distinct(listReader(readText, 'files = ["data/hosts.csv"]')),
    fallback: [] as readonly string[],
    type: 'list of strings',
    default: '`[]`',
    where: 'block',
    about: 'Files and folders that the scripts read besides their own: absolute, or relative to the home.',
  }),
  align: blockKey({
    read: readBoolean,
    fallback: false,
    type: 'boolean',
    default: '`false`',
    where: 'block',
    about: 'Run at full multiples of the interval (on the minute, say) instead of spread over it.',
  }),
  paused: blockKey({
    read: readBoolean,
    fallback: false,
    type: 'boolean',
    default: '`false`',
    where: 'block',
    about: 'Known, shown, and not run.',
  }),
  integers: blockKey({
    read: choiceReader(['float', 'int']),
    fallback: 'float' as const,
    type: '`"float"`, `"int"`',
    default: '`"float"`',
    where: 'block',
    about: "How whole numbers are stored. DataKit makes floats of a script's integers.",
  }),
};
