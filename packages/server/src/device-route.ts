import type { CertificateId } from '@fleetward/core';
import type { PolicyAction } from '@fleetward/policy';

/** What names the thing a device asks about; the rest of the request is looked at when it may. */
export interface DeviceRequestHead {
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, unknown>>;
}

export interface DeviceRequest extends DeviceRequestHead {
  readonly certificateId: CertificateId;
  /** Empty when the request has none. */
  readonly body: Uint8Array;
}

export interface DeviceAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * What a device does over HTTPS as over AWS IoT's own endpoint, where its policies decide: `action` on `thing/NAME`. The gateway asks
 * before a byte of the body is read; the domain owns the route.
 */
export interface DeviceRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly action: PolicyAction;
  /** What follows `thing/`. */
  readonly nameOf: (head: DeviceRequestHead) => string;
  /** 0: it takes none. */
  readonly bodyBytesMax: number;
  readonly handle: (request: DeviceRequest) => Promise<DeviceAnswer>;
}

/** An answer as JSON; a failure has AWS IoT's name of its type. */
export function jsonAnswer(status: number, value: object, errorType?: string): DeviceAnswer {
  const headers = { 'content-type': 'application/json' };
  return {
    status,
    headers: errorType === undefined ? headers : { ...headers, 'x-amzn-errortype': errorType },
    body: Buffer.from(JSON.stringify(value)),
  };
}
