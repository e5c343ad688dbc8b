import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plan, PlannedKey } from './plan.ts';
import { writeKeys } from './write-keys.ts';

export interface CarriedOut {
  /** Relative to the home. */
  readonly copied: readonly string[];
  /** Keys that a person has to write: their block has such a key, or no header of its own, or its file stayed. */
  readonly left: readonly PlannedKey[];
}

/** Copies what is not there yet, and writes the keys into the copied conf files. Scripts first: a fleet may watch the home. */
export async function carryOut({ source, home, scripts, confs, keys }: Plan): Promise<CarriedOut> {
  const copied: string[] = [];
  for (const { file, state } of scripts) {
    if (state !== 'copy') continue;
    await mkdir(path.dirname(path.join(home, file)), { recursive: true });
    await copyFile(path.join(source, file), path.join(home, file), constants.COPYFILE_EXCL);
    copied.push(file);
  }
  const left: PlannedKey[] = [];
  for (const { file, state } of confs) {
    const own = keys.filter((key) => key.file === file);
    if (state !== 'copy') {
      left.push(...own);
      continue;
    }
    left.push(...(await writeConf(file, own, { source, home })));
    copied.push(file);
  }
  return { copied, left };
}

async function writeConf(
  file: string,
  keys: readonly PlannedKey[],
  { source, home }: Pick<Plan, 'source' | 'home'>,
): Promise<PlannedKey[]> {
  const [from, to] = [path.join(source, file), path.join(home, file)];
  await mkdir(path.dirname(to), { recursive: true });
  const bytes = await readFile(from);
  const text = bytes.toString('utf8');
  if (keys.length === 0 || !Buffer.from(text, 'utf8').equals(bytes)) {
    await copyFile(from, to, constants.COPYFILE_EXCL); // UTF-16, say: as it is
    return [...keys];
  }
  const lines = [...new Set(keys.map(({ line }) => line))];
  const blocks = lines.map((line) => ({ line, keys: keys.filter((key) => key.line === line) }));
  const written = writeKeys(text, blocks);
  await writeFile(to, written.text, { flag: 'wx' });
  await chmod(to, (await stat(from)).mode & 0o777);
  return keys.filter((key) => written.left.includes(key));
}
