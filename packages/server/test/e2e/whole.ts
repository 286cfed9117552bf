import { parseCrl } from '@fleetward/pki';
import {
  type ApiClient,
  exportTrail,
  getMetadataFile,
  getPolicy,
  getTrailPublicKey,
  listArtifacts,
  listCas,
  listCertificates,
  listMetadata,
  listPolicies,
  listThings,
  parseTrailLine,
  verifyTrailExport,
} from '@fleetward/protocol';
import { expect } from 'vitest';
import type { Ports } from '../../src/listeners.ts';
import { listTargets } from '../../src/releases/rules.ts';

type Payload = Readonly<Record<string, unknown>>;

/** A trail that was verified, and how to look things up in it. */
export interface VerifiedTrail {
  readonly kinds: readonly string[];
  /** The values of a payload's member over all entries of a kind, in order. */
  values(kind: string, member: string): readonly unknown[];
}

/** Verifies the whole trail; fails the test when it is broken. */
export async function verifiedTrail(api: ApiClient): Promise<VerifiedTrail> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await api.download(exportTrail)).bytes) chunks.push(chunk);
  const { publicKey } = await api.call(getTrailPublicKey);
  const verdict = await verifyTrailExport(chunks, { publicKey: Buffer.from(publicKey, 'base64') });
  expect(verdict).toMatchObject({ kind: 'intact', erased: 0 });
  const lines = Buffer.concat(chunks).toString().trimEnd().split('\n').map(parseTrailLine);
  const entries = lines.flatMap((line) => (line.type === 'entry' ? [line] : []));
  const events = entries.map(({ entry, payload }) => ({
    kind: entry.kind,
    payload: (JSON.parse(payload ?? '{}') as { readonly payload: Payload }).payload,
  }));
  return {
    kinds: events.map(({ kind }) => kind),
    values: (kind, member) =>
      events.filter((event) => event.kind === kind).map(({ payload }) => payload[member]),
  };
}

/** Fails the test when anything is there without its trail entry, an entry without what it tells of, or a thing by halves. */
export async function assertWhole(on: {
  readonly api: ApiClient;
  readonly ports: Ports;
}): Promise<VerifiedTrail> {
  const { api, ports } = on;
  const trail = await verifiedTrail(api);
  const { certificates } = await api.call(listCertificates, { query: { limit: 1000 } });
  const revoked = certificates.filter(({ state }) => state === 'REVOKED');
  const { things } = await api.call(listThings, { query: { limit: 1000 } });
  const { policies } = await api.call(listPolicies);
  const { artifacts } = await api.call(listArtifacts);
  // Issued here, or taken up where a vendor did.
  const entered = ['certificate.issued', 'certificate.registered'].flatMap((kind) =>
    trail.values(kind, 'certificateId'),
  );
  const deleted = new Set(trail.values('certificate.deleted', 'certificateId'));
  same(
    entered.filter((certificateId) => !deleted.has(certificateId)),
    certificates.map((one) => one.certificateId),
  );
  same(
    trail.values('certificate.revoked', 'certificateId'),
    revoked.map((one) => one.certificateId),
  );
  same(
    trail.values('thing.created', 'thingName'),
    things.map((one) => one.thingName),
  );
  same(
    trail.values('policy.created', 'policyName'),
    policies.map((one) => one.policyName),
  );
  same(
    trail.values('release.artifact_stored', 'sha256'),
    artifacts.map((one) => one.sha256),
  );
  await assertVersions(api, trail, policies);
  await assertTargets(api, artifacts);
  await assertOnCrl(on, revoked);
  expect(ports.mqtt).toBeGreaterThan(0);
  return trail;
}

function same(a: readonly unknown[], b: readonly unknown[]): void {
  expect(a.map(String).toSorted()).toEqual(b.map(String).toSorted());
}

async function assertVersions(
  api: ApiClient,
  trail: VerifiedTrail,
  policies: readonly { readonly policyName: string }[],
): Promise<void> {
  const added = trail.values('policy.version_created', 'policyName');
  for (const { policyName } of policies) {
    const { versions } = await api.call(getPolicy, { params: { policyName } });
    expect(versions).toHaveLength(1 + added.filter((name) => name === policyName).length);
  }
}

/** Every target that devices are offered is an artifact of that length. */
async function assertTargets(
  api: ApiClient,
  artifacts: readonly { readonly sha256: string; readonly lengthBytes: number }[],
): Promise<void> {
  const { roles } = await api.call(listMetadata);
  expect([0, 4]).toContain(roles.length);
  const targets = roles.find(({ name }) => name === 'targets');
  if (targets === undefined) return;
  const file = `${targets.version}.targets.json`;
  const bytes = await api.call(getMetadataFile, { params: { file } });
  for (const { sha256, lengthBytes } of listTargets(bytes)) {
    expect(artifacts).toContainEqual(expect.objectContaining({ sha256, lengthBytes }));
  }
}

/** The public CRL names exactly what is revoked. */
async function assertOnCrl(
  on: { readonly api: ApiClient; readonly ports: Ports },
  revoked: readonly { readonly serial: string }[],
): Promise<void> {
  const crl = await currentCrl(on);
  same(
    [...crl.revoked.keys()],
    revoked.map(({ serial }) => serial),
  );
}

/** The issuing CA's CRL as anybody gets it. */
export async function currentCrl({ api, ports }: { readonly api: ApiClient; readonly ports: Ports }) {
  const { cas } = await api.call(listCas);
  const issuing = cas.find(({ kind }) => kind === 'issuing');
  const answer = await fetch(`http://127.0.0.1:${ports.public}/crl/${issuing?.certificateId}.crl`);
  expect(answer.status).toBe(200);
  const der = new Uint8Array(await answer.arrayBuffer());
  return { issuingPem: issuing?.pem ?? '', ...parseCrl(der) };
}
