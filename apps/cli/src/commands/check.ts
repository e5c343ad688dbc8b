import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createBundleCache } from '@pythond/bundles';
import { createDataKitClient, type Verdict } from '@pythond/datakit';
import { stringifyExact } from '@pythond/points';
import { createHostPool, removeFolder } from '@pythond/runner';
import { readHome } from '@pythond/scheduler';
import { confineInput, DEFAULT_DATAKIT } from '@pythond/worker';
import { type CheckInputOptions, checkInput } from '../check/check-input.ts';
import { printCheck } from '../check/print-check.ts';
import type { CheckedCollector, CheckFailure, CheckResult } from '../check/result.ts';
import { type Context, type HomeFlags, requireHome, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { harmlessJson } from '../printable.ts';
import { inputNotConfined, notConfined, sandboxOf } from '../sandbox-lines.ts';
import { print } from '../terminal.ts';
import { corePath } from '../version.ts';

export interface CheckFlags extends HomeFlags {
  readonly json?: boolean;
  readonly datakit?: string;
}

/** `pythond check`: each collector once, as a worker would run it, without a Redis and without sending anything. */
export async function check(
  context: Context,
  wanted: readonly string[],
  flags: CheckFlags,
): Promise<ExitCode> {
  const { terminal, env } = context;
  const settings = await settingsOf(context, {
    ...(flags.home ? { home: flags.home } : {}),
    datakitUrl: flags.datakit,
  });
  await requireHome(settings);
  const { home, host, secretsDirs, bundleLimits } = settings;
  const { inputs, problems, datakitUrl, overlays } = await readHome(settings, env);
  for (const { text } of problems) terminal.err.write(`${text}\n`);
  let broken = problems.some(({ level }) => level === 'error');
  if (inputs.length === 0)
    throw new CommandError(
      `There is nothing to check: no usable [[inputs.pythond]] block in ${overlays.length > 0 ? `the git repos of ${home}` : `${home}/conf.d`}.`,
    );
  const sandbox = await sandboxOf(context, settings);
  const warning = notConfined(sandbox);
  if (warning) terminal.err.write(`${warning}\n`);
  else
    for (const { key, policy } of inputs)
      if (policy.sandbox === 'none') terminal.err.write(`${inputNotConfined(key)}\n`);
  const dir = await mkdtemp(path.join(tmpdir(), 'pythond-check-'));
  await chmod(dir, 0o755); // hosts become other users, and have to get through
  const archives = new Map<string, Buffer>();
  const store = {
    put: async (digest: string, archive: Buffer) => void archives.set(digest, archive),
    get: async (digest: string) => archives.get(digest) ?? null,
  };
  const bundles = createBundleCache({ dir: path.join(dir, 'cache'), store });
  const hosts = createHostPool({ maxHosts: Math.max(4, inputs.length), corePath, tmpDir: dir });
  const options: CheckInputOptions = {
    ...{
      home,
      overlays,
      env,
      secretsDirs,
      host,
      bundleLimits,
      store,
      bundles,
      hosts,
      cwd: dir,
      signal: context.signal,
    },
    confine: (request) => confineInput(request, { level: sandbox.level, corePath, tmpDir: dir }),
    ownDatakit: settings.datakitUrl ?? datakitUrl ?? DEFAULT_DATAKIT,
    wanted: (id) => isWanted(id, wanted),
    onProblem: (level, text) => {
      broken ||= level === 'error';
      terminal.err.write(`${text}\n`);
    },
  };
  try {
    const checked = await Promise.all(inputs.map((input) => checkInput(input, options)));
    const collectors = checked.flatMap(({ collectors }) => collectors);
    const failures = checked.flatMap(({ failures }) => failures);
    const allFound =
      wanted.length > 0 && wanted.every((text) => collectors.some(({ id }) => isWanted(id, [text])));
    const result: CheckResult = { collectors, failures: allFound ? failures.filter(isOfModule) : failures };
    const told = flags.datakit ? await askDatakit(result, context.signal) : result;
    if (flags.json) print(terminal, harmlessJson(stringifyExact(told)));
    else printCheck(terminal, told);
    return exitCode(told, wanted, broken && !allFound);
  } finally {
    await hosts.stop();
    bundles.close();
    await removeFolder(dir);
  }
}

function isWanted(id: string, wanted: readonly string[]): boolean {
  return (
    wanted.length === 0 || wanted.some((text) => id === text || id.toLowerCase().includes(text.toLowerCase()))
  );
}

/**
 * An input that can't run at all may be the one that holds what was asked for: it is told of, unless all that was
 * asked for was found elsewhere. Failures of modules were chosen by what was asked for already.
 */
function isOfModule({ module }: CheckFailure): boolean {
  return module !== null;
}

function exitCode(
  { collectors, failures }: CheckResult,
  wanted: readonly string[],
  broken: boolean,
): ExitCode {
  if (collectors.length + failures.length === 0) {
    const which =
      wanted.length === 0 ? 'no collector was found' : `no collector is called ${wanted.join(' or ')}`;
    throw new CommandError(`There is nothing to check: ${which}.`);
  }
  const bad = collectors.some(({ outcome, reports }) => outcome !== 'succeeded' || reports.some(refused));
  return bad || failures.length > 0 || broken ? exitCodes.failed : exitCodes.ok;
}

function refused({ rejected, echoError }: CheckedCollector['reports'][number]): boolean {
  return rejected.length > 0 || echoError !== undefined;
}

function whyNot(endpoint: string, verdict: Exclude<Verdict, { kind: 'accepted' }>): string {
  if ('cause' in verdict) return `${endpoint} can't be asked what it would store: ${verdict.cause.message}`;
  const { status, body } = verdict.answer;
  return `${endpoint} would not store it: it answered ${status} ${body.trim()}`.trimEnd();
}

/** What a real DataKit would store, without storing it. */
async function askDatakit(result: CheckResult, signal: AbortSignal): Promise<CheckResult> {
  const client = createDataKitClient();
  const ask = async (report: CheckedCollector['reports'][number]) => {
    const { category, destination: endpoint, query, lineProtocol } = report;
    if (lineProtocol === '') return report;
    const delivery = {
      ...{ endpoint, category, body: lineProtocol, points: lineProtocol.split('\n').length },
      query: Object.entries(query).filter(([name]) => name !== 'precision'),
    };
    const { verdict, echo } = await client.dryRun(delivery, 'lp', { signal });
    return verdict.kind === 'accepted'
      ? { ...report, echo }
      : { ...report, echoError: whyNot(endpoint, verdict) };
  };
  try {
    const collectors: CheckedCollector[] = [];
    for (const collector of result.collectors) {
      const reports: CheckedCollector['reports'][number][] = [];
      for (const report of collector.reports) reports.push(await ask(report));
      collectors.push({ ...collector, reports });
    }
    return { ...result, collectors };
  } finally {
    await client.close();
  }
}
