/** What a bundle may hold. Sizes in bytes of the files, before compression. */
export interface BundleLimits {
  readonly maxFileBytes: number;
  readonly maxBytes: number;
  /** Files and folders together. */
  readonly maxFiles: number;
  /** Folders below an entry of `dirs` or `files`. */
  readonly maxDepth: number;
  /** Of a path within the bundle, in UTF-8. The cache's own folder comes on top, so this stays far below PATH_MAX. */
  readonly maxPathBytes: number;
}

const MIB = 1024 * 1024;

export const defaultBundleLimits: BundleLimits = {
  maxFileBytes: 32 * MIB,
  maxBytes: 64 * MIB,
  maxFiles: 10_000,
  maxDepth: 16,
  maxPathBytes: 1024,
};

/** A tar header, a pax header with a path of any allowed length, and the padding of both and of the content. */
const TAR_BYTES_PER_FILE = 4096;

/** No archive of a bundle within the limits is longer than this when unpacked: more is a bomb. */
export function maxTarBytes(limits: BundleLimits): number {
  return limits.maxBytes + (limits.maxFiles + 1) * TAR_BYTES_PER_FILE;
}

/** For messages: `512 bytes`, `1.5 MiB`, `64 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = -1;
  do {
    value /= 1024;
    unit += 1;
  } while (value >= 1024 && unit < units.length - 1);
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}
