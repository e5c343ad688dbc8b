import { isTable, parseToml } from './parse-toml.ts';
import type { ConfigProblem } from './problem.ts';
import { readTextFile } from './read-text-file.ts';
import { MAX_DEPTH, outline } from './toml-outline.ts';

/** What the fleet takes over from the `datakit.conf` of a DataKit installation. */
export interface DatakitConf {
  /** `http_api.listen`: `localhost:9529`, `:9529`, or the path of a socket; null: not set, or no such file. */
  readonly listen: string | null;
  /** `[git_repos]` as it stands; its URLs may hold passwords. null: not set. */
  readonly gitRepos: unknown | null;
}

export interface DatakitConfReading {
  readonly conf: DatakitConf;
  readonly problems: readonly ConfigProblem[];
}

const NOTHING: DatakitConf = { listen: null, gitRepos: null };

/** Reads DataKit's main file, in which DataKit itself expands no variables. `shown` is its path for messages. */
export async function readDatakitConf(path: string, shown: string): Promise<DatakitConfReading> {
  const reading = await readTextFile(path);
  if (reading === null) return { conf: NOTHING, problems: [] };
  if (!reading.ok) return failed(shown, null, reading.message);
  if (outline(reading.text).tooDeepAt !== null)
    return failed(shown, null, `is nested deeper than ${MAX_DEPTH}`);
  const parsed = parseToml(reading.text);
  if (!parsed.ok) return failed(shown, parsed.line, `is not valid TOML here: ${parsed.reason}`);
  const { http_api: httpApi, git_repos: gitRepos = null } = parsed.table;
  const listen = isTable(httpApi) ? httpApi['listen'] : null;
  return { conf: { listen: typeof listen === 'string' ? listen : null, gitRepos }, problems: [] };
}

function failed(file: string, line: number | null, message: string): DatakitConfReading {
  const problem: ConfigProblem = {
    ...{ level: 'warning', code: 'toml', file, line, block: null, name: null, key: null },
    message: `the file ${message}`,
    hint: 'its http_api.listen and [git_repos] are not used',
  };
  return { conf: NOTHING, problems: [problem] };
}
