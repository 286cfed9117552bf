import { type Clock, type Random, utf8 } from '@fleetward/core';
import { type SigningProcess, type SigningProcessExit, startSigningProcess } from '@fleetward/keys';
import { registeredTopic } from '@fleetward/protocol';
import { type EventEffect, noEffect } from './certificates/index.ts';
import type { Config } from './config.ts';
import { type DomainEvent, type Domains, openDomains } from './domains.ts';
import { assertInitialised } from './initialised.ts';
import { type Listeners, type Ports, startListeners } from './listeners.ts';
import { createLog, type Log } from './log.ts';
import { assertPlatformFolder } from './platform-folder.ts';
import { servingPurposes, signingKeys } from './signing-keys.ts';
import { signingOptions } from './signing-process.ts';
import { lockFolder, openStorage, type Storage } from './storage/index.ts';
import { type MessageFile, openMessages } from './storage/messages/open.ts';
import { messagesConfig, storageConfig } from './storage-config.ts';
import { startUpkeep } from './upkeep.ts';
import type { CertificateRegistered } from './vendor-cas/index.ts';

export interface PlatformParts {
  readonly clock: Clock;
  readonly random: Random;
  /** A variable that holds the master key is removed from it. */
  readonly environment: Record<string, string | undefined>;
}

export interface Platform {
  readonly ports: Ports;
  /** Resolves when the platform has stopped, also by itself: with the error that made it. */
  readonly stopped: Promise<Error | undefined>;
  /** Stops in reverse order of the start; what was acknowledged stays. */
  stop(): Promise<void>;
}

/** The composition root: builds everything top-down, and takes it down again in reverse, also when a step fails. */
export async function startPlatform(config: Config, parts: PlatformParts): Promise<Platform> {
  const log = createLog(config.logLevel);
  const undo: (() => Promise<void>)[] = [];
  const stopped = Promise.withResolvers<Error | undefined>();
  const failed = Promise.withResolvers<Error>();
  const unwind = once(async () => {
    for (const step of undo.reverse())
      await step().catch((error: unknown) => log.error({ err: error }, 'a part did not stop cleanly'));
  });
  const stop = async (reason?: Error): Promise<void> => {
    await unwind();
    stopped.resolve(reason);
  };
  try {
    assertPlatformFolder(config);
    const lock = await lockFolder(config.folder);
    undo.push(() => lock.release());
    const signing = await startSigning(config, {
      ...parts,
      log,
      onExit: (exit) => {
        if (!exit.expected) failed.resolve(signerGone(exit));
      },
    });
    undo.push(() => signing.close());
    const storage = await openStorage(storageConfig(config));
    undo.push(() => storage.close());
    await assertInitialised(storage, config);
    const messages = await openMessages(messagesConfig(config));
    undo.push(() => messages.close());
    const listeners = await startServing({ config, ...parts, log, signing, storage, messages }, undo);
    void Promise.race([failed.promise, storage.lost, messages.lost, lock.lost]).then((error) => {
      log.fatal({ err: error }, 'the platform stops: it cannot go on without this part');
      return stop(error);
    });
    log.info({ ports: listeners.ports }, 'ready');
    return { ports: listeners.ports, stopped: stopped.promise, stop: () => stop() };
  } catch (error) {
    await unwind();
    throw error;
  }
}

interface ServingParts extends PlatformParts {
  readonly config: Config;
  readonly log: Log;
  readonly signing: SigningProcess;
  readonly storage: Storage;
  readonly messages: MessageFile;
}

async function startServing(parts: ServingParts, undo: (() => Promise<void>)[]): Promise<Listeners> {
  const { config, clock, random, log } = parts;
  const ports = { mqtt: 0, devices: 0, public: config.listeners.public.port, operators: 0 };
  let listeners: Listeners | undefined;
  const domains: Domains = await openDomains({
    ...parts,
    crlUrl: (issuerId) => `${publicUrl(config, ports)}/crl/${issuerId}.crl`,
    ocspUrl: () => `${publicUrl(config, ports)}/ocsp`,
    announce: (event) =>
      listeners === undefined ? noEffect : deliver(event, listeners, { ...parts, domains }),
    warn: (message, error) => log.warn({ err: error }, message),
  });
  undo.push(
    () => domains.certificates.close(),
    () => domains.detections.close(),
    () => domains.unlogged.close(),
    () => domains.trail.close(),
    async () => domains.policies.close(),
    () => domains.activity.flush(),
    () => domains.presence.flush(),
    () => domains.policyTrials.flush(),
    () => domains.denials.flush(Number.POSITIVE_INFINITY),
  );
  listeners = await startListeners(
    {
      config,
      clock,
      random,
      log,
      domains,
      transactor: parts.storage.transactor,
      envelope: parts.signing.records,
      ports,
      messages: parts.messages,
    },
    undo,
  );
  // Not waited for: a device that may connect does so meanwhile.
  void domains.vendorCas.tellWaiting();
  void domains.policies.checkGuardrails();
  undo.push(startUpkeep({ config, clock, log, domains, listeners }));
  return listeners;
}

