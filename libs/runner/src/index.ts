export { CappedText } from './capped-text.ts';
export type { Catalogue } from './catalogue.ts';
export {
  FrameError,
  type FrameErrorCode,
  HostDiedError,
  HostNotReadyError,
  HostPoolStoppedError,
  HostUnavailableError,
  InterpreterError,
  type InterpreterErrorCode,
  SandboxProbeError,
  ScriptSurveyError,
} from './errors.ts';
export { FrameDecoder, type FrameLimits, type FrameSink, type HoldBudget } from './frame-decoder.ts';
export {
  encodeFrame,
  encodeJsonFrame,
  encodeStateFrame,
  frameType,
  MAX_FRAME_BYTES,
  MAX_STATE_BYTES,
} from './frames.ts';
export type { Host, HostOptions, HostState } from './host.ts';
export type { DeathReason, HostDeath } from './host-death.ts';
export { type HostFrame, hostFrameLimits, readHostFrame, type Stream } from './host-frames.ts';
export { type HostSpec, hostKey } from './host-key.ts';
export { createHostPool, type HostPool } from './host-pool.ts';
export type {
  AcquireOptions,
  HostEvent,
  HostLease,
  HostPoolOptions,
  HostPoolStats,
  RetireReason,
} from './host-pool-options.ts';
export { type Interpreter, type InterpreterRequest, resolveInterpreter } from './interpreter.ts';
export { interpreterFolders } from './interpreter-folders.ts';
export { defaultHostLimits, type HostLimits } from './limits.ts';
export { causeOf, outcomeOf } from './outcome.ts';
export type { RecycleLimits } from './pooled-host.ts';
export { createHost } from './python-host.ts';
export { removeFolder } from './remove-folder.ts';
export type { CancelReason, EndCause, RunEnd } from './run-end.ts';
export {
  type LastError,
  type Loaded,
  type PassBegan,
  type PassEnded,
  type PointsReport,
  type RawReport,
  type Report,
  type RunFrame,
  readRunFrame,
  runFrameLimits,
} from './run-frames.ts';
export { type ResidentRequest, RunCancellation, type RunHandle, type RunRequest } from './run-request.ts';
export { probeSandbox, type SandboxProbeRequest } from './sandbox-probe.ts';
export {
  type ScriptFact,
  type ScriptSurveyRequest,
  type SurveyedFile,
  surveyScripts,
} from './script-survey.ts';
export type { Exceeded } from './usage-watch.ts';
export { wayTo } from './way-to.ts';
