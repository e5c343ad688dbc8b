// Given to `node --import`: for as long as the file that BLOCK_WHILE names is there, this process does nothing else.
import { existsSync } from 'node:fs';

const turn = new Int32Array(new SharedArrayBuffer(4));
const file = process.env.BLOCK_WHILE ?? '';

setInterval(() => {
  while (existsSync(file)) Atomics.wait(turn, 0, 0, 20);
}, 20).unref();
