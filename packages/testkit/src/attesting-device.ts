import { globSync } from 'node:fs';
import { needs } from './programs.ts';
import { SoftwareTpm } from './software-tpm.ts';

export type TpmKeyKind = 'rsa' | 'ecc';

/** What a device shows of its TPM, as tpm2-tools write it. */
export interface TpmEvidence {
  readonly endorsementKey: Uint8Array;
  readonly attestationKey: Uint8Array;
  readonly deviceKey: Uint8Array;
  readonly attestation: Uint8Array;
  readonly signature: Uint8Array;
}

/** Attributes of a key that was made in its TPM, stays there and signs what it is given. */
const deviceAttributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign';

/** Where its key lives in its TPM. */
export const deviceKeyHandle = '0x81010010';

/** A device with a software TPM, whose owner knows tpm2-tools. */
export class AttestingDevice implements AsyncDisposable {
  readonly tpm: SoftwareTpm;

  private constructor(tpm: SoftwareTpm) {
    this.tpm = tpm;
  }

  static async start(folder: string): Promise<AttestingDevice> {
    return new AttestingDevice(await SoftwareTpm.start(folder));
  }

  /** Makes endorsement, attestation and device key of these kinds, and has the second certify the third. */
  async prepare({
    endorsement = 'ecc',
    attestation = 'ecc',
    device = 'ecc',
    attributes = deviceAttributes,
  }: {
    readonly endorsement?: TpmKeyKind;
    readonly attestation?: TpmKeyKind;
    readonly device?: TpmKeyKind;
    readonly attributes?: string;
  } = {}): Promise<TpmEvidence> {
    const { tpm } = this;
    await tpm.run(
      'createek',
      '-c',
      'ek.ctx',
      '-G',
      endorsement === 'ecc' ? 'ecc256' : 'rsa2048',
      '-u',
      'ek.pub',
    );
    const scheme = attestation === 'ecc' ? 'ecdsa' : 'rsassa';
    await tpm.run(
      'createak',
      '-C',
      'ek.ctx',
      '-c',
      'ak.ctx',
      '-G',
      attestation,
      '-g',
      'sha256',
      '-s',
      scheme,
      '-u',
      'ak.pub',
    );
    await tpm.run('createprimary', '-C', 'o', '-G', 'ecc', '-c', 'parent.ctx');
    const made = ['-u', 'key.pub', '-r', 'key.priv', '-c', 'key.ctx', '-a', attributes];
    await tpm.run('create', '-C', 'parent.ctx', '-G', device === 'ecc' ? 'ecc256' : 'rsa2048', ...made);
    await this.certify();
    return this.evidence();
  }

  /** Has the attestation key certify a key; `more` are further flags of `tpm2_certify`. */
  async certify(key = 'key.ctx', more: readonly string[] = []): Promise<void> {
    const written = ['-o', 'attestation', '-s', 'signature'];
    await this.tpm.run('certify', '-c', key, '-C', 'ak.ctx', '-g', 'sha256', ...written, ...more);
  }

  evidence(): TpmEvidence {
    const { tpm } = this;
    return {
      endorsementKey: tpm.read('ek.pub'),
      attestationKey: tpm.read('ak.pub'),
      deviceKey: tpm.read('key.pub'),
      attestation: tpm.read('attestation'),
      signature: tpm.read('signature'),
    };
  }

  /** The secret of a challenge; throws where it was made for another endorsement or attestation key. */
  async activate(challenge: {
    readonly credentialBlob: Uint8Array;
    readonly encryptedSecret: Uint8Array;
  }): Promise<Uint8Array> {
    const { tpm } = this;
    // The file that tpm2-tools read: a magic number, a version, and both one after the other.
    const head = Buffer.from('badcc0de00000001', 'hex');
    tpm.write('credential', Buffer.concat([head, challenge.credentialBlob, challenge.encryptedSecret]));
    await tpm.run('startauthsession', '--policy-session', '-S', 'session.ctx');
    try {
      await tpm.run('policysecret', '-S', 'session.ctx', '-c', 'e');
      const session = ['-P', 'session:session.ctx'];
      await tpm.run(
        'activatecredential',
        '-c',
        'ak.ctx',
        '-C',
        'ek.ctx',
        '-i',
        'credential',
        '-o',
        'secret',
        ...session,
      );
    } finally {
      await tpm.run('flushcontext', 'session.ctx');
    }
    return tpm.read('secret');
  }

  /** A CSR that the key in the TPM has signed, by openssl with Debian's `tpm2-openssl`. */
  async csr(subject: string): Promise<Uint8Array> {
    const { tpm } = this;
    await tpm.run('evictcontrol', '-C', 'o', '-c', 'key.ctx', deviceKeyHandle);
    const provider = ['-provider', 'tpm2', '-provider', 'default', '-propquery', '?provider=tpm2'];
    const key = ['-key', `handle:${deviceKeyHandle}`];
    await tpm.run(
      'openssl',
      'req',
      '-new',
      ...provider,
      ...key,
      '-subj',
      subject,
      '-outform',
      'DER',
      '-out',
      'csr.der',
    );
    await tpm.run('evictcontrol', '-C', 'o', '-c', deviceKeyHandle);
    return tpm.read('csr.der');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tpm[Symbol.asyncDispose]();
  }
}

// A provider is no program: what is looked for where it is missing is nowhere.
const hasProvider = globSync('/usr/lib/*/ossl-modules/tpm2.so').length > 0;

/** Declares a suite that needs all that an `AttestingDevice` is made of. */
export function describeWithTpm(suite: string, body: () => void): void {
  needs('swtpm', 'swtpm').describe(suite, () => {
    needs('tpm2_createek', 'tpm2-tools').describe('by tpm2-tools', () => {
      needs(hasProvider ? 'openssl' : 'tpm2-openssl', 'tpm2-openssl').describe('and tpm2-openssl', body);
    });
  });
}
