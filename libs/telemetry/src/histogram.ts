/** Upper bounds in milliseconds: fine where a tick's lag should be, coarse where it should not. */
const LAG_BUCKETS_MS = [
  1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000,
];

/** Counts by bucket. Quantiles are the upper bound of the bucket that holds them. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #total = 0;
  #sum = 0;

  constructor(bounds: readonly number[] = LAG_BUCKETS_MS) {
    this.bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  get total(): number {
    return this.#total;
  }

  get sum(): number {
    return this.#sum;
  }

  get counts(): readonly number[] {
    return this.#counts;
  }

  observe(value: number): void {
    const found = this.bounds.findIndex((bound) => value <= bound);
    const bucket = found === -1 ? this.bounds.length : found;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
    this.#sum += value;
  }

  /** The least bound under which at least `q` (0 to 1) of the values lie; Infinity beyond the last; NaN when empty. */
  quantile(q: number): number {
    if (this.#total === 0) return Number.NaN;
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= q * this.#total) return this.bounds[bucket] ?? Number.POSITIVE_INFINITY;
    }
    return Number.POSITIVE_INFINITY;
  }
}
