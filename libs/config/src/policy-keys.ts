import { MAX_INTERVAL_MS } from '@pythond/jobs';
import { defaultPolicy, policyLimits, policyTexts as texts } from '@pythond/sandbox';
import { blockKey } from './block-key.ts';
import { durationReader } from './duration.ts';
import { choiceReader, distinct, integerReader, listReader, readBoolean, readText } from './readers.ts';
import { bad, badUnshown, good, type Reader } from './reading.ts';
import { isFleetSecret } from './reference.ts';
import { formatSize, sizeReader } from './size.ts';

const flag = (fallback: boolean, about: string) =>
  blockKey({
    read: readBoolean,
    fallback,
    type: 'boolean',
    default: `\`${fallback}\``,
    where: 'block',
    about,
  });

const readPath: Reader<string> = (value) => {
  const text = readText(value);
  if (!text.ok) return text;
  if (!text.value.startsWith('/')) return bad('must be an absolute path');
  return text.value.split('/').includes('..') ? bad("must not hold '..'") : text;
};

const paths = (about: string) =>
  blockKey({
    read: distinct(listReader(readPath, '["/var/log"]')),
    fallback: [] as readonly string[],
    type: 'list of absolute paths',
    default: '`[]`',
    where: 'block',
    about,
  });

const size = (key: string, limit: { min: number; max: number }, fallback: number, about: string) =>
  blockKey({
    read: sizeReader({ ...limit, example: `${key} = "${formatSize(fallback)}"` }),
    fallback,
    type: 'bytes or size',
    default: `\`"${formatSize(fallback)}"\``,
    where: 'block',
    about: `${about} At least ${formatSize(limit.min)}.`,
  });

const count = (limit: { min: number; max: number }, fallback: number, about: string) =>
  blockKey({
    read: integerReader(limit),
    fallback,
    type: 'integer',
    default: `\`${fallback}\``,
    where: 'block',
    about: `${about}: ${limit.min} to ${limit.max}.`,
  });

const USER = /^(?:[a-z_][a-z0-9_-]{0,31}|\d{1,10})$/;
const readUser: Reader<string | null> = (value) => {
  const text = typeof value === 'number' && Number.isInteger(value) ? String(value) : value;
  return typeof text === 'string' && USER.test(text)
    ? good(text)
    : bad('must be the name of a user or a uid');
};

const readEnvName: Reader<string> = (value) => {
  if (typeof value !== 'string' || !/^[A-Za-z_]\w{0,127}$/.test(value)) {
    return bad('must be the name of a variable', 'write env_allow = ["ORACLE_HOME"]');
  }
  return isFleetSecret(value) ? badUnshown(`must not be ${value}: it opens the fleet itself`) : good(value);
};

const readCpu: Reader<number | null> = durationReader({
  minMs: 1,
  maxMs: MAX_INTERVAL_MS,
  example: 'cpu = "10s"',
});

/** What a run may do: the keys of the sandbox, with the defaults of `@pythond/sandbox`. */
export const policyKeys = {
  network: flag(defaultPolicy.network, texts.network),
  subprocess: flag(defaultPolicy.subprocess, texts.subprocess),
  unix_sockets: flag(defaultPolicy.unixSockets, texts.unix_sockets),
  listen: flag(defaultPolicy.listen, texts.listen),
  read_paths: paths(texts.read_paths),
  write_paths: paths(texts.write_paths),
  memory: size('memory', policyLimits.memoryBytes, defaultPolicy.memoryBytes, texts.memory),
  cpu: blockKey({
    read: readCpu,
    fallback: null,
    type: 'seconds or duration',
    default: 'the time-out',
    where: 'block',
    about: texts.cpu,
  }),
  max_processes: count(policyLimits.maxProcesses, defaultPolicy.maxProcesses, texts.max_processes),
  max_open_files: count(policyLimits.maxOpenFiles, defaultPolicy.maxOpenFiles, texts.max_open_files),
  tmp_size: size('tmp_size', policyLimits.tmpBytes, defaultPolicy.tmpBytes, texts.tmp_size),
  user: blockKey({
    read: readUser,
    fallback: null,
    type: 'user name or uid',
    default: 'one of its own',
    where: 'block',
    about: texts.user,
  }),
  env_allow: blockKey({
    read: distinct(listReader(readEnvName, 'env_allow = ["ORACLE_HOME"]')),
    fallback: [] as readonly string[],
    type: 'list of names',
    default: '`[]`',
    where: 'block',
    about: texts.env_allow,
  }),
  sandbox: blockKey({
    read: choiceReader(['strict', 'none']),
    fallback: defaultPolicy.sandbox,
    type: '`"strict"`, `"none"`',
    default: '`"strict"`',
    where: 'block',
    about: texts.sandbox,
  }),
};
