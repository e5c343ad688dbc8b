/**
 * The keys of the sandbox as a block writes them, and what each allows: the one source of the table in
 * docs/configuration.md, and of the remedies that a refused run is told.
 */
export const policyTexts = {
  network: 'Outward TCP and UDP.',
  subprocess: 'Starting other programs.',
  unix_sockets: 'Unix-domain sockets, such as `/var/run/docker.sock`.',
  listen: 'Accepting connections.',
  read_paths: "Readable besides the system's libraries and the bundle.",
  write_paths: 'Writable, and readable, besides the private temporary folder.',
  memory: 'Memory of a run, all its processes together.',
  cpu: 'CPU time of a run. A resident has no limit of it.',
  max_processes: 'Processes and threads of a run',
  max_open_files: 'Open files of a process',
  tmp_size: 'The private temporary folder of a run.',
  user: 'Whom the collectors run as, for files that only this user or its groups read. Needs a worker that runs as root.',
  env_allow: 'Variables of the worker that collectors may see besides the allow-list.',
  sandbox: "Confined, or with the worker's own rights.",
} as const;

export type PolicyKey = keyof typeof policyTexts;
