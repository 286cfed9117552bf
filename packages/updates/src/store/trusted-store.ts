/**
 * Where a device keeps the metadata it trusts. `write` is atomic and durable once it resolves: after a power cut a name
 * reads as its old bytes or its new ones. One writer at a time.
 */
export interface TrustedStore {
  read(name: string): Promise<Uint8Array | undefined>;
  write(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}

/** A store that forgets everything with the process: for tools and tests. */
export function createMemoryStore(): TrustedStore {
  const files = new Map<string, Uint8Array>();
  return {
    read: async (name) => files.get(name),
    write: async (name, bytes) => void files.set(name, bytes),
    remove: async (name) => void files.delete(name),
  };
}
