import path from 'node:path';
import { readInputs, type Settings } from '@pythond/config';
import { createDataKitClient } from '@pythond/datakit';
import { type Standin, startStandin } from '@pythond/datakit-standin';
import { findRedisServer, startEmbeddedRedis } from '@pythond/embedded-redis';
import { type Component, startInOrder, stopInReverse } from '@pythond/lifecycle';
import type { RedisTarget } from '@pythond/queue';
import { DEFAULT_DATAKIT } from '@pythond/worker';
import { type Context, type HomeFlags, requireHome, settingsOf } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { embeddedRedisDir, reach, targetOf } from '../fleet-connection.ts';
import { readFleetKeys } from '../fleet-keys.ts';
import { makeNormalizer, makeScheduler, makeWorker } from '../make-apps.ts';
import { Narrator } from '../narrator.ts';
import { OnceWatch } from '../once-watch.ts';
import { makeOwnFolder } from '../own-folder.ts';
import { notConfined, sandboxOf } from '../sandbox-lines.ts';
import { print } from '../terminal.ts';
import { untilAborted } from '../until-aborted.ts';
import { version } from '../version.ts';

export interface UpFlags extends HomeFlags {
  readonly datakit?: string;
  /** Each collector once; the exit code says whether all went well. */
  readonly once?: boolean;
}

/** Everything that was started, in order; stopped in reverse. */
class Stack {
  readonly #components: Component[] = [];
  readonly #failed = new AbortController();

  /** Fires when one of them ended by itself, and the others are no good without it. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  fail(): void {
    this.#failed.abort();
  }

  async start(component: Component): Promise<void> {
    await startInOrder([component]);
    this.#components.push(component);
  }

  stop(): Promise<void> {
    return stopInReverse(this.#components);
  }
}

/** `pythond up`: all apps in this process, with a Redis of its own unless one is named. */
export async function up(context: Context, flags: UpFlags): Promise<ExitCode> {
  const { home, datakit } = flags;
  const settings = await settingsOf(context, { ...(home ? { home } : {}), datakitUrl: datakit });
  await requireHome(settings);
  await makeOwnFolder(settings, 'dataDir');
  await makeOwnFolder(settings, 'cacheDir');
  const stack = new Stack();
  try {
    return await run(context, settings, flags, stack);
  } finally {
    if (context.signal.aborted) context.terminal.err.write('\nStopping …\n');
    await stack.stop();
  }
}

async function run(context: Context, settings: Settings, flags: UpFlags, stack: Stack): Promise<ExitCode> {
  const { terminal } = context;
  const { colors } = terminal;
  print(terminal, `${colors.bold('pythond-fleet')} ${version}  ${colors.dim(settings.home)}`);
  const sandbox = await sandboxOf(context, settings); // before anything is started
  const keys = await readFleetKeys(terminal, settings, ['scheduler', 'worker']);
  const redis = await bringRedis(context, settings, stack);
  const datakitUrl = await bringDatakit(context, settings, stack);
  print(terminal, `  Sandbox  ${sandbox.text}`);
  const warning = notConfined(sandbox);
  if (warning) print(terminal, `  ${colors.red(colors.bold(warning))}`);
  print(terminal);
  const logFile = path.join(settings.dataDir, 'pythond.log');
  const options = { context, settings: { ...settings, datakitUrl }, redis, keys, logFile };
  const narrator = new Narrator(terminal);
  const once = flags.once ? new OnceWatch(redis) : null;
  await stack.start(makeNormalizer(options, (event) => narrator.normalizer(event)));
  await stack.start(
    makeWorker(options, (event) => {
      narrator.worker(event);
      once?.worker(event);
    }),
  );
  await stack.start(
    makeScheduler(options, (event) => {
      narrator.scheduler(event);
      once?.scheduler(event);
    }),
  );
  const ending = AbortSignal.any([context.signal, stack.failed]);
  if (!once) tellWhereToLook(context, settings, logFile);
  const code = await (once?.done(ending) ?? untilAborted(ending).then(() => exitCodes.ok));
  return stack.failed.aborted ? exitCodes.failed : code;
}

async function bringRedis(context: Context, settings: Settings, stack: Stack): Promise<RedisTarget> {
  const { terminal, env } = context;
  const say = (line: string) => terminal.err.write(`  ${line}\n`);
  if (settings.redisUrl !== null) {
    const target = targetOf(settings, settings.redisUrl);
    const { version: redisVersion } = await reach(target);
    print(terminal, `  Redis    ${redisVersion} of REDIS_URL`);
    return target;
  }
  const server = await findRedisServer({ env, say });
  const running = await startEmbeddedRedis({
    dir: embeddedRedisDir(settings),
    server,
    env,
    say,
    onExit: ({ log }) => {
      terminal.err.write(`Redis ended by itself, so the fleet ends too; its last words:\n${log}\n`);
      stack.fail();
    },
  });
  await stack.start({ name: 'redis', start: async () => undefined, stop: () => running.stop() });
  print(
    terminal,
    `  Redis    ${running.version}, its own, in ${path.relative(context.cwd, embeddedRedisDir(settings))}`,
  );
  return { url: running.url, passwordFile: running.passwordFile };
}

/** The DataKit that is named anywhere; else the one at its default address; else, loudly, a stand-in. */
async function bringDatakit(context: Context, settings: Settings, stack: Stack): Promise<string> {
  const { terminal, env } = context;
  const { datakitConf } = await readInputs({ home: settings.home, env });
  const named = settings.datakitUrl ?? datakitConf.url;
  const wanted = named ?? DEFAULT_DATAKIT;
  const answers = await pings(wanted);
  if (answers || named) {
    const silent = answers ? '' : terminal.colors.yellow(' (silent now; points wait until it answers)');
    print(terminal, `  DataKit  ${wanted}${silent}`);
    return wanted;
  }
  const standin = await startStandin({});
  await stack.start(standinComponent(standin));
  const { colors } = terminal;
  print(terminal, `  DataKit  ${colors.yellow(colors.bold(`STAND-IN at ${standin.url}`))}`);
  print(
    terminal,
    `           No DataKit answers at ${DEFAULT_DATAKIT}, so points go to a stand-in that only keeps them`,
  );
  print(
    terminal,
    `           in memory. Set DATAKIT_URL to a real one. See them: ${standin.url}/_standin/points`,
  );
  return standin.url;
}

function standinComponent(standin: Standin): Component {
  return { name: 'datakit-standin', start: async () => undefined, stop: () => standin.close() };
}

async function pings(endpoint: string): Promise<boolean> {
  const client = createDataKitClient({ connectTimeoutMs: 1_000, totalTimeoutMs: 2_000 });
  try {
    const ping = await client.ping(endpoint, { signal: AbortSignal.timeout(3_000) });
    return ping.kind === 'answered';
  } finally {
    await client.close();
  }
}

function tellWhereToLook({ terminal, cwd }: Context, { home }: Settings, logFile: string): void {
  const { colors } = terminal;
  const where = path.resolve(cwd) === home ? '' : ` --home ${home}`;
  print(terminal);
  print(terminal, `  Look next, in another terminal: ${colors.cyan(`npx pythond ls${where}`)}`);
  print(terminal, `  Your own collector: a folder in python.d and a block in conf.d; README.md shows how.`);
  print(terminal, `  Log: ${path.relative(cwd, logFile)}   Stop with Ctrl-C.\n`);
}
