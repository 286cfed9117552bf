import type { CertificateId, JsonObject, ThingName } from '@fleetward/core';
import type { Campaigns, Feedback } from '../campaigns/index.ts';
import type { Downloads } from '../releases/index.ts';
import type { OpenableBytes } from '../route-handler.ts';
import { type OpenAction, openAction } from './actions.ts';
import { type ConfigDataLimits, parseConfigData, withConfigData } from './config-data.ts';
import {
  artifactDocument,
  type Base,
  baseDocument,
  deploymentDocument,
  fileNameOf,
  isConfirmed,
} from './documents.ts';
import { endedReport, isEnding } from './ended.ts';
import { actionGone, DdiError, noAction } from './errors.ts';
import { meaningOf, parseConfirmation, parseFeedback } from './feedback.ts';
import { parseInstalledBase } from './installed-base.ts';
import { type Known, Targets, type TargetsParts } from './targets.ts';
import { stateOf, withAttributes, withInstalled, withState } from './told-state.ts';

export interface DdiSettings extends ConfigDataLimits {
  readonly pollSeconds: number;
}

export interface DdiParts extends TargetsParts {
  readonly campaigns: Pick<Campaigns, 'offers' | 'feedback' | 'findAction'>;
  readonly downloads: Pick<Downloads, 'check' | 'read'>;
  readonly settings: DdiSettings;
}

/** A device that has shown who it is, and where it finds things. */
export interface DdiPeer {
  readonly thingName: ThingName;
  /** None: it showed its target token. */
  readonly certificateId?: CertificateId;
  readonly base: Base;
  /** Of who showed a token: judges it again, as what goes on for long asks for; throws when it is good no more. */
  readonly judgeAgain?: () => Promise<void>;
}

/** An answer with a file: its digest as text, or its bytes. */
export type ArtifactAnswer = { readonly kind: 'md5'; readonly text: string } | OpenableBytes;

/**
 * hawkBit's Direct Device Integration over releases and campaigns: the same actions that agents are at, for clients that are in the
 * field. Such a client verifies no TUF metadata: what it trusts is the signature inside the image.
 */
export class Ddi {
  readonly counts = { polls: 0, offers: 0, feedback: 0, configData: 0, downloads: 0, refused: 0 };
  readonly #parts: DdiParts;
  readonly #targets: Targets;

  constructor(parts: DdiParts) {
    this.#parts = parts;
    this.#targets = new Targets(parts);
  }

  get settings(): DdiSettings {
    return this.#parts.settings;
  }

  async poll({ thingName, base }: DdiPeer): Promise<JsonObject> {
    this.counts.polls++;
    const { state, wanted } = await this.#targets.known(thingName);
    if (wanted !== undefined) this.counts.offers++;
    const cancelId = await this.#cancelIdOf(thingName, { state, wanted });
    return baseDocument(base, { pollSeconds: this.settings.pollSeconds, state, wanted, cancelId });
  }

