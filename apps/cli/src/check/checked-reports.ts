import {
  createRunClock,
  isCategory,
  type Normalised,
  normalise,
  normaliseLines,
  parseExactJson,
} from '@pythond/points';
import type { Report } from '@pythond/runner';
import { type OpenInput, routeReport } from '@pythond/worker';
import type { CheckedReport } from './result.ts';

/** One report call of a script: long ones come in several frames. */
type Call = readonly [Report, ...Report[]];

export interface CheckedReportsOptions {
  readonly input: OpenInput;
  readonly startedMs: number;
  readonly ownDatakit: string;
}

export interface CheckedReports {
  readonly reports: CheckedReport[];
  readonly warnings: { code: string; message: string; count: number }[];
}

/** What a run's reports would become on their way to DataKit. */
export function checkedReports(frames: readonly Report[], options: CheckedReportsOptions): CheckedReports {
  const { startedMs } = options;
  const clock = createRunClock({ dueMs: startedMs, startedMs, everyMs: 1 });
  const warnings = new Map<string, { code: string; message: string; count: number }>();
  const note = ({ code, message }: { readonly code: string; readonly message: string }) => {
    const known = warnings.get(code);
    if (known) known.count += 1;
    else warnings.set(code, { code, message, count: 1 });
  };
  const reports = calls(frames).map((call) => checkedReport(call, clock, options, note));
  return { reports, warnings: [...warnings.values()] };
}

function calls(frames: readonly Report[]): Call[] {
  const byCall = new Map<number, [Report, ...Report[]]>();
  for (const frame of frames) {
    const call = byCall.get(frame.report);
    if (call) call.push(frame);
    else byCall.set(frame.report, [frame]);
  }
  return [...byCall.values()];
}

function checkedReport(
  call: Call,
  clock: ReturnType<typeof createRunClock>,
  { input, ownDatakit }: CheckedReportsOptions,
  note: (warning: { readonly code: string; readonly message: string }) => void,
): CheckedReport {
  const [first] = call;
  const { category, query } = first;
  const route = routeReport(first, input.record, ownDatakit);
  const destination = route.kind === 'to' ? route.endpoint : '';
  const points = pointsOf(call, input.record.integers);
  const base = { category, destination, query: Object.fromEntries(query), points };
  const refused = (code: string, reason: string) => ({
    ...base,
    lineProtocol: '',
    rejected: [{ index: -1, code, reason }],
  });
  if (route.kind === 'denied') return refused('destination-denied', route.reason);
  if (!isCategory(category)) return refused('unknown-category', `DataKit has no category "${category}"`);
  const precision = new Map(query).get('precision');
  const options = {
    category,
    precision,
    tags: input.tags,
    time: clock.forReport(category, String(first.atNs), destination),
  };
  const normalised: Normalised =
    first.kind === 'raw'
      ? normaliseLines(first.body, options)
      : normalise(points, { ...options, integers: input.record.integers });
  for (const warning of normalised.warnings) note(warning);
  return {
    ...base,
    lineProtocol: normalised.accepted.map(({ line }) => line).join('\n'),
    rejected: normalised.rejected.map(({ index, code, reason }) => ({ index, code, reason })),
  };
}

function pointsOf(call: Call, integers: 'float' | 'int'): unknown {
  const [first] = call;
  if (first.kind === 'raw') return first.body;
  const parts = call.map((frame) =>
    frame.kind === 'points'
      ? parseExactJson(frame.points, { integers: integers === 'int' ? 'all' : 'big' })
      : null,
  );
  return parts.length === 1 ? parts[0] : parts.flat();
}
