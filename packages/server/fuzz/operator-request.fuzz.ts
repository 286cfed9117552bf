import { leafProfileNames } from '@fleetward/pki';
import { judgeRequest } from '../src/enrollment/operator-requests.ts';

/** A CSR by openssl for `CN=lamp-1` on P-256, with a challenge password; its key was thrown away. */
const csr =
  'MIHlMIGMAgEAMBExDzANBgNVBAMMBmxhbXAtMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPEu608WW/kDoPgttXWsNf+3bXf56Lxz7sIJgMx5KwwDtqzQAkDXdKr+Hy+ntFOHR4AJ+cm4rvWZFgbhzm4wiEWgGTAXBgkqhkiG9w0BCQcxCgwIQUFBQUFBQUEwCgYIKoZIzj0EAwIDSAAwRQIgS/38Gnabwel5fUun9mncNdmCpvUCLqS4YpcmEnjJai0CIQDW1qyI3QaavwJSpeS9ued/1hbt63LJq4Hy8Qx1oTrJlA==';

export const seeds: readonly Uint8Array[] = [new Uint8Array(Buffer.from(csr, 'base64'))];

/** A CSR that an operator passes on, whoever wrote it: judged for each profile, and never with a name that cannot be. */
export async function fuzz(csrDer: Uint8Array): Promise<void> {
  for (const profile of leafProfileNames) {
    const judged = await judgeRequest(
      { csrDer, profile, policyNames: [], altNames: [] },
      { keyRules: {}, givenNames: () => [] },
    );
    if (judged.kind === 'accepted' && !/^[ -~]{1,64}$/.test(judged.name))
      throw new Error('a name that cannot be');
  }
}
