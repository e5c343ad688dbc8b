// Runs inside of a container: a whole fleet on the project's own home, with a DataKit that keeps what it gets, until that
// has points of the Demo. Prints one JSON object: what `up` said and how it ended, what `ls` lists, the points.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startStandin } from '@pythond/datakit-standin';

const PROJECT = path.resolve(fileURLToPath(import.meta.url), '../../../..');
/** Reached only when something is broken. */
const DEADLINE_MS = 300_000;

function pythond(words, env) {
  const child = spawn(
    process.execPath,
    [`${PROJECT}/apps/cli/bin/pythond.mjs`, ...words, '--home', PROJECT],
    {
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  const keep = (text) => {
    said += text;
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  if (words[0] === 'up') child.stderr.setEncoding('utf8').on('data', keep);
  const ended = once(child, 'close').then(([code]) => ({ code, said }));
  return { child, ended, isRunning: () => child.exitCode === null && child.signalCode === null };
}

const datakit = await startStandin();
const env = { DATAKIT_URL: datakit.url };
const up = pythond(['up'], env);
const end = performance.now() + DEADLINE_MS;
while (datakit.points().length < 2 && up.isRunning() && performance.now() < end) await wait(50);
const listed = up.isRunning() ? await pythond(['ls', '--json'], env).ended : null;
up.child.kill('SIGINT');
const { code, said } = await up.ended;
const points = datakit.points().map(({ measurement, tags, fields }) => ({ measurement, tags, fields }));
console.log(
  JSON.stringify({
    code,
    said,
    points: points.slice(0, 2),
    collectors: listed && JSON.parse(listed.said).collectors,
  }),
);
await datakit.close();
