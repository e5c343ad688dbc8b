import { type Standin, startStandin } from '@pythond/datakit-standin';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CheckAnswer, check } from '../support/check.ts';
import { runCli } from '../support/cli.ts';
import { copyHome, type TestHome } from '../support/home.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

// The examples of DataKit's manual, each as it stands there, or with the comments of another example taken away and
// the `return`s before it left out. The points are those that DataKit's own framework posts for these files.

interface Example {
  readonly category: string;
  readonly query: Readonly<Record<string, string>>;
  readonly points: readonly object[];
  /** Without the time. */
  readonly lines: readonly string[];
}

const general: Example = {
  category: 'metric',
  query: { input: 'datakitpy' },
  points: ['abc', 'def'].map((measurement) => ({
    measurement,
    tags: { t1: 'b', t2: 'd' },
    fields: { f1: 123, f2: 3.4, f3: 'strval' },
  })),
  // f3 is a string in a metric: DataKit does not store it
  lines: ['abc,t1=b,t2=d f1=123,f2=3.4', 'def,t1=b,t2=d f1=123,f2=3.4'],
};

const tags = { tag1: 'val1', tag2: 'val2' };
const custom = { custom_key1: 'custom_value1', custom_key2: 'custom_value2', custom_key3: 'custom_value3' };
const customText = Object.entries(custom)
  .map(([key, value]) => `${key}="${value}"`)
  .join();

function event(source: string, who: Readonly<Record<string, string>>, whoText: string): Example {
  const fields = {
    ...{ df_date_range: 10, df_source: source, ...who, df_status: 'info', df_event_id: 'event_id' },
    ...{ df_title: 'title', df_message: 'message', ...custom },
  };
  const ends = `df_status="info",df_event_id="event_id",df_title="title",df_message="message",${customText}`;
  return {
    category: 'keyevent',
    query: {},
    points: [{ measurement: 'measurement', tags, fields }],
    lines: [`measurement,tag1=val1,tag2=val2 df_date_range=10,df_source="${source}",${whoText}${ends}`],
  };
}

const user = event('user', { df_user_id: 'user_id' }, 'df_user_id="user_id",');
const monitor = event(
  'monitor',
  { df_dimension_tags: '{"host":"web01"}' },
  String.raw`df_dimension_tags="{\"host\":\"web01\"}",`,
);
const system = event('system', {}, '');

const fields = { custom_field1: 'val1', custom_field2: 1000, ...custom };
const message = 'This is the message for testing';

const examples: Readonly<Record<string, Example>> = {
  'some-python-inputs/mytest/test:MyTest': general,
  'examples/Demo/demo:Demo': general,
  'examples/event_positional/user.demo:Demo': user,
  'examples/event_positional/monitor.demo:Demo': monitor,
  'examples/event_positional/system.demo:Demo': system,
  'examples/event_named/user.demo:Demo': user,
  'examples/event_named/monitor.demo:Demo': monitor,
  'examples/event_named/system.demo:Demo': system,
  'examples/feed_metric/demo:Demo': {
    category: 'metric',
    query: {},
    points: [{ measurement: 'mydata', tags, fields, time: null }],
    lines: ['mydata,tag1=val1,tag2=val2 custom_field2=1000'],
  },
  'examples/feed_logging/demo:Demo': {
    category: 'logging',
    query: {},
    points: [{ measurement: 'mydata', tags, fields: { message, ...custom }, time: null }],
    lines: [`mydata,tag1=val1,tag2=val2 message="${message}",${customText},status="info"`],
  },
  'examples/feed_object/demo:Demo': {
    category: 'object',
    query: {},
    points: [{ measurement: 'mydata', tags: { ...tags, name: 'name' }, fields, time: null }],
    lines: [`mydata,name=name,tag1=val1,tag2=val2 custom_field1="val1",custom_field2=1000,${customText}`],
  },
};
const ids = Object.keys(examples);

let home: TestHome;
let datakit: Standin;
beforeAll(async () => {
  [home, datakit] = await Promise.all([copyHome('seed-home'), startStandin()]);
});
afterAll(async () => {
  await datakit.close();
  await home.remove();
});

