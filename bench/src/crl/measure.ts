import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { createMasterKeyFile, parseKeyName, parseSigningPurpose, startSigningProcess } from '@fleetward/keys';
import {
  type Certificate,
  issueCertificate,
  issueCrlInSlices,
  makeName,
  parsePublicKey,
} from '@fleetward/pki';
import { temporaryFolder } from '@fleetward/testkit';
import { rounded } from '../figures.ts';

export interface CrlRun {
  /** From the call to the DER, signed and verified. */
  readonly ms: number;
  /** Processor time of the serving process: the rest is the signing process's. */
  readonly servingCpuMs: number;
  /** The longest that anything else in the serving process waited. */
  readonly loopDelayMaxMs: number;
  readonly bytes: number;
}

const dayMs = 86_400_000;
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

/** Builds and signs CRLs of so many entries as the platform does: in slices here, lint and signature in the signing process. */
export async function measureCrls(options: {
  readonly entries: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
}): Promise<readonly CrlRun[]> {
  using folder = temporaryFolder('fleetward-crl-');
  const masterKey = { kind: 'file', path: folder.join('master.key') } as const;
  createMasterKeyFile(masterKey.path, random);
  const signing = await startSigningProcess({
    entry: new URL('./signing-main.ts', import.meta.url).pathname,
    keyFolder: folder.join('keys'),
    masterKey,
    environment: {},
    random,
    log: () => undefined,
  });
  try {
    const spec = { name: parseKeyName('ca'), purpose: parseSigningPurpose('crl') };
    const signer = await signing.generate({ ...spec, algorithm: 'ecdsa-p256-sha256' });
    const issuer = await issuingCa(signer.publicKey);
    const revoked = revocations(options.entries);
    const runs: CrlRun[] = [];
    // The first one warms both processes up.
    for (let round = 0; round <= options.rounds; round++) {
      options.signal.throwIfAborted();
      const thisUpdateMs = Date.now();
      const content = { issuer, signer, revoked, thisUpdateMs, nextUpdateMs: thisUpdateMs + dayMs };
      runs.push(await measured(() => issueCrlInSlices({ ...content, number: BigInt(round + 1) })));
    }
    return runs.slice(1);
  } finally {
    await signing.close();
  }
}

async function measured(work: () => Promise<Uint8Array>): Promise<CrlRun> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await setTimeout(20);
  delay.reset();
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const { length } = await work();
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  await setTimeout(20);
  delay.disable();
  const loopDelayMaxMs = rounded(delay.max / 1e6);
  return { ms: rounded(ms), servingCpuMs: rounded((user + system) / 1000), loopDelayMaxMs, bytes: length };
}

function revocations(count: number) {
  const nowMs = Date.now();
  return Array.from({ length: count }, (_, index) => ({
    serial: `4${randomBytes(15).toString('hex')}a`,
    revokedAtMs: nowMs - index * 1_000,
    reason: index % 2 === 0 ? ('keyCompromise' as const) : ('unspecified' as const),
  }));
}

/** Certifies the key of the signing process, by a root that is thrown away. */
async function issuingCa(spki: Uint8Array): Promise<Certificate> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rootKey = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const nowMs = Math.floor(Date.now() / 1000) * 1000; // as certificates have it
  const frame = {
    signer: {
      algorithm: 'ecdsa-p256-sha256' as const,
      publicKey: rootKey,
      sign: async (message: Uint8Array) => new Uint8Array(sign('sha256', message, privateKey)),
    },
    random,
    notBeforeMs: nowMs - dayMs,
    notAfterMs: nowMs + dayMs,
  };
  const root = await issueCertificate({
    ...frame,
    profile: 'root-ca',
    issuer: 'self',
    subject: makeName([['commonName', 'Root']]),
    publicKey: parsePublicKey(rootKey),
  });
  return issueCertificate({
    ...frame,
    profile: 'issuing-ca',
    issuer: root,
    subject: makeName([['commonName', 'Issuing']]),
    publicKey: parsePublicKey(spki),
  });
}
