import { deviceProtocolVersion } from '@fleetward/protocol';
import type { DeviceReport } from '../sdk/platform-client.ts';
import type { SlotFolder } from '../slots/folder.ts';
import type { DeviceModel } from './choose-target.ts';
import type { CheckOutcome } from './outcome.ts';
import type { SelfUpdate } from './self-update.ts';
import { agentVersion } from './version.ts';

type UpdatePart = NonNullable<DeviceReport['update']>;

/** Characters of a reason: the contract's 1,024, with room. */
const reasonCharactersMax = 1000;

export interface ReportFacts {
  readonly model: DeviceModel;
  /** Of the firmware's last check; nothing before the first. */
  readonly outcome: CheckOutcome | undefined;
  /** Of the agent, where it runs out of slots of its own. */
  readonly self: ReturnType<SelfUpdate['status']> | undefined;
  /** Of a device that has a battery. */
  readonly batteryPercent?: number | undefined;
}

/** What the platform is told: the confirmed version, which agent runs, and how the updates of both ended. */
export function buildReport(
  folder: SlotFolder,
  { model, outcome, self, batteryPercent }: ReportFacts,
): DeviceReport {
  return {
    protocolVersion: deviceProtocolVersion,
    model,
    ...installedPart(folder),
    ...(outcome && { update: updatePart(outcome) }),
    agent: self === undefined ? { version: agentVersion } : agentPart(self),
    ...(batteryPercent === undefined ? {} : { batteryPercent }),
  };
}

function agentPart({ version, slot, outcome }: NonNullable<ReportFacts['self']>) {
  return { version, slot, update: updatePart(outcome) };
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
      const step = /^\d/.test(outcome.step) ? `TUF ${outcome.step}` : outcome.step;
      return { outcome: 'refused', step, reason: clipped(`${outcome.subject}: ${because(outcome)}`) };
    }
    case 'waiting':
      return { outcome: 'waiting', version: outcome.version, reason: clipped(outcome.explanation) };
    case 'agent-first':
      return { outcome: 'waiting', reason: 'the agent replaces itself first' };
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
