import { eventually } from './eventually.ts';
import type { TestFleet } from './fleet.ts';
import { block } from './home.ts';

/** Several fleets share a slow machine. */
const PATIENCE_MS = 300_000;

/** Reports one point a second. */
export const STEADY = 'steady/steady/steady:Steady';

const source = `
from datakit_framework import DataKitFramework


class Steady(DataKitFramework):
    interval = 1

    def run(self):
        self.report({'M': [{'measurement': 'steady', 'fields': {'v': 1}}], 'input': 'steady'})
`;

/** The home of a fleet with nothing but that; `more`: keys of its block. */
export async function writeSteady(fleet: TestFleet, more = ''): Promise<void> {
  await fleet.home.write({
    'conf.d/steady.conf': block('steady', ['steady'], more),
    'python.d/steady/steady.py': source,
  });
}

/** Until it has succeeded so many times more than before. */
export async function steadyRuns(fleet: TestFleet, more: number): Promise<void> {
  const succeeded = async () => (await fleet.counts(STEADY))['succeeded'] ?? 0;
  const before = await eventually('Redis to tell', async () => ({ count: await succeeded() }), PATIENCE_MS);
  await eventually(
    `${more} more runs of ${STEADY}`,
    async () => (await succeeded()) >= before.count + more,
    PATIENCE_MS,
  );
}
