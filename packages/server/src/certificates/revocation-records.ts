import { type Revocation, revocationReasonOf, revocationReasons } from '@fleetward/pki';

/** `notAfterMs`: when it may leave the CRL. */
export interface RecordedRevocation extends Revocation {
  readonly notAfterMs: number;
}

/** All records that there were at one moment. They never change, and their memory is shared: a thread that is given them copies nothing. */
export interface RecordsTaken {
  readonly chunks: readonly SharedArrayBuffer[];
  readonly count: number;
}

/** In place of a reason: the revocation of this serial number before it has ended. */
const ended = 0xff;
const recordBytes = 40;
const at = { what: 0, serialOctets: 1, serial: 2, revokedAt: 24, notAfter: 32 } as const;
const recordsPerChunk = 4_096;

/** What happened to the certificates of one issuer, in that order, 40 bytes each; only ever added to. */
export class RevocationRecords {
  readonly #chunks: SharedArrayBuffer[] = [];
  /** The last of them. */
  #bytes: Buffer = Buffer.alloc(0);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  revoked({ serial, notAfterMs, revokedAtMs, reason }: RecordedRevocation): void {
    const start = this.#add(revocationReasons[reason], serial);
    this.#bytes.writeDoubleBE(revokedAtMs, start + at.revokedAt);
    this.#bytes.writeDoubleBE(notAfterMs, start + at.notAfter);
  }

  /** Of a hold. */
  ended(serial: string): void {
    this.#add(ended, serial);
  }

  take(): RecordsTaken {
    return { chunks: [...this.#chunks], count: this.#count };
  }

  #add(what: number, serial: string): number {
    const start = (this.#count++ % recordsPerChunk) * recordBytes;
    if (start === 0) this.#addChunk();
    this.#bytes[start + at.what] = what;
    // None for one that no CRL can name, so that there is no CRL instead of one without it.
    const isNameable = /^(?:[0-9a-f]{2}){1,20}$/.test(serial);
    this.#bytes[start + at.serialOctets] = isNameable
      ? this.#bytes.write(serial, start + at.serial, 'hex')
      : 0;
    return start;
  }

  #addChunk(): void {
    const chunk = new SharedArrayBuffer(recordsPerChunk * recordBytes);
    this.#chunks.push(chunk);
    this.#bytes = Buffer.from(chunk);
  }
}

/** The revocations that the records leave in force: how many, and each as it is asked for, as all of them would take much memory. */
export interface RevocationsRead {
  readonly count: number;
  readonly each: () => Generator<RecordedRevocation>;
}

/** Throws a `TypeError` for records that are none. */
export function revocationsIn({ chunks, count }: RecordsTaken): RevocationsRead {
  const records = chunks.map((chunk) => Buffer.from(chunk));
  const inForce = numbersInForce(records, count);
  const each = function* () {
    for (const number of inForce) yield readRevocation(recordAt(records, number));
  };
  return { count: inForce.length, each };
}

function numbersInForce(records: readonly Buffer[], count: number): readonly number[] {
  const numbers: number[] = [];
  const held = new Map<string, number>();
  for (let number = 0; number < count; number++) {
    const record = recordAt(records, number);
    const what = record.bytes[record.start + at.what];
    if (what === ended) held.delete(readSerial(record));
    else if (what === revocationReasons.certificateHold) held.set(readSerial(record), number);
    else numbers.push(number);
  }
  return [...numbers, ...held.values()];
}

interface RecordAt {
  readonly bytes: Buffer;
  readonly start: number;
}

function recordAt(records: readonly Buffer[], number: number): RecordAt {
  const bytes = records[Math.floor(number / recordsPerChunk)];
  if (bytes === undefined) throw new TypeError('records of revocations are missing');
  return { bytes, start: (number % recordsPerChunk) * recordBytes };
}

function readRevocation({ bytes, start }: RecordAt): RecordedRevocation {
  const reason = revocationReasonOf(bytes[start + at.what] ?? ended);
  if (reason === undefined) throw new TypeError('a record of revocations is none');
  return {
    serial: readSerial({ bytes, start }),
    reason,
    revokedAtMs: bytes.readDoubleBE(start + at.revokedAt),
    notAfterMs: bytes.readDoubleBE(start + at.notAfter),
  };
}

function readSerial({ bytes, start }: RecordAt): string {
  const octets = bytes[start + at.serialOctets] ?? 0;
  return bytes.toString('hex', start + at.serial, start + at.serial + octets);
}
