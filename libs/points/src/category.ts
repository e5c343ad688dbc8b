/**
 * The categories that DataKit 1.84.1 takes at `/v1/write/<category>`. `profiling` is not among them: its handler lives
 * elsewhere and the write route answers 400 invalidCategory.
 */
export const categories = [
  'metric',
  'logging',
  'object',
  'custom_object',
  'keyevent',
  'rum',
  'network',
  'tracing',
  'security',
] as const;

export type Category = (typeof categories)[number];

const known: ReadonlySet<string> = new Set(categories);

export function isCategory(value: unknown): value is Category {
  return typeof value === 'string' && known.has(value);
}

/** What DataKit does to the points of one category, and of no other. */
export interface CategoryRules {
  /** False: a dot in a key becomes `_`. */
  readonly dotsInKeys: boolean;
  /** False: string fields are dropped. */
  readonly stringFields: boolean;
  /** Keys that are dropped, as tag and as field. */
  readonly droppedKeys: readonly string[];
  /** A field that is added where neither a tag nor a field has its key. */
  readonly requiredField: { readonly key: string; readonly value: string } | null;
}

/** Every point passes these first, whatever its category. */
export const commonRules: CategoryRules = {
  dotsInKeys: true,
  stringFields: true,
  droppedKeys: [],
  requiredField: null,
};

const metricRules: CategoryRules = { ...commonRules, stringFields: false };

const loggingRules: CategoryRules = {
  dotsInKeys: false,
  stringFields: true,
  droppedKeys: ['source', 'date'],
  requiredField: { key: 'status', value: 'info' },
};

const objectRules: CategoryRules = {
  dotsInKeys: false,
  stringFields: true,
  droppedKeys: ['class', 'date'],
  requiredField: { key: 'name', value: 'default' },
};

export function rulesOf(category: Category): CategoryRules {
  switch (category) {
    case 'metric':
      return metricRules;
    case 'logging':
      return loggingRules;
    case 'object':
      return objectRules;
    default:
      return commonRules;
  }
}
