import { environmentAllowList, isFleetSecret } from '@pythond/config';
import type { InputDefinition } from '@pythond/jobs';
import type { ScriptFact } from '@pythond/runner';
import type { Finding, NeededKey } from './finding.ts';
import { type Places, pathVerdict } from './judge-paths.ts';

export interface ScriptFacts {
  /** As messages show it. */
  readonly file: string;
  /** Whether collectors are looked for in it. */
  readonly listed: boolean;
  readonly facts: readonly ScriptFact[];
}

/** What a fact means for an input; null: nothing to be told. */
export type Verdict = Pick<Finding, 'level' | 'message' | 'remedy'> & { readonly key?: NeededKey };

const MOST_NAMED = 4;

/** What of the facts of one script differs from DataKit, or is wrong, for an input with its keys as they are. */
export function judgeFacts(
  definition: InputDefinition,
  { file, listed, facts }: ScriptFacts,
  places: Places,
): Finding[] {
  const findings: Finding[] = [];
  const add = (fact: ScriptFact, verdict: Verdict | null) => {
    if (verdict === null) return;
    const { key = null, ...told } = verdict;
    findings.push({ ...told, code: fact.kind, input: definition.key, file, line: fact.line || null, key });
  };
  const judge = { definition, places, listed };
  for (const fact of facts)
    if (fact.kind !== 'host' && fact.kind !== 'server') add(fact, verdictOf(fact, judge));
  for (const kind of ['host', 'server'] as const) {
    const same = facts.filter((fact) => fact.kind === kind);
    const [first] = same.filter(({ sure }) => sure !== false).concat(same);
    if (first) add(first, kind === 'host' ? host(definition, same) : server(definition, same));
  }
  return findings;
}

interface Judge {
  readonly definition: InputDefinition;
  readonly places: Places;
  readonly listed: boolean;
}

function verdictOf(fact: ScriptFact, { definition, places, listed }: Judge): Verdict | null {
  const what = fact.what ?? '';
  switch (fact.kind) {
    case 'syntax':
      return {
        level: listed ? 'error' : 'warning',
        message: `is no Python that ${places.python} reads: ${what}`,
        remedy: 'correct it, or name another Python in cmd; the other modules run all the same',
      };
    case 'missing-module':
      return missingModule(what, fact.sure === true, places.python);
    case 'library-name':
      return {
        level: 'warning',
        message: `is called as Python's own module ${what}: its collectors are found here, but "import ${what}" gets Python's`,
        remedy: 'rename it if another script imports it',
      };
    case 'no-interval':
      if (definition.intervalMs !== null) return null;
      return {
        level: 'warning',
        message: `class ${what} has no interval: it runs every 10 s (under DataKit it never did)`,
        remedy: 'write interval = 10 into the class, or the one that you want',
      };
    case 'bad-interval':
      return {
        level: 'error',
        message: `class ${what} has the interval ${fact.value ?? '?'}`,
        remedy: 'write a number of seconds above 0, such as interval = 10',
      };
    case 'environment':
      return variable(fact, definition);
    case 'destination':
      return destination(fact.what, definition);
    case 'direct-post':
      return directPost(what, definition);
    case 'unix-socket':
      return unixSocket(what, definition);
    case 'path':
      return pathVerdict(fact, definition, places);
    case 'collector':
    case 'host':
    case 'server':
      return null;
  }
}

function missingModule(name: string, sure: boolean, python: string): Verdict {
  return {
    level: sure ? 'error' : 'warning',
    message: `imports ${name}, which ${python} does not have${sure ? '' : ' (only in a part of the script)'}`,
    remedy: `${python} -m pip install ${name} (its package may have another name), on every worker`,
  };
}

/** Those of every run: docs/configuration.md. */
const OF_EVERY_RUN: ReadonlySet<string> = new Set(['TMPDIR', 'MALLOC_ARENA_MAX']);

