import { type ApiClient, createApiClient, type Part, sendReport } from '@fleetward/protocol';
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
