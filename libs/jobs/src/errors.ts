/**
 * Redis holds a record that a newer version of pythond-fleet made, and this one can't read. Nothing is wrong with it: it is
 * left for those who can.
 */
export class NewerRecordError extends Error {
  override readonly name = 'NewerRecordError';
  readonly code = 'newer-record';

  /** @param what names it, such as `version 7 of input web` */
  constructor(what: string, version: number) {
    super(
      `${what} was made by a newer version of pythond-fleet (its format is ${version}), which this one can't read: upgrade this one`,
    );
  }
}
