import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { customOfRelease, parseRelease } from '../src/release.ts';
import { createTargetVerifier } from '../src/target-verifier.ts';
import { lampRelease } from './kit.ts';

function expectedOf(image: Uint8Array) {
  return { path: 'a/b.img', length: image.length, sha256: createHash('sha256').update(image).digest('hex') };
}

/** Runs chunks through a verifier: what came out, and the verdict. */
function verified(expected: ReturnType<typeof expectedOf>, chunks: readonly Uint8Array[]) {
  const verifier = createTargetVerifier(expected);
  const released: Uint8Array[] = [];
  for (const chunk of chunks) {
    const pushed = verifier.push(Uint8Array.from(chunk));
    if (pushed.kind === 'refused') return { verdict: pushed.reason, released: Buffer.concat(released) };
    released.push(...pushed.bytes.map((bytes) => Uint8Array.from(bytes)));
  }
  const end = verifier.end();
  if (end.kind === 'accepted') released.push(end.bytes);
  return { verdict: end.kind === 'accepted' ? 'accepted' : end.reason, released: Buffer.concat(released) };
}

const image = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });

describe('the target verifier', () => {
  it('passes an image on unchanged, however it is cut into chunks', () => {
    fc.assert(
      fc.property(image, (chunks) => {
        const whole = Buffer.concat(chunks);
        expect(verified(expectedOf(whole), chunks)).toEqual({ verdict: 'accepted', released: whole });
      }),
    );
  });

  it('never releases a whole image that is not the signed one', () => {
    fc.assert(
      fc.property(image, image, (signed, sent) => {
        const [expected, bytes] = [Buffer.concat(signed), Buffer.concat(sent)];
        fc.pre(!expected.equals(bytes) && expected.length > 0);
        const { verdict, released } = verified(expectedOf(expected), sent);
        expect(verdict).not.toBe('accepted');
        expect(released.length).toBeLessThan(expected.length);
      }),
    );
  });

  it('stays refused once it has refused', () => {
    const verifier = createTargetVerifier(expectedOf(new Uint8Array([1, 2])));
    expect(verifier.push(new Uint8Array(3))).toMatchObject({ kind: 'refused', reason: 'length-mismatch' });
    expect(verifier.push(new Uint8Array())).toMatchObject({ kind: 'refused' });
    expect(verifier.end()).toMatchObject({ kind: 'refused', reason: 'length-mismatch' });
  });
});

describe('what a release says about itself', () => {
  it('survives the trip through a target', () => {
    expect(parseRelease(customOfRelease(lampRelease('1.0.0', 3)))).toEqual(lampRelease('1.0.0', 3));
    const agent = { ...lampRelease('1.0.0', 3), component: 'agent' } as const;
    expect(parseRelease(customOfRelease(agent))).toEqual(agent);
  });

  it.each([
    ['no hardware', { hardware: [] }],
    ['a security version below 0', { securityVersion: -1 }],
    ['a fractional security version', { securityVersion: 1.5 }],
    ['a product with a slash', { product: '../lamp' }],
    ['no version', { version: '' }],
    ['a component we do not know', { component: 'bootloader' as 'agent' }],
  ])('is refused with %s', (_what, change) => {
    const release = { ...lampRelease('1.0.0', 1), ...change };
    expect(parseRelease(release)).toBeUndefined();
    expect(() => customOfRelease(release)).toThrow(
      expect.objectContaining({ code: 'updates.target_invalid' }),
    );
  });

  it('is not made with a version of which no device can tell whether it is newer', () => {
    for (const version of ['latest', '1.x', 'v', '1..2'])
      expect(() => customOfRelease(lampRelease(version, 1))).toThrow(`\`${version}\` is not a version`);
    for (const version of ['1.0', 'v2', '1.4.2-rc.1+build.7'])
      expect(customOfRelease(lampRelease(version, 1))).toMatchObject({ version });
  });
});
