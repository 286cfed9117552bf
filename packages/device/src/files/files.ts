/** A file being written. Nothing of it is durable before `sync`. */
export interface FileWriter {
  write(bytes: Uint8Array): void;
  sync(): void;
  /** The same without holding up the event loop. */
  syncLater(): Promise<void>;
  close(): void;
}

export interface FileDigest {
  readonly sha256: string;
  readonly lengthBytes: number;
}

/**
 * The few file operations the slots are made of; a fault-injecting one stands here in tests. Synchronous, so that the
 * starter is one straight line. Paths are absolute.
 */
export interface Files {
  /** `undefined` when there is none. Throws when it has more than `bytesMax` bytes. */
  read(path: string, bytesMax: number): Uint8Array | undefined;
  /** Digest of a whole file, read in pieces; `undefined` when there is none or it cannot be read. */
  digest(path: string): FileDigest | undefined;
  /** Creates or truncates; readable, and executable, by the owner only. */
  create(path: string): FileWriter;
  /** Opens a file that is there to write on at this byte; what was behind it is cut off. */
  resume(path: string, atByte: number): FileWriter;
  /** So many bytes of a file from a place on, normally its start, in pieces; fewer when it has fewer. */
  pieces(path: string, lengthBytes: number, startByte?: number): Iterable<Uint8Array>;
  /** `undefined` when there is none. */
  lengthBytes(path: string): number | undefined;
  /** Makes the entry take the place of another; durable after `syncFolder`. */
  rename(from: string, to: string): void;
  /** Removing what is not there is no failure. */
  remove(path: string): void;
  /**
   * Creates a folder for its owner only, where it is missing, and makes its entries durable: a process that was killed may have left some
   * that are not, and what is read is told to others.
   */
  makeFolder(path: string): void;
  /** Takes a folder for this caller alone until the answer is called or the process ends. Throws `device.folder_in_use`. */
  lockFolder(path: string): () => void;
  /** The names in a folder, in no order. */
  list(folder: string): readonly string[];
  /** Makes the entries of a folder durable. */
  syncFolder(path: string): void;
  freeBytes(folder: string): number;
}
