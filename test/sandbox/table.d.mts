/** The path of docs/security.md. */
export const DOCUMENT: string;
export const CLASSES: Readonly<Record<string, { readonly title: string; readonly host?: boolean }>>;
export function attackNames(): ReadonlyMap<string, readonly string[]>;
export function tableOf(
  document: string,
): ReadonlyMap<string, { readonly names: readonly string[]; readonly counts: readonly string[] }>;
export const NOT_MADE: string;
