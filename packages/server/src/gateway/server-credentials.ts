import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { SecureContextOptions, Server as TlsServer } from 'node:tls';
import { type Clock, equalBytes } from '@fleetward/core';
import { replaceDurably, syncFolder } from '@fleetward/core/durable-file';
import type { Envelope } from '@fleetward/keys';
import { type Certificate, encodePem, parseCertificate } from '@fleetward/pki';
import type { Certificates } from '../certificates/index.ts';
import { namedIssuer, namedRoot } from './named-authority.ts';
import { tlsFloor } from './tls-floor.ts';

interface StoredCredentials {
  /** PKCS#8 DER sealed with the records envelope. */
  readonly sealedKey: string;
  /** Leaf first, base64 DER. */
  readonly chain: readonly string[];
}

const fileName = 'server-credentials.json';
const sealContext = 'server-tls-key';
const ticketKeysBytes = 48;
/** OpenSSL ends every handshake with 64 KiB of names, and a small client takes no message above a record, 16 KiB (RFC 8446 §5.1). */
const namedBytesMax = 12_288;

/**
 * The platform's own TLS key and certificate, made by its own CA and renewed after two thirds of its life. The key must
 * live in the gateway's memory, since node:tls asks for it; at rest it is sealed (docs/adr/0003).
 */
export class ServerCredentials {
  readonly #options: ServerCredentialsOptions;
  readonly #servers: TlsServer[] = [];
  // Outlives a context, so that a new certificate does not make a whole fleet shake hands in full; admission looks at each.
  readonly #ticketKeys = randomBytes(ticketKeysBytes);
  #leaf: Certificate | undefined;
  #context: SecureContextOptions = {};
  #renewAtMs = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ServerCredentialsOptions) {
    this.#options = options;
  }

  secureContext(): SecureContextOptions {
    return this.#context;
  }

  /** Gives the server every later certificate too, and with it the OCSP answer about it to whoever asks (RFC 6066 §8). */
  serve(server: TlsServer): void {
    this.#servers.push(server);
    server.on('OCSPRequest', (_leaf, _issuer, answer) => void this.#staple(answer));
  }

  /** A handshake without an answer goes on: its client may ask by itself. */
  async #staple(answer: (error: null, response: Buffer | null) => void): Promise<void> {
    const leaf = this.#leaf;
    const der = leaf && (await this.#options.certificates.ocspStaple(leaf));
    answer(null, der === undefined ? null : Buffer.from(der));
  }

  /** The CAs have changed: another one may issue, and the chain above may be another. Calls follow each other. */
  refresh(): Promise<void> {
    this.#renewAtMs = 0;
    return this.ensureFresh();
  }

  /** Loads what is stored, or makes new ones when they are missing, due, or for other names. Call it periodically. */
  ensureFresh(): Promise<void> {
    const done = this.#turn.then(() => this.#renewIfDue());
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #renewIfDue(): Promise<void> {
    if (this.#options.clock.now() < this.#renewAtMs) return;
    const stored = await load(this.#options.folder);
    const usable = stored !== undefined && this.#isFresh(stored) ? stored : await this.#renew();
    this.#use(usable);
  }

  #isFresh(stored: StoredCredentials): boolean {
    const leaf = parseCertificate(Buffer.from(stored.chain[0] ?? '', 'base64'));
    const names = (leaf.extensions.subjectAltName ?? []).map((name) => ('value' in name ? name.value : ''));
    const wanted = this.#options.serverNames.every((name) => names.includes(name));
    const nowMs = this.#options.clock.now();
    const issuer = this.#options.certificates.activeIssuer();
    // Without an active issuing CA nothing better can be made: operators must still get in to repair that.
    if (issuer === undefined) return nowMs <= leaf.notAfterMs;
    return (
      wanted && stored.chain[1] === Buffer.from(issuer.der).toString('base64') && nowMs < renewalTime(leaf)
    );
  }

  async #renew(): Promise<StoredCredentials> {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const chain = await this.#options.certificates.issueServerCertificate({
      publicKey: publicKey.export({ format: 'der', type: 'spki' }),
      dnsNames: this.#options.serverNames.filter((name) => isIP(name) === 0),
      ipAddresses: this.#options.serverNames.filter((name) => isIP(name) !== 0),
    });
    const stored = {
      sealedKey: this.#options.envelope.seal(
        privateKey.export({ format: 'der', type: 'pkcs8' }),
        sealContext,
      ),
      chain: chain.map((certificate) => Buffer.from(certificate.der).toString('base64')),
    };
    replaceDurably(join(this.#options.folder, fileName), JSON.stringify(stored));
    return stored;
  }

  #use(stored: StoredCredentials): void {
    const key: KeyObject = createPrivateKey({
      key: Buffer.from(this.#options.envelope.open(stored.sealedKey, sealContext)),
      format: 'der',
      type: 'pkcs8',
    });
    const chain = stored.chain.map((der) => parseCertificate(Buffer.from(der, 'base64')));
    const leaf = chain[0]!;
    if (!createPublicKey(key).export({ format: 'der', type: 'spki' }).equals(leaf.publicKey.spki)) {
      throw new Error('the stored server certificate does not belong to the stored server key');
    }
    // Whatever is not in it, `setSecureContext` sets back to what Node takes by itself.
    this.#context = {
      ...tlsFloor,
      ticketKeys: this.#ticketKeys,
      key: key.export({ format: 'pem', type: 'pkcs8' }),
      cert: [leaf, ...this.#chainAbove(chain[1])].map(({ der }) => encodePem('CERTIFICATE', der)).join(''),
      // Only named in the CertificateRequest, so that a peer with several certificates picks the right one; our own admission decides.
      ca: this.#named().map((der) => encodePem('CERTIFICATE', der)),
    };
    this.#renewAtMs = renewalTime(leaf);
    this.#leaf = leaf;
    for (const server of this.#servers) server.setSecureContext(this.#context);
  }

  /** None where they are too many: a device then sends the certificate that it has. */
  #named(): readonly Uint8Array[] {
    const { roots, issuers } = this.#options.certificates.trust();
    const anchors = [...roots, ...this.#options.vendorAuthorities()];
    const isRoot = ({ subject }: Certificate) =>
      roots.some((root) => equalBytes(root.subject.der, subject.der));
    const issuing = issuers.filter((issuer) => !isRoot(issuer));
    const nameBytes = [...anchors, ...issuing].reduce((sum, { subject }) => sum + subject.der.length, 0);
    if (nameBytes > namedBytesMax) return [];
    return [...anchors.map(namedRoot), ...issuing.flatMap((issuer) => namedIssuer(issuer) ?? [])];
  }

  #chainAbove(issuer: Certificate | undefined): readonly Certificate[] {
    return issuer === undefined ? [] : this.#options.certificates.chainAbove(issuer);
  }
}

