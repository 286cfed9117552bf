import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { base64, sha256, timeMs } from './fields.ts';
import { pageQuery } from './names.ts';

/** Bytes of one uploaded metadata file at most. */
export const metadataBytesMax = 4_194_304;
/** Root files in one publication at most: how often keys may be rotated between two. */
export const rootsPerPublicationMax = 32;

/** Bytes of a file of detached second signatures at most. */
const secondBytesMax = 131_072;

/** Largest body of a publication, base64 and JSON included. */
const publicationBytesMax = 8_388_608;

const artifact = Type.Object({
  sha256,
  sha1: Type.Optional(Type.String({ description: 'Of artifacts stored since this is recorded.' })),
  md5: Type.Optional(Type.String()),
  lengthBytes: Type.Integer({ minimum: 0 }),
  storedAtMs: timeMs,
  paths: Type.Array(Type.String(), {
    description: 'The published targets it is; none: no device is offered it.',
  }),
});

const roleVersion = Type.Object({
  name: Type.String({ description: '`root`, `targets`, `snapshot`, `timestamp` or a delegated role.' }),
  version: Type.Integer({ minimum: 1 }),
});

const onlineKey = Type.Object({
  algorithm: Type.String({ description: '`ed25519`, `ecdsa-p256-sha256` or `rsa-pss-sha256`.' }),
  publicKey: Type.String({ description: 'SubjectPublicKeyInfo, base64 of DER.' }),
});

const byDigest = Type.Object({ sha256 });

/** Stores an artifact under its digest; the same bytes may be sent again. What came of an upload that breaks off is kept. */
export const putArtifact = defineRoute({
  method: 'PUT',
  path: '/v1/releases/artifacts/:sha256',
  noun: 'releases',
  summary: 'Upload an artifact under its SHA-256, or the rest of it',
  access: 'operator',
  params: byDigest,
  query: Type.Object({
    fromByte: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'Where the bytes begin: up to what the upload’s state tells.',
      }),
    ),
  }),
  body: 'bytes',
  status: 201,
  answer: artifact,
});

/** How many bytes of an upload that broke off are durable: the rest is sent from there. */
export const getUploadState = defineRoute({
  method: 'GET',
  path: '/v1/releases/artifacts/:sha256/upload',
  noun: 'releases',
  summary: 'Show how far the upload of an artifact has come',
  access: 'operator',
  params: byDigest,
  answer: Type.Object({ receivedBytes: Type.Integer({ minimum: 0 }) }),
});

export const listArtifacts = defineRoute({
  method: 'GET',
  path: '/v1/releases/artifacts',
  noun: 'releases',
  summary: 'List the stored artifacts and the unfinished uploads',
  access: 'operator',
  answer: Type.Object({
    artifacts: Type.Array(artifact),
    unfinished: Type.Array(
      Type.Object({ sha256, lengthBytes: Type.Integer({ minimum: 0 }), changedAtMs: timeMs }),
    ),
  }),
});

export const getArtifact = defineRoute({
  method: 'GET',
  path: '/v1/releases/artifacts/:sha256',
  noun: 'releases',
  summary: 'Show a stored artifact',
  access: 'operator',
  params: byDigest,
  answer: artifact,
});

/** Also an unfinished upload. */
export const removeArtifact = defineRoute({
  method: 'DELETE',
  path: '/v1/releases/artifacts/:sha256',
  noun: 'releases',
  summary: 'Remove an artifact that no published targets list',
  access: 'operator',
  params: byDigest,
});

/** Publishes metadata that was signed offline; the server adds snapshot and timestamp. */
export const publishMetadata = defineRoute({
  method: 'POST',
  path: '/v1/releases/metadata',
  noun: 'releases',
  summary: 'Publish root and targets metadata, delegated too, that was signed offline',
  access: 'operator',
  bodyBytesMax: publicationBytesMax,
  body: Type.Object({
    roots: Type.Optional(
      Type.Array(base64(metadataBytesMax), {
        maxItems: rootsPerPublicationMax,
        description: 'New root files by rising version; the first publication starts at version 1.',
      }),
    ),
    targets: Type.Optional(base64(metadataBytesMax)),
    delegated: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,63}$' }), base64(metadataBytesMax), {
        maxProperties: 64,
        description: 'New lists of roles that the targets delegate to, by role.',
      }),
    ),
    second: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[1-9][0-9]{0,15}\\.(?:root|targets)\\.json$' }),
        base64(secondBytesMax),
        {
          maxProperties: rootsPerPublicationMax + 1,
          description: 'Detached ML-DSA-65 signatures by the file they sign, such as `3.targets.json`.',
        },
      ),
    ),
  }),
  status: 201,
  answer: Type.Object({ roles: Type.Array(roleVersion) }),
});

export const listMetadata = defineRoute({
  method: 'GET',
  path: '/v1/releases/metadata',
  noun: 'releases',
  summary: 'List the newest version of every metadata role',
  access: 'operator',
  answer: Type.Object({ roles: Type.Array(roleVersion) }),
});

const fileName = Type.Object({
  file: Type.String({ pattern: '^(?:[1-9][0-9]{0,15}\\.)?[a-z0-9_-]{1,64}\\.json(?:\\.mldsa65)?$' }),
});

