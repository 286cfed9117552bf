/** A broker under test. */
export interface BenchBroker {
  readonly name: BrokerName;
  readonly pid: number;
  readonly port: number;
  /** PEM of what its certificate chains to. */
  readonly ca: string;
  stop(): Promise<void>;
}

export type BrokerName = 'fleetward' | 'mosquitto' | 'floor';

/** A client as its owner has it, all in PEM; the chain has the leaf first. */
export interface Identity {
  readonly clientId: string;
  readonly key: string;
  readonly chain: string;
}

/** What brokers other than Fleetward are started with: the same authorities, a server certificate of their own. */
export interface BrokerCredentials {
  /** PEM of the authorities whose clients are let in. */
  readonly clientAuthorities: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
}
