import { indent, oneLine } from '../printable.ts';
import { duration, print, type Terminal } from '../terminal.ts';
import type { CheckedCollector, CheckedReport, CheckFailure, CheckResult } from './result.ts';

const MOST_LINES = 20;

export function printCheck(terminal: Terminal, { collectors, failures }: CheckResult): void {
  for (const collector of collectors) printCollector(terminal, collector);
  for (const failure of failures) printFailure(terminal, failure);
  const good = collectors.filter(({ outcome }) => outcome === 'succeeded').length;
  const bad = collectors.length - good + failures.length;
  print(terminal, `${good} succeeded, ${bad} failed`);
}

function printCollector(terminal: Terminal, collector: CheckedCollector): void {
  const { colors } = terminal;
  const { id, outcome, durationMs, hint, error, reports, warnings, lastErrors, stdout, stderr } = collector;
  const mark = outcome === 'succeeded' ? colors.green('✓') : colors.red('✗');
  print(terminal, `${mark} ${colors.bold(oneLine(id))}  ${outcome} in ${duration(durationMs)}`);
  if (hint) print(terminal, `  ${oneLine(hint)}`);
  if (error) print(terminal, indent(error.traceback));
  for (const report of reports) printReport(terminal, report);
  for (const { input, err_content: content } of lastErrors) {
    print(terminal, `  lasterror of ${oneLine(input)}: ${oneLine(content)}`);
  }
  for (const { code, message, count = 1 } of warnings) {
    print(
      terminal,
      `  ${colors.yellow('!')} ${oneLine(message)} (${code}${count > 1 ? `, ${count} times` : ''})`,
    );
  }
  if (stdout) print(terminal, `  ${colors.dim('stdout')}\n${indent(stdout)}`);
  if (stderr) print(terminal, `  ${colors.dim('stderr')}\n${indent(stderr)}`);
  print(terminal);
}

function printReport(terminal: Terminal, report: CheckedReport): void {
  const { category, destination, query, lineProtocol, rejected, echo, echoError } = report;
  const lines = lineProtocol === '' ? [] : lineProtocol.split('\n');
  const parameters = Object.entries(query).map(([name, value]) => `${name}=${value}`);
  const how = parameters.length > 0 ? ` (${oneLine(parameters.join(', '))})` : '';
  const count = `${lines.length} ${lines.length === 1 ? 'point' : 'points'}`;
  print(terminal, `  ${category}, ${count}${how}${destination ? ` → ${destination}` : ''}`);
  for (const line of lines.slice(0, MOST_LINES)) print(terminal, `    ${oneLine(line)}`);
  if (lines.length > MOST_LINES)
    print(terminal, `    … and ${lines.length - MOST_LINES} more; --json shows all`);
  for (const { index, reason } of rejected) {
    const which = index < 0 ? 'the report' : `point ${index}`;
    print(terminal, `    ${terminal.colors.red('✗')} ${which} would be refused: ${oneLine(reason)}`);
  }
  if (echoError !== undefined) print(terminal, `    ${terminal.colors.red('✗')} ${oneLine(echoError)}`);
  if (echo !== undefined)
    print(terminal, `    ${terminal.colors.dim('DataKit would store')}\n${indent(echo, '      ')}`);
}

function printFailure(terminal: Terminal, failure: CheckFailure): void {
  const { colors } = terminal;
  const { input, module, class: name, type, message, traceback, hint } = failure;
  const where = module === null ? `input ${input}` : [input, module, name].filter(Boolean).join(' ');
  const what = module === null ? message : `${type}: ${message}`;
  print(terminal, `${colors.red('✗')} ${colors.bold(oneLine(where))}: ${oneLine(what)}`);
  if (hint) print(terminal, `  ${oneLine(hint)}`);
  if (traceback) print(terminal, indent(traceback));
  print(terminal);
}
