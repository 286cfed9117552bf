import { UpdatesError } from '../errors.ts';
import { defaultLimits } from '../limits.ts';
import { furtherRole } from '../metadata/further-roles.ts';
import { parseRoot, parseTargets, type SignedFile } from '../metadata/parse.ts';
import {
  countSecond,
  mldsa65KeyFromSpki,
  parseSecond,
  secondBytes,
  secondSuffix,
} from '../metadata/second-signature.ts';
import type { RoleKeys, SignatureCount } from '../metadata/threshold.ts';
import type { ReleaseSigner } from '../release-signer.ts';
import { type ReleaseFolder, type ReleaseStatus, readNewest } from './release-folder.ts';

/**
 * Adds second signatures to the newest root and targets, as far as the root or its predecessor names these keys, and counts them;
 * nothing where no root demands any.
 */
export async function signSecond(
  folder: ReleaseFolder,
  signers: readonly ReleaseSigner[],
): Promise<ReleaseStatus['second']> {
  const root = parseRoot(await readNewest(folder, 'root.json'), defaultLimits.rootBytesMax);
  const { version } = root.signed;
  const previous = version > 1 ? await readNewest(folder, `${version - 1}.root.json`) : undefined;
  const own = furtherRole(root, 'mldsa65');
  const before = previous && furtherRole(parseRoot(previous, defaultLimits.rootBytesMax), 'mldsa65');
  // Nobody fetches a first root: devices are given it.
  const rootRoles = version > 1 ? [own, before].filter((role) => role !== undefined) : [];
  const targetsRoles = own === undefined ? [] : [own];
  assertNamed(signers, [...rootRoles, ...targetsRoles]);
  const targets = parseTargets(await readNewest(folder, 'targets.json'), defaultLimits.targetsBytesMax);
  const counts = {
    ...(await signOne(folder, signers, {
      as: 'root',
      name: `${version}.root.json`,
      file: root,
      roles: rootRoles,
    })),
    ...(await signOne(folder, signers, {
      as: 'targets',
      name: 'targets.json',
      file: targets,
      roles: targetsRoles,
    })),
  };
  return Object.keys(counts).length === 0 ? undefined : counts;
}

interface Signing {
  readonly as: 'root' | 'targets';
  readonly name: string;
  readonly file: SignedFile<unknown>;
  /** Each of them must be met. */
  readonly roles: readonly RoleKeys[];
}

async function signOne(
  folder: ReleaseFolder,
  signers: readonly ReleaseSigner[],
  { as, name, file, roles }: Signing,
): Promise<{ readonly [Name in 'root' | 'targets']?: SignatureCount }> {
  if (roles.length === 0) return {};
  const path = `${name}${secondSuffix}`;
  const kept = await folder.read(path);
  const signatures = new Map(kept === undefined ? [] : parseSecond(kept));
  for (const signer of signers.filter((one) => isNamed(one, roles)))
    signatures.set(mldsa65KeyFromSpki(signer.publicKey).keyID, await signer.sign(file.canonical));
  if (signers.length > 0) await folder.write(path, secondBytes(signatures));
  const counts = roles.map((role) => countSecond(file, { role, signatures }));
  // The role that is furthest from done speaks for both.
  const worst = counts.reduce((a, b) => (b.valid - b.threshold < a.valid - a.threshold ? b : a));
  return { [as]: worst };
}

function isNamed({ publicKey }: ReleaseSigner, roles: readonly RoleKeys[]): boolean {
  const { keyID } = mldsa65KeyFromSpki(publicKey);
  return roles.some(({ keyIDs }) => keyIDs.includes(keyID));
}

function assertNamed(signers: readonly ReleaseSigner[], roles: readonly RoleKeys[]): void {
  const stranger = signers.find((signer) => !isNamed(signer, roles));
  if (stranger === undefined) return;
  const { keyID } = mldsa65KeyFromSpki(stranger.publicKey);
  throw new UpdatesError('updates.key_invalid', `the root does not name the ML-DSA-65 key \`${keyID}\``);
}
