/** Reads what `git cat-file --batch` prints: for each object `<oid> SP <type> SP <bytes> LF <content> LF`. */
export function* parseBatch(output: Buffer): Generator<{ readonly oid: string; readonly content: Buffer }> {
  let at = 0;
  while (at < output.length) {
    const end = output.indexOf(0x0a, at);
    const [, oid, bytes] =
      /^([0-9a-f]{40,64}) blob (\d+)$/.exec(output.subarray(at, end).toString('latin1')) ?? [];
    if (end < 0 || oid === undefined || bytes === undefined) throw new Error('git cat-file: not a blob');
    const start = end + 1;
    at = start + Number(bytes);
    if (at >= output.length) throw new Error('git cat-file: cut short');
    yield { oid, content: output.subarray(start, at) };
    at += 1;
  }
}
