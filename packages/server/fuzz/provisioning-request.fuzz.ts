import { encodeCbor } from '@fleetward/protocol';
import { readAnswer } from '../src/provisioning/hook.ts';
import {
  readCsrRequest,
  readEmptyRequest,
  readProvisionRequest,
  Unreadable,
} from '../src/provisioning/payload.ts';

const request = { certificateOwnershipToken: 'fwc_x', parameters: { SerialNumber: '1', Room: 'é' } };

export const seeds: readonly Uint8Array[] = [
  Buffer.from(JSON.stringify(request)),
  encodeCbor(request),
  Buffer.from(JSON.stringify({ certificateSigningRequest: '-----BEGIN CERTIFICATE REQUEST-----' })),
  Buffer.from(JSON.stringify({ allowProvisioning: true, parameterOverrides: { A: 'b' } })),
];

/** Whatever a device or a hook sends is read or refused, and nothing that the platform gives can be given by them. */
export function fuzz(input: Uint8Array): void {
  for (const form of ['json', 'cbor'] as const) {
    for (const read of [readCsrRequest, readEmptyRequest, readParameters]) {
      try {
        read(input, form);
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
      }
    }
  }
  const answer = readAnswer(input);
  if (answer.kind === 'allowed') assertGiven(answer.overrides);
}

function readParameters(...request: Parameters<typeof readProvisionRequest>): void {
  assertGiven(readProvisionRequest(...request).parameters);
}

function assertGiven(parameters: ReadonlyMap<string, string>): void {
  for (const name of parameters.keys()) if (name.startsWith('AWS::')) throw new Error('given by a stranger');
}
