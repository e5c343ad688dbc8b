import { execa } from 'execa';

const MARK = 'pythond-folders';
/**
 * Where user code of this interpreter and environment will look for modules, and which shared libraries it is made of.
 * Paths that `.pth` files of the user's own site name are read, not run: only the host runs such lines, confined.
 */
const QUESTION = `import os, site, sys
def pth(folder):
    found = [folder]
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if name.endswith('.pth'):
            try:
                with open(os.path.join(folder, name), 'rb') as file:
                    lines = file.read(262144).decode('utf-8', 'replace').splitlines()
            except OSError:
                continue
            paths = [line.strip() for line in lines if not line.startswith(('#', 'import ', 'import\\t'))]
            found += [os.path.join(folder, path) for path in paths if path]
    return found
folders = [entry for entry in sys.path if entry]
if not os.environ.get('PYTHONNOUSERSITE'):
    folders += pth(site.getusersitepackages() or '/')
for name in ('PYTHONPATH', 'LD_LIBRARY_PATH'):
    folders += [entry for entry in os.environ.get(name, '').split(os.pathsep) if os.path.isabs(entry)]
try:
    with open('/proc/self/maps') as maps:
        files = {line.split(None, 5)[5].strip() for line in maps if '/' in line}
except OSError:
    files = set()
folders += sorted({os.path.dirname(file) for file in files if file.startswith('/') and not file.startswith('/dev/')})
found = []
for entry in folders:
    for path in (os.path.abspath(entry), os.path.realpath(entry)):
        if path != '/' and path not in found and os.path.exists(path):
            found.append(path)
sys.stdout.buffer.write(b'${MARK}' + b'\\0' + b'\\0'.join(os.fsencode(path) for path in found) + b'\\0')
`;
const TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_CACHED = 1_000;
/** What decides where a Python looks. */
const RELEVANT = ['HOME', 'PYTHONPATH', 'LD_LIBRARY_PATH', 'PYTHONNOUSERSITE', 'PYTHONUSERBASE'];

const cache = new Map<string, Promise<readonly string[]>>();

/**
 * The folders that an interpreter needs in an environment, links followed and not, existing ones only; none when it
 * does not tell. Asked once for each interpreter and what matters of the environment.
 */
export function interpreterFolders(
  executable: string,
  environment: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const key = JSON.stringify([executable, RELEVANT.map((name) => environment[name] ?? null)]);
  const known = cache.get(key);
  if (known) return known;
  const asked = ask(executable, environment);
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(key, asked);
  void asked.then((folders) => folders.length === 0 && cache.delete(key)); // no answer: asked again
  return asked;
}

async function ask(
  executable: string,
  environment: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const { stdout } = await execa(executable, ['-E', '-s', '-c', QUESTION], {
    ...{ cwd: '/', env: { ...environment }, extendEnv: false, stdin: 'ignore', reject: false },
    ...{ timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES, stripFinalNewline: false },
  });
  const [, ...folders] = stdout.slice(Math.max(0, stdout.indexOf(`${MARK}\0`))).split('\0');
  return stdout.includes(`${MARK}\0`) ? folders.filter((folder) => folder.startsWith('/')) : [];
}
