import { describe, expect, it } from 'vitest';
import { type Reply, replies } from '../../support/datakit-replies.ts';
import { vectors } from './vectors.ts';

/** What tells one kind of answer from another: the status, whether DataKit owns it, and its code. */
function kindOf({ status, body = '', disowned = false }: Reply) {
  return { status, owned: !disowned, code: codeOf(body) };
}

function codeOf(body: string): string | null {
  return /"error_code":"([^"]+)"/.exec(body)?.[1] ?? null;
}

const recorded = vectors.map(({ status, ackHeader, response }) => ({
  status,
  owned: ackHeader,
  code: codeOf(response),
}));

describe("the tests' own answers in a DataKit's place", () => {
  it.each<[keyof typeof replies, Reply]>([
    ['panicked', replies.panicked],
    ['rejected', replies.rejected],
    ['damaged', replies.damaged],
    ['noCategory', replies.noCategory],
    ['notFound', replies.notFound],
    ['redirect', replies.redirect],
  ])('are as recorded: %s', (_, reply) => {
    expect(recorded).toContainEqual(kindOf(reply));
  });

  it('name only codes that DataKit has, where they stand in for DataKit itself', () => {
    const codes = [replies.rejected, replies.damaged, replies.noCategory].map(({ body = '' }) => codeOf(body));
    expect(recorded.map(({ code }) => code)).toEqual(expect.arrayContaining(codes));
  });
});
