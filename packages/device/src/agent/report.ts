import { deviceProtocolVersion } from '@fleetward/protocol';
import type { DeviceReport } from '../sdk/platform-client.ts';
import type { SlotFolder } from '../slots/folder.ts';
import type { CheckOutcome } from './outcome.ts';

type UpdatePart = NonNullable<DeviceReport['update']>;

/** Characters of a reason: the contract's 1,024, with room. */
const reasonCharactersMax = 1000;

/** What the platform is told after a pass: the confirmed version, and how the update ended. */
export function buildReport(folder: SlotFolder, outcome: CheckOutcome): DeviceReport {
  return { protocolVersion: deviceProtocolVersion, ...installedPart(folder), update: updatePart(outcome) };
}

function installedPart(folder: SlotFolder): Pick<DeviceReport, 'installed'> {
  const read = folder.readSlots();
  const image = read.kind === 'ok' && read.state.confirmed && read.state.slots[read.state.confirmed];
  if (!image) return {};
  const { version, securityVersion, sha256 } = image;
  return { installed: { version, securityVersion, sha256 } };
}

function updatePart(outcome: CheckOutcome): UpdatePart {
  switch (outcome.kind) {
    case 'current':
      return { outcome: 'up-to-date', ...(outcome.version && { version: outcome.version }) };
    case 'confirmed':
      return { outcome: 'confirmed', version: outcome.version };
    case 'rolled-back':
      return { outcome: 'rolled-back', version: outcome.version, reason: because(outcome) };
    case 'refused': {
      const step = outcome.step === 'device' ? 'device' : `TUF ${outcome.step}`;
      return { outcome: 'refused', step, reason: clipped(`${outcome.subject}: ${because(outcome)}`) };
    }
    case 'waiting':
      return { outcome: 'waiting', version: outcome.version, reason: clipped(outcome.explanation) };
    case 'no-space':
      return {
        outcome: 'failed',
        version: outcome.version,
        reason: clipped(`no-space: ${outcome.explanation}`),
      };
    case 'unreachable':
      return { outcome: 'failed', reason: clipped(`unreachable: ${outcome.path} ${outcome.explanation}`) };
  }
}

function because({ reason, explanation }: { readonly reason: string; readonly explanation: string }): string {
  return clipped(`${reason}: ${explanation}`);
}

function clipped(text: string): string {
  return text.slice(0, reasonCharactersMax);
}
