// The Docker engine that DOCKER_HOST names, and how containers are started on it here. PYTHOND_TEST_SECCOMP names a
// profile of seccomp that takes the place of the engine's own one.
import { spawn } from 'node:child_process';
import process from 'node:process';

/** What docs/security.md names, and the defaults of the engine besides: its seccomp profile, its masked paths. */
const HARDENED = [
  '--cap-drop',
  'ALL',
  '--security-opt',
  'no-new-privileges',
  '--read-only',
  '--tmpfs',
  '/tmp',
];
const BOUNDS = ['--network', 'none', '--pids-limit', '400', '--memory', '1536m', '--memory-swap', '1536m'];

/** A uid that no account of an image has. */
export const PLAIN_USER = '64999:64999';

/** Why no container can be started; null: it can. */
export async function whyNoEngine() {
  const { code, output, errors } = await docker(['version', '--format', '{{.Server.Os}}']);
  if (code !== 0) return `no Docker engine answers (DOCKER_HOST): ${errors.trim().split('\n').at(-1)}`;
  return output.trim() === 'linux' ? null : `the Docker engine runs containers of ${output.trim()}`;
}

/** The words behind `docker` that start a hardened container; a command is to follow. `more`: options of `docker run`. */
export function runWords(image, user, more = []) {
  const profile = process.env.PYTHOND_TEST_SECCOMP;
  const seccomp = profile === undefined ? [] : ['--security-opt', `seccomp=${profile}`];
  return ['run', '--rm', ...HARDENED, ...BOUNDS, ...seccomp, '--user', user, ...more, image];
}

/** The same for a container as it comes: root, with the engine's own choice of capabilities. No place for attacks. */
export function defaultRunWords(image, more = []) {
  return ['run', '--rm', ...BOUNDS, ...more, image];
}

/** Runs `docker …` to its end; resolves to {code, output, errors}. `input`: a stream for its standard input. */
export function docker(words, { input } = {}) {
  return new Promise((resolve) => {
    const child = spawn('docker', words, {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const said = { output: '', errors: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said.output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said.errors += text;
    });
    child.once('error', (error) => resolve({ code: null, output: '', errors: error.message }));
    child.once('close', (code) => resolve({ code, ...said }));
    if (input !== undefined) {
      child.stdin.on('error', () => {}); // it ended before it had read all, and says why
      input.pipe(child.stdin);
    }
  });
}

/** As docker(); gives what it printed, and throws where it failed. */
export async function dockerOutput(words, options) {
  const { code, output, errors } = await docker(words, options);
  if (code !== 0)
    throw new Error(`docker ${words.slice(0, 2).join(' ')} ended with ${code}: ${errors.trim()}`);
  return output.trim();
}