/** The engineer's copy of what devices get. */
export const getMetadataFile = defineRoute({
  method: 'GET',
  path: '/v1/releases/metadata/:file',
  noun: 'releases',
  summary: 'Read a published metadata file, such as `2.root.json`',
  access: 'operator',
  params: fileName,
  answer: 'bytes',
});

/** What the engineer's offline `init` names as keys of the snapshot, timestamp and director roles. */
export const getOnlineKeys = defineRoute({
  method: 'GET',
  path: '/v1/releases/online-keys',
  noun: 'releases',
  summary: 'Show the public keys that sign snapshot, timestamp and what each device is instructed to have',
  access: 'operator',
  answer: Type.Object({ snapshot: onlineKey, timestamp: onlineKey, director: onlineKey }),
});

const targetPath = Type.String({ minLength: 1, maxLength: 1_024, description: 'Target path, as published.' });

const listedFile = { path: targetPath, sha256, lengthBytes: Type.Integer({ minimum: 0 }) };

const releaseFields = {
  ...listedFile,
  component: Type.Enum(['firmware', 'agent']),
  product: Type.String(),
  version: Type.String(),
  securityVersion: Type.Integer({
    minimum: 0,
    description: 'Devices never go below it once they confirmed it.',
  }),
  hardware: Type.Array(Type.String()),
  supportUntil: Type.Optional(Type.String({ description: 'The last day of its support, `YYYY-MM-DD`.' })),
  sbom: Type.Optional(
    Type.Object(listedFile, { description: 'Its bytes: `/v1/releases/documents/sbom/PATH` of the release.' }),
  ),
  provenance: Type.Optional(
    Type.Object(
      {
        ...listedFile,
        publicKey: Type.String({
          description: 'Whose attestation it is: SubjectPublicKeyInfo, base64 of DER.',
        }),
      },
      { description: 'Its bytes: `/v1/releases/documents/provenance/PATH` of the release.' },
    ),
  ),
};

/** What the newest lists offer, those of delegated roles too. */
export const listReleases = defineRoute({
  method: 'GET',
  path: '/v1/releases',
  noun: 'releases',
  summary: 'List the published releases by their path',
  access: 'operator',
  query: pageQuery(targetPath),
  answer: Type.Object({
    releases: Type.Array(Type.Object(releaseFields)),
    next: Type.Optional(
      Type.String({ description: 'The `after` of the next page; none: this is the last.' }),
    ),
  }),
});

/** Below a folder of its own: a target path may begin as other routes do. */
export const getRelease = defineRoute({
  method: 'GET',
  path: '/v1/releases/published/*',
  noun: 'releases',
  summary: 'Show a published release by its path, with its changelog and what devices may fetch in its place',
  access: 'operator',
  params: Type.Object({ '*': targetPath }),
  answer: Type.Object({
    ...releaseFields,
    changelog: Type.Optional(Type.String()),
    awsOta: Type.Optional(
      Type.Object(
        {
          signature: Type.String({ description: 'ECDSA P-256 over its SHA-256, base64 of DER.' }),
          certFile: Type.String({
            description: 'The name under which a device has the certificate to check it with.',
          }),
        },
        { description: "By what AWS IoT's OTA libraries trust it." },
      ),
    ),
    chunks: Type.Optional(Type.Object(listedFile, { description: 'Its index of chunks.' })),
    patches: Type.Array(Type.Object({ ...listedFile, fromSha256: sha256 }), {
      description: 'Each leads to it from one image.',
    }),
  }),
});

/** As it was uploaded; what publishes it has checked that it is one. */
export const getReleaseDocument = defineRoute({
  method: 'GET',
  path: '/v1/releases/documents/:kind/*',
  noun: 'releases',
  summary: 'Read the bill of materials (CycloneDX) or the attestation (DSSE) of a published release',
  access: 'operator',
  params: Type.Object({ kind: Type.Enum(['sbom', 'provenance']), '*': targetPath }),
  answer: 'bytes',
});

/** TUF metadata by file name, for devices. */
export const getDeviceMetadata = defineRoute({
  method: 'GET',
  path: '/tuf/metadata/:file',
  noun: 'updates',
  summary: 'Read a metadata file, such as `timestamp.json`',
  access: 'device',
  params: fileName,
  answer: 'bytes',
});

/** What the device that asks is to have: targets metadata for it alone, which a device whose root names a director follows. */
export const getInstruction = defineRoute({
  method: 'GET',
  path: '/tuf/director/targets.json',
  noun: 'updates',
  summary: 'Read what the director instructs the device to have',
  access: 'device',
  answer: 'bytes',
});

/** A target by its consistent-snapshot name `[FOLDER/]HASH.NAME`, for devices; ranges are served. */
export const getDeviceTarget = defineRoute({
  method: 'GET',
  path: '/tuf/targets/*',
  noun: 'updates',
  summary: 'Read a target by its consistent-snapshot name',
  access: 'device',
  params: Type.Object({ '*': Type.String({ minLength: 1, maxLength: 1_024 }) }),
  answer: 'bytes',
});
