/**
 * Something that runs until it is stopped.
 *
 * States: idle → starting → running → stopping → stopped. `stop()` may be called in any of them, any number of
 * times; it resolves once everything the component holds is released, and a component that was stopped is never
 * started again.
 */
export interface Component {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts components in order; when one fails, those already started are stopped in reverse before the failure is
 * passed on.
 */
export async function startInOrder(components: readonly Component[]): Promise<void> {
  const started: Component[] = [];
  for (const component of components) {
    try {
      await component.start();
      started.push(component);
    } catch (cause) {
      await stopInReverse([...started, component]).catch(() => undefined);
      throw cause;
    }
  }
}

/** Stops every component, the last first, even when one of them throws; the errors come together at the end. */
export async function stopInReverse(components: readonly Component[]): Promise<void> {
  await runAll([...components].reverse().map((component) => () => component.stop()));
}

/** Runs every step in order whatever the others do; throws an AggregateError of all failures at the end. */
export async function runAll(steps: readonly (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} steps failed while stopping`);
}

/** Makes an async function that runs once: later calls share the first one's promise. */
export function once<T>(run: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= run();
    return result;
  };
}
