import { lintTbsCertificate, PkiError, parseCertificate, validatePath } from '../src/index.ts';
import { device, root } from './seeds.ts';

export const seeds: readonly Uint8Array[] = [device.der, root.der];

/** A foreign certificate is read and judged, or refused with our own error. */
export function fuzz(input: Uint8Array): void {
  try {
    const leaf = parseCertificate(input);
    validatePath({
      leaf,
      untrusted: [leaf],
      roots: [root, leaf],
      atMs: root.notBeforeMs,
      purpose: 'clientAuth',
    });
    lintTbsCertificate(leaf.tbs, 'device');
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
  }
}
