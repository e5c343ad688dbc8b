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
  #max = 0;

  constructor(bounds: readonly number[] = LAG_BUCKETS_MS) {
    this.bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** As it was stored: a count for each bound, and one more for what lies beyond the last. Its sum is not known. */
  static of(bounds: readonly number[], counts: readonly number[], max: number): Histogram {
    const histogram = new Histogram(bounds);
    for (const bucket of histogram.#counts.keys()) histogram.#counts[bucket] = counts[bucket] ?? 0;
    histogram.#total = histogram.#counts.reduce((sum, count) => sum + count, 0);
    histogram.#max = max;
    return histogram;
  }

  get total(): number {
    return this.#total;
  }

  get sum(): number {
    return this.#sum;
  }

  /** The greatest value; 0 when empty. */
  get max(): number {
    return this.#max;
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
    this.#max = Math.max(this.#max, value);
  }

  /** Adds what another of the same bounds has counted. */
  add(other: Histogram): void {
    for (const [bucket, count] of other.#counts.entries())
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    this.#total += other.#total;
    this.#sum += other.#sum;
    this.#max = Math.max(this.#max, other.#max);
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
