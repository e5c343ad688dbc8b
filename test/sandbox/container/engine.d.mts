import type { Readable } from 'node:stream';

/** `user:group` for {@link runWords}: a uid that no account of an image has. */
export const PLAIN_USER: string;

/** How a `docker …` ended; `code` is null where it could not be started. */
export interface DockerResult {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export function whyNoEngine(): Promise<string | null>;
export function runWords(image: string, user: string, more?: readonly string[]): string[];
export function defaultRunWords(image: string, more?: readonly string[]): string[];
export function docker(
  words: readonly string[],
  options?: { readonly input?: Readable },
): Promise<DockerResult>;
export function dockerOutput(
  words: readonly string[],
  options?: { readonly input?: Readable },
): Promise<string>;
