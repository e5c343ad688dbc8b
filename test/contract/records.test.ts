import {
  collectJobSchema,
  collectorRecordSchema,
  deadLetterSchema,
  deliverJobSchema,
  deliveryMetaSchema,
  discoverJobSchema,
  discoverySchema,
  inputRecordSchema,
  NewerRecordError,
  readRecord,
  residentPlanSchema,
  runRecordSchema,
} from '@pythond/jobs';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { golden, goldenVersions, type JsonObject, withMore } from '../support/golden-records.ts';

const versioned = {
  input: inputRecordSchema,
  collector: collectorRecordSchema,
  'collector-resident': collectorRecordSchema,
  run: runRecordSchema,
  'run-resident': runRecordSchema,
  'resident-plan': residentPlanSchema,
  'deliver-job': deliverJobSchema,
  delivery: deliveryMetaSchema,
  'dead-letter': deadLetterSchema,
};
const schemas: Readonly<Record<string, z.ZodObject>> = {
  ...versioned,
  'tick-job': collectJobSchema,
  'discover-job': discoverJobSchema,
  discovery: discoverySchema,
  'discovery-failed': discoverySchema,
};
/** Objects that hold anything under names of their own; a policy, which is taken as it is understood. */
const MAPS = new Set(['tags', 'policy']);
const kinds = goldenVersions.flatMap((version) => Object.keys(schemas).map((kind) => [version, kind] as const));

/** Without what the outbox notes of how it keeps the points. */
const told = ({ encoding: _, ...record }: JsonObject): JsonObject => record;

const schemaOf = (kind: string): z.ZodObject => {
  const schema = schemas[kind];
  if (!schema) throw new Error(`there is no schema of ${kind}`);
  return schema;
};

describe.each(kinds)('what version %s writes as %s', (version, kind) => {
  const schema = schemaOf(kind);
  const record = golden(version, kind);

  it('is read as it is', () => {
    expect(schema.parse(record)).toMatchObject(told(record));
  });

  it('is read with fields that are not known yet', () => {
    const later = withMore(record, MAPS) as JsonObject;
    expect(schema.parse(later)).toMatchObject(told(record));
  });

  it('is read without each field that earlier versions did not write', () => {
    const optional = Object.keys(schema.shape).filter((name) => schema.shape[name]?.safeParse(undefined).success);
    for (const name of optional) {
      const { [name]: _, ...rest } = record;
      expect(schema.safeParse(rest), name).toMatchObject({ success: true });
    }
  });
});

it.each(['input', 'collector', 'run', 'resident-plan', 'delivery'])(
  'what a later version adds to a record of kind %s goes on with it',
  (kind) => {
    for (const version of goldenVersions) {
      const { ofLater } = schemaOf(kind).parse({ ...golden(version, kind), ofLater: { deep: [1] } });
      expect(ofLater).toEqual({ deep: [1] });
    }
  },
);

it.each(Object.entries(versioned))('a format of %s that is newer is told of in plain words', (kind, schema) => {
  const [version = ''] = goldenVersions;
  const record = golden(version, kind);
  const newer = { ...record, v: Number(record['v']) + 1, isAllNew: true };
  expect(() => readRecord(schema as typeof runRecordSchema, newer, `the ${kind}`)).toThrow(NewerRecordError);
  expect(() => readRecord(schema as typeof runRecordSchema, newer, `the ${kind}`)).toThrow(
    `the ${kind} was made by a newer version of pythond-fleet (its format is ${newer.v}), which this one can't read: upgrade this one`,
  );
  expect(readRecord(schema as typeof runRecordSchema, record, 'it')).toMatchObject(told(record));
});
