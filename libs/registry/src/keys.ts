import { key } from '@pythond/queue';

/** Every key that is ours, in one place: operations and the ACL are written from this list. */
export const keys = {
  inputs: key('inputs'),
  input: (input: string) => key('input', input),
  collectors: key('collectors'),
  collector: (scheduler: string) => key('collector', scheduler),
  state: (scheduler: string) => key('state', scheduler),
  lease: (scheduler: string) => key('lease', scheduler),
  runs: (scheduler: string) => key('runs', scheduler),
  outputs: (scheduler: string) => key('outputs', scheduler),
  discoveries: key('discoveries'),
  problems: key('problems'),
  workers: key('workers'),
  worker: (name: string) => key('worker', name),
  bundle: (digest: string) => key('bundle', digest),
  bundles: key('bundles'),
  settings: key('settings'),
  pauses: key('pauses'),
  rate: (source: string, route: string) => key('rate', source, route),
  throttle: (route: string) => key('throttle', route),
  residents: key('residents'),
  resident: (id: string) => key('resident', id),
  residentsOf: (pool: string) => key('residents', pool),
  sharedNames: (input: string) => key('shared-names', input),
  stillReporting: (scheduler: string, input: number) => key('still-reporting', scheduler, String(input)),
} as const;
