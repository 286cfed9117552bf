import { setTimeout as pause } from 'node:timers/promises';
import {
  type ApiClient,
  ApiError,
  type Download,
  getDeviceMetadata,
  getDeviceTarget,
  getInstruction,
} from '@fleetward/protocol';
import { type Fetcher, type FetchResult, instructionFilePath } from '@fleetward/updates';
import { notTooSlow, type Pace } from './pace.ts';

/** Half of what `httpLimits.deviceRequestsPerSecondMax` is where nobody has changed it. */
const rangesPerSecondMax = 25;

/** Fetches metadata and targets from the platform, as the device that the client's certificate names. */
export function platformFetcher(api: Pick<ApiClient, 'download'>, pace: Pace): Fetcher {
  let freeAtMs = 0;
  /** The ranges of an image come one after the other: no faster than a platform takes them from one device. */
  async function takeTurn(signal: AbortSignal | undefined): Promise<void> {
    const waitMs = freeAtMs - pace.monotonicMs();
    if (waitMs > 0) await pause(waitMs, undefined, { ...(signal && { signal }) });
    freeAtMs = pace.monotonicMs() + 1_000 / rangesPerSecondMax;
  }
  return {
    fetch: async (path, { signal, fromByte, toByte }) => {
      if (toByte !== undefined) await takeTurn(signal);
      const given = {
        ...(signal && { signal }),
        ...(fromByte !== undefined && { fromByte }),
        ...(toByte !== undefined && { toByte }),
      };
      return result(download(api, path, given), pace);
    },
  };
}

function download(
  api: Pick<ApiClient, 'download'>,
  path: string,
  given: { readonly signal?: AbortSignal; readonly fromByte?: number; readonly toByte?: number },
): Promise<Download> {
  if (path === instructionFilePath) return api.download(getInstruction, given);
  const [folder, name] = splitPath(path);
  return folder === 'metadata'
    ? api.download(getDeviceMetadata, { params: { file: name }, ...given })
    : api.download(getDeviceTarget, { params: { '*': name }, ...given });
}

/** The client escapes names once more for the URL; the paths it gets are URL paths already. */
function splitPath(path: string): readonly [string, string] {
  const slash = path.indexOf('/');
  const name = path.slice(slash + 1);
  return [path.slice(0, slash), name.split('/').map(decodeURIComponent).join('/')];
}

async function result(download: Promise<Download>, pace: Pace): Promise<FetchResult> {
  try {
    const { bytes, fromByte } = await download;
    return { kind: 'stream', chunks: notTooSlow(bytes, pace), fromByte };
  } catch (error) {
    if (!(error instanceof ApiError) || error.code === 'api.aborted') throw error;
    if (error.problem?.status === 404) return { kind: 'absent' };
    return { kind: 'unreachable', explanation: error.message };
  }
}
