import { expect, it } from 'vitest';
import { ErrorReports } from './error-reports.ts';

function refusal(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

it('tells one error of a kind every ten seconds, and how many it left out', () => {
  let now = 0;
  const told: [string, number][] = [];
  const reports = new ErrorReports(
    ({ message }, before) => told.push([message, before]),
    () => now,
  );
  for (let time = 0; time < 1_000; time += 1) reports.add(refusal(`OOM command not allowed, script ${time}`));
  reports.add(refusal('MISCONF no disk'));
  reports.add(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  reports.add(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
  expect(told.map(([message]) => message)).toEqual([
    'OOM command not allowed, script 0',
    'MISCONF no disk',
    'reset',
    'refused',
  ]);
  now = 10_000;
  for (let time = 0; time < 3; time += 1) reports.add(refusal('OOM again'));
  expect(told.at(-1)).toEqual(['OOM again', 999]);
  expect(told).toHaveLength(5);
});
