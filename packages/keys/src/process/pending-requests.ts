import { KeysError } from '../errors.ts';
import { type Answer, parseAnswer } from './answers.ts';
import type { Fields } from './fields.ts';
import { FrameReader, framePieces } from './frames.ts';
import { type Request, requestBody, requestHeader } from './requests.ts';

export interface PendingLimits {
  readonly requestTimeoutMs: number;
  readonly inFlightMax: number;
  readonly inFlightBytesMax: number;
}

interface Pending {
  readonly bytes: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (answer: Answer & { readonly kind: 'done' }) => void;
  readonly reject: (error: KeysError) => void;
}

/** What the server has asked and not been answered: numbered, timed, bounded. */
export class PendingRequests {
  readonly #limits: PendingLimits;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #onTimeout: () => void;
  readonly #frames = new FrameReader();
  readonly #pending = new Map<number, Pending>();
  #bytes = 0;
  #nextId = 1;
  #ended: KeysError | undefined;

  constructor(options: {
    readonly limits: PendingLimits;
    readonly write: (bytes: Uint8Array) => void;
    readonly onTimeout: () => void;
  }) {
    this.#limits = options.limits;
    this.#write = options.write;
    this.#onTimeout = options.onTimeout;
  }

  async ask(request: Request): Promise<{ readonly fields: Fields; readonly body: Uint8Array }> {
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#nextId++;
    const pieces = framePieces(requestHeader({ id, request }), requestBody(request));
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    this.#assertRoom(bytes);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#expire(id, request.kind), this.#limits.requestTimeoutMs);
      this.#pending.set(id, { bytes, timer, resolve, reject });
      this.#bytes += bytes;
      for (const piece of pieces) this.#write(piece);
    });
  }

  /** Takes bytes from the signing process; throws `keys.protocol` when they are not answers to what was asked. */
  receive(chunk: Uint8Array): void {
    for (const frame of this.#frames.push(chunk)) {
      const answer = parseAnswer(frame);
      const pending = this.#take(answer.id);
      if (pending === undefined) throw new KeysError('keys.protocol', 'an answer came to what was not asked');
      if (answer.kind === 'done') pending.resolve(answer);
      else pending.reject(answer.error);
    }
  }

  /** Rejects everything that is pending and all that is asked from now on. */
  end(error: KeysError): void {
    this.#ended ??= error;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(this.#ended);
  }

  #assertRoom(bytes: number): void {
    const { inFlightMax, inFlightBytesMax } = this.#limits;
    if (this.#pending.size < inFlightMax && this.#bytes + bytes <= inFlightBytesMax) return;
    throw new KeysError('keys.busy', 'too many requests wait for the signing process: try again later', {
      details: { inFlight: this.#pending.size, inFlightBytes: this.#bytes },
    });
  }

  #expire(id: number, kind: string): void {
    const { requestTimeoutMs } = this.#limits;
    const message = `the signing process did not answer \`${kind}\` within ${requestTimeoutMs} ms`;
    this.#take(id)?.reject(new KeysError('keys.timeout', message));
    this.#onTimeout();
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#bytes -= pending.bytes;
    clearTimeout(pending.timer);
    return pending;
  }
}
