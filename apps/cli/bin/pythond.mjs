#!/usr/bin/env node
import process from 'node:process';

try {
  const { main } = await import('../dist/index.js');
  await main(process.argv.slice(2));
} catch (error) {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  process.stderr.write(
    'pythond is not built yet: run `npm start` or `npm test` once in the clone, or `npm run build`.\n',
  );
  process.exitCode = 2;
}
