import type { NormalizerEvent } from '@pythond/normalizer';
import type { SchedulerEvent } from '@pythond/scheduler';
import type { WorkerEvent } from '@pythond/worker';
import { indent, oneLine } from './printable.ts';
import { inputNotConfined } from './sandbox-lines.ts';
import { duration, print, type Terminal } from './terminal.ts';

/** Tells what happens in a fleet of one process, a line each, for the person who started it. */
export class Narrator {
  readonly #terminal: Terminal;
  /** What was last said of a collector or endpoint: the same trouble is not told again at every tick. */
  readonly #troubles = new Map<string, string>();
  /** Collectors that were told of, and how often they run. */
  readonly #found = new Map<string, string>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  scheduler(event: SchedulerEvent): void {
    const { colors } = this.#terminal;
    switch (event.kind) {
      case 'collector-found': {
        const every = event.paused ? 'paused' : `every ${duration(event.everyMs)}`;
        if (this.#found.get(event.id) === every) return;
        this.#found.set(event.id, every);
        return this.#line(colors.green('+'), `${oneLine(event.id)}  ${colors.dim(every)}`);
      }
      case 'collector-gone':
        this.#found.delete(event.id);
        return this.#line(colors.yellow('-'), `${oneLine(event.id)} is gone`);
      case 'host-away':
      case 'host-back': {
        const many = event.collectors === 1 ? 'a collector' : `${event.collectors} collectors`;
        const what = event.kind === 'host-back' ? 'goes on with' : 'has no worker any more; away with';
        return this.#timed(colors.yellow('~'), `${oneLine(event.place)} ${what} ${many} of its own`);
      }
      case 'module-failed': {
        const { failure, input } = event;
        const where = `${failure.file ?? failure.module}${failure.class ? `, class ${failure.class}` : ''}`;
        this.#line(colors.red('✗'), oneLine(`${input}: ${where}: ${failure.type}: ${failure.message}`));
        if (failure.hint) this.#line(' ', oneLine(failure.hint));
        return;
      }
      case 'input-changed':
        return this.#timed(colors.cyan('~'), `${oneLine(event.input)} changed: version ${event.number}`);
      case 'took-over':
        if (event.before === null) return;
        return this.#timed(
          colors.green('↻'),
          `${oneLine(event.input)}: version ${event.number} takes over from the next tick on`,
        );
      case 'stands-by': {
        const { name, host } = event.leader;
        return this.#line(
          colors.yellow('!'),
          `the scheduler ${oneLine(name)} on ${oneLine(host)} leads: this home is not read until it is gone`,
        );
      }
      case 'leads':
      case 'held-back': // told with the problems
      case 'input-gone': // told with its collectors
        return;
      case 'problem-solved':
        return this.#timed(colors.green('✓'), `no more: ${shortened(oneLine(event.problem.text))}`);
      case 'input-failed':
        return this.#line(colors.red('✗'), oneLine(`input ${event.input}: ${event.message}`));
      case 'problem':
        return this.#line(
          event.problem.level === 'error' ? colors.red('✗') : colors.yellow('!'),
          oneLine(event.problem.text),
        );
      case 'home-read':
        if (event.inputs.length > 0) return;
        return this.#line(
          colors.yellow('!'),
          'there is no [[inputs.pythond]] block in conf.d: nothing to run',
        );
      case 'discovered':
        if (event.collectors > 0) return;
        return this.#line(colors.yellow('!'), `${event.input} has no collectors`);
    }
  }

  worker(event: WorkerEvent): void {
    switch (event.kind) {
      case 'delivered':
        return this.#delivered(event, `in ${duration(event.tookMs)}`);
      case 'queued':
        return this.#queued(event);
      case 'dead':
        return this.#dead(event);
      case 'not-confined':
        return this.#notConfined(event.input);
      case 'clock-off':
        return this.#clockOff(event);
      case 'left-for-newer':
        return this.#trouble('left for a worker of a newer version', event.message, event.message);
      case 'run-ended':
        return this.#runEnded(event);
      case 'tick-skipped':
        if (event.reason === 'paused') return; // whoever paused it knows
        return this.#trouble(event.collector, `skipped: ${event.reason}`);
    }
  }

  normalizer(event: NormalizerEvent): void {
    switch (event.kind) {
      case 'delivered':
        return this.#delivered(event, `at try ${event.attempt}`);
      case 'dead':
        return this.#dead(event);
      case 'still-waiting':
      case 'left-for-newer':
        return;
    }
  }

  #delivered(
    event: {
      readonly endpoint: string;
      readonly category: string;
      readonly points: number;
      readonly collectors: readonly string[];
    },
    how: string,
  ): void {
    const { colors } = this.#terminal;
    this.#troubles.delete(event.endpoint);
    const what = `${plural(event.points, 'point')} of ${event.category} accepted by ${event.endpoint}`;
    this.#timed(
      colors.green('✓'),
      `${what} ${colors.dim(`${how}, from ${oneLine(event.collectors.join(', '))}`)}`,
    );
  }

  #notConfined(input: string): void {
    const { colors } = this.#terminal;
    const text = inputNotConfined(input);
    if (this.#troubles.get(text) === text) return;
    this.#troubles.set(text, text);
    this.#line(colors.red('!'), colors.red(colors.bold(text)));
  }

  #clockOff({ endpoint, aheadMs }: Extract<WorkerEvent, { kind: 'clock-off' }>): void {
    const way = aheadMs > 0 ? 'ahead of' : 'behind';
    const by = duration(Math.abs(aheadMs));
    this.#line(this.#terminal.colors.yellow('!'), `the clock of ${endpoint} is ${by} ${way} this machine's`);
  }

  #queued({ endpoint, category, points, reason }: Extract<WorkerEvent, { kind: 'queued' }>): void {
    const { colors } = this.#terminal;
    if (this.#troubles.get(endpoint) === reason) return;
    this.#troubles.set(endpoint, reason);
    const what = `${plural(points, 'point')} of ${category} kept for ${endpoint}, to be tried again`;
    this.#timed(colors.yellow('…'), `${what}: ${oneLine(reason)}`);
  }

  #dead({ category, points, collectors, code, message }: Extract<WorkerEvent, { kind: 'dead' }>): void {
    const from = collectors.join(', ');
    const what = `${plural(points, 'point')} of ${category} can't be delivered`;
    this.#trouble(from, `${what} (${code}): ${message}`, `${from} ${code}`);
  }

  #runEnded({ record }: Extract<WorkerEvent, { kind: 'run-ended' }>): void {
    const { collector, outcome, hint, error } = record;
    if (outcome.kind === 'succeeded') {
      this.#troubles.delete(collector);
      return;
    }
    const said = hint ?? outcome.kind;
    if (this.#troubles.get(collector) === said) return;
    this.#trouble(collector, said);
    if (error?.traceback) print(this.#terminal, indent(error.traceback));
  }

  #trouble(about: string, text: string, key = about): void {
    if (this.#troubles.get(key) === text) return;
    this.#troubles.set(key, text);
    this.#timed(this.#terminal.colors.red('✗'), `${oneLine(about)}: ${oneLine(text)}`);
  }

  #timed(mark: string, text: string): void {
    const time = new Date().toTimeString().slice(0, 8);
    print(this.#terminal, `  ${this.#terminal.colors.dim(time)} ${mark} ${text}`);
  }

  #line(mark: string, text: string): void {
    print(this.#terminal, `  ${mark} ${text}`);
  }
}

const SHORT = 100;

function shortened(text: string): string {
  return text.length <= SHORT ? text : `${text.slice(0, SHORT - 1)}…`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
