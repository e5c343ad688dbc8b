// The table of docs/security.md that says which attacks are made and what came of them.
//
//   npm run build && node test/sandbox/table.mjs --write      makes them all, and writes it (needs root on Linux)
//
// Without a Docker engine the columns of containers stay as they are, but where attacks are new: those are "not made" there.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { MODES, runAttacks, USERS, whyNot } from './drive.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
export const DOCUMENT = path.join(here, '..', '..', 'docs', 'security.md');
const BEGIN = '<!-- escape table -->';
const END = '<!-- /escape table -->';
const COLUMNS = {
  root: 'root',
  'root-keeping-uid': 'root, uid 0 kept',
  user: 'plain user',
  'container-like': 'container-like',
  container: 'container, plain user',
  'container-root': 'container, uid 0',
};
export const NOT_MADE = 'not made';

/** What each file of attacks aims at. `host`: held by the host at either level, not by the layers of the sandbox. */
export const CLASSES = {
  worker_secrets: {
    title: "the worker's secrets",
    text: 'environ, mem, maps, fd, ptrace, vm_readv, pidfd_getfd',
  },
  files: {
    title: 'files outside',
    text: 'reads, writes, deletes, links, modes, owners, times, attributes, devices',
  },
  signals: { title: 'signals', text: 'to worker, host, sibling, groups, everybody' },
  siblings: { title: 'siblings', text: 'memory, temporary files, shared memory, bundle of another input' },
  network_on: {
    title: 'sockets by default',
    text: 'Redis, inspector, unix sockets, listening, raw, netlink',
  },
  network_off: {
    title: 'sockets with `network = false`',
    text: 'TCP, UDP, fast open, raw, packet, netlink, vsock',
  },
  kernel: {
    title: 'the kernel',
    text: 'mounts, namespaces, bpf, keys, io_uring, memfd, System V, kexec, modules',
  },
  limits: { title: 'limits', text: "rlimits, priorities, schedulers, memory, files, time, others' limits" },
  floods: { title: 'floods', text: 'output, frames, reports, forks, threads, files', host: true },
  strays: { title: 'strays', text: 'sessions, daemons, double forks, threads, programs', host: true },
  frames: { title: 'forged frames', text: "the host's words, broken and oversized frames", host: true },
  state: { title: 'poisoned states', text: 'calls, builders, names, bombs, noise', host: true },
  itself: { title: 'itself and its host', text: 'stopping, crashing, blinding, replacing', host: true },
};

