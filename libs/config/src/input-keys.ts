/** What of a block decides its key. Blocks with errors count too, so that mending one changes no other's key. */
export interface NamedBlock {
  readonly name: string;
  /** The conf file's base name. */
  readonly file: string;
}

/** What would make `input/dir/module:Class` and `input@file` ambiguous, or hard to type. */
const RESERVED = /[/:@%\s]/gu;

/** A name as it stands in a key: `a/b` is `a%2Fb`. */
export function encodeName(name: string): string {
  return name.replace(RESERVED, (character) => encodeURIComponent(character));
}

/**
 * The key of each block, in order: its name when no other block has it; else `name@file` without `.conf`; where
 * that is taken too, `-2`, `-3` and so on after it. `numbered` tells the last case.
 */
export function inputKeys(blocks: readonly NamedBlock[]): { key: string; numbered: boolean }[] {
  const wanted = wantedKeys(blocks);
  const reserved = new Set(wanted);
  const used = new Set<string>();
  return wanted.map((base) => {
    if (!used.has(base)) {
      used.add(base);
      return { key: base, numbered: false };
    }
    let number = 2;
    while (used.has(`${base}-${number}`) || reserved.has(`${base}-${number}`)) number++;
    used.add(`${base}-${number}`);
    return { key: `${base}-${number}`, numbered: true };
  });
}

function wantedKeys(blocks: readonly NamedBlock[]): string[] {
  const counts = new Map<string, number>();
  for (const { name } of blocks) counts.set(name, (counts.get(name) ?? 0) + 1);
  return blocks.map(({ name, file }) => {
    const key = encodeName(name);
    return counts.get(name) === 1 ? key : `${key}@${encodeName(file.replace(/\.conf$/, ''))}`;
  });
}
