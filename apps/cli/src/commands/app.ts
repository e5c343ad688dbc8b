import { type Component, startInOrder } from '@pythond/lifecycle';
import { type Context, type HomeFlags, requireHome, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { findRedis, reach } from '../fleet-connection.ts';
import { readFleetKeys } from '../fleet-keys.ts';
import { type AppOptions, makeNormalizer, makeScheduler, makeWorker } from '../make-apps.ts';
import { makeOwnFolder } from '../own-folder.ts';
import { notConfined, sandboxOf } from '../sandbox-lines.ts';
import { untilAborted } from '../until-aborted.ts';

export type AppName = 'scheduler' | 'worker' | 'normalizer';

const makers: Readonly<Record<AppName, (options: AppOptions) => Component>> = {
  scheduler: (options) => makeScheduler(options),
  worker: (options) => makeWorker(options),
  normalizer: (options) => makeNormalizer(options),
};

/** `pythond scheduler | worker | normalizer`: one app alone, for containers; it logs JSON lines to standard output. */
export async function app(name: AppName, context: Context, flags: HomeFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, flags);
  if (name === 'scheduler') await requireHome(settings);
  const redis = await findRedis(settings);
  if (!redis) {
    throw new CommandError(
      `The ${name} needs a Redis: set REDIS_URL, for example redis://localhost:6379. (\`pythond up\` brings its own.)`,
    );
  }
  await reach(redis);
  if (name === 'worker') {
    await makeOwnFolder(settings, 'cacheDir');
    const warning = notConfined(await sandboxOf(context, settings));
    if (warning) context.terminal.err.write(`${warning}\n`);
  }
  const keys = await readFleetKeys(context.terminal, settings, [name]);
  const component = makers[name]({ context, settings, redis, keys, logFile: null });
  await startInOrder([component]);
  try {
    await untilAborted(context.signal);
  } finally {
    await component.stop();
  }
  return exitCodes.ok;
}
