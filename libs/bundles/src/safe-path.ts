import { BundleError } from './errors.ts';
import type { BundleLimits } from './limits.ts';
import { shown } from './problem.ts';

const TOPS = new Set(['python.d', 'abs', 'files']);
/** The longest name that any of our file systems holds. */
const MAX_NAME_BYTES = 255;

/** The path of an archive's entry when it stays within the bundle, else a `bundle-refused`. */
export function safePath(name: string, limits: BundleLimits): string {
  const path = name.replace(/\/$/, '');
  const parts = path.split('/');
  const refused =
    !TOPS.has(parts[0] ?? '') ||
    path.includes('\0') ||
    Buffer.byteLength(path) > limits.maxPathBytes ||
    parts.some(
      (part) => part === '' || part === '.' || part === '..' || Buffer.byteLength(part) > MAX_NAME_BYTES,
    );
  if (refused) throw new BundleError('bundle-refused', `holds the path ${shown(name.slice(0, 300))}`);
  return path;
}
