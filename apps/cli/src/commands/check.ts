import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createBundleCache } from '@pythond/bundles';
import { formatProblem, readInputs } from '@pythond/config';
import { createDataKitClient } from '@pythond/datakit';
import type { CollectorId } from '@pythond/jobs';
import { stringifyExact } from '@pythond/points';
import { createHostPool } from '@pythond/runner';
import { DEFAULT_DATAKIT } from '@pythond/worker';
import { type CheckInputOptions, checkInput } from '../check/check-input.ts';
import { printCheck } from '../check/print-check.ts';
import type { CheckedCollector, CheckResult } from '../check/result.ts';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { confinementWarning } from '../narrator.ts';
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
  const { home, secretsDirs, bundleLimits } = settings;
  const { inputs, problems } = await readInputs({ home, env, secretsDirs });
  for (const problem of problems) terminal.err.write(`${formatProblem(problem)}\n`);
  if (inputs.length === 0)
    throw new CommandError(
      `There is nothing to check: no usable [[inputs.pythond]] block in ${home}/conf.d.`,
    );
  terminal.err.write(`${confinementWarning}\n`);
  const dir = await mkdtemp(path.join(tmpdir(), 'pythond-check-'));
  const archives = new Map<string, Buffer>();
  const store = {
    put: async (digest: string, archive: Buffer) => void archives.set(digest, archive),
    get: async (digest: string) => archives.get(digest) ?? null,
  };
  const bundles = createBundleCache({ dir: path.join(dir, 'cache'), store });
  const hosts = createHostPool({ maxHosts: Math.max(4, inputs.length), corePath, tmpDir: dir });
  const options: CheckInputOptions = {
    ...{ home, env, secretsDirs, bundleLimits, store, bundles, hosts, cwd: dir, signal: context.signal },
    ownDatakit: settings.datakitUrl ?? DEFAULT_DATAKIT,
    wanted: (id) => isWanted(id, wanted),
    onProblem: (text) => terminal.err.write(`${text}\n`),
  };
  try {
    const checked = await Promise.all(inputs.map((input) => checkInput(input, options)));
    const result: CheckResult = {
      collectors: checked.flatMap(({ collectors }) => collectors),
      failures: checked.flatMap(({ failures }) => failures),
    };
    const told = flags.datakit ? await askDatakit(result, context.signal) : result;
    if (flags.json) print(terminal, stringifyExact(told));
    else printCheck(terminal, told);
    return exitCode(
      told,
      wanted,
      problems.some(({ level }) => level === 'error'),
    );
  } finally {
    await hosts.stop();
    bundles.close();
    await rm(dir, { recursive: true, force: true });
  }
}

function isWanted(id: CollectorId, wanted: readonly string[]): boolean {
  return (
    wanted.length === 0 || wanted.some((text) => id === text || id.toLowerCase().includes(text.toLowerCase()))
  );
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

function refused({ rejected }: CheckedCollector['reports'][number]): boolean {
  return rejected.length > 0;
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
    return { ...report, echo: verdict.kind === 'accepted' ? echo : `${verdict.kind}: ${echo}` };
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
