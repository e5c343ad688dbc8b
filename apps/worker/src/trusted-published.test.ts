import { makeKeyFiles, makeSeal, readSealingKey, type SealedKind } from '@pythond/jobs';
import { expect, it } from 'vitest';
import { publishedJudge } from './trusted-published.ts';

it('what a scheduler publishes is believed as what it has signed, for as long as it holds', () => {
  const key = readSealingKey(makeKeyFiles().privateText);
  if (!key) throw new Error('no key');
  const [text, endsMs] = ['["python3"]', 2_000];
  const seal = (of: string, kind: SealedKind = 'published cmds:web') =>
    JSON.stringify(makeSeal({ kind, text: of }, { madeMs: 1_000, endsMs }, key));
  const isBelieved = (written: string | null, nowMs = 1_500, said = text) =>
    publishedJudge([key], () => nowMs)('cmds:web', { text: said, seal: written });
  expect(isBelieved(seal(text))).toBe(true);
  expect(isBelieved(seal(text), endsMs)).toBe(false);
  expect(isBelieved(null)).toBe(false);
  expect(isBelieved(seal(text), 1_500, '["/tmp/evil"]')).toBe(false);
  expect(isBelieved(seal(text, 'published cmds:other'))).toBe(false);
  expect(isBelieved(seal(text, 'input record'))).toBe(false);
  expect(publishedJudge(null, () => 1_500)('datakit', { text, seal: null })).toBe(true);
});
