import type { Batch, BatchResult, Entry, OriginShare } from './batch.ts';
import { bodyOf, type Destination, frameBytesOf } from './delivery.ts';

/** The lines of one entry that are in one batch: `count` from `from` on, at `at` in the batch. */
interface Segment<O> {
  readonly entry: Entry<O>;
  readonly from: number;
  readonly at: number;
  count: number;
}

/** A batch, and whose lines are in it. */
export interface Cut<O> {
  readonly batch: Batch<O>;
  readonly segments: readonly Segment<O>[];
  /** Of the lines that were taken off the entries. */
  readonly takenBytes: number;
}

export interface BatchLimits {
  readonly maxPoints: number;
  /** Of the body: the lines and what joins them. */
  readonly maxBytes: number;
}

/**
 * Takes as many lines off the front of `entries` as fit in one batch; entries that are used up leave the list. A line
 * that fits in no batch is dead on the spot.
 */
export function cutBatch<O>(destination: Destination, entries: Entry<O>[], limits: BatchLimits): Cut<O> {
  const bytesAround = frameBytesOf(destination.form);
  const cut: Growing<O> = { lines: [], segments: [], bytes: bytesAround, takenBytes: 0 };
  for (let entry = entries[0]; entry; entry = entries[0]) {
    takeLines(cut, entry, limits, bytesAround);
    if (entry.next < entry.lines.length) break;
    entries.shift();
  }
  const { lines, segments, bytes, takenBytes } = cut;
  const origins: OriginShare<O>[] = segments.map(({ entry, count }) => ({
    origin: entry.origin,
    points: count,
  }));
  const batch = {
    ...destination,
    body: bodyOf(destination.form, lines),
    points: lines.length,
    lines,
    bytes,
    origins,
  };
  return { batch, segments, takenBytes };
}

interface Growing<O> {
  readonly lines: string[];
  readonly segments: Segment<O>[];
  bytes: number;
  takenBytes: number;
}

function takeLines<O>(
  cut: Growing<O>,
  entry: Entry<O>,
  { maxPoints, maxBytes }: BatchLimits,
  bytesAround: number,
): void {
  let segment: Segment<O> | null = null;
  for (; entry.next < entry.lines.length; entry.next++) {
    const size = entry.sizes[entry.next] ?? 0;
    if (bytesAround + size > maxBytes) {
      cut.takenBytes += size;
      segment = null;
      entry.dead({ indexes: [entry.next], code: 'too-large', answer: null });
      continue;
    }
    const grown = cut.bytes + size + (cut.lines.length > 0 ? 1 : 0);
    if (cut.lines.length >= maxPoints || grown > maxBytes) return;
    if (segment === null) {
      segment = { entry, from: entry.next, at: cut.lines.length, count: 0 };
      cut.segments.push(segment);
    }
    cut.lines.push(entry.lines[entry.next]?.line ?? '');
    cut.bytes = grown;
    cut.takenBytes += size;
    segment.count++;
  }
}

/** Tells each entry what became of its lines. */
export function shareResult<O>({ segments, batch }: Cut<O>, { dead, retry }: BatchResult): void {
  const settled = new Map<Segment<O>, number>();
  const share = (indexes: readonly number[], tell: (entry: Entry<O>, own: number[]) => void): void => {
    for (const [segment, own] of bySegment(segments, batch.points, indexes)) {
      settled.set(segment, (settled.get(segment) ?? 0) + own.length);
      tell(segment.entry, own);
    }
  };
  for (const points of dead) {
    share(points.indexes, (entry, own) => entry.dead({ ...points, indexes: own }));
  }
  if (retry) share(retry.indexes, (entry, own) => entry.retry({ ...retry, indexes: own }));
  for (const segment of segments) segment.entry.accepted(segment.count - (settled.get(segment) ?? 0));
}

/** Tells each entry that its lines were not sent. */
export function shareFailure<O>({ segments }: Cut<O>, error: Error): void {
  for (const { entry, from, count } of segments) entry.unsent({ indexes: range(from, from + count), error });
}

/** The numbers from `start` to before `end`. */
export function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
}

/** Positions in the batch, as positions in each segment's entry. */
function bySegment<O>(
  segments: readonly Segment<O>[],
  points: number,
  indexes: readonly number[],
): Map<Segment<O>, number[]> {
  const shares = new Map<Segment<O>, number[]>();
  let nth = 0;
  for (const index of [...indexes].sort((a, b) => a - b)) {
    if (index < 0 || index >= points) continue;
    while (index >= (segments[nth]?.at ?? points) + (segments[nth]?.count ?? 0)) nth++;
    const segment = segments[nth];
    if (!segment) break;
    const own = shares.get(segment) ?? [];
    own.push(segment.from + index - segment.at);
    shares.set(segment, own);
  }
  return shares;
}
