import { type Standin, startStandin } from '@pythond/datakit-standin';
import { type CliResult, type RunningCli, runCli, startCli } from './cli.ts';
import { eventually } from './eventually.ts';

/** What `ls --json` prints. */
export interface Listing {
  readonly collectors: readonly {
    readonly id: string;
    readonly input: string;
    readonly module: string;
    readonly class: string;
    readonly name: string;
    readonly everyMs: number;
    readonly timeoutMs: number;
    readonly counts: Readonly<Record<string, number>>;
    readonly lastOutcome: string | null;
  }[];
  readonly failures: readonly {
    readonly input: string;
    readonly module: string | null;
    readonly class: string | null;
    readonly type: string;
    readonly message: string;
    readonly traceback: string;
    readonly hint: string | null;
  }[];
  readonly problems: readonly { readonly level: string; readonly code: string; readonly text: string }[];
}

/** A `pythond up` on a home of the test, with a DataKit that keeps what it gets. */
export interface TestUp {
  readonly cli: RunningCli;
  readonly datakit: Standin;
  /** What surrounds the fleet, for commands that look at it. */
  readonly env: Readonly<Record<string, string>>;
  ls(): Promise<Listing>;
  /** Waits until every collector of the list has ended a run, and gives the listing. */
  listed(ids: readonly string[]): Promise<Listing>;
  stop(): Promise<CliResult>;
}

/** Reached only when something is broken: the machine may be ten times slower than any that we have. */
const DEADLINE_MS = 300_000;

/** Starts a fleet; `env` reaches `up` and the commands that look at it. */
export async function startUp(home: string, env: Readonly<Record<string, string>> = {}): Promise<TestUp> {
  const datakit = await startStandin();
  const surroundings = { ...env, DATAKIT_URL: env['DATAKIT_URL'] ?? datakit.url };
  const cli = startCli(['up', '--home', home], { env: surroundings });
  const stop = async () => {
    const result = await cli.stop();
    await datakit.close();
    return result;
  };
  const ls = async (): Promise<Listing> => {
    const { code, stdout, stderr } = await runCli(['ls', '--home', home, '--json'], { env: surroundings });
    if (code !== 0) throw new Error(`ls ended with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  };
  const listed = (ids: readonly string[]) =>
    eventually(
      `a run of each of ${ids.join(', ')}`,
      async () => {
        const listing = await ls();
        const ran = listing.collectors.filter(({ lastOutcome }) => lastOutcome !== null).map(({ id }) => id);
        const missing = ids.filter((id) => !ran.includes(id));
        if (missing.length > 0)
          throw new Error(`not yet: ${missing.join(', ')}; ${cli.stdout()}${cli.stderr()}`);
        return listing;
      },
      DEADLINE_MS,
    );
  try {
    // The line comes when everything runs: no command that looks at the fleet is in vain from here on.
    await Promise.race([
      eventually('up to have started', () => cli.stdout().includes('Look next'), DEADLINE_MS),
      cli.ended.then(({ code, stdout, stderr }) => {
        throw new Error(`up ended with ${code}: ${stdout}${stderr}`);
      }),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { cli, datakit, env: surroundings, ls, listed, stop };
}
