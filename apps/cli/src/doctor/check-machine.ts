import process from 'node:process';
import type { Settings } from '@pythond/config';
import { InterpreterError } from '@pythond/runner';
import type { Context } from '../context.ts';
import { CommandError } from '../exit.ts';
import { notConfined, sandboxOf } from '../sandbox-lines.ts';
import type { InputSurvey } from '../survey/survey-input.ts';
import { type HealthCheck, healthCheck } from './health-check.ts';

/** The oldest Node that the fleet is tested with: `engines` of package.json. */
const OLDEST_NODE = [20, 19] as const;

export function checkNode(version = process.versions.node): HealthCheck {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  const text = `Node ${version}`;
  if (!isOld) return healthCheck({ group: 'node', code: 'node', level: 'ok', text });
  const remedy = `install ${OLDEST_NODE.join('.')} or newer`;
  return healthCheck({ group: 'node', code: 'node', level: 'error', text: `${text} is too old`, remedy });
}

/** The interpreter of each `cmd`, once for all inputs that have it. */
export function checkPythons(surveys: readonly InputSurvey[]): HealthCheck[] {
  const checks = new Map<string, { check: HealthCheck; inputs: string[] }>();
  for (const { definition, interpreter } of surveys) {
    const { cmd, key, source } = definition;
    const known = checks.get(cmd);
    if (known) known.inputs.push(key);
    else if (interpreter instanceof InterpreterError) {
      const { code, message } = interpreter;
      const { file, line } = source;
      const told = { level: 'error', code, text: `${file}:${line}: ${message}`, file, line } as const;
      checks.set(cmd, { check: healthCheck({ group: 'python', input: key, ...told }), inputs: [key] });
    } else {
      const where = interpreter.executable === cmd ? '' : ` (${interpreter.executable})`;
      const text = `${cmd} is Python ${interpreter.version}${where}`;
      checks.set(cmd, {
        check: healthCheck({ group: 'python', code: 'python', level: 'ok', text }),
        inputs: [key],
      });
    }
  }
  return [...checks.values()].map(({ check, inputs }) => ({
    ...check,
    text: `${check.text}${ofInputs(inputs)}`,
  }));
}

const MOST_NAMED = 3;

function ofInputs(inputs: readonly string[]): string {
  if (inputs.length > MOST_NAMED) return `, for ${inputs.length} inputs`;
  return inputs.length > 1 ? `, for ${inputs.join(', ')}` : '';
}

/** Confinement, by trying it. */
export async function checkSandbox(context: Context, settings: Settings): Promise<HealthCheck> {
  try {
    const sandbox = await sandboxOf(context, settings);
    const loose = notConfined(sandbox);
    const text = loose ?? `collectors are confined: ${sandbox.text}`;
    return healthCheck({ group: 'sandbox', code: 'sandbox', level: loose ? 'warning' : 'ok', text });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return healthCheck({ group: 'sandbox', code: 'sandbox', level: 'error', text: error.message });
  }
}
