import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { InputRecord } from '@pythond/jobs';
import { type Interpreter, interpreterFolders, probeSandbox, wayTo } from '@pythond/runner';
import {
  type Accounts,
  accountsOf,
  type Confinement,
  confinementOf,
  type Identity,
  needsOwnUid,
  ownIdentity,
  type SandboxLevel,
  type SandboxProbe,
  unconfined,
} from '@pythond/sandbox';
import { InputUnavailableError } from './input-unavailable.ts';
import { refusal } from './sandbox.ts';

/** An input about to be opened. */
export interface ConfineRequest {
  readonly record: InputRecord;
  readonly interpreter: Interpreter;
  readonly environment: Readonly<Record<string, string>>;
  readonly bundleRoot: string;
}

export interface ConfineOptions {
  /** What this worker gives. */
  readonly level: SandboxLevel;
  readonly corePath: string;
  /** Where hosts get their temporary folders; a host that becomes somebody else has to get through it. */
  readonly tmpDir: string;
}

/**
 * Looks up what the policy of an input needs to know of this machine, and makes of it what its host is told.
 *
 * @throws InputUnavailableError when what the block asks for can't be had here
 */
export async function confineInput(request: ConfineRequest, options: ConfineOptions): Promise<Confinement> {
  const { record, interpreter, environment, bundleRoot } = request;
  const { policy } = record;
  if (options.level === 'none' || policy.sandbox === 'none') return unconfined(policy);
  const { corePath, tmpDir, level } = options;
  const probe = await probeSandbox({ interpreter, environment, corePath });
  if (!probe.strict) throw unavailable(refusal(probe));
  const mayDropUid = process.getuid?.() === 0 && probe.dropUid;
  const folders = await interpreterFolders(interpreter.executable, environment);
  const opened = [interpreter.executable, interpreter.prefix, interpreter.basePrefix, ...folders];
  const host = path.join(corePath, 'pythond_host.py');
  const module = record.modules[0]?.file ?? '';
  const confinement = confinementOf(policy, {
    ...{ level, mayDropUid, bundleRoot, corePath },
    identity: identityOf(record, await accounts(), mayDropUid),
    interpreter: { ...interpreter, folders },
    ways: [...opened, path.join(bundleRoot, module), bundleRoot, host, tmpDir].map(wayTo),
  });
  if (needsOwnUid(probe) && confinement.uid === null && mayDropUid) throw unavailable(noOwnUid(probe));
  return confinement;
}

function identityOf({ key, policy }: InputRecord, known: Accounts, mayDropUid: boolean): Identity {
  const { user } = policy;
  if (user === null) return ownIdentity(key, known.taken);
  const identity = known.identity(user);
  if (!identity) {
    throw new InputUnavailableError(
      'user-unknown',
      `user = "${user}" is nobody on this worker: make the account, or write its uid`,
    );
  }
  if (mayDropUid || identity.uid === process.getuid?.()) return identity;
  throw new InputUnavailableError(
    'user-unavailable',
    `user = "${user}" can't be had here: it needs a worker that runs as root (this one runs as uid ${process.getuid?.()}) and an interpreter that this user can read`,
  );
}

async function accounts(): Promise<Accounts> {
  const read = (file: string) => readFile(file, 'utf8').catch(() => ''); // a bare container may have none
  return accountsOf(await read('/etc/passwd'), await read('/etc/group'));
}

function unavailable(message: string): InputUnavailableError {
  return new InputUnavailableError('sandbox-unavailable', message);
}

function noOwnUid({ landlockAbi }: SandboxProbe): string {
  return `with Landlock ABI ${landlockAbi} collectors need a uid of their own, and the interpreter, the bundle or the core folder can't be read by one: install Python outside of /root, or use Linux 6.12 or newer`;
}
