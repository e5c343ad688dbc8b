// How many points a second one core reads, normalises and encodes, and how many it would if reading the JSON was all:
// `node test/bench/encode.mjs` prints both, each from so many rounds in turns.
import process from 'node:process';
import { normalise, parseExactJson } from '@pythond/points';
import { reportOf } from './points.mjs';

const ROUNDS = 7;
const POINTS = 1_000;
const REPORTS = 60;

const text = reportOf(POINTS);
const options = { category: 'metric', integers: 'float', tags: {}, time: () => '1700000000000000000' };

const ways = {
  json: () => JSON.parse(text).length,
  encode: () => normalise(parseExactJson(text, { integers: 'big' }), options).accepted.length,
};

const rates = { json: [], encode: [] };
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, way] of Object.entries(ways)) {
    const startMs = performance.now();
    let points = 0;
    for (let report = 0; report < REPORTS; report += 1) points += way();
    const rate = points / ((performance.now() - startMs) / 1000);
    if (points !== POINTS * REPORTS) throw new Error(`${points} points came out`);
    if (round > 0) rates[name].push(rate); // the first is for warming up
  }
}
process.stdout.write(JSON.stringify(rates));
