// `npm test`: sets a fresh clone up, then runs every test that fits 25 minutes on 2 cores: TypeScript (unit, contract,
// integration, e2e, sandbox) and Python (under every supported interpreter that is present). What had to be skipped is listed
// with its reason. The last line is `N passed, N failed, N skipped`; the exit code is 0 when nothing failed.
//
//   npm test -- libs/points       only TypeScript tests whose path contains that
//   npm run test:chaos            the kills of `npm test`, each 5 times
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { findPythons } from './pythons.mjs';
import { prepare, root, say } from './setup.mjs';

const isChaos = process.argv.includes('--chaos');
const PROJECTS = isChaos ? ['e2e'] : ['unit', 'contract', 'integration', 'e2e', 'sandbox'];
/** Those of `npm test` that chaos repeats. */
const KILLS = ['test/e2e/kills', 'test/e2e/leader'];
const PYTHONS_AT_ONCE = 3;
const given = process.argv.slice(2).filter((word) => word !== '--chaos');
const filters = isChaos ? [...KILLS, ...given] : given;

prepare();
await ensureRedis();

const scratch = mkdtempSync(path.join(tmpdir(), 'pythond-tests-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
const skips = [];
const failures = [];
try {
  runVitest();
  if (filters.length === 0) await runPython();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const reason of new Set(skips.map(({ why }) => why))) {
  const names = skips.filter(({ why }) => why === reason).map(({ name }) => `  ${name}\n`);
  process.stdout.write(`\nskipped (${reason}):\n${names.join('')}`);
}
for (const text of failures) process.stdout.write(`\nFAILED ${text}\n`);
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exitCode = totals.failed > 0 ? 1 : 0;

/** The tests need a real Redis: found, or installed by the same rule as for `npm start`. */
async function ensureRedis() {
  const { findRedisServer } = await import('@pythond/embedded-redis');
  await findRedisServer({ env: process.env, say });
}

function fail(text) {
  totals.failed += 1;
  failures.push(text);
}

function indent(text) {
  return text.replaceAll(/^/gm, '  ');
}

function runVitest() {
  const report = path.join(scratch, 'vitest.json');
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const projects = PROJECTS.flatMap((name) => ['--project', name]);
  const args = [
    vitest,
    'run',
    ...projects,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const done = spawnSync(process.execPath, [...args, '--passWithNoTests', ...filters], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...(isChaos ? { PYTHOND_CHAOS_REPEATS: '4' } : {}) },
  });
  if (!existsSync(report)) {
    fail('vitest ended without a report; what it printed above says why');
    return;
  }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  totals.passed += numPassedTests;
  totals.failed += numFailedTests;
  totals.skipped += numPendingTests + numTodoTests;
  for (const { name, status: fileStatus, message, assertionResults } of testResults) {
    for (const { status, fullName, failureMessages, meta } of assertionResults) {
      const where = `${path.relative(root, name)}: ${fullName}`;
      if (status === 'failed') failures.push(`${where}\n${indent(failureMessages.join('\n'))}`);
      if (status === 'pending' || status === 'skipped')
        skips.push({ why: meta?.why ?? 'as the test says', name: where });
    }
    if (fileStatus === 'failed' && message !== '')
      failures.push(`${path.relative(root, name)}\n${indent(message)}`);
  }
  // a file that does not load, or an error outside any test, fails the run without failing a test
  if (done.status !== 0 && numFailedTests === 0) {
    fail(`vitest ended with exit code ${done.status ?? done.signal}; what it printed above says why`);
  }
}

/** Most of these tests' time is waiting, so several interpreters run theirs at once. */
async function runPython() {
  const { found, missing } = findPythons();
  const waiting = [...found];
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      count(await unittest(next.executable), next.version);
  };
  await Promise.all(Array.from({ length: PYTHONS_AT_ONCE }, lane));
  if (found.length === 0) {
    fail(
      'no Python from 3.8 on was found, so the Python tests can not run. Install one, for example python3.',
    );
  }
  for (const version of missing) skips.push({ why: 'not installed here', name: `Python ${version}: all` });
}

function unittest(executable) {
  const args = ['-m', 'unittest', 'discover', '-v', '-s', 'test/python'];
  const child = spawn(executable, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr })));
}

function count({ status, stderr, stdout }, version) {
  const ran = Number(/^Ran (\d+) tests?/m.exec(stderr)?.[1] ?? 0);
  const number = (word) => Number(new RegExp(`${word}=(\\d+)`).exec(stderr.slice(-500))?.[1] ?? 0);
  const skipped = number('skipped');
  let failed = number('failures') + number('errors');
  if (failed === 0 && (status !== 0 || ran === 0)) failed = 1;
  totals.passed += Math.max(0, ran - skipped - failed);
  totals.failed += failed;
  totals.skipped += skipped;
  for (const [, name, reason] of stderr.matchAll(
    /^(\S+ \(\S+\))[^\n]*(?:\n[^\n]*)? \.\.\. skipped ['"](.*)['"]$/gm,
  )) {
    skips.push({ why: reason, name: `Python ${version}: ${name}` });
  }
  for (const [, report] of stderr.matchAll(/^={70}\n((?:FAIL|ERROR): .*?)(?=\n={70}\n|\n-{70}\nRan )/gms)) {
    failures.push(`Python ${version}: ${indent(report).trimStart()}`);
  }
  if (failed > 0 && status !== 0 && number('failures') + number('errors') === 0) {
    failures.push(
      `Python ${version}: ended with ${status ?? 'a signal'} after ${ran} tests\n${indent(stderr.slice(-2000))}`,
    );
  }
  const summary = failed > 0 ? `${stdout}${stderr}` : stderr.trim().split('\n').slice(-3).join('\n');
  process.stdout.write(`\nPython ${version}\n${summary}\n`);
}
