import { FloatLiteral } from './exact-json-error.ts';

const SHOWN = 60;

/** A value in plain words, for a reason that people read: `the number 5`, `the text "x"`, `a list`. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `the text ${quote(value)}`;
    case 'number':
    case 'bigint':
      return `the number ${shorten(String(value))}`;
    case 'boolean':
      return `${value}`;
    case 'undefined':
      return 'nothing';
    default:
      if (value === null) return 'null';
      if (value instanceof FloatLiteral) return `the float ${shorten(value.text)}`;
      return Array.isArray(value) ? 'a list' : 'an object';
  }
}

export function quote(text: string): string {
  return JSON.stringify(shorten(text));
}

function shorten(text: string): string {
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}
