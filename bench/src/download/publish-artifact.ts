import { createHash, generateKeyPairSync } from 'node:crypto';
import { fromBase64, parseSha256, toBase64 } from '@fleetward/core';
import { localSigner } from '@fleetward/keys';
import { createApiClient, getOnlineKeys, publishMetadata, putArtifact } from '@fleetward/protocol';
import { addTarget, draftRoot, draftTargets, signRoot, signTargets } from '@fleetward/updates';

const dayMs = 86_400_000;

/** Uploads an artifact and publishes it under keys that are thrown away. Resolves to the name that devices ask for, and the first root. */
export async function publishArtifact(
  artifact: Uint8Array,
  operators: { readonly baseUrl: string; readonly ca: string; readonly token: string },
): Promise<{ readonly name: string; readonly root: Uint8Array }> {
  const api = createApiClient(operators);
  try {
    const sha256 = parseSha256(createHash('sha256').update(artifact).digest('hex'));
    await api.call(putArtifact, { params: { sha256 }, body: artifact });
    const online = await api.call(getOnlineKeys);
    const signer = localSigner(generateKeyPairSync('ed25519').privateKey, 'ed25519');
    const role = (publicKey: Uint8Array) => ({ publicKeys: [publicKey], threshold: 1 });
    const roles = {
      root: role(signer.publicKey),
      targets: role(signer.publicKey),
      snapshot: role(fromBase64(online.snapshot.publicKey)),
      timestamp: role(fromBase64(online.timestamp.publicKey)),
    };
    const expiresMs = Date.now() + dayMs;
    const root = await signRoot(draftRoot({ version: 1, expiresMs, roles }), { signers: [signer] });
    const target = { path: 'artifact', length: artifact.length, sha256, custom: {} };
    const draft = addTarget(draftTargets({ version: 1, expiresMs }), { target, expiresMs });
    const targets = await signTargets(draft, { signers: [signer], root: root.bytes });
    const body = { roots: [toBase64(root.bytes)], targets: toBase64(targets.bytes) };
    await api.call(publishMetadata, { body });
    return { name: `${sha256}.artifact`, root: root.bytes };
  } finally {
    api.close();
  }
}
