import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const openssl = (...args: string[]) => run('openssl', args);

export interface Certificate {
  /** PEM files. */
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** As openssl writes subject alternative names: `IP:127.0.0.1`, `DNS:redis.internal`. */
  readonly names?: string;
  /** Begins so many days from now, and lasts one; -3: it has expired. */
  readonly fromDays?: number;
}

/** Not the system's, which may be anything. */
const CONFIG = `[req]
distinguished_name = none
[none]
[authority]
basicConstraints = critical, CA:TRUE
[ca]
default_ca = own
[own]
database = DIR/NAME.db
new_certs_dir = DIR
rand_serial = yes
policy = any
default_md = sha256
[any]
commonName = supplied
`;

/** Certificates made by openssl, in a folder: of a CA of one's own, and signed by it. */
export class CertificateAuthority implements Certificate {
  readonly cert: string;
  readonly key: string;
  readonly #dir: string;
  readonly #config: string;

  private constructor(dir: string, name: string) {
    this.#dir = dir;
    this.cert = path.join(dir, `${name}.crt`);
    this.key = path.join(dir, `${name}.key`);
    this.#config = path.join(dir, `${name}.cnf`);
  }

  static async make(dir: string, name: string): Promise<CertificateAuthority> {
    const made = new CertificateAuthority(dir, name);
    await writeFile(made.#config, CONFIG.replaceAll('DIR', dir).replaceAll('NAME', name));
    await writeFile(path.join(dir, `${name}.db`), '');
    const own = ['-x509', '-extensions', 'authority', '-days', '2'];
    await openssl('req', ...own, ...made.#asking(name, made.key, made.cert));
    return made;
  }

  /** A certificate signed by this one. */
  async sign(name: string, { names, fromDays = 0 }: CertificateOptions = {}): Promise<Certificate> {
    const at = (ending: string) => path.join(this.#dir, `${name}.${ending}`);
    await openssl('req', ...this.#asking(name, at('key'), at('csr')));
    await writeFile(at('ext'), names ? `subjectAltName = ${names}\n` : 'basicConstraints = CA:FALSE\n');
    const from = Date.now() + fromDays * 86_400_000 - 3_600_000; // clocks may differ a little
    const files = ['-in', at('csr'), '-out', at('crt'), '-cert', this.cert, '-keyfile', this.key];
    const time = ['-startdate', dateText(from), '-enddate', dateText(from + 86_400_000)];
    const how = ['-batch', '-notext', '-config', this.#config, '-extfile', at('ext')];
    await openssl('ca', ...how, ...files, ...time);
    return { cert: at('crt'), key: at('key') };
  }

  #asking(name: string, key: string, out: string): string[] {
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
    return ['-config', this.#config, ...newKey, '-out', out, '-subj', `/CN=${name}`];
  }
}

/** YYYYMMDDHHMMSSZ */
function dateText(ms: number): string {
  return `${new Date(ms).toISOString().replace(/[-:T]|\..*$/g, '')}Z`;
}
