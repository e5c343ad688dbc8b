export {
  type CollectorRecord,
  collectorRecordSchema,
  type FoundCollector,
  foundCollectorSchema,
  type ModuleFailure,
  moduleFailureSchema,
} from './collector.ts';
export { NewerRecordError } from './errors.ts';
export { HOST_NAME, ofHost, placeOf, templateId, toHostName } from './host-scope.ts';
export {
  type BundleDigest,
  type CollectorId,
  collectorId,
  type RunId,
  residentId,
  type SchedulerId,
  schedulerId,
} from './ids.ts';
export {
  type InputDefinition,
  type InputRecord,
  type InputSource,
  type Isolation,
  inputRecordSchema,
  isolations,
  type ModuleRef,
  moduleRefSchema,
} from './input.ts';
export { laneOf } from './lane.ts';
export { open, readRecord, refuseNewer } from './open-record.ts';
export {
  type CollectJob,
  collectJobSchema,
  type DeadLetter,
  type DeliverJob,
  type DeliveryMeta,
  type DiscoverJob,
  type Discovery,
  deadLetterSchema,
  deathSchema,
  deliverJobSchema,
  deliveryMetaSchema,
  discoverJobSchema,
  discoverySchema,
  type Origin,
  originSchema,
  type PastDeath,
  type PointForm,
  pointFormSchema,
} from './payloads.ts';
export {
  type ResidentPlan,
  type ResidentReason,
  residentPlanSchema,
  residentReasonSchema,
} from './resident.ts';
export {
  type Outcome,
  outcomeSchema,
  type RunError,
  type RunRecord,
  type RunWarning,
  runErrorSchema,
  runRecordSchema,
  runWarningSchema,
} from './run-record.ts';
export { checkSeal, makeSeal, type Seal, type Sealable, type SealCheck, type SealedKind } from './seal.ts';
export {
  holdsPrivateKey,
  type KeyFiles,
  makeKeyFiles,
  readSealingKey,
  readTrustedKey,
  type SealingKey,
  type TrustedKey,
} from './seal-key.ts';
export {
  DEFAULT_INTERVAL_MS,
  defaultTimeoutMs,
  MAX_INTERVAL_MS,
  MIN_INTERVAL_MS,
  offsetMs,
  parseTickId,
  type TickRef,
  tickId,
} from './tick.ts';
