import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits } from './edits.ts';
import { expandConf } from './expand-conf.ts';
import { parseToml } from './parse-toml.ts';
import { outline } from './toml-outline.ts';

const secrets: Record<string, string> = { '/run/secrets/a': 'one', '/run/secrets/quote': 'x"y\\z' };

async function expand(text: string, env: Record<string, string> = {}) {
  const readSecret = async (path: string) => {
    const secret = secrets[path];
    return secret === undefined ? { ok: false as const, reason: 'no' } : { ok: true as const, text: secret };
  };
  const { edits, failures } = await expandConf(text, outline(text), { env, readSecret });
  const edited = applyEdits(text, edits);
  const parsed = parseToml(edited.text);
  return { text: edited.text, table: parsed.ok ? { ...parsed.table } : parsed.reason, failures, edited };
}

describe('variables in the text of a conf file', () => {
  it('expand with and without braces, in strings of every kind', async () => {
    const { table } = await expand(`a = "$X-\${X}"\nb = '$X'\nc = """\n$X"""\nd = '''\n$X'''`, { X: 'v' });
    expect(table).toEqual({ a: 'v-v', b: 'v', c: 'v', d: 'v' });
  });

  it('expand outside of strings, where they are meant to be TOML', async () => {
    const env = { N: '2.5', DIRS: '["a", "b"]', SINGLE: "['c']", KEY: 'k', MORE: 'x = 1\ny = 2' };
    const { table } = await expand(`n = $N\nd = \${DIRS}\ns = $SINGLE\n$KEY = 1\n$MORE\n`, env);
    expect(table).toEqual({ n: 2.5, d: ['a', 'b'], s: ['c'], k: 1, x: 1, y: 2 });
  });

  it('that are no TOML where they should be become strings', async () => {
    const { table } = await expand('a = $S\nb = [$S, $T, $L]\nc = $T', { S: '10s', T: '] oops', L: '1, 2' });
    expect(table).toEqual({ a: '10s', b: ['10s', '] oops', 1, 2], c: '] oops' });
  });

  it('stay as they are under a key envs, wherever that stands', async () => {
    const text = `envs = ['A=$X', 'B=\${X}']\nt = {envs = ["$X"], o = '$X'}\n[u]\nenvs = ['''\n$X''']\nEnvs = ['$X']`;
    const { table } = await expand(text, { X: 'v' });
    expect(table).toEqual({
      envs: ['A=$X', `B=\${X}`],
      t: { envs: ['$X'], o: 'v' },
      u: { envs: ['$X'], Envs: ['$X'] },
    });
  });

  it('stay as they are in comments, whatever their value holds', async () => {
    const { text } = await expand('a = 1 # $X\n# $X\n', { X: 'x\nb = 2' });
    expect(text).toBe('a = 1 # $X\n# $X\n');
  });

  it('that do not exist stay as they are, put into quotation marks where they stood without', async () => {
    const { table } = await expand(`a = "$NONE \${NONE}"\nb = $NONE\nc = [$NONE, 1]\nd = "$1"`, {});
    expect(table).toEqual({ a: `$NONE \${NONE}`, b: '$NONE', c: ['$NONE', 1], d: '$1' });
  });

  it('that every object inherits do not exist', async () => {
    expect((await expand('a = "$constructor $__proto__"')).table).toEqual({ a: '$constructor $__proto__' });
  });

  it('are expanded once, so that one that holds itself does no harm', async () => {
    expect((await expand('a = "$X"\nb = $Y', { X: '$X$X', Y: `"\${X}"` })).table).toEqual({
      a: '$X$X',
      b: `\${X}`,
    });
  });

  it('that open the fleet are expanded nowhere', async () => {
    const env = { REDIS_URL: 's', PYTHOND_REDIS_PASSWORD: 's', PYTHOND_TOKEN: 's', PYTHOND_SIGNING_KEY: 's' };
    const text = Object.keys(env)
      .map((name, i) => `k${i} = "$${name}"`)
      .join('\n');
    expect((await expand(text, env)).text).toBe(text);
  });

  it('keep their value exactly, whatever it holds, in a string of every kind', async () => {
    const inside = fc.string({ unit: 'grapheme' });
    const any = fc.oneof(
      fc.string(),
      inside,
      fc.constantFrom('"', "'", '\\', '"""', "'''", '\n', '\0', ']', '}', '#'),
    );
    const texts = [`a = "<$X>"`, `a = '<$X>'`, `a = """<$X>"""`, `a = '''<$X>'''`, `a = "$X"`, `a = '$X'`];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...texts),
        fc.array(any).map((parts) => parts.join('')),
        async (text, value) => {
          const wanted = text.includes('<') ? `<${value}>` : value;
          expect((await expand(text, { X: value })).table).toEqual({ a: wanted });
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('ENC[file:…] in the text of a conf file', () => {
  it('is replaced by what the file holds, wherever it stands', async () => {
    const { table } = await expand(
      'a = "x ENC[file:///run/secrets/a]"\nb = \'ENC[file:/run/secrets/quote]\'\nc = "ENC[file:///run/secrets/$N]"',
      { N: 'a' },
    );
    expect(table).toEqual({ a: 'x one', b: 'x"y\\z', c: 'one' });
  });

  it('stays as it is under envs and tags, whose variables differ', async () => {
    const text = 'envs = ["A=ENC[file:///run/secrets/a]$X"]\n[tags]\nb = "ENC[file:///run/secrets/a]$X"';
    expect((await expand(text, { X: 'v' })).table).toEqual({
      envs: ['A=ENC[file:///run/secrets/a]$X'],
      tags: { b: 'ENC[file:///run/secrets/a]v' },
    });
  });

  it('stays as it is when it can not be read, and the reason is told', async () => {
    const { table, failures } = await expand(
      'a = "ENC[file:///nowhere]"\nb = ENC[file:///nowhere]\nc = "ENC[aes://x=]"',
    );
    expect(table).toEqual({ a: 'ENC[file:///nowhere]', b: 'ENC[file:///nowhere]', c: 'ENC[aes://x=]' });
    expect([...failures]).toEqual([['ENC[file:///nowhere]', 'no']]);
  });
});

describe('an expanded text', () => {
  it('knows where each of its pieces was written', async () => {
    const original = 'a = "$X"\n$MORE\nb = 1\n';
    const { edited } = await expand(original, { X: 'longer than it was', MORE: 'c = 1\nd = 2' });
    const at = (piece: string) =>
      original.slice(
        ...edited.originalSpan(edited.text.indexOf(piece), edited.text.indexOf(piece) + piece.length),
      );
    expect(at('"longer than it was"')).toBe('"$X"');
    expect(at('d = 2')).toBe('$MORE');
    expect(at('b = 1')).toBe('b = 1');
  });
});
