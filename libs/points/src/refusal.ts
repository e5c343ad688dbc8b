/** Why a point is not sent. The codes are stable: dead letters and tests know them. */
export type RefusalCode =
  | 'not-an-array'
  | 'not-an-object'
  | 'measurement-not-text'
  | 'measurement-unsafe'
  | 'tags-not-an-object'
  | 'tag-not-text'
  | 'fields-not-an-object'
  | 'not-finite'
  | 'time-not-an-integer'
  | 'time-out-of-range'
  | 'no-fields'
  | 'strict'
  | 'bad-protobuf-json'
  | 'bad-line';

export interface Refusal {
  readonly code: RefusalCode;
  readonly reason: string;
}

/** Leaves a point from wherever it turned out bad. `normalise` never lets it out; whoever reads points itself meets it. */
export class RefusedSignal extends Error {
  override readonly name = 'RefusedSignal';
  readonly code: RefusalCode;
  /** Where DataKit does not answer 400 but fails over the point and loses its whole batch. */
  readonly losesBatch: boolean;

  constructor(code: RefusalCode, reason: string, losesBatch = false) {
    super(reason);
    this.code = code;
    this.losesBatch = losesBatch;
  }
}
