import { blockKey } from './block-key.ts';
import { printable, unshowable } from './printable.ts';
import { distinct, filledListReader, readText } from './readers.ts';
import { bad, badUnshown, gather, good, type Reader, type Reading } from './reading.ts';

const MAX_NAME_BYTES = 128;

/** DataKit removes exactly these from a name, wherever they stand (its `dkstring.TrimString`). */
const NAME_SPACE = /[ \t\r\n]/g;

export const readName: Reader<string> = (value) => {
  if (typeof value !== 'string') return bad('must be a string', "write name = 'some-python-inputs'");
  const name = value.replace(NAME_SPACE, '');
  if (name === '') return badUnshown('must not be empty', "write name = 'some-python-inputs'");
  const hidden = unshowable(name);
  if (hidden !== null) return badUnshown(`must not hold the character ${hidden}`, 'retype the name');
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return bad(`must be at most ${MAX_NAME_BYTES} bytes long`);
  return good(name);
};

/** `KEY=value`. Of a wrong entry only what may be a variable's name is repeated: the rest may be a secret. */
const readEnv: Reader<string> = (value) => {
  if (typeof value !== 'string') return bad('must be a string "KEY=value"');
  if (value.includes('\0')) return badUnshown('must not hold the character U+0000');
  if (value.indexOf('=') > 0) return good(value);
  const name = /^[A-Za-z_]\w{0,63}/.exec(value)?.[0];
  const shown = name === undefined ? '' : `, as ${printable(name)}${name === value ? '' : '…'} does`;
  return badUnshown(`must not lack the "=" after a name${shown}`, `write "${name ?? 'KEY'}=value"`);
};

const readEnvs: Reader<readonly string[] | null> = (value) => {
  if (!Array.isArray(value)) return badUnshown('must be a list of "KEY=value"', 'write envs = ["KEY=value"]');
  return gather(value.map((entry: unknown, i) => atPlace(readEnv(entry), i + 1)));
};

function atPlace<T>(reading: Reading<T>, place: number): Reading<T> {
  if (reading.ok) return reading;
  const faults = reading.faults.map((fault) => ({
    ...fault,
    text: `has a wrong entry ${place}: it ${fault.text}`,
  }));
  return { ok: false, faults: faults.map((fault) => ({ ...fault, shows: 'nothing' as const })) };
}

const readTags: Reader<Readonly<Record<string, string>>> = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) {
    return bad('must be a table of strings', 'write tags = { team = "db" }');
  }
  const tags: Record<string, string> = Object.create(null);
  const faults: Reading<never>[] = [];
  for (const [tag, text] of Object.entries(value)) {
    if (typeof text === 'string' && tag !== '') tags[tag] = text;
    else
      faults.push(
        badUnshown(`must hold strings only, and its '${printable(tag)}' is none`, 'put it in quotes'),
      );
  }
  const checked = gather(faults);
  return checked.ok ? good(tags) : checked;
};

/** DataKit's own keys (1.84.1), where `tags` is parsed and never used. */
export const datakitKeys = {
  name: blockKey({
    read: readName,
    fallback: '',
    type: 'string',
    default: 'required',
    where: 'block',
    about: 'Names the input. White space is removed.',
  }),
  cmd: blockKey({
    read: readText,
    fallback: 'python3',
    type: 'string',
    default: '`"python3"`',
    where: 'block',
    about:
      "The Python interpreter: a name on the worker's `PATH` or an absolute path. A block without it is warned of.",
  }),
  dirs: blockKey({
    read: distinct(filledListReader(readText, 'dirs = ["Demo"]')),
    fallback: [] as readonly string[],
    type: 'list of strings',
    default: 'required',
    where: 'block',
    about: 'Folders or `.py` files with collectors: relative to `python.d`, or absolute.',
  }),
  envs: blockKey({
    read: readEnvs,
    fallback: null,
    type: 'list of `"KEY=value"`',
    default: 'the allow-list',
    where: 'block',
    about:
      'Replaces the environment of the collectors; see [Environment and secrets](#environment-and-secrets).',
    secret: true,
  }),
  tags: blockKey({
    read: readTags,
    fallback: {} as Readonly<Record<string, string>>,
    type: 'table of strings',
    default: '`{}`',
    where: 'block',
    about: 'Added to every point, where the point has no tag of that name. A value may name a secret.',
    secret: true,
  }),
};
