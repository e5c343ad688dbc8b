import type { CategoryRules } from './category.ts';
import type { KeyValue, PointDraft } from './point-draft.ts';
import { goQuote, type TextRules } from './text-rules.ts';

/** One tag or field under check, and what it is checked by. */
export interface CheckContext {
  readonly draft: PointDraft;
  readonly kv: KeyValue;
  readonly rules: CategoryRules;
  readonly text: TextRules;
  /** The names of all keys, where no two are equal (always, but for protobuf points): saves a walk for each key. */
  readonly unique: Set<string> | null;
}

export function quote(context: CheckContext, text: string): string {
  return goQuote(context.text.show(text));
}

export function warn(context: CheckContext, type: string, message: string): void {
  context.draft.warnings.push({ type, message, key: context.kv.key });
}
