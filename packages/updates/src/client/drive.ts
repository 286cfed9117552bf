import type { TrustedStore } from '../store/trusted-store.ts';
import { type Fetcher, fetchWhole } from './fetcher.ts';
import type { ClientReply, ClientRequest, Workflow } from './workflow.ts';

export interface Rim {
  readonly store: TrustedStore;
  readonly fetcher: Fetcher;
  readonly signal: AbortSignal | undefined;
}

/** Runs a workflow to its end: every request is carried out at the rim, in order, one at a time. */
export async function drive<Result>(workflow: Workflow<Result>, rim: Rim): Promise<Result> {
  let next = workflow.next();
  while (!next.done) {
    rim.signal?.throwIfAborted();
    next = workflow.next(await carryOut(next.value, rim));
  }
  return next.value;
}

async function carryOut(request: ClientRequest, { store, fetcher, signal }: Rim): Promise<ClientReply> {
  switch (request.kind) {
    case 'load': {
      const bytes = await store.read(request.name);
      return bytes === undefined ? { kind: 'absent' } : { kind: 'bytes', bytes };
    }
    case 'store':
      await store.write(request.name, request.bytes);
      return { kind: 'done' };
    case 'remove':
      await store.remove(request.name);
      return { kind: 'done' };
    case 'fetch':
      return fetchWhole(fetcher, { path: request.path, bytesMax: request.bytesMax, signal });
  }
}