/** Domain events on their way up: from the tick of a commit to the live connections. */
function deliver(
  event: DomainEvent,
  { mqtt, credentials }: Listeners,
  {
    config,
    clock,
    log,
    domains,
  }: Pick<ServingParts, 'config' | 'clock' | 'log'> & {
    readonly domains: Pick<Domains, 'campaigns' | 'certificates'>;
  },
): EventEffect {
  // The names of CAs are in each handshake, and what is above our own certificate may be another.
  const refresh = (): void =>
    void credentials
      .refresh()
      .catch((error: unknown) => log.error({ err: error }, 'the server certificate could not be renewed'));
  switch (event.kind) {
    case 'denied':
      domains.campaigns.denied(event.report);
      return noEffect;
    case 'policies-changed':
    case 'thing-attachments-changed':
    case 'thing-changed':
    case 'group-changed':
      mqtt.refresh(event.certificateIds);
      return noEffect;
    case 'thing-shut-out':
      for (const certificateId of event.certificateIds) mqtt.suspend(certificateId);
      return noEffect;
    case 'thing-let-in':
      // One that is on hold, or switched off, stays out.
      for (const certificateId of event.certificateIds)
        if (domains.certificates.standing(certificateId, clock.now()) === 'active')
          mqtt.resume(certificateId);
      // Of an earlier run: what was decided while it was out.
      mqtt.refresh(event.certificateIds);
      return noEffect;
    case 'certificate-transferred':
      return mqtt.transfer(event.certificateId);
    case 'certificate-revoked':
      return mqtt.revoke(event.certificateId);
    case 'certificate-suspended':
      return mqtt.suspend(event.certificateId);
    case 'certificate-resumed':
      mqtt.resume(event.certificateId);
      return noEffect;
    case 'campaign-stopped': {
      const { campaignId, state, because } = event;
      log.warn({ campaignId, state, because }, 'a campaign has stopped by itself');
      return noEffect;
    }
    case 'clone-suspected':
      return noEffect; // the trail, the metric and `detection list` tell
    case 'unlogged-certificate': {
      const { certificateId, sign, addresses } = event.detection;
      log.error({ certificateId, sign, addresses }, 'a certificate is not in the issuance log');
      return noEffect;
    }
    case 'authority-changed':
      refresh();
      return event.state === 'removed' ? mqtt.recheck() : noEffect;
    case 'vendor-ca-changed':
      refresh();
      return mqtt.recheck();
    case 'certificate-registered':
      mqtt.publish({
        topic: registeredTopic(event.vendorCaId),
        payload: utf8(JSON.stringify(registeredView(event, config))),
      });
      return noEffect;
    case 'platform-spoke':
      for (const message of event.messages) mqtt.publish(message);
      return noEffect;
  }
}

/** What AWS IoT tells of a certificate that it has registered just in time. */
function registeredView({ certificateId, vendorCaId, atMs }: CertificateRegistered, { accountId }: Config) {
  return {
    certificateId,
    caCertificateId: vendorCaId,
    timestamp: atMs,
    certificateStatus: 'PENDING_ACTIVATION',
    awsAccountId: accountId,
    certificateRegistrationTimestamp: String(atMs),
  };
}

function publicUrl(config: Config, ports: Ports): string {
  if (config.publicUrl !== '') return config.publicUrl.replace(/\/$/, '');
  return `http://${config.serverNames[0]}:${ports.public}`;
}

function startSigning(
  config: Config,
  parts: PlatformParts & { readonly log: Log; readonly onExit: (exit: SigningProcessExit) => void },
): Promise<SigningProcess> {
  return startSigningProcess({
    ...signingOptions(config),
    signOnly: servingPurposes,
    mayGenerate: [signingKeys.issuingCa, signingKeys.provisioningHook, signingKeys.director].map(
      ({ purpose }) => purpose,
    ),
    environment: parts.environment,
    random: parts.random,
    log: (line) => parts.log.warn({ line }, 'signing process'),
    onExit: parts.onExit,
  });
}

/** Without its signer the platform cannot issue or revoke: it stops, so that the service manager starts it whole. */
function signerGone({ code, signal }: SigningProcessExit): Error {
  return new Error(`the signing process ended: ${signal ?? `exit code ${code}`}`);
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= action();
    return running;
  };
}