  /** The action that the device was given and that was cancelled since. */
  async #cancelIdOf(
    thingName: ThingName,
    { state: { givenId: id }, wanted }: Pick<Known, 'state' | 'wanted'>,
  ): Promise<number | undefined> {
    if (id === undefined || id === wanted?.id) return undefined;
    const found = await this.#parts.campaigns.findAction(id);
    if (found?.action.state === 'CANCELLED') return id;
    if (found === undefined || found.isOver) await this.#targets.noteGiven(thingName, undefined); // asked for once more, and never again
    return undefined;
  }

  /** Throws `DdiError` for what is not offered now. */
  async deployment(
    peer: DdiPeer,
    { id, historyMax }: { readonly id: number; readonly historyMax: number },
  ): Promise<JsonObject> {
    const { wanted, state } = await this.#targets.offered(peer.thingName, id);
    const digests = await this.#targets.digestsOf(wanted);
    const history = historyMax > 0 ? await this.#history(id) : undefined;
    if (state.givenId !== id) await this.#targets.noteGiven(peer.thingName, id);
    return deploymentDocument('deployment', { base: peer.base, wanted, digests, history });
  }

  async #history(id: number): Promise<JsonObject | undefined> {
    const { action } = (await this.#parts.campaigns.findAction(id)) ?? {};
    if (action === undefined) return undefined;
    const { state, explanation } = action;
    return { status: state, messages: explanation === undefined ? [] : [explanation] };
  }

  /** Resolves when it is durable. Throws `DdiError`. */
  feedback(
    { thingName }: DdiPeer,
    { id, body }: { readonly id: number; readonly body: Uint8Array },
  ): Promise<void> {
    this.counts.feedback++;
    const meaning = meaningOf(parseFeedback(body, this.settings));
    return this.#targets.inTurn(thingName, async () => {
      const known = await this.#targets.known(thingName);
      const found = openAction(await this.#targets.find(thingName, id, known), id);
      if (meaning !== undefined) await this.#settle({ thingName, id, found, meaning, report: known.report });
    });
  }

  /** What ends it is noted of the device first: whoever says it again finds the action open, or all of it kept. */
  async #settle(told: {
    readonly thingName: ThingName;
    readonly id: number;
    readonly found: OpenAction;
    readonly meaning: Feedback;
    readonly report: JsonObject | undefined;
  }): Promise<void> {
    const { thingName, id, found, meaning } = told;
    const { reports, releases, campaigns } = this.#parts;
    if (isEnding(meaning))
      await reports.save(thingName, endedReport(told.report, { id, found, meaning, releases }));
    if (found.kind === 'campaign')
      await campaigns.feedback.told({ thingName, actionId: id, feedback: meaning });
  }

  /** Throws `DdiError` for an action that was not cancelled. */
  async cancellation({ thingName }: DdiPeer, id: number): Promise<JsonObject> {
    await this.#assertCancelled(thingName, id);
    return { id: String(id), cancelAction: { stopId: String(id) } };
  }

  /** The device has heard of it. What it was at is over here already, whatever it says. Throws `DdiError`. */
  async cancelled(
    { thingName }: DdiPeer,
    { id, body }: { readonly id: number; readonly body: Uint8Array },
  ): Promise<void> {
    this.counts.feedback++;
    const { execution } = parseFeedback(body, this.settings);
    await this.#assertCancelled(thingName, id);
    if (execution === 'closed' || execution === 'canceled' || execution === 'rejected')
      await this.#targets.noteGiven(thingName, undefined);
  }

  async #assertCancelled(thingName: ThingName, id: number): Promise<void> {
    const found = await this.#targets.find(thingName, id, await this.#targets.known(thingName));
    if (found.kind === 'ended' && found.action?.state === 'CANCELLED') return;
    if (found.kind === 'ended') throw actionGone(id);
    const { kind } = openAction(found, id);
    throw new DdiError(
      'ddi.not_cancelled',
      `action ${id} was not cancelled: ${kind === 'free' ? 'no campaign is for it' : 'what a device has begun goes on'}`,
    );
  }

  /** Throws `DdiError`. */
  configData({ thingName }: DdiPeer, body: Uint8Array): Promise<void> {
    this.counts.configData++;
    const told = parseConfigData(body, this.settings);
    return this.#targets.change(thingName, (report) =>
      withAttributes(report, withConfigData(stateOf(report).attributes ?? {}, told, this.settings)),
    );
  }

  /** What waits for the device's confirmation. Throws `DdiError`. */
  async confirmation(peer: DdiPeer, id: number): Promise<JsonObject> {
    const { wanted, state } = await this.#targets.offered(peer.thingName, id, { mayBeHeld: true });
    if (isConfirmed(state, wanted)) throw notWaiting(id);
    return deploymentDocument('confirmation', {
      ...peer,
      wanted,
      digests: await this.#targets.digestsOf(wanted),
    });
  }

  async confirmationBase({ thingName, base }: DdiPeer): Promise<JsonObject> {
    const { state, wanted } = await this.#targets.known(thingName);
    const { needsConfirmation } = state;
    const change = needsConfirmation ? 'activateAutoConfirm' : 'deactivateAutoConfirm';
    const href = `${base}/confirmationBase`;
    const held = wanted !== undefined && !isConfirmed(state, wanted) ? wanted : undefined;
    return {
      autoConfirm: { active: !needsConfirmation },
      _links: {
        [change]: { href: `${href}/${change}` },
        ...(held === undefined ? {} : { confirmationBase: { href: `${href}/${held.id}` } }),
      },
    };
  }

  /** Resolves when it is durable. Throws `DdiError`. */
  async confirm(
    peer: DdiPeer,
    { id, body }: { readonly id: number; readonly body: Uint8Array },
  ): Promise<void> {
    this.counts.feedback++;
    const { confirmation } = parseConfirmation(body, this.settings);
    const { thingName } = peer;
    await this.#targets.inTurn(thingName, async () => {
      const known = await this.#targets.offered(peer.thingName, id, { mayBeHeld: true });
      if (isConfirmed(known.state, known.wanted)) throw notWaiting(id);
      if (confirmation === 'confirmed')
        return this.#parts.reports.save(
          thingName,
          withState(known.report, { ...known.state, confirmedId: id }),
        );
      const found = openAction(await this.#targets.find(thingName, id, known), id);
      const meaning = {
        event: 'reject',
        cause: 'client-denied',
        explanation: 'the device denied its confirmation',
      } as const;
      return this.#settle({ thingName, id, found, meaning, report: known.report });
    });
  }

  setAutoConfirm({ thingName }: DdiPeer, isActive: boolean): Promise<void> {
    return this.#targets.change(thingName, (report) =>
      withState(report, { ...stateOf(report), needsConfirmation: !isActive }),
    );
  }

  /** What the platform takes for installed. */
  async installedBase({ thingName }: DdiPeer): Promise<JsonObject> {
    const report = await this.#targets.reportOf(thingName);
    return { ...(report?.installed === undefined ? {} : { installed: report.installed }) };
  }

  /** The deployment that the device ended well last, while its release is published. Throws `DdiError`. */
  async installedDeployment(peer: DdiPeer, id: number): Promise<JsonObject> {
    const { thingName, base } = peer;
    const { state, report } = await this.#targets.known(thingName);
    if (state.installedId !== id) throw noAction(id);
    const { sha256 } = (report?.installed ?? {}) as { readonly sha256?: string };
    const release = this.#parts.releases.releases().find((one) => one.sha256 === sha256);
    if (release === undefined) throw actionGone(id);
    const wanted = { id, release };
    return deploymentDocument('deployment', { base, wanted, digests: await this.#targets.digestsOf(wanted) });
  }

  /** Throws `DdiError`. */
  setInstalledBase({ thingName }: DdiPeer, body: Uint8Array): Promise<void> {
    const { name, version } = parseInstalledBase(body, this.settings);
    return this.#targets.change(thingName, (report) => {
      const same = this.#parts.releases
        .releases()
        .find(({ release }) => release.product === name && release.version === version);
      const after =
        same === undefined
          ? { ...report, installed: { version, securityVersion: 0 } }
          : withInstalled(report, same);
      return withState(after, stateOf(report));
    });
  }

  /** The artifacts of a module, which has the number of its action. Throws `DdiError`. */
  async artifacts(peer: DdiPeer, id: number): Promise<readonly JsonObject[]> {
    const { wanted } = await this.#targets.offered(peer.thingName, id);
    return [artifactDocument({ base: peer.base, wanted, digests: await this.#targets.digestsOf(wanted) })];
  }

  /** Throws `DdiError`, or `ReleaseError` for what the device may not fetch now. */
  async artifact(
    peer: DdiPeer,
    asked: { readonly id: number; readonly file: string; readonly signal: AbortSignal },
  ): Promise<ArtifactAnswer> {
    const { id, file, signal } = asked;
    const { wanted } = await this.#targets.offered(peer.thingName, id);
    const { release } = wanted;
    const name = fileNameOf(release);
    if (file === `${name}.MD5SUM`)
      return { kind: 'md5', text: `${(await this.#targets.digestsOf(wanted)).md5}  ${name}\n` };
    if (file !== name)
      throw new DdiError('ddi.not_found', `action ${id} has no artifact of that name; it has \`${name}\``);
    const { base: _, judgeAgain, ...device } = peer;
    this.#parts.downloads.check(device, release);
    this.counts.downloads++;
    return {
      contentType: 'application/octet-stream',
      lengthBytes: release.lengthBytes,
      etag: release.sha256,
      open: (range, cut) =>
        whileGood(this.#parts.downloads.read(device, { target: release, range, signal, cut }), judgeAgain),
    };
  }
}

/** Connections of certificates are cut when these are revoked; what a token began is looked at as it goes on. */
async function* whileGood(
  pieces: AsyncIterable<Uint8Array>,
  judgeAgain: (() => Promise<void>) | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    await judgeAgain?.();
    yield piece;
  }
}

function notWaiting(id: number): DdiError {
  return new DdiError('ddi.not_found', `action ${id} waits for no confirmation`);
}
