import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type GitRepo, readDatakitConf, readGitRepos, type Settings } from '@pythond/config';
import type { InputDefinition } from '@pythond/jobs';
import type { HomeReading } from '@pythond/scheduler';
import type { InputSurvey } from '../survey/survey-input.ts';
import { type HealthCheck, healthCheck } from './health-check.ts';

type Told = Parameters<typeof healthCheck>[0];

const told = (check: Omit<Told, 'group'>): HealthCheck => healthCheck({ group: 'configuration', ...check });

/** What is wrong with `pythond.toml`, `conf.d` and git repos, and what of them DataKit read in another way. */
export async function checkConfiguration(
  settings: Settings,
  { problems, inputs, overlays }: HomeReading,
  surveys: readonly InputSurvey[],
): Promise<HealthCheck[]> {
  const { home } = settings;
  const checks = problems.map(({ level, code, text }) => told({ level, code, text }));
  for (const input of inputs) checks.push(...(await spaceInName(home, input)));
  checks.push(...(await unreadConfs(home)));
  checks.push(...(await checkGit(settings, overlays, surveys)));
  if (inputs.length === 0 && !problems.some(({ level }) => level === 'error')) {
    const text = 'there is no [[inputs.pythond]] block in conf.d, so nothing runs';
    const remedy =
      '`pythond new NAME` makes a collector; `pythond import PATH` takes over those of a DataKit';
    checks.push(told({ level: 'error', code: 'no-inputs', text, remedy }));
  }
  if (checks.every(({ level }) => level !== 'error') && inputs.length > 0) {
    const text = `${inputs.length} ${inputs.length === 1 ? 'input' : 'inputs'}: ${shortly(inputs.map(({ key }) => key))}`;
    checks.unshift(told({ level: 'ok', code: 'inputs', text }));
  }
  return checks;
}

/** Files and scripts of the inputs. */
export function checkScripts(surveys: readonly InputSurvey[]): HealthCheck[] {
  return surveys.flatMap(({ definition, problems, findings, scripts }) => {
    const input = definition.key;
    const checks = [
      ...problems.map((problem) =>
        healthCheck({
          group: 'scripts',
          input,
          file: definition.source.file,
          line: definition.source.line,
          ...problem,
        }),
      ),
      ...findings.map(({ message, ...finding }) => {
        const place = `${finding.file}${finding.line === null ? '' : `:${finding.line}`}`;
        return healthCheck({ group: 'scripts', ...finding, text: `${place}: ${message}` });
      }),
    ];
    if (checks.length > 0) return checks;
    const text = `${input}: ${scripts} ${scripts === 1 ? 'script' : 'scripts'}, nothing to be done`;
    return [healthCheck({ group: 'scripts', code: 'scripts', level: 'ok', text, input })];
  });
}

const NAME = /^\s*["']?name["']?\s*=\s*(["'])(.*?)\1/;

/** White space is taken out of a name, as in DataKit: whoever looks for it as it is written does not find it. */
async function spaceInName(home: string, { name, source }: InputDefinition): Promise<HealthCheck[]> {
  const text = await readFile(path.join(home, source.file), 'utf8').catch(() => ''); // one of a git repo lies elsewhere
  const below = text.split('\n').slice(source.line - 1);
  const at = below.findIndex((one) => NAME.test(one));
  const written = NAME.exec(below[at] ?? '')?.[2] ?? '';
  if (!/\s/.test(written) || written.replace(/\s/g, '') !== name) return [];
  const { file } = source;
  const line = source.line + at;
  const message = `${file}:${line}: the input ${JSON.stringify(written)} is called ${name}: white space is taken out, as in DataKit`;
  const remedy = 'write it without';
  return [told({ level: 'warning', code: 'name-space', text: message, remedy, file, line })];
}

