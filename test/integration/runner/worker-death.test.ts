import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { environment, fixtures, hostOptions, ours, scratch } from './support.ts';

const entry = createRequire(import.meta.url)
  .resolve('@pythond/runner/package.json')
  .replace('package.json', 'src/index.ts');

it('leaves no process when the worker is killed in the middle of a run', async () => {
  const tmpDir = mkdtempSync(join(scratch, 'worker-')); // what a killed worker leaves there is the next one's to clean
  const host = await hostOptions({ tmpDir, environment: environment({ MARK: 'in-the-host' }) });
  const order = JSON.stringify({ entry, options: host, collector: 'Trouble/trouble:Hangs' });
  const worker = spawn(process.execPath, [join(fixtures, 'worker.mjs'), order], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [first] = await Promise.race([once(worker.stdout, 'data'), once(worker, 'exit')]);
  expect(String(first)).toContain('ready');
  await eventually(
    'the host, the run and four below it are there',
    () => ours('MARK=in-the-host').length >= 6,
  );
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  await eventually('everything is gone', () => ours().length === 0);
});
