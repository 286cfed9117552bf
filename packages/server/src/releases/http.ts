import { fromBase64, parseSha256, type Signer, toBase64 } from '@fleetward/core';
import {
  getArtifact,
  getDeviceMetadata,
  getDeviceTarget,
  getMetadataFile,
  getOnlineKeys,
  getRelease,
  getReleaseDocument,
  getUploadState,
  listArtifacts,
  listMetadata,
  listReleases,
  publishMetadata,
  putArtifact,
  removeArtifact,
} from '@fleetward/protocol';
import type { Denials } from '../denials/index.ts';
import { operatorActor } from '../operator-actor.ts';
import { handle, type OpenableBytes, type RouteHandler, type RouteRequest } from '../route-handler.ts';
import type { Artifacts, ListedArtifact } from './artifacts.ts';
import { describeRelease, documentOf, summaryOf } from './describe-release.ts';
import type { DownloadingDevice, Downloads } from './downloads.ts';
import { ReleaseError } from './errors.ts';
import type { ListedTarget, PublishedRelease } from './rules.ts';
import type { ReleaseService } from './service.ts';

/** The engineer's routes, on the operators' listener. */
export function releaseHandlers(
  releases: ReleaseService,
  keys: { readonly snapshot: Signer; readonly timestamp: Signer; readonly director: Signer },
): readonly RouteHandler[] {
  return [
    ...artifactHandlers(releases.artifacts),
    ...publishedHandlers(releases),
    handle(publishMetadata, async ({ body, caller }) => {
      const upload = {
        roots: (body.roots ?? []).map(fromBase64),
        ...(body.targets === undefined ? {} : { targets: fromBase64(body.targets) }),
        ...(body.second === undefined ? {} : { second: decodeAll(body.second) }),
        ...(body.delegated === undefined ? {} : { delegated: decodeAll(body.delegated) }),
      };
      return { roles: [...(await releases.publish(upload, operatorActor(caller)))] };
    }),
    handle(listMetadata, async () => ({ roles: [...releases.roles()] })),
    handle(getMetadataFile, async ({ params }) => metadataAnswer(releases, params.file)),
    handle(getOnlineKeys, async () => ({
      snapshot: describeKey(keys.snapshot),
      timestamp: describeKey(keys.timestamp),
      director: describeKey(keys.director),
    })),
  ];
}

function artifactHandlers(artifacts: Artifacts): readonly RouteHandler[] {
  const digestOf = ({ params }: { readonly params: { readonly sha256: string } }) =>
    parseSha256(params.sha256);
  return [
    handle(putArtifact, async (request) => {
      const { query, body, caller } = request;
      const actor = operatorActor(caller);
      const { fromByte = 0 } = query;
      return answerOf(await artifacts.upload({ sha256: digestOf(request), bytes: body, fromByte, actor }));
    }),
    handle(getUploadState, async (request) => ({
      receivedBytes: await artifacts.receivedBytes(digestOf(request)),
    })),
    handle(listArtifacts, async () => ({
      artifacts: (await artifacts.list()).map(answerOf),
      unfinished: (await artifacts.unfinished()).map(({ isWhole: _, ...upload }) => upload),
    })),
    handle(getArtifact, async (request) => {
      const found = await artifacts.find(digestOf(request));
      if (found === undefined) throw notFound('there is no such artifact');
      return answerOf(found);
    }),
    handle(removeArtifact, async (request) => {
      await artifacts.remove(digestOf(request), operatorActor(request.caller));
      return undefined;
    }),
  ];
}

function answerOf({ paths, ...artifact }: ListedArtifact) {
  return { ...artifact, paths: [...paths] };
}

function publishedHandlers(releases: ReleaseService): readonly RouteHandler[] {
  return [
    handle(listReleases, async ({ query: { after = '', limit = 100 } }) => {
      const later = releases.releases().filter(({ path }) => path > after);
      const page = later.sort((a, b) => (a.path < b.path ? -1 : 1)).slice(0, limit);
      const next = later.length > page.length ? page.at(-1)?.path : undefined;
      return {
        releases: page.map((release) => summaryOf(releases, release)),
        ...(next === undefined ? {} : { next }),
      };
    }),
    handle(getRelease, async ({ params }) => describeRelease(releases, releaseAt(releases, params['*']))),
    handle(getReleaseDocument, async ({ params }) => {
      const release = releaseAt(releases, params['*']);
      const document = documentOf(releases, { release, kind: params.kind });
      if (document === undefined) throw notFound(`\`${release.path}\` has no ${params.kind}`);
      const { sha256, lengthBytes } = document;
      return {
        ...{ contentType: 'application/json', lengthBytes, etag: sha256 },
        open: (range) => releases.artifacts.read(sha256, range),
      };
    }),
  ];
}

function releaseAt(releases: ReleaseService, path: string): PublishedRelease {
  const release = releases.release(path);
  if (release === undefined) throw notFound(`there is no published release \`${path}\``);
  return release;
}

/** What a device reads, on the devices' listener. */
export function updateHandlers(parts: UpdateParts): readonly RouteHandler[] {
  return [
    handle(getDeviceMetadata, async ({ params }) => metadataAnswer(parts.releases, params.file)),
    handle(getDeviceTarget, async ({ params, ...request }) =>
      targetAnswer(parts, { name: params['*'], ...request }),
    ),
  ];
}

export interface UpdateParts {
  readonly releases: ReleaseService;
  readonly downloads: Downloads;
  readonly denials: Pick<Denials, 'record'>;
}

function decodeAll(files: Readonly<Record<string, string>>): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(files).map(([name, text]) => [name, fromBase64(text)]));
}

function describeKey({ algorithm, publicKey }: Signer) {
  return { algorithm, publicKey: toBase64(publicKey) };
}

async function metadataAnswer(releases: ReleaseService, file: string) {
  const found = await releases.metadataFile(file);
  if (found === undefined) throw notFound(`there is no metadata file \`${file}\``);
  return { contentType: 'application/json', bytes: found.bytes };
}

type TargetRequest = Pick<RouteRequest<never, never, never>, 'caller' | 'remoteAddress' | 'signal'> & {
  readonly name: string;
};

function targetAnswer(parts: UpdateParts, request: TargetRequest): OpenableBytes {
  const { releases, downloads } = parts;
  const target = releases.target(request.name);
  if (target === undefined) throw notFound('the published targets list no such file');
  const device = checkDevice(parts, { ...request, target: releases.releaseBehind(target) });
  return {
    contentType: 'application/octet-stream',
    lengthBytes: target.lengthBytes,
    etag: target.sha256,
    open: (range, cut) => downloads.read(device, { target, range, signal: request.signal, cut }),
  };
}

function checkDevice(
  { downloads, denials }: UpdateParts,
  { caller, remoteAddress, target }: TargetRequest & { readonly target: ListedTarget },
): DownloadingDevice {
  if (caller.kind !== 'device') throw new TypeError('the route is for devices');
  const { kind: _, ...device } = caller;
  try {
    downloads.check(device, target);
    return device;
  } catch (cause) {
    const explanation = `devices: ${cause instanceof ReleaseError ? cause.message : 'the download could not be decided on'}`;
    denials.record({ ...device, remoteAddress, cause: causeOf(cause), explanation });
    throw cause;
  }
}

function causeOf(cause: unknown): 'limit' | 'request_denied' {
  const isLimit = cause instanceof ReleaseError && cause.code === 'releases.too_many_downloads';
  return isLimit ? 'limit' : 'request_denied';
}

function notFound(message: string): ReleaseError {
  return new ReleaseError('releases.not_found', message);
}
