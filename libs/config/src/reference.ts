/**
 * `$NAME`, `${NAME}` and `ENC[…]` as DataKit finds them in the text of a conf file (its `envVarRe` and `re`). Groups:
 * the braced name, the bare name, what stands between the brackets.
 */
export const REFERENCE = /\$\{(\w+)\}|\$(\w+)|ENC\[([^\]\r\n]*)\]/g;

/** A reference to a file whose content is the value. */
const ENC_FILE = /^file:(?:\/\/)?(.*)$/s;
const WHOLE_FILE = /^file:\/\/([/$].*)$/s;

/** The path in `file:///path`, `file:/path` or `file://$HOME/path`, as it stands in `ENC[…]`; null when it is none. */
export function encFilePath(inside: string): string | null {
  return decodePath(ENC_FILE.exec(inside.trim())?.[1]);
}

/** The path of a value that is nothing but `file:///path`. */
export function wholeFilePath(value: string): string | null {
  return decodePath(WHOLE_FILE.exec(value)?.[1]);
}

export function isEncAes(inside: string): boolean {
  return /^\s*aes:/i.test(inside);
}

function decodePath(path: string | undefined): string | null {
  if (path === undefined) return null;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/**
 * Variables that belong to the fleet and let their holder act as it. They are expanded nowhere, neither in the text
 * of `conf.d` nor on a worker, whatever `env_allow` says.
 */
export function isFleetSecret(name: string): boolean {
  return name === 'REDIS_URL' || /^PYTHOND_\w*(TOKEN|KEY|SECRET|PASSWORD|REDIS)/.test(name);
}

/** The value of a variable that exists; never one that every object inherits. */
export function variable(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined;
}

/** The names that a text refers to and that a shell would take for variables: `$5` is not one of them. */
export function variableNames(text: string): string[] {
  const names = [...text.matchAll(REFERENCE)].map((match) => match[1] ?? match[2]);
  return names.filter((name) => name !== undefined).filter((name) => /^[A-Za-z_]/.test(name));
}
