import { printable } from './printable.ts';
import type { ValueProblem } from './problem.ts';
import { encFilePath, isEncAes, isFleetSecret, REFERENCE, wholeFilePath } from './reference.ts';
import type { ReadSecret } from './secret-file.ts';

/** The value of a variable, or null for one that stays as it is written. */
type Expand = (name: string) => string | null;

/** Expands values one after the other and collects what was wrong with them. */
export class ValueResolver {
  readonly problems: ValueProblem[] = [];
  readonly #list: 'envs' | 'tags';
  readonly #readSecret: ReadSecret;
  readonly #expand: Expand | null;

  /** `expand` null: the values hold no variables, `$` is a character like any other. */
  constructor(list: 'envs' | 'tags', readSecret: ReadSecret, expand: Expand | null) {
    this.#list = list;
    this.#readSecret = readSecret;
    this.#expand = expand;
  }

  /** null: there is no such value, and a problem says why. */
  async resolve(key: string, text: string): Promise<string | null> {
    const whole = wholeFilePath(text);
    if (whole !== null) return this.#secret(key, whole);
    // One pass: what a variable or a secret holds is not looked into again.
    let value = '';
    let at = 0;
    for (const match of text.matchAll(REFERENCE)) {
      const piece = await this.#reference(key, match);
      if (piece === null) return null;
      value += text.slice(at, match.index) + piece;
      at = match.index + match[0].length;
    }
    return value + text.slice(at);
  }

  async #reference(key: string, [whole, braced, bare, inside]: RegExpExecArray): Promise<string | null> {
    if (inside === undefined) return this.#variable(key, whole, braced ?? bare ?? '');
    if (isEncAes(inside)) {
      this.#error(
        key,
        'enc-unsupported',
        'holds an ENC[aes:…], which is not supported',
        'write ENC[file:///path]',
      );
      return null;
    }
    const path = encFilePath(inside);
    return path === null ? whole : this.#secret(key, path);
  }

  #variable(key: string, whole: string, name: string): string {
    if (this.#expand === null) return whole;
    const value = this.#expand(name);
    if (value === null && /^[A-Za-z_]/.test(name)) this.#unexpanded(key, printable(name));
    return value ?? whole;
  }

  /** The message names the path as it was written: a variable in it may hold a password, as a proxy's does. */
  async #secret(key: string, path: string): Promise<string | null> {
    const expanded = path.replace(REFERENCE, (whole, braced?: string, bare?: string) => {
      const name = braced ?? bare;
      return name === undefined ? whole : this.#variable(key, whole, name);
    });
    const reading = await this.#readSecret(expanded);
    if (reading.ok) return reading.text;
    this.#error(key, 'secret', `names ${printable(path, 200)}, which can't be read: ${reading.reason}`);
    return null;
  }

  #error(key: string, code: ValueProblem['code'], text: string, hint: string | null = null): void {
    this.problems.push({ level: 'error', code, key, message: this.#message(key, text), hint });
  }

  #unexpanded(key: string, name: string): void {
    const secret = isFleetSecret(name);
    const why = secret ? 'it opens the fleet itself and is expanded nowhere' : 'it is not on the allow-list';
    const message = this.#message(key, `holds $${name}, which stays as it is: ${why}`);
    const hint = secret ? null : `write env_allow = ["${name}"] if it is a variable of the worker`;
    this.problems.push({ level: 'warning', code: 'unset-variable', key, message, hint });
  }

  #message(key: string, text: string): string {
    return `${printable(key)} in ${this.#list} ${text}`;
  }
}
