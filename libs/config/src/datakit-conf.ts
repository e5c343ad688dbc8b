import { isTable, parseToml } from './parse-toml.ts';
import type { ConfigProblem } from './problem.ts';
import { readTextFile } from './read-text-file.ts';
import { MAX_DEPTH, outline } from './toml-outline.ts';
import { readOrigin } from './url.ts';

/** What the fleet takes over from the `datakit.conf` of a DataKit installation. */
export interface DatakitConf {
  /** Where that DataKit listens by its `http_api.listen`, as an origin; null: not set, or no such file. */
  readonly url: string | null;
  /** `[git_repos]` as it stands; its URLs may hold passwords. null: not set. */
  readonly gitRepos: unknown | null;
}

export interface DatakitConfReading {
  readonly conf: DatakitConf;
  readonly problems: readonly ConfigProblem[];
}

const NOTHING: DatakitConf = { url: null, gitRepos: null };

/** What listens on all addresses of the machine, as Go writes it. */
const EVERYWHERE: ReadonlySet<string> = new Set(['', '0.0.0.0', '[::]']);

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
  const listen = isTable(httpApi) ? httpApi['listen'] : undefined;
  if (listen === undefined) return { conf: { url: null, gitRepos }, problems: [] };
  const url = originOf(listen);
  return { conf: { url, gitRepos }, problems: url === null ? [unusable(shown)] : [] };
}

/** `localhost:9529`, `:9529`, `[::1]:9529`; null for anything else, such as the path of a socket. */
function originOf(listen: unknown): string | null {
  const match = /^(.*):(\d+)$/.exec(String(listen));
  if (match === null) return null;
  const [, host = '', port = ''] = match;
  const reading = readOrigin(`http://${EVERYWHERE.has(host) ? '127.0.0.1' : host}:${port}`);
  return reading.ok ? reading.value : null;
}

function unusable(file: string): ConfigProblem {
  return {
    ...{ level: 'warning', code: 'wrong-value', file, line: null, block: null, name: null },
    ...{ key: 'http_api.listen', message: 'http_api.listen is no host and port, and is not used' },
    hint: 'name the DataKit with DATAKIT_URL, for example http://127.0.0.1:9529',
  };
}

function failed(file: string, line: number | null, message: string): DatakitConfReading {
  const problem: ConfigProblem = {
    ...{ level: 'warning', code: 'toml', file, line, block: null, name: null, key: null },
    message: `the file ${message}`,
    hint: 'its http_api.listen and [git_repos] are not used',
  };
  return { conf: NOTHING, problems: [problem] };
}
