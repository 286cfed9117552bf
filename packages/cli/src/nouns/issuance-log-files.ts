import { parseStrictJson } from '@fleetward/core';
import type { IssuanceProof, TreeHead } from '@fleetward/protocol';
import { CliError } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Terminal } from '../terminal.ts';

const bytesMax = 16_384;
const depthMax = 4;
const sha256 = /^[0-9a-f]{64}$/;
const pathMax = 64;

/** A head as `issuance-log head --out` or `audit --out` wrote it. */
export async function readHead(file: string, terminal: Terminal): Promise<TreeHead> {
  const head = headOf(await readJson(file, terminal));
  if (head !== undefined) return head;
  throw new CliError('cli.unreadable', `\`${file}\` is not a head of an issuance log`, {
    hint: 'give a file that `fleetward issuance-log head --out FILE` wrote',
  });
}

/** A proof as `issuance-log prove --out` wrote it. */
export async function readProof(file: string, terminal: Terminal): Promise<IssuanceProof> {
  const proof = proofOf(await readJson(file, terminal));
  if (proof !== undefined) return proof;
  throw new CliError('cli.unreadable', `\`${file}\` is not a proof of an issuance log`, {
    hint: 'give a file that `fleetward issuance-log prove --out FILE` wrote',
  });
}

/** Throws `InvalidInputError` for what is no JSON, or more of it than any proof is. */
export function parseProofJson(bytes: Uint8Array): unknown {
  return parseStrictJson(bytes, { bytesMax, depthMax });
}

/** Undefined for what is no head. */
export function headOf(value: unknown): TreeHead | undefined {
  return isHead(value) ? value : undefined;
}

/** Undefined for what is no proof. */
export function proofOf(value: unknown): IssuanceProof | undefined {
  return isProof(value) ? value : undefined;
}

async function readJson(file: string, terminal: Terminal): Promise<unknown> {
  const bytes = await readInput(file, { terminal, bytesMax });
  try {
    return parseProofJson(bytes);
  } catch (cause) {
    throw new CliError('cli.unreadable', `\`${file}\` is not JSON: ${(cause as Error).message}`, { cause });
  }
}

function isProof(value: unknown): value is IssuanceProof {
  if (!isRecord(value) || !isHead(value.head) || !isPath(value.path)) return false;
  if (value.consistency !== undefined && !isPath(value.consistency)) return false;
  const { entry } = value;
  return isRecord(entry) && isCount(entry.index) && isCount(entry.at) && isHash(entry.certificateId);
}

function isHead(value: unknown): value is TreeHead {
  if (!isRecord(value)) return false;
  const { size, rootHash, at, signature } = value;
  return isCount(size) && isHash(rootHash) && isCount(at) && typeof signature === 'string';
}

function isPath(value: unknown): boolean {
  return Array.isArray(value) && value.length <= pathMax && value.every(isHash);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHash(value: unknown): boolean {
  return typeof value === 'string' && sha256.test(value);
}
