import { InvalidArgumentError } from 'commander';

/** Flags that most commands have. */
export const HOME: [string, string] = [
  '--home <dir>',
  'the folder with conf.d and python.d (default: PYTHOND_HOME, else here)',
];
export const JSON_FLAG: [string, string] = ['--json', 'print JSON, for scripts'];

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}
