/** Makes device certificates from CSRs. */
export interface Issuer {
  readonly name: 'fleetward' | 'node:crypto' | 'pkijs';
  /** Resolves when each certificate is what it has to be; throws otherwise. */
  issue(csrs: readonly Uint8Array[]): Promise<void>;
  /** Processor time up to now, of all its threads and processes. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}
