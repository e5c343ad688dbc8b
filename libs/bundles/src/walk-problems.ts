import { formatBytes } from './limits.ts';
import { type BundleProblem, shown } from './problem.ts';

export function linkOutside(link: string, target: string): BundleProblem {
  return {
    level: 'warning',
    code: 'link-outside',
    path: link,
    message: `the link ${shown(link)} leads out of the folder, to ${shown(target)}, and is not packed`,
    hint: `Add ${JSON.stringify(target)} to files, or to dirs if it holds collectors: then the link is followed.`,
  };
}

export function linkDangling(link: string, target: string): BundleProblem {
  return {
    level: 'warning',
    code: 'link-dangling',
    path: link,
    message: `the link ${shown(link)} names ${shown(target)}, which does not exist`,
    hint: 'Remove the link, or create what it names.',
  };
}

export function linkLoop(link: string, target: string): BundleProblem {
  return {
    level: 'warning',
    code: 'link-loop',
    path: link,
    message: `the link ${shown(link)} leads back to itself or to a folder above it (${shown(target)}), and is not followed`,
    hint: 'Remove the link.',
  };
}

export function nameNotUtf8(folder: string, raw: Buffer): BundleProblem {
  const name = raw
    .toString('latin1')
    .replace(/[^ -~]|\\/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  const path = `${folder}/${name}`;
  return {
    level: 'warning',
    code: 'name-not-utf8',
    path,
    message: `the name of ${shown(folder)}/${name} is not UTF-8, and it is not packed`,
    hint: 'Rename it.',
  };
}

export function specialFile(path: string): BundleProblem {
  return {
    level: 'warning',
    code: 'special-file',
    path,
    message: `${shown(path)} is a pipe, a socket or a device, and is not packed`,
    hint: 'Move it out of the folder.',
  };
}

export function fileTooLarge(path: string, bytes: number, limit: number): BundleProblem {
  return {
    level: 'error',
    code: 'file-too-large',
    path,
    message: `${shown(path)} has ${formatBytes(bytes)}, and ${formatBytes(limit)} is the limit for one file: it is not packed`,
    hint: 'Move it out of the folder, let the script fetch it, or raise bundle_file_size.',
  };
}

export function tooDeep(path: string, limit: number): BundleProblem {
  return {
    level: 'error',
    code: 'too-deep',
    path,
    message: `${shown(path)} lies more than ${limit} folders deep, the limit: it is not packed`,
    hint: 'Move it up, or name a folder nearer to it in dirs.',
  };
}

export function pathTooLong(path: string, limit: number): BundleProblem {
  return {
    level: 'error',
    code: 'path-too-long',
    path,
    message: `the path ${shown(path)} takes more than ${limit} bytes in the bundle, the limit: it is not packed`,
    hint: 'Shorten the names, or name a folder nearer to it in dirs.',
  };
}

export function fileChanging(path: string, tries: number): BundleProblem {
  return {
    level: 'error',
    code: 'file-changing',
    path,
    message: `${shown(path)} changed each of the ${tries} times it was read, and is not packed`,
    hint: 'A file that is written all the time (a log) belongs elsewhere; else wait until the copying is done.',
  };
}

export function caseCollision(first: string, second: string): BundleProblem {
  return {
    level: 'warning',
    code: 'case-collision',
    path: second,
    message: `the names of ${shown(first)} and ${shown(second)} differ in capitals only`,
    hint: 'Both are packed; a worker on macOS can hold only one of them. Rename one.',
  };
}

export function sameModule(file: string, other: string, name: string): BundleProblem {
  return {
    level: 'warning',
    code: 'same-module',
    path: file,
    message: `${shown(file)} and ${shown(other)} are both the module ${name}: the first is not looked at for collectors`,
    hint: 'Rename one of them.',
  };
}

export function nameUnprintable(file: string): BundleProblem {
  return {
    level: 'warning',
    code: 'name-unprintable',
    path: file,
    message: `the name ${shown(file)} holds characters that can't be shown: it is packed, but not looked at for collectors`,
    hint: 'Rename it.',
  };
}
