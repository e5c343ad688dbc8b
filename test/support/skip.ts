import type { TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why a test was skipped, for the list that `npm test` ends with. */
    why?: string;
  }
}

/** Skips a test that can't be made here, and says why; null: it can. */
export function skipIf(why: string | null, { skip, task }: Pick<TestContext, 'skip' | 'task'>): void {
  if (why === null) return;
  task.meta.why = why;
  skip(why);
}
