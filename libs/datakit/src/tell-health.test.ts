import { expect, it } from 'vitest';
import { causeOf } from './cause.ts';
import { createEndpointHealth } from './health.ts';
import { ManualClock } from './manual-clock.ts';
import { tellHealth } from './tell-health.ts';

it('trouble is told of once when it begins and once when it is over', async () => {
  const said: string[] = [];
  const say = (level: string) => (_facts: object, message: string) => said.push(`${level}: ${message}`);
  const clock = new ManualClock();
  const onChange = tellHealth({ warn: say('warn'), info: say('info'), debug: () => undefined });
  const health = createEndpointHealth({ onChange, clock, failures: 1 });
  for (let outage = 0; outage < 2; outage += 1) {
    for (let trial = 0; trial < 5; trial += 1) {
      health.admit('http://dk:9529');
      health.failed('http://dk:9529', causeOf('refused', 'nobody listens'), true);
      await clock.advance(60_000);
    }
    health.admit('http://dk:9529');
    health.succeeded('http://dk:9529');
  }
  const once = ['warn: the DataKit takes no points: they wait', 'info: the DataKit takes points again'];
  expect(said).toEqual([...once, ...once]);
});
