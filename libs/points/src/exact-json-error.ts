export type ExactJsonErrorCode = 'json-syntax' | 'json-too-deep';

/** A text that is not JSON as Python writes it. `position` counts UTF-16 units from 0. */
export class ExactJsonError extends Error {
  override readonly name = 'ExactJsonError';
  readonly code: ExactJsonErrorCode;
  readonly position: number;

  constructor(code: ExactJsonErrorCode, what: string, position: number) {
    super(`${what} at position ${position}`);
    this.code = code;
    this.position = position;
  }
}

/**
 * A float literal with a whole value, as the value of a key `time`: `1700000000.0` is not `1700000000` there, since
 * DataKit refuses the one and takes the other. Everywhere else a whole float is a plain number.
 */
export class FloatLiteral {
  readonly value: number;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
    this.value = Number(text);
  }

  valueOf(): number {
    return this.value;
  }

  toJSON(): number {
    return this.value;
  }

  toString(): string {
    return this.text;
  }
}
