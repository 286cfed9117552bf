import { type Json, type JsonObject, parseStrictJson } from '@fleetward/core';
import { DeviceError } from '../errors.ts';
import type { InstallerAnswer, InstallerImage, InstallerVerb } from './installer.ts';

/** What the agent asks of the installer service: a step, and the image it is about. No path, and nothing that is run. */
export interface StepRequest {
  readonly verb: InstallerVerb;
  readonly image: Omit<InstallerImage, 'path'> | undefined;
}

export const stepBytesMax = 4096;
/** Output of an installer is at most 16 KiB, which JSON may escape sixfold. */
export const answerBytesMax = 128 * 1024;
const verbs: readonly InstallerVerb[] = ['install', 'switch', 'confirm', 'rollback', 'status'];

export function formatStep({ verb, image }: StepRequest): string {
  const { version, sha256, lengthBytes } = image ?? {};
  return JSON.stringify({ verb, ...(image && { image: { version, sha256, lengthBytes } }) });
}

/** Throws for anything else than `formatStep` makes: the service has more rights than who asks. */
export function parseStep(bytes: Uint8Array): StepRequest {
  const { verb: name, image } = membersOf(bytes, { names: ['verb', 'image'], bytesMax: stepBytesMax });
  const verb = verbs.find((known) => known === name);
  if (verb === undefined) throw invalid('a verb that is a step of an installer');
  if (image !== undefined) return { verb, image: parseImage(image) };
  if (verb !== 'status') throw invalid(`an image for \`${verb}\``);
  return { verb, image: undefined };
}

function parseImage(value: Json): StepRequest['image'] {
  const { version, sha256, lengthBytes } = objectOf(value, ['version', 'sha256', 'lengthBytes']);
  if (typeof version !== 'string' || !/^[a-zA-Z0-9._+:-]{1,128}$/.test(version)) throw invalid('a version');
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) throw invalid('a SHA-256');
  if (typeof lengthBytes !== 'number' || !Number.isSafeInteger(lengthBytes) || lengthBytes < 0)
    throw invalid('a length');
  return { version, sha256, lengthBytes };
}

export function formatAnswer(answer: InstallerAnswer): string {
  return answer.kind === 'done'
    ? JSON.stringify({ kind: 'done', output: Buffer.from(answer.output).toString() })
    : JSON.stringify({ kind: answer.kind, explanation: answer.explanation });
}

export function parseAnswer(bytes: Uint8Array): InstallerAnswer {
  const names = ['kind', 'output', 'explanation'];
  const { kind, output, explanation } = membersOf(bytes, { names, bytesMax: answerBytesMax });
  if (kind === 'done' && typeof output === 'string') return { kind, output: Buffer.from(output) };
  if ((kind === 'again' || kind === 'failed') && typeof explanation === 'string')
    return { kind, explanation: explanation.replace(/[\u0000-\u001f\u007f]/g, ' ').slice(0, 512) };
  throw invalid('an answer of an installer');
}

function membersOf(
  bytes: Uint8Array,
  { names, bytesMax }: { readonly names: readonly string[]; readonly bytesMax: number },
): JsonObject {
  return objectOf(parseStrictJson(bytes, { bytesMax, depthMax: 3 }), names);
}

function objectOf(value: Json, names: readonly string[]): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('an object');
  if (!Object.keys(value).every((name) => names.includes(name)))
    throw invalid(`no member but \`${names.join('`, `')}\``);
  return value as JsonObject; // neither an array nor a scalar
}

function invalid(expected: string): DeviceError {
  return new DeviceError(
    'device.step_invalid',
    `what came over the installer's socket: expected ${expected}`,
  );
}
