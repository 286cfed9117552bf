import { UpdatesError } from '../errors.ts';
import { defaultLimits } from '../limits.ts';
import { delegatedKeys, delegatedRoles, isProductRoleName } from '../metadata/delegation.ts';
import { tufKeyFromSpki } from '../metadata/key.ts';
import { parseTargets } from '../metadata/parse.ts';
import type { ReleaseSigner } from '../release-signer.ts';
import {
  changeTargets,
  delegateProduct,
  delegationsOf,
  draftTargets,
  type NewTarget,
  type RoleAssignment,
} from './draft.ts';
import { type ReleaseFolder, readNewest } from './release-folder.ts';
import { type SignedDraft, signDelegated } from './sign-file.ts';

/** Where a folder keeps the newest list of a product that is delegated, and the one that a threshold of its keys signed last. */
export function productListName(product: string): string {
  if (isProductRoleName(product)) return `delegated.${product}.json`;
  // Whoever prepared the folder chose the names: none of them leads elsewhere.
  const message = `the targets delegate to \`${product.slice(0, 64)}\`, which is no name of a product`;
  throw new UpdatesError('updates.repository_invalid', message);
}

export function signedProductListName(product: string): string {
  return `signed-${productListName(product)}`;
}

export interface Delegation {
  readonly product: string;
  /** Who signs for it from now on; nobody takes the delegation back. */
  readonly role: RoleAssignment | undefined;
  /** Unix milliseconds, of both lists. */
  readonly expiresMs: number;
}

/**
 * Delegates the paths of a product, or ends that, in the next, unsigned version of the targets. The list of the product becomes a
 * next version too, for its keys to sign: what it was under the same delegation, and empty under a new one.
 */
export async function delegateRelease(folder: ReleaseFolder, delegation: Delegation): Promise<void> {
  const { product, role, expiresMs } = delegation;
  const before = await readNewest(folder, 'targets.json');
  const next = delegateProduct(before, delegation);
  if (role !== undefined) {
    const { signed } = parseTargets(before, defaultLimits.targetsBytesMax);
    assertNoneListed(Object.keys(signed.targets), product);
    const isKnown = delegatedKeys(signed, product) !== undefined;
    await folder.write(productListName(product), await nextList(folder, { product, expiresMs, isKnown }));
  }
  await folder.write('targets.json', next);
}

/** Two lists that name the same release would be two truths, and the top-level one would win. */
function assertNoneListed(paths: readonly string[], product: string): void {
  const listed = paths.find((path) => path.startsWith(`${product}/`));
  if (listed === undefined) return;
  const message = `the top-level list has \`${listed}\`: withdraw it first (\`release expire\`), for the team of \`${product}\` to release it`;
  throw new UpdatesError('updates.target_invalid', message);
}

/** The version goes on in any case: devices go to no lower one. */
async function nextList(
  folder: ReleaseFolder,
  { product, expiresMs, isKnown }: { product: string; expiresMs: number; isKnown: boolean },
): Promise<Uint8Array> {
  const before = await folder.read(productListName(product));
  if (before === undefined) return draftTargets({ version: 1, expiresMs });
  const { targets } = parseTargets(before, defaultLimits.targetsBytesMax).signed;
  return changeTargets(before, { remove: isKnown ? [] : Object.keys(targets), add: [], expiresMs });
}

/** The file with the list that a path belongs to: its product's, where that is delegated. */
export async function listOfPath(folder: ReleaseFolder, path: string): Promise<string> {
  const { signed } = parseTargets(await readNewest(folder, 'targets.json'), defaultLimits.targetsBytesMax);
  const role = delegatedRoles(signed).find(({ name }) => path.startsWith(`${name}/`));
  if (role === undefined) return 'targets.json';
  if (role.isDelegatedPath(path)) return productListName(role.name);
  const expected = (role.paths ?? []).map((pattern) => `\`${pattern}\``).join(' or ');
  const message = `\`${path.slice(0, 128)}\` is outside of what \`${role.name}\` may release: expected ${expected}`;
  throw new UpdatesError('updates.target_invalid', message);
}

/** A release of a delegated product is its team's to sign, and nobody else's. */
export function assertProduct(target: NewTarget, name: string): void {
  if (name === 'targets.json') return; // any name of a product, also one that cannot be delegated
  const { product } = target.custom;
  if (typeof product !== 'string' || (isProductRoleName(product) && name === productListName(product)))
    return;
  const message = `\`${target.path}\` is delegated to another team than that of \`${product}\`: begin the path with its product`;
  throw new UpdatesError('updates.target_invalid', message);
}

/** Who signs for which product. */
async function readDelegations(folder: ReleaseFolder): Promise<ReadonlyMap<string, RoleAssignment>> {
  return delegationsOf(
    parseTargets(await readNewest(folder, 'targets.json'), defaultLimits.targetsBytesMax).signed,
  );
}

/** The newest list of every delegated product, signed or not. */
export async function readProductLists(folder: ReleaseFolder): Promise<ReadonlyMap<string, Uint8Array>> {
  const lists = new Map<string, Uint8Array>();
  for (const product of (await readDelegations(folder)).keys())
    lists.set(product, await readNewest(folder, productListName(product)));
  return lists;
}

/** Key ids that may sign the list of some product. */
export async function productKeyIds(folder: ReleaseFolder): Promise<readonly string[]> {
  const roles = [...(await readDelegations(folder)).values()];
  return roles.flatMap(({ publicKeys }) => publicKeys.map((key) => tufKeyFromSpki(key).keyID));
}

/** Signs whatever lists these keys may sign, and counts. */
export async function signProductLists(
  folder: ReleaseFolder,
  signers: readonly ReleaseSigner[],
): Promise<ReadonlyMap<string, SignedDraft>> {
  const { signed } = parseTargets(await readNewest(folder, 'targets.json'), defaultLimits.targetsBytesMax);
  const drafts = new Map<string, SignedDraft>();
  for (const [product, bytes] of await readProductLists(folder)) {
    const ids = delegatedKeys(signed, product)?.keyIDs ?? [];
    const own = signers.filter(({ publicKey }) => ids.includes(tufKeyFromSpki(publicKey).keyID));
    const draft = await signDelegated(bytes, { signers: own, targets: signed, name: product });
    drafts.set(product, draft);
    if (own.length === 0) continue;
    await folder.write(productListName(product), draft.bytes);
    if (draft.isMet) await folder.write(signedProductListName(product), draft.bytes);
  }
  return drafts;
}
