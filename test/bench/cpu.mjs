import { readdirSync, readFileSync } from 'node:fs';

/** Of /proc/PID/stat's times; 100 a second on every Linux that Node runs on (proc_pid_stat(5), sysconf(3)). */
const TICK_MS = 10;

/** CPU milliseconds that processes and everything below them have used, those that ended and were waited for included. */
export function cpuMsOf(roots) {
  const table = processTable();
  const below = new Set(roots);
  for (let grown = true; grown; ) {
    grown = false;
    for (const { pid, parent } of table) {
      if (below.has(parent) && !below.has(pid)) {
        below.add(pid);
        grown = true;
      }
    }
  }
  return table.filter(({ pid }) => below.has(pid)).reduce((sum, { ticks }) => sum + ticks, 0) * TICK_MS;
}

/** CPU milliseconds of the children of this process that ended. */
export function cpuMsOfEndedChildren() {
  const { fields } = stat('self');
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
}

function processTable() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const { fields } = stat(pid);
        const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
        return [{ pid: Number(pid), parent: Number(fields[1]), ticks }];
      } catch {
        return []; // it ended
      }
    });
}

/** The fields after the command's name: state, ppid, … (proc_pid_stat(5), from the third on). */
function stat(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return { fields: text.slice(text.lastIndexOf(')') + 2).split(' ') };
}
