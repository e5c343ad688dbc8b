// Given to `node --import`: this process's wall clock is ahead by the milliseconds in the file that CLOCK_AHEAD names, from
// about 20 ms after they were written there. The clock that only counts, timers and other processes go on as they are.
import { readFileSync } from 'node:fs';

const RealDate = Date;
const file = process.env.CLOCK_AHEAD ?? '';
let aheadMs = 0;

function look() {
  try {
    aheadMs = Number(readFileSync(file, 'utf8'));
  } catch {
    aheadMs = 0;
  }
}

look();
setInterval(look, 20).unref();

globalThis.Date = class ShiftedDate extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + aheadMs);
    else super(...given);
  }

  static now() {
    return RealDate.now() + aheadMs;
  }
};
