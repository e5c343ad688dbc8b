// A package that imports another has to say so twice: as a dependency in package.json, for npm and Nx, and as a
// reference in tsconfig.json, for the build. This holds the second against the first. `--fix` writes it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { root } from './setup.mjs';

const packages = ['libs', 'apps'].flatMap((kind) =>
  readdirSync(path.join(root, kind))
    .map((name) => `${kind}/${name}`)
    .filter((folder) => existsSync(path.join(root, folder, 'package.json'))),
);
const folderOf = new Map(packages.map((folder) => [read(folder, 'package.json').name, folder]));
const fix = process.argv.includes('--fix');
let wrong = 0;

for (const folder of packages) {
  const { dependencies = {} } = read(folder, 'package.json');
  const wanted = Object.keys(dependencies)
    .filter((name) => folderOf.has(name))
    .map((name) => path.posix.relative(folder, folderOf.get(name)));
  compare(`${folder}/tsconfig.json`, wanted);
}
compare(
  'tsconfig.json',
  packages.map((folder) => `./${folder}`),
);
if (wrong > 0 && !fix) {
  process.stderr.write('Run `node tools/check-references.mjs --fix`.\n');
  process.exitCode = 1;
}

function compare(file, wanted) {
  const config = JSON.parse(readFileSync(path.join(root, file), 'utf8'));
  const has = (config.references ?? []).map((reference) => reference.path);
  const missing = wanted.filter((one) => !has.includes(one));
  const extra = has.filter((one) => !wanted.includes(one));
  if (missing.length + extra.length === 0) return;
  wrong += 1;
  process.stderr.write(`${file}: missing [${missing.join(', ')}], not needed [${extra.join(', ')}]\n`);
  if (!fix) return;
  config.references = wanted.sort().map((one) => ({ path: one }));
  writeFileSync(path.join(root, file), `${JSON.stringify(config, null, 2)}\n`);
}

function read(folder, file) {
  return JSON.parse(readFileSync(path.join(root, folder, file), 'utf8'));
}