function variable({ what, sure = false }: ScriptFact, { envs, policy }: InputDefinition): Verdict | null {
  if (what === null) {
    if (envs !== null || policy.envAllow.length > 0) return null;
    return {
      level: 'warning',
      message: 'reads variables of the environment whose names it makes up as it runs',
      remedy: 'list those that it needs: env_allow = ["…"]',
    };
  }
  if (OF_EVERY_RUN.has(what)) return null;
  if (envs !== null) {
    if (!sure || envs.some((entry) => entry.startsWith(`${what}=`))) return null;
    const remedy = `add "${what}=…" to envs`;
    return { level: 'warning', message: `needs the variable ${what}, which envs does not have`, remedy };
  }
  if (environmentAllowList.includes(what) || /^LC_[A-Z]+$/.test(what) || policy.envAllow.includes(what))
    return null;
  const message = `reads the variable ${what} of the environment, which collectors do not see without being told`;
  if (isFleetSecret(what)) {
    return { level: 'error', message, remedy: `it opens the fleet itself: use another name in the script` };
  }
  return {
    level: sure ? 'error' : 'warning',
    message,
    remedy: `env_allow = ["${what}"]`,
    key: { name: 'env_allow', value: [what] },
  };
}

function host({ scope }: InputDefinition, facts: readonly ScriptFact[]): Verdict | null {
  if (scope === 'host') return null;
  const isSure = facts.some(({ sure }) => sure === true);
  const evidence = named(facts);
  if (!isSure) {
    const message = `asks for the name of the machine (${evidence}): that of whatever worker runs it`;
    return { level: 'warning', message, remedy: 'scope = "host" if it is about the machine that it runs on' };
  }
  return {
    level: 'warning',
    message: `is about the machine that it runs on (${evidence}): it runs once in the fleet, not on each machine`,
    remedy: 'scope = "host"',
    key: { name: 'scope', value: 'host' },
  };
}

function server({ isolation }: InputDefinition, facts: readonly ScriptFact[]): Verdict | null {
  if (isolation === 'resident') return null;
  return {
    level: 'warning',
    message: `serves, or does not return from run() (${named(facts)}): it becomes a resident once that is found out`,
    remedy: 'isolation = "resident" makes it one from the start',
    key: { name: 'isolation', value: 'resident' },
  };
}

const OWN_DATAKIT = /^(?:127\.0\.0\.1|localhost):9529$/;

function destination(address: string | null, { destinations, policy }: InputDefinition): Verdict | null {
  if (address === null) {
    const message = 'makes up the address of a DataKit as it runs: every worker has to reach it';
    const remedy = destinations ? 'destinations has to hold each one that it may be' : 'see that it does';
    return { level: 'warning', message, remedy };
  }
  if (OWN_DATAKIT.test(address)) return null;
  const host = address.slice(0, address.lastIndexOf(':'));
  if (destinations?.some((one) => one === address || one === `${host}:*`)) return null;
  const isDenied = destinations !== null || !policy.network;
  const own = /^(?:127\.|localhost|::1)/.test(host) ? '; that is a port of whatever worker runs it' : '';
  return {
    level: isDenied ? 'error' : 'warning',
    message: isDenied
      ? `sends to ${address}, which its block does not allow: the points become dead letters${own}`
      : `sends to ${address} and not to the fleet's DataKit: every worker has to reach it${own}`,
    remedy: `destinations = ["${address}"]${isDenied ? '' : ' says so'}`,
    key: { name: 'destinations', value: [...(destinations ?? []), address] },
  };
}

function directPost(url: string, { policy }: InputDefinition): Verdict {
  return {
    level: policy.network ? 'warning' : 'error',
    message: `sends to ${url} itself, which the fleet does not see: in a container no DataKit listens there`,
    remedy: 'use self.report(…), self.feed_metric(…) or self.http_post_json(url, data)',
  };
}

function unixSocket(what: string, { policy }: InputDefinition): Verdict | null {
  if (policy.unixSockets || policy.sandbox === 'none') return null;
  return {
    level: 'error',
    message: `talks through a unix-domain socket (${what}), which the sandbox refuses`,
    remedy: 'unix_sockets = true',
    key: { name: 'unix_sockets', value: true },
  };
}

function named(facts: readonly ScriptFact[]): string {
  const names = [...new Set(facts.map(({ what }) => what ?? '…'))];
  const shown = names.slice(0, MOST_NAMED).join(', ');
  return names.length > MOST_NAMED ? `${shown}, …` : shown;
}
