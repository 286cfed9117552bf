import {
  type ApiClient,
  ApiError,
  createApiClient,
  getRenewalWish,
  type Part,
  sendReport,
} from '@fleetward/protocol';
import type { DeviceIdentity } from './identity.ts';

/** What a device says of itself: the protocol it speaks, the version that was confirmed, how the last update ended. */
export type DeviceReport = Part<(typeof sendReport)['body']>;

/** An HTTPS client that is the device: mutual TLS, and only the platform's root is believed. */
export function connectPlatform(
  identity: Pick<DeviceIdentity, 'chain' | 'key' | 'root'>,
  { url, timeoutMs = 30_000 }: { readonly url: string; readonly timeoutMs?: number },
): ApiClient {
  const { chain, key, root } = identity;
  return createApiClient({ baseUrl: new URL(url).origin, ca: root, cert: chain, key, timeoutMs });
}

/** Sends a report about the thing that the certificate speaks for. Throws `ApiError`. */
export async function report(api: Pick<ApiClient, 'call'>, facts: DeviceReport): Promise<void> {
  await api.call(sendReport, { body: facts });
}

/**
 * Whether an operator asks this device to renew its certificate before its own time. A platform that knows nothing of that answers
 * 404, which is a no. Throws `ApiError`.
 */
export async function isRenewalAsked(api: Pick<ApiClient, 'call'>): Promise<boolean> {
  try {
    return (await api.call(getRenewalWish)).renew;
  } catch (error) {
    if (error instanceof ApiError && error.problem?.status === 404) return false;
    throw error;
  }
}
