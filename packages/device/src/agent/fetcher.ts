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

/** Fetches metadata and targets from the platform, as the device that the client's certificate names. */
export function platformFetcher(api: Pick<ApiClient, 'download'>, pace: Pace): Fetcher {
  return {
    fetch: async (path, { signal, fromByte }) => {
      const given = { ...(signal && { signal }), ...(fromByte !== undefined && { fromByte }) };
      return result(download(api, path, given), pace);
    },
  };
}

function download(
  api: Pick<ApiClient, 'download'>,
  path: string,
  given: { readonly signal?: AbortSignal; readonly fromByte?: number },
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
