import { forkChild } from '../child.ts';
import type { BenchBroker, BrokerCredentials } from './broker.ts';

/** The runtime's own floor, in a process of its own. */
export async function startFloor(credentials: BrokerCredentials): Promise<BenchBroker> {
  const child = forkChild(new URL('./floor-child.ts', import.meta.url));
  try {
    const { port } = (await child.ask(credentials, { timeoutMs: 10_000 })) as { readonly port: number };
    return { name: 'floor', pid: child.pid, port, ca: credentials.serverCertificate, stop: child.stop };
  } catch (error) {
    await child.stop();
    throw error;
  }
}
