import {
  type GroupName,
  type JsonObject,
  parseGroupName,
  parseThingName,
  type ThingName,
} from '@fleetward/core';
import type { CertificateFacts, FleetPart } from '@fleetward/server/search';

const dayMs = 86_400_000;
const kinds = ['oven', 'pump', 'meter', 'gate'] as const;
const sites = ['berlin', 'graz', 'lyon', 'oslo', 'porto', 'turin', 'vilnius', 'york'] as const;
const versions = ['1.3.0', '1.9.2', '2.0.9', '2.1.0', '2.2.0-rc.1', '2.2.0', '3.0.1'] as const;
const outcomes = ['confirmed', 'confirmed', 'confirmed', 'rolled-back', 'failed'] as const;
const modes = ['eco', 'full', 'off'] as const;
const reasons = ['CONNECTION_LOST', 'MQTT_KEEP_ALIVE_TIMEOUT', 'CLIENT_INITIATED_DISCONNECT'] as const;
const ciphers = ['TLS_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'] as const;
const agents = ['1.2.0', '1.4.0', '1.5.1'] as const;

/** A group a kind under `machines`, and one a site. */
export const groups: readonly { readonly name: GroupName; readonly parentName?: GroupName }[] = [
  { name: parseGroupName('machines') },
  ...kinds.map((kind) => ({
    name: parseGroupName(`${kind}s`),
    parentName: parseGroupName('machines'),
  })),
  ...sites.map((site) => ({ name: parseGroupName(`site-${site}`) })),
];

/** Thing number `n` of the fleet, always the same. */
export function nameOf(n: number): ThingName {
  return parseThingName(`${kindOf(n)}-${String(n).padStart(7, '0')}`);
}

/** The things from number `from` on; every third has never reported. */
export function fleetPart(
  { from, count }: { readonly from: number; readonly count: number },
  nowMs: number,
): FleetPart {
  const numbers = Array.from({ length: count }, (_, at) => from + at);
  return {
    things: numbers.map((n) => ({
      name: nameOf(n),
      typeName: kindOf(n),
      attributes: attributesOf(n),
      tags: { batch: String(n % 50), ring: String(among(n, 'ring', 3)) },
      state: among(n, 'lifecycle', 100) === 0 ? 'quarantined' : 'active',
      createdAtMs: nowMs - among(n, 'created', 400) * dayMs,
    })),
    memberships: numbers.flatMap((n) => [
      { groupName: parseGroupName(`${kindOf(n)}s`), thingName: nameOf(n) },
      { groupName: parseGroupName(`site-${siteOf(n)}`), thingName: nameOf(n) },
    ]),
    reports: numbers
      .filter((n) => n % 3 !== 0)
      .map((n) => ({
        thingName: nameOf(n),
        receivedAtMs: nowMs - among(n, 'reported', 30) * dayMs - 60_000,
        report: reportOf(n),
      })),
    shadows: numbers.filter((n) => n % 3 !== 1).map((n) => shadowOf(n, nowMs)),
  };
}

/** One in twenty has none; of the others some are revoked, and some end soon. */
export function certificateOf(n: number, nowMs: number): CertificateFacts | undefined {
  if (among(n, 'certificate', 20) === 0) return undefined;
  const state = among(n, 'state', 50) === 0 ? 'REVOKED' : 'ACTIVE';
  const notAfterMs = nowMs + (among(n, 'ends', 365) - 5) * dayMs;
  return { state, notAfterMs, issuedAtMs: notAfterMs - 365 * dayMs };
}

/** When it came or went. */
export function presenceOf(n: number, nowMs: number) {
  const atMs = nowMs - among(n, 'since', 48 * 60) * 60_000;
  const tls = among(n, 'tls', 20) === 0 ? 1 : 0;
  return {
    isConnected: among(n, 'connected', 5) > 0,
    atMs,
    visit: {
      clientId: nameOf(n),
      sessionIdentifier: '',
      tlsVersion: tls === 0 ? 'TLSv1.3' : 'TLSv1.2',
      cipher: ciphers[tls]!,
    },
    lastEnd: { reason: reasons[among(n, 'reason', reasons.length)]!, atMs },
    ...(among(n, 'flapping', 500) === 0 ? { flappingUntilMs: nowMs + dayMs } : {}),
  };
}

function kindOf(n: number) {
  return kinds[n % kinds.length]!;
}

function siteOf(n: number) {
  return sites[among(n, 'site', sites.length)]!;
}

/** A number that no other thing has, and what several share. */
function attributesOf(n: number): Readonly<Record<string, string>> {
  return {
    serial: `SN-${String(n).padStart(6, '0')}`,
    site: siteOf(n),
    floor: String(among(n, 'floor', 9)),
    ...(among(n, 'label', 1_000) === 0 ? { label: 'left (door)' } : {}),
  };
}

/** Of two thirds of the things, as devices in the field have them: what is searched for, and what is not. */
function shadowOf(n: number, nowMs: number): FleetPart['shadows'][number] {
  const reported = {
    fw: versions[among(n, 'version', versions.length)]!,
    mode: modes[among(n, 'mode', modes.length)]!,
    temperature: among(n, 'temperature', 900) / 10,
    boot: `${n}-${among(n, 'boot', 1_000_000)}`,
    network: { rssi: -among(n, 'rssi', 90), kind: 'wifi' },
  };
  const desired = { mode: modes[among(n, 'wanted', modes.length)]! };
  const seconds = Math.floor(nowMs / 1_000);
  const times = Object.fromEntries(Object.keys(reported).map((key) => [key, seconds]));
  return {
    thingName: nameOf(n),
    shadowName: '',
    version: 3,
    state: { desired, reported },
    times: { desired: { mode: seconds }, reported: { ...times, network: { rssi: seconds, kind: seconds } } },
    isDeleted: false,
    updatedAtMs: nowMs,
  };
}

function reportOf(n: number): JsonObject {
  return {
    protocolVersion: 3,
    installed: { version: versions[among(n, 'version', versions.length)]!, securityVersion: 1 },
    model: { product: kindOf(n), hardware: `rev-${'abc'[n % 3]!}` },
    agent: { version: agents[among(n, 'agent', agents.length)]! },
    update: { outcome: outcomes[among(n, 'outcome', outcomes.length)]! },
    batteryPercent: among(n, 'battery', 101),
  };
}

/** A number below `below`, by the thing and the field: FNV-1a, so that fields say nothing of each other. */
function among(n: number, field: string, below: number): number {
  let hash = 0x811c9dc5;
  for (const byte of `${field}${n}`) hash = Math.imul(hash ^ byte.charCodeAt(0), 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) % below;
}
