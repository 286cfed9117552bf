import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { furtherRole, ownMember } from '../src/metadata/further-roles.ts';
import { parseRoot } from '../src/metadata/parse.ts';
import { signedBytes } from '../src/metadata/sign.ts';
import { countSignatures } from '../src/metadata/threshold.ts';
import { draftRoot } from '../src/repository/draft.ts';
import { signRoot } from '../src/repository/sign-file.ts';
import { dayMs, fileOf, newKeys, newSigner, rolesOf, signedPart, startMs } from './kit.ts';

const bytesMax = 64 * 1024;
const keys = { ...newKeys(), director: [newSigner()] };
const draft = (of = keys) => draftRoot({ version: 1, expiresMs: startMs + dayMs, roles: rolesOf(of) });
const refused = expect.objectContaining({ code: 'updates.metadata_invalid' });

/** The root with another value in the place of its own member. */
function rootWith(own: unknown): Uint8Array {
  return fileOf(JSON.stringify({ signatures: [], signed: { ...signedPart(draft()), [ownMember]: own } }));
}

describe('a role beyond the four of TUF', () => {
  it('has the keys that the root gives it, and those alone count', async () => {
    const role = furtherRole(parseRoot(draft(), bytesMax), 'director')!;
    const signedWith = async (...signers: Parameters<typeof signedBytes>[1]) => {
      const bytes = await signedBytes(signedPart(draft()), signers);
      return countSignatures(parseRoot(bytes, bytesMax), role).isMet;
    };
    expect(await signedWith(...keys.director)).toBe(true);
    expect(await signedWith(...keys.timestamp, ...keys.targets, newSigner())).toBe(false);
  });

  it('is under the signatures of the root like the rest of it', async () => {
    const { bytes } = await signRoot(draft(), { signers: keys.root });
    const { signatures } = JSON.parse(Buffer.from(bytes).toString());
    const other = {
      ...signedPart(bytes),
      [ownMember]: signedPart(draft({ ...keys, director: [newSigner()] })),
    };
    const count = async (signed: object) => {
      const file = parseRoot(fileOf(JSON.stringify({ signatures, signed })), bytesMax);
      const { root } = file.signed.roles;
      return countSignatures(file, { keys: file.signed.keys, keyIDs: root!.keyIDs, threshold: 2 }).isMet;
    };
    expect(await count(signedPart(bytes))).toBe(true);
    expect(await count({ ...other, [ownMember]: other[ownMember][ownMember] })).toBe(false);
  });

  it('is not there in a root that names none, which stays as valid as it was', () => {
    const { director: _, ...four } = keys;
    const root = parseRoot(
      draftRoot({ version: 1, expiresMs: startMs + dayMs, roles: rolesOf(four) }),
      bytesMax,
    );
    expect(furtherRole(root, 'director')).toBeUndefined();
    expect(Object.keys(root.json)).not.toContain(ownMember);
  });

  it('of a later version is read past', () => {
    const own = signedPart(draft())[ownMember];
    const later = { ...own, roles: { ...own.roles, later: own.roles.director }, also: 1 };
    expect(furtherRole(parseRoot(rootWith(later), bytesMax), 'director')).toMatchObject({ threshold: 1 });
  });

  it.each([
    ['no object', 7],
    ['no keys', { roles: {} }],
    ['a key that is none', { keys: { a: 7 }, roles: {} }],
    ['a key without a scheme', { keys: { a: { keytype: 'ed25519', keyval: {} } }, roles: {} }],
    ['a role that is none', { keys: {}, roles: { director: 7 } }],
    ['a threshold of 0', { keys: {}, roles: { director: { keyids: [], threshold: 0 } } }],
    ['key ids that are numbers', { keys: {}, roles: { director: { keyids: [7], threshold: 1 } } }],
    ['too many key ids', { keys: {}, roles: { director: { keyids: Array(65).fill('a'), threshold: 1 } } }],
    [
      'too many roles',
      { keys: {}, roles: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [at, {}])) },
    ],
  ])('refuses the root for %s', (_what, own) => {
    expect(() => parseRoot(rootWith(own), bytesMax)).toThrow(refused);
  });

  it('is accepted or refused, whatever is in its place', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (own) => {
        try {
          parseRoot(rootWith(own), bytesMax);
        } catch (error) {
          expect(error).toEqual(refused);
        }
      }),
    );
  });

  it('is not given a key of root or targets, since its own are on line', () => {
    expect(() => draft({ ...keys, director: keys.targets.slice(0, 1) })).toThrow(/key of root or targets/);
  });
});
