export {
  type Category,
  type CategoryRules,
  categories,
  commonRules,
  isCategory,
  rulesOf,
} from './category.ts';
export { checkDraft } from './check.ts';
export { type EncodedPoint, encodePoint } from './encode-line.ts';
export { type ExactJsonOptions, parseExactJson, stringifyExact } from './exact-json.ts';
export { ExactJsonError, type ExactJsonErrorCode, FloatLiteral } from './exact-json-error.ts';
export { type JsonPoint, readJsonPoint } from './json-point.ts';
export type { IntegerMode } from './json-value.ts';
export { isTooLate, type LatePolicy, lateIndexes, lateReason } from './late.ts';
export {
  type LineFailure,
  type LinePoint,
  type ParsedLines,
  type ParseLinesOptions,
  parseLineProtocol,
} from './line-protocol.ts';
export { normalise } from './normalise.ts';
export { type NormaliseLinesOptions, normaliseLines } from './normalise-lines.ts';
export type {
  Normalised,
  NormalisedPoint,
  NormaliseOptions,
  NormaliseWarning,
  RejectedPoint,
} from './normalised.ts';
export {
  draftOf,
  type FieldValue,
  type KeyValue,
  type PointDraft,
  type PointWarning,
  type ScalarValue,
} from './point-draft.ts';
export type { WarningCode } from './point-warnings.ts';
export { type RefusalCode, RefusedSignal } from './refusal.ts';
export {
  createReportClock,
  createRunClock,
  type RunClock,
  type RunTimes,
  type TimeSource,
} from './run-clock.ts';
export { byteStrings, goQuote, type TextRules } from './text-rules.ts';
export { isLate, LATE_AFTER_MS, nsToMs, type PrecisionUnit, precisionUnit, toNanoseconds } from './time.ts';
