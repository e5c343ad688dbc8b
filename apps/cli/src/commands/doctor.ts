import { readHome } from '@pythond/scheduler';
import { type Context, type HomeFlags, requireHome, settingsOf } from '../context.ts';
import { checkDatakit } from '../doctor/check-datakit.ts';
import { checkConfiguration, checkScripts } from '../doctor/check-home.ts';
import { checkNode, checkPythons, checkSandbox } from '../doctor/check-machine.ts';
import { checkRedis } from '../doctor/check-redis.ts';
import { type Group, groups, type HealthCheck } from '../doctor/health-check.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { oneLine } from '../printable.ts';
import { surveyInput } from '../survey/survey-input.ts';
import { print, printJson, type Terminal, wrap } from '../terminal.ts';
import { corePath } from '../version.ts';

export interface DoctorFlags extends HomeFlags {
  readonly json?: boolean;
}

/** `pythond doctor`: everything that a fleet of this home needs, tried; and what of its scripts went otherwise under DataKit. */
export async function doctor(context: Context, flags: DoctorFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  await requireHome(settings);
  const checks = await allChecks(context, settings);
  const isWell = checks.every(({ level }) => level !== 'error');
  if (flags.json) printJson(context.terminal, { home: settings.home, well: isWell, checks });
  else printChecks(context.terminal, checks);
  return isWell ? exitCodes.ok : exitCodes.failed;
}

async function allChecks(
  context: Context,
  settings: Awaited<ReturnType<typeof settingsOf>>,
): Promise<HealthCheck[]> {
  const { env, signal } = context;
  const { home, secretsDirs, bundleLimits } = settings;
  const reading = await readHome(settings, env);
  const { inputs, overlays, datakitUrl } = reading;
  const options = { home, overlays, env, secretsDirs, bundleLimits, corePath };
  const [surveys, sandbox, redis, datakit] = await Promise.all([
    Promise.all(inputs.map((input) => surveyInput(input, options))),
    checkSandbox(context, settings),
    checkRedis(context, settings),
    checkDatakit(settings.datakitUrl ?? datakitUrl, signal),
  ]);
  return [
    checkNode(),
    ...checkPythons(surveys),
    sandbox,
    ...redis,
    ...datakit,
    ...(await checkConfiguration(settings, reading, surveys)),
    ...checkScripts(surveys),
  ];
}

const TITLES: Readonly<Record<Group, string>> = {
  node: 'Node',
  python: 'Python',
  sandbox: 'Sandbox',
  redis: 'Redis',
  datakit: 'DataKit',
  configuration: 'Configuration',
  scripts: 'Scripts',
};

/** The word beside the mark is for those who see no colours and no marks. */
const MARKS = { ok: '✔ ok   ', warning: '! look ', error: '✘ do   ' } as const;

function printChecks(terminal: Terminal, checks: readonly HealthCheck[]): void {
  const { colors } = terminal;
  const paint = { ok: colors.green, warning: colors.yellow, error: colors.red };
  for (const group of groups) {
    const own = checks.filter((check) => check.group === group);
    if (own.length > 0) print(terminal, colors.bold(TITLES[group]));
    for (const { level, text, remedy } of own) {
      const lines = [
        ...paragraphs(text, terminal.columns - INDENT.length),
        ...(remedy === null ? [] : paragraphs(`→ ${remedy}`, terminal.columns - INDENT.length)),
      ];
      for (const [index, line] of lines.entries()) {
        print(terminal, index === 0 ? `  ${paint[level](MARKS[level])} ${line}` : `${INDENT}${line}`);
      }
    }
  }
  print(terminal);
  print(terminal, summary(checks));
}

const INDENT = ' '.repeat(10);

function paragraphs(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrap(oneLine(line), width));
}

function summary(checks: readonly HealthCheck[]): string {
  const count = (level: HealthCheck['level']) => checks.filter((check) => check.level === level).length;
  const [errors, warnings] = [count('error'), count('warning')];
  const look = warnings === 0 ? '' : `, ${warnings} to look at`;
  if (errors === 0) return `All is well${look}. Next: \`pythond check\` runs each collector once.`;
  return `${errors} ${errors === 1 ? 'thing has' : 'things have'} to be done${look}.`;
}
