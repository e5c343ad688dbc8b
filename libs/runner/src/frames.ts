/**
 * The frames of docs/protocol.md: `u32 big-endian N | u8 type | N - 1 bytes`, between worker and host and, of the
 * same form, within what a run writes to its result descriptor.
 */
export const frameType = {
  setup: 0x01,
  run: 0x02,
  renew: 0x03,
  cancel: 0x04,
  stop: 0x05,
  state: 0x06,
  ready: 0x11,
  started: 0x12,
  result: 0x13,
  output: 0x14,
  ended: 0x15,
  fatal: 0x1f,
  report: 0x21,
  lastError: 0x22,
  warning: 0x23,
  raw: 0x24,
  finished: 0x25,
  newState: 0x26,
  loaded: 0x27,
  passBegan: 0x28,
  passEnded: 0x29,
} as const;

/** What a run may leave to the next one; it is kept well within a frame. */
export const MAX_STATE_BYTES = 1024 * 1024;

/** N of a frame counts its type byte. */
export const MAX_FRAME_BYTES = 17 * 1024 * 1024;

export const LENGTH_BYTES = 4;
export const HEADER_BYTES = LENGTH_BYTES + 1;

export function encodeFrame(type: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame.writeUInt32BE(1 + payload.length, 0);
  frame[LENGTH_BYTES] = type;
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** What a run starts from; goes directly before its `run` frame. */
export function encodeStateFrame(run: number, state: Uint8Array): Buffer {
  const payload = Buffer.allocUnsafe(4 + state.length);
  payload.writeUInt32BE(run, 0);
  payload.set(state, 4);
  return encodeFrame(frameType.state, payload);
}

export function encodeJsonFrame(type: number, value: object): Buffer {
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes);
  frame.writeUInt32BE(1 + bytes, 0);
  frame[LENGTH_BYTES] = type;
  frame.write(text, HEADER_BYTES);
  return frame;
}
