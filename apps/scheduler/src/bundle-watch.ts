import { isIntact } from '@pythond/bundles';
import type { BundleDigest } from '@pythond/jobs';
import type { BundleArchive, Fleet, Inputs } from '@pythond/registry';

export interface BundleWatchDeps {
  readonly fleet: Pick<Fleet, 'workers'>;
  readonly inputs: Pick<Inputs, 'rollouts'>;
  readonly bundles: Pick<BundleArchive, 'get' | 'discard'>;
}

/** Finds bundles that Redis has lost or damaged, by what workers tell of, and takes the damaged ones away. */
export class BundleWatch {
  readonly #deps: BundleWatchDeps;

  constructor(deps: BundleWatchDeps) {
    this.#deps = deps;
  }

  /** The inputs whose newest version has such a bundle: their files are to be packed again. */
  async look(): Promise<string[]> {
    const { fleet, inputs } = this.#deps;
    const told = new Set((await fleet.workers()).flatMap(({ bundlesAmiss = [] }) => bundlesAmiss));
    if (told.size === 0) return [];
    const newest = (await inputs.rollouts()).flatMap(({ input, versions: [version] }) =>
      version && told.has(version.bundle) ? { input, bundle: version.bundle as BundleDigest } : [],
    );
    const amiss: string[] = [];
    for (const { input, bundle } of newest) if (!(await this.#isThere(bundle))) amiss.push(input);
    return amiss;
  }

  async #isThere(digest: BundleDigest): Promise<boolean> {
    const { bundles } = this.#deps;
    const archive = await bundles.get(digest);
    if (archive === null) return false;
    if (await isIntact(digest, archive)) return true;
    await bundles.discard(digest);
    return false;
  }
}