/** group -> names, in the order of the files; a name is that of its function. */
export function attackNames() {
  const folder = path.join(here, 'attacks');
  const files = readdirSync(folder).filter(
    (name) => /^[a-z]\w*\.py$/.test(name) && !/^(attacker|importer)\./.test(name),
  );
  const named = files.map((file) => {
    const text = readFileSync(path.join(folder, file), 'utf8');
    const names = [...text.matchAll(/^def attack_(\w+)\(/gm)].map(([, name]) => name.replaceAll('_', ' '));
    return [path.basename(file, '.py'), names];
  });
  return new Map(named);
}

/** What the committed table says: group -> {names, counts: the cells of its row}. */
export function tableOf(document) {
  const text = document.slice(document.indexOf(BEGIN), document.indexOf(END));
  return new Map(
    Object.entries(CLASSES).map(([group, { title }]) => {
      const row = text.split('\n').find((line) => line.startsWith(`| ${title}:`)) ?? '';
      const list = text.slice(text.indexOf(`- **${title}**`)).split(/\n(?=- \*\*|\n)/)[0];
      const names = [...list.replaceAll(/\s+/g, ' ').matchAll(/\*[^*]+\*: ([^;.]+)[;.]/g)].flatMap(
        ([, all]) => all.split(', '),
      );
      const counts = row
        .split('|')
        .slice(2, -1)
        .map((cell) => cell.trim());
      return [group, { names, counts }];
    }),
  );
}

/**
 * The section between the markers. `unconfined` and each of `confined` (mode -> results) are what was measured; a mode
 * that is not in `confined` has the cells of `before`, an earlier table, for what is attacked as it was.
 */
export function sectionOf(names, unconfined, confined, before) {
  const modes = Object.keys(COLUMNS);
  const head = ['what is attacked', 'attacks', 'work unconfined', ...modes.map((mode) => COLUMNS[mode])];
  const rows = [...names].map(([group, all]) => {
    const { title, text } = CLASSES[group];
    const shown = all.filter((name) => kindOf(group, name, unconfined) === 'shown').length;
    const kept = (index) => {
      const earlier = before.get(group);
      const isSame = [...earlier.names].sort().join() === [...all].sort().join();
      return (isSame && earlier.counts[2 + index]) || NOT_MADE;
    };
    const cell = (mode, index) =>
      confined[mode] ? `${heldOf(group, all, confined[mode])} held` : kept(index);
    return [`${title}: ${text}`, all.length, shown, ...modes.map(cell)];
  });
  const sum = (column) => rows.reduce((total, row) => total + (Number.parseInt(row[column], 10) || 0), 0);
  const sums = ['**all**', sum(1), sum(2), ...modes.map((_, index) => `${sum(3 + index)} held`)];
  const lines = [head, head.map(() => '---'), ...rows, sums].map((cells) => `| ${cells.join(' | ')} |`);
  const lists = [...names].map(([group, all]) => listOf(group, all, unconfined));
  const details = `<details>\n<summary>All of them by name</summary>\n\n${lists.join('\n')}\n\n</details>`;
  return `${BEGIN}\n<!-- made by test/sandbox/table.mjs -->\n\n${lines.join('\n')}\n\n${details}\n${END}`;
}

const KINDS = {
  shown: 'work unconfined',
  kernel: 'refused by the kernel alone to a root that is nobody on the machine',
  either: 'held by the host at either level, or nothing to be had here',
};

function kindOf(group, name, unconfined) {
  const made = unconfined.filter(
    (result) => result.group === group.replaceAll('_', ' ') && result.name === name,
  );
  if (made.some(({ outcome }) => outcome === 'ESCAPED')) return 'shown';
  return made.some(({ refused }) => refused) ? 'kernel' : 'either';
}

function heldOf(group, all, results) {
  const mine = results.filter((result) => result.group === group.replaceAll('_', ' '));
  return all.filter((name) => {
    const made = mine.filter((result) => result.name === name);
    return made.length > 0 && made.every(({ outcome }) => outcome === 'held');
  }).length;
}

function listOf(group, all, unconfined) {
  const parts = Object.entries(KINDS).flatMap(([kind, words]) => {
    const names = all.filter((name) => kindOf(group, name, unconfined) === kind);
    return names.length === 0 ? [] : [`*${words}*: ${names.join(', ')}`];
  });
  return wrap(`- **${CLASSES[group].title}** ${parts.join('; ')}.`);
}

/** Lines of at most 118 characters, those behind the first set in. */
function wrap(text) {
  const lines = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 118) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `  ${word}`);
  }
  return lines.join('\n');
}

async function write() {
  const measured = await Promise.all(
    Object.keys(MODES).map(async (mode) => {
      const why = await whyNot(mode);
      if (why === null) return [mode, (await runAttacks(mode)).results];
      if (!(mode in USERS)) throw new Error(why);
      console.warn(`${mode}: ${why}; its column stays as it was`);
      return null;
    }),
  );
  const confined = Object.fromEntries(measured.filter((one) => one !== null));
  const failed = Object.values(confined)
    .flat()
    .filter(({ outcome }) => outcome !== 'held');
  if (failed.length > 0) throw new Error(`not all were held: ${JSON.stringify(failed, null, 1)}`);
  const { results: unconfined } = await runAttacks('root', { level: 'none' });
  const document = readFileSync(DOCUMENT, 'utf8');
  const before = document.slice(0, document.indexOf(BEGIN));
  const after = document.slice(document.indexOf(END) + END.length);
  const ordered = new Map(Object.keys(CLASSES).map((group) => [group, attackNames().get(group)]));
  writeFileSync(DOCUMENT, `${before}${sectionOf(ordered, unconfined, confined, tableOf(document))}${after}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] !== '--write') throw new Error('usage: node test/sandbox/table.mjs --write');
  await write();
}
