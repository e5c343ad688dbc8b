import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConf } from './conf-file.ts';
import { formatProblem } from './problem.ts';
import { readBlock } from './read-block.ts';

const env = { SECRET: 'hunter2', NUMBER: '10', LIST: '["a"]', HEADER: '\n[[inputs.pythond]]\n' };
const readSecret = async () => ({ ok: true as const, text: 'hunter2' });

/** Everything that reading a text says about it. */
async function said(text: string): Promise<{ lines: (number | null)[]; texts: string }> {
  const { blocks, problems } = await parseConf('p.conf', text, { env, readSecret });
  const all = [...problems, ...blocks.flatMap((raw) => readBlock(raw, env).problems)];
  return { lines: all.map(({ line }) => line), texts: all.map(formatProblem).join('\n') };
}

const value = fc.constantFrom(
  ...[
    '1',
    '"x"',
    "'$SECRET'",
    '"$SECRET"',
    '$SECRET',
    `\${NUMBER}`,
    '$LIST',
    '[$SECRET]',
    '["$SECRET", 1]',
    '[]',
  ],
  ...[
    '{ a = "$SECRET" }',
    '"ENC[file:///s]"',
    'ENC[file:///s]',
    '"ENC[aes://x]"',
    '"""\n$SECRET\n"""',
    'true',
    '$NONE',
  ],
);
const keys = [
  'cmd',
  'dirs',
  'envs',
  'tags',
  'interval',
  'pool',
  'datakit',
  'destinations',
  'files',
  'user',
  'memory',
];
const key = fc.constantFrom(
  ...keys,
  'read_paths',
  'env_allow',
  'sandbox',
  'scope',
  'align',
  'Interval',
  'unknown',
  'tags.a',
);
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(key, value).map(([k, v]) => `${k} = ${v}`) },
  fc.constantFrom(
    '[[inputs.pythond]]',
    '[inputs.pythond.tags]',
    '[[inputs.cpu]]',
    '$HEADER',
    '# $SECRET',
    '',
    '[',
    '"""',
  ),
);

describe('a conf file of whatever lines', () => {
  it('is read without throwing, every problem has a line of the file, and none shows what was expanded', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 14 }), async (lines) => {
        const text = ['[[inputs.pythond]]', "name = 'n'", ...lines].join('\n');
        const { lines: told, texts } = await said(text);
        const count = text.split('\n').length;
        for (const at of told) expect(at !== null && at >= 1 && at <= count).toBe(true);
        expect(texts).not.toContain('hunter2');
      }),
      { numRuns: 3000 },
    );
  });

  it('is read without throwing when it is no TOML at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => void (await said(text))),
      {
        numRuns: 1000,
      },
    );
  });
});
