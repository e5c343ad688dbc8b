import { rulesOf } from './category.ts';
import { checkPoint, needsJson, toJson } from './checked-point.ts';
import { readJsonPoint } from './json-point.ts';
import type { LinePoint } from './line-protocol.ts';
import type {
  Normalised,
  NormalisedPoint,
  NormaliseOptions,
  NormaliseWarning,
  RejectedPoint,
} from './normalised.ts';
import { OwnTime, storableNs } from './own-time.ts';
import { PlainEncoder, type ReportedPoint } from './plain-point.ts';
import { draftOf, type FieldValue, type PointDraft, tagOf } from './point-draft.ts';
import { fieldUnderTag, type Note, notesOf, stringFieldDropped } from './point-warnings.ts';
import { type RefusalCode, RefusedSignal } from './refusal.ts';
import { nsToMs } from './time.ts';

/** Sends the points of one report through the quick way or the checked one, and collects what becomes of them. */
export class Normaliser {
  readonly #accepted: NormalisedPoint[] = [];
  readonly #rejected: RejectedPoint[] = [];
  readonly #warnings: NormaliseWarning[] = [];
  readonly #options: NormaliseOptions;
  readonly #extraTags: readonly (readonly [string, string])[];
  readonly #plain: PlainEncoder | null;
  readonly #ownTime: OwnTime;
  #lastNs = '';
  #lastMs = 0;

  constructor(options: NormaliseOptions) {
    this.#options = options;
    this.#extraTags = Object.entries(options.tags ?? {});
    this.#ownTime = new OwnTime(options.precision);
    const { category, integers = 'float', strict } = options;
    const isPlain = category !== 'rum' && strict !== true;
    this.#plain = isPlain ? new PlainEncoder(rulesOf(category), integers, this.#extraTags) : null;
  }

  result(): Normalised {
    return { accepted: this.#accepted, rejected: this.#rejected, warnings: this.#warnings };
  }

  reject(index: number, code: RefusalCode, reason: string, line?: string): void {
    this.#rejected.push(line === undefined ? { index, code, reason } : { index, code, reason, line });
  }

  /** A point of a JSON report. */
  addReported(index: number, reported: unknown): void {
    if (!this.#addPlain(index, reported)) this.#guard(index, () => this.#addChecked(index, reported));
  }

  /** A point that came as a line: its numbers keep their types. */
  addLine(point: LinePoint): void {
    const fields = new Map<string, FieldValue>();
    for (const [key, value] of point.fields) if (value !== null) fields.set(key, value);
    const draft = draftOf(point.measurement, point.tags, fields);
    const add = () => {
      const ownNs = point.ownTime ? storableNs(point.timeNs, 'the time of the line') : null;
      this.#addDraft(point.index, draft, ownNs, false);
      for (const note of notesOf(draft, null)) this.#note(point.index, note);
    };
    this.#guard(point.index, add, point.line);
  }

  #addPlain(index: number, point: unknown): boolean {
    const plain = this.#plain;
    if (plain === null || typeof point !== 'object' || point === null || Array.isArray(point)) return false;
    const ownNs = this.#ownTime.quick((point as ReportedPoint).time);
    if (ownNs === undefined || !plain.encode(point)) return false;
    const ns = ownNs ?? this.#options.time(plain.series);
    this.#accepted.push({ index, line: `${plain.series} ${plain.fields} ${ns}`, timeMs: this.#toMs(ns) });
    if (plain.textFields !== null) this.#note(index, stringFieldDropped(plain.textFields));
    return true;
  }

  #addChecked(index: number, reported: unknown): void {
    const { draft, time, overridden } = readJsonPoint(reported, this.#options.integers ?? 'float');
    // DataKit adds tags about the sender's place to RUM points that come as lines, and to no others.
    this.#addDraft(index, draft, this.#ownTime.exact(time), this.#options.category === 'rum');
    for (const note of notesOf(draft, reported)) this.#note(index, note);
    for (const key of overridden) this.#note(index, fieldUnderTag(key));
  }

  #addDraft(index: number, draft: PointDraft, ownNs: string | null, asJson: boolean): void {
    const names = new Set(draft.kvs.map((kv) => kv.key));
    for (const [key, value] of this.#extraTags) if (!names.has(key)) draft.kvs.push(tagOf(key, value));
    const point = checkPoint(draft, this.#options.category, this.#options.strict === true);
    const { series, fields } = point.encoded;
    const ns = ownNs ?? this.#options.time(series);
    const accepted = { index, line: `${series} ${fields} ${ns}`, timeMs: this.#toMs(ns) };
    const json = asJson || needsJson(point, accepted.line, ns) ? { json: toJson(point, ns) } : {};
    this.#accepted.push({ ...accepted, ...json });
  }

  #guard(index: number, add: () => void, line?: string): void {
    try {
      add();
    } catch (error) {
      if (!(error instanceof RefusedSignal)) throw error;
      this.reject(index, error.code, error.message, line);
    }
  }

  #note(index: number, { code, message }: Note): void {
    this.#warnings.push({ index, code, message });
  }

  /** Most points of a report have one time. */
  #toMs(ns: string): number {
    if (ns !== this.#lastNs) {
      this.#lastNs = ns;
      this.#lastMs = nsToMs(ns);
    }
    return this.#lastMs;
  }
}
