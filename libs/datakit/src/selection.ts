/** How many of a batch's points come from one place, in order. */
export interface Share {
  readonly points: number;
}

/**
 * The shares of the chosen points alone: who reported them, and how many each. `indexes` are ascending positions in
 * the batch that `shares` describes; a share that none of them falls into is left out.
 */
export function selectShares<S extends Share>(shares: readonly S[], indexes: readonly number[]): S[] {
  const selected: S[] = [];
  let next = 0;
  let end = 0;
  for (const share of shares) {
    end += share.points;
    const first = next;
    while (next < indexes.length && (indexes[next] ?? end) < end) next++;
    if (next > first) selected.push({ ...share, points: next - first });
  }
  return selected;
}