/** Seals the stored key under the current master key; answers how many keys were under a previous one. */
export async function rewrapServerCredentials(folder: string, envelope: Envelope): Promise<0 | 1> {
  const stored = await load(folder);
  if (stored === undefined) return 0;
  const sealedKey = envelope.rewrap(stored.sealedKey, sealContext);
  if (sealedKey === stored.sealedKey) {
    syncFolder(folder); // a rotation that was killed may have come as far as the name
    return 0;
  }
  replaceDurably(join(folder, fileName), JSON.stringify({ ...stored, sealedKey }));
  return 1;
}

/** What cannot be read as JSON is as good as missing: a new key and certificate take its place. */
async function load(folder: string): Promise<StoredCredentials | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, fileName), 'utf8')) as StoredCredentials;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export interface ServerCredentialsOptions {
  readonly folder: string;
  readonly serverNames: readonly string[];
  readonly envelope: Envelope;
  readonly certificates: Certificates;
  /** Other CAs by which devices may come in. */
  readonly vendorAuthorities: () => readonly Certificate[];
  readonly clock: Clock;
}

function renewalTime(leaf: { readonly notBeforeMs: number; readonly notAfterMs: number }): number {
  return leaf.notBeforeMs + ((leaf.notAfterMs - leaf.notBeforeMs) * 2) / 3;
}
