/** Where time comes from; tests pass a fake one. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** Where unpredictable bytes come from. */
export interface Random {
  bytes(length: number): Uint8Array;
}

/** `ecdsa-p256-sha256` signs to a DER `Ecdsa-Sig-Value` (X.509) form; `rsa-pss-sha256` uses a 32-byte salt (TUF). */
export type SignerAlgorithm =
  | 'ecdsa-p256-sha256'
  | 'ecdsa-p384-sha384'
  | 'ed25519'
  | 'rsa-pkcs1-sha256'
  | 'rsa-pss-sha256'
  /** FIPS 204, pure, with an empty context (RFC 9881 §3); experimental, for X.509 alone. */
  | MlDsaAlgorithm;

export type MlDsaAlgorithm = 'ml-dsa-44' | 'ml-dsa-65' | 'ml-dsa-87';

/** A private key that never leaves where it lives. */
export interface Signer {
  readonly algorithm: SignerAlgorithm;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** It holds each message to the lint of its key's purpose before it signs, so that whoever asks need not. */
  readonly lints?: true;
  /** The key is in this machine's memory and OpenSSL computes with it, unlike in a token that nobody here can see into. */
  readonly inSoftware?: true;
  /** Signs the message itself (not a digest). */
  sign(message: Uint8Array): Promise<Uint8Array>;
  /** The signatures of all messages in their order, or of none; where a signer has it, cheaper than one after the other. */
  signAll?(messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
}

declare const transaction: unique symbol;

/** One atomic change of the records. Opaque to domains: they hand it to stores and to the trail. */
export interface Transaction {
  readonly [transaction]: true;
  /** Runs `effect` in the tick in which the commit is known to be durable; never after a rollback. It must not throw. */
  afterCommit(effect: () => void): void;
}

/** Inside `work` await only stores: no signing, no network. Resolves once the commit is durable. */
export interface Transactor {
  transact<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>;
}