describe("check --json on the manual's examples", () => {
  let answer: CheckAnswer;
  let startedMs: number;
  let endedMs: number;
  beforeAll(async () => {
    startedMs = Date.now();
    answer = await check(home.dir, { env: { DATAKIT_URL: datakit.url } });
    endedMs = Date.now();
  });

  it('finds each of them and runs it well', () => {
    expect(answer.failures).toEqual([]);
    expect(answer.collectors.map(({ id }) => id).sort()).toEqual([...ids].sort());
    for (const { outcome, interval, error } of answer.collectors) {
      expect({ outcome, interval, error }).toEqual({ outcome: 'succeeded', interval: 10, error: null });
    }
    expect(answer.code).toBe(0);
  });

  it.each(ids)('shows the points that the original sends for %s', (id) => {
    const { category, query, points } = examples[id] as Example;
    const { reports } = answer.collector(id);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ category, query, points, destination: datakit.url, rejected: [] });
    expect(reports[0]?.points).toEqual(points);
    expect(reports[0]?.query).toEqual(query);
  });

  it.each(ids)('shows, as line protocol, what DataKit stores of them for %s', (id) => {
    const sent = (answer.collector(id).reports[0]?.lineProtocol ?? '').split('\n');
    expect(sent.map(withoutTime)).toEqual((examples[id] as Example).lines);
    for (const line of sent) {
      const timeMs = Number(BigInt(/ (\d{19})$/.exec(line)?.[1] ?? 0) / 1_000_000n);
      expect(timeMs).toBeGreaterThanOrEqual(startedMs);
      expect(timeMs).toBeLessThanOrEqual(endedMs);
    }
  });

  it('keeps what they print, apart from their points', () => {
    expect(answer.collector('examples/Demo/demo:Demo').stdout).toBe('Demo\n');
    expect(answer.collector('some-python-inputs/mytest/test:MyTest').stdout).toBe('MyTest\n');
  });

  it('says which strings a metric loses, and of nothing else', () => {
    const warned = answer.collectors.filter(({ warnings }) => warnings.length > 0);
    expect(warned.map(({ id }) => id).sort()).toEqual([
      'examples/Demo/demo:Demo',
      'examples/feed_metric/demo:Demo',
      'some-python-inputs/mytest/test:MyTest',
    ]);
    expect(answer.collector('examples/Demo/demo:Demo').warnings[0]?.message).toBe(
      'the field "f3" is text, which DataKit does not store in a metric',
    );
  });

  it('prints the members that scripts rely on', () => {
    expect(Object.keys(answer.collectors[0] ?? {})).toEqual(
      expect.arrayContaining([
        ...['id', 'input', 'module', 'class', 'name', 'interval', 'outcome', 'durationMs', 'reports'],
        ...['lastErrors', 'stdout', 'stderr', 'warnings', 'error'],
      ]),
    );
    expect(answer.collectors[0]?.durationMs).toBeGreaterThan(0);
  });

  it('sends nothing anywhere', () => {
    expect(datakit.received.requests).toBe(0);
  });
});

it('check --datakit shows what that DataKit would store, and it stores nothing', async () => {
  datakit.reset();
  const answer = await check(home.dir, { args: ['--datakit', datakit.url] });
  expect(answer.code).toBe(0);
  for (const { id, reports } of answer.collectors) {
    const echoed = (reports[0]?.echo ?? '').trim().split('\n').map(withoutTime);
    expect(echoed).toHaveLength((examples[id] as Example).lines.length);
    expect(echoed[0]).toMatch(/^(abc|mydata|measurement),/);
  }
  expect(datakit.received).toMatchObject({ dry: ids.length, accepted: 0, points: 0 });
});

it('up --once brings the same points to DataKit', async () => {
  datakit.reset();
  const { code, stdout, stderr } = await runCli(['up', '--once', '--home', home.dir], {
    env: { DATAKIT_URL: datakit.url },
  });
  expect(code, stdout + stderr).toBe(0);
  const stored = datakit.points().map(({ category, query, line }) => ({
    ...{ category, input: query['input'] },
    line: asSent(withoutTime(line)),
  }));
  const wanted = Object.values(examples).flatMap(({ category, query, lines }) =>
    lines.map((line) => ({ category, input: query['input'], line: asSent(line) })),
  );
  // as sets: on a slow machine a collector's next tick may come while others have their first run
  const distinct = (list: readonly object[]) => new Set(list.map((one) => JSON.stringify(one)));
  expect(distinct(stored)).toEqual(distinct(wanted));
});

function withoutTime(line: string): string {
  return line.replace(/ \d{19}$/, '');
}

/** The same whatever the order of the fields: DataKit sorts them. */
function asSent(line: string): string {
  const [, head = '', body = ''] = /^(\S+) (.*)$/.exec(line) ?? [];
  const parts = body.match(/[a-z_0-9]+=("(?:[^"\\]|\\.)*"|[^,]*)/g) ?? [];
  return `${head} ${parts.sort().join()}`;
}
