/** What a server answered, as far as it matters afterwards. */
export interface Answer {
  readonly status: number;
  /** DataKit's own error code without its `datakit.` prefix, where the answer names one. */
  readonly code: string | null;
  /** The text, cut to `MAX_KEPT_ANSWER` characters: DataKit's refusals quote the whole body they refuse. */
  readonly body: string;
}

export const MAX_KEPT_ANSWER = 4096;

export function answerOf(status: number, body: string): Answer {
  return { status, code: errorCodeOf(body), body: body.slice(0, MAX_KEPT_ANSWER) };
}

/** Reads the code from the front of the text: an answer that was cut is no longer JSON. */
function errorCodeOf(body: string): string | null {
  const code = /^\s*\{\s*"error_code"\s*:\s*"([^"\\]*)"/.exec(body)?.[1];
  return code === undefined ? null : code.replace(/^datakit\./, '');
}
