// `npm start`: a fresh clone becomes a running fleet. Arguments go to `pythond up`: npm start -- --port 9600
import process from 'node:process';
import { prepare } from './setup.mjs';

prepare();
const { main } = await import('@pythond/cli');
await main(['up', ...process.argv.slice(2)]);
