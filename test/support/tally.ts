import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from './eventually.ts';
import { block, type TestHome } from './home.ts';

/** A line that a collector wrote, by itself, outside of all that is tested. */
export interface TallyLine {
  readonly collector: string;
  readonly what: string;
  readonly pid: number;
  /** Nanoseconds, of the machine's clock. */
  readonly at: bigint;
}

/**
 * What collectors say about themselves, behind the fleet's back: a file that each of them appends to, and another
 * whose being there makes their runs go on until it is gone.
 */
export class Tally {
  readonly #home: TestHome;
  readonly file: string;
  readonly hold: string;
  #heldAt = 0n;

  constructor(home: TestHome) {
    this.#home = home;
    this.file = path.join(home.dir, 'tally.txt');
    this.hold = path.join(home.dir, 'hold');
  }

  /** Python: `say(self, what)`, `wait_while_held()`; to stand at the top of a module. */
  get python(): string {
    return `
import os
import time

from datakit_framework import DataKitFramework


def say(collector, what):
    line = '%s %s %d %d\\n' % (type(collector).__name__, what, os.getpid(), time.time_ns())
    descriptor = os.open(${JSON.stringify(this.file)}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def wait_while_held(name=${JSON.stringify(this.hold)}):
    while os.path.exists(name):
        time.sleep(0.02)
`;
  }

  async lines(collector?: string): Promise<TallyLine[]> {
    const text = await readFile(this.file, 'utf8').catch(() => '');
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [name = '', what = '', pid = '', at = ''] = line.split(' ');
        return { collector: name, what, pid: Number(pid), at: BigInt(at) };
      })
      .filter((line) => collector === undefined || line.collector === collector);
  }

  /** How often a collector said it. */
  async count(collector: string, what: string): Promise<number> {
    return (await this.lines(collector)).filter((line) => line.what === what).length;
  }

  /** From now on runs that wait for it go on until {@link letGo}. */
  async holdRuns(): Promise<void> {
    await this.#home.write({ hold: '' });
    this.#heldAt = BigInt(Date.now() + 1) * 1_000_000n;
  }

  async letGo(): Promise<void> {
    await rm(this.hold, { force: true });
  }

  /** A run that started after the hold was there, so that it is certain to be held. */
  async untilHeld(collector: string, deadlineMs?: number): Promise<TallyLine> {
    const held = ({ what, at }: TallyLine) => what === 'start' && at > this.#heldAt;
    return eventually(
      `a run of ${collector} to be held`,
      async () => (await this.lines(collector)).find(held),
      deadlineMs,
    );
  }
}

/** A block of conf.d whose collectors may write outside of their own folder, as those that tell the tally do. */
export function openBlock(name: string, dirs: readonly string[], more = ''): string {
  return block(name, dirs, `  sandbox = "none"\n  ${more}`);
}
