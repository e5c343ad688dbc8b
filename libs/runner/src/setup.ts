import type { HostOptions } from './host.ts';
import type { HostLimits } from './limits.ts';

/** The payload of `setup`, a host's first frame. */
export function setupOf(options: HostOptions, tmpRoot: string, limits: HostLimits): object {
  const { outputKeptBytes, resultBytes, points, killGraceMs, leaseMarginMs } = limits;
  return {
    protocol: 1,
    bundleRoot: options.bundleRoot,
    tmpRoot,
    modules: options.modules.map(({ name, file, root, dir }) => ({ name, file, root, dir })),
    roots: options.roots ?? [],
    limits: { outputKeptBytes, resultBytes, points, killGraceMs, leaseMarginMs },
    policy: options.policy,
    ...(options.resident ? { resident: true } : {}),
  };
}
