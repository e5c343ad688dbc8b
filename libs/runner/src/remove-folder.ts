import { readFile, realpath, rm } from 'node:fs/promises';

/**
 * Deletes a folder that runs could write to, and everything in it; leaves it alone, and gives false, when something is
 * mounted in there. An unconfined run of root may bind any folder of the machine into its own: a deletion would go on
 * behind the mount.
 */
export async function removeFolder(folder: string): Promise<boolean> {
  const real = await realpath(folder).catch(() => null); // gone already
  if (real === null) return true;
  if ((await mountsBelow(real)).length > 0) return false;
  await rm(real, { recursive: true, force: true, maxRetries: 2 });
  return true;
}

/** The places in a folder where something is mounted, and the folder itself when it is one; proc_pid_mountinfo(5). */
export async function mountsBelow(folder: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''); // not Linux: a run can't mount
  return table
    .split('\n')
    .flatMap((line) => line.split(' ', 5)[4] ?? [])
    .map((point) =>
      point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((point) => `${point}/`.startsWith(`${folder}/`));
}
