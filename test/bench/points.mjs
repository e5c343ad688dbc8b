/** A report of so many points of one metric, as the framework writes it: three tags, two fields. */
export function reportOf(count, from = 0) {
  const points = Array.from({ length: count }, (_, nth) => ({
    measurement: 'bench',
    tags: { host: 'host-17', service: 'checkout', nth: `n${from + nth}` },
    fields: { load: 0.25 + nth / 1000, count: from + nth },
  }));
  return JSON.stringify(points);
}