/** DataKit reads these, the fleet does not: samples, and hidden files. */
async function unreadConfs(home: string): Promise<HealthCheck[]> {
  const checks: HealthCheck[] = [];
  const entries: Dirent[] = await readdir(path.join(home, 'conf.d'), {
    recursive: true,
    withFileTypes: true,
  }).catch(() => []);
  for (const entry of entries) {
    const file = path.relative(home, path.join(entry.parentPath, entry.name));
    const isUnread = file.startsWith(path.join('conf.d', 'samples') + path.sep) || /\/\./.test(file);
    if (!isUnread || !entry.isFile() || !entry.name.endsWith('.conf')) continue;
    const text = await readFile(path.join(home, file), 'utf8').catch(() => '');
    const line = text.split('\n').findIndex((one) => /^\s*\[\[\s*inputs\.pythond\s*\]\]/.test(one)) + 1;
    if (line === 0) continue;
    const message = `${file}:${line}: DataKit runs this block, the fleet reads no samples and no hidden files`;
    const remedy = 'move the file into conf.d under a plain name, if it is to run';
    checks.push(told({ level: 'warning', code: 'unread-conf', text: message, remedy, file, line }));
  }
  return checks;
}

async function checkGit(
  settings: Settings,
  overlays: readonly string[],
  surveys: readonly InputSurvey[],
): Promise<HealthCheck[]> {
  const { home, gitRepos } = settings;
  const file = gitRepos === null ? path.join('conf.d', 'datakit.conf') : 'pythond.toml';
  const raw = gitRepos ?? (await readDatakitConf(path.join(home, file), file)).conf.gitRepos;
  const { repos } = readGitRepos(raw, { file, home });
  if (repos.length === 0) return [];
  const checks = repos.flatMap((repo) => hostKey(repo, file));
  if (overlays.length < repos.length) {
    const text = `${repos.length - overlays.length} of ${repos.length} git repos have not been fetched yet, so they were not looked at`;
    checks.push(
      told({
        level: 'warning',
        code: 'git-unfetched',
        text,
        remedy: 'start the fleet, then look again',
        file,
      }),
    );
  }
  checks.push(...(await ownConfD(home)), ...(await severalHave(overlays, surveys)));
  return checks;
}

function hostKey({ name, url, sshKnownHostsPath, isLocal }: GitRepo, file: string): HealthCheck[] {
  const isSsh = !isLocal && !/^https?:/.test(url);
  if (!isSsh || sshKnownHostsPath !== null) return [];
  const text = `${file}: the git repo ${name}: the key of its host is checked here (DataKit takes any)`;
  const remedy =
    'name a file with it: ssh_known_hosts_path = "…" (ssh-keyscan HOST > FILE), or have it in ~/.ssh/known_hosts';
  return [told({ level: 'warning', code: 'git-host-key', text, remedy, file })];
}

/** With git on, the home's own conf.d is not read, as in DataKit. */
async function ownConfD(home: string): Promise<HealthCheck[]> {
  const checks: HealthCheck[] = [];
  const names = await readdir(path.join(home, 'conf.d'), { recursive: true }).catch(() => []);
  for (const name of names.sort()) {
    if (!name.endsWith('.conf') || name === 'datakit.conf') continue;
    const text = await readFile(path.join(home, 'conf.d', name), 'utf8').catch(() => '');
    if (!/^\s*\[\[\s*inputs\.pythond\s*\]\]/m.test(text)) continue;
    const file = path.join('conf.d', name);
    const message = `${file} is not read while git repos are on, as in DataKit`;
    checks.push(
      told({ level: 'warning', code: 'git-own-conf', text: message, remedy: 'move it into a repo', file }),
    );
  }
  return checks;
}

/** The first repo that has a folder counts, as the manual says; DataKit takes the last. */
async function severalHave(
  overlays: readonly string[],
  surveys: readonly InputSurvey[],
): Promise<HealthCheck[]> {
  const checks: HealthCheck[] = [];
  const dirs = new Map(
    surveys.flatMap(({ definition }) => definition.dirs.map((dir) => [dir, definition.source] as const)),
  );
  for (const [dir, { file, line }] of dirs) {
    if (path.isAbsolute(dir)) continue;
    const having: string[] = [];
    for (const overlay of overlays) {
      const found = await stat(path.join(overlay, 'python.d', dir)).catch(() => null);
      if (found) having.push(path.basename(overlay));
    }
    if (having.length < 2) continue;
    const text = `${file}:${line}: ${having.join(' and ')} have python.d/${dir}: that of ${having[0]} counts (DataKit takes the last)`;
    const remedy = 'take it out of the others, or put its repo first';
    checks.push(told({ level: 'warning', code: 'git-same-folder', text, remedy, file, line }));
  }
  return checks;
}

function shortly(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')}, …` : names.join(', ');
}
