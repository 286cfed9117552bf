/** What waits for its owner's next turn. */
export interface TurnTaker {
  takeTurn(): void;
}

/** About what is done for one owner in one turn of the event loop, in nanoseconds, before others are served. */
const TURN_NS = 10_000_000;
/** About what a packet costs, a byte of it, each copy that is handed out, and a byte of that copy. */
const PACKET_NS = 2_000;
const BYTE_NS = 10;
const COPY_NS = 150;
const COPY_BYTE_NS = 1;

/** How the connections of one owner are read, together: a turn's worth of work, then in turn. */
export class OwnerPace {
  readonly owner: string;
  connections = 0;
  #workNs = 0;
  #isTurnOver = false;
  readonly #waiting: TurnTaker[] = [];

  constructor(owner: string) {
    this.owner = owner;
  }

  /** None of its connections is read any further before the event loop has been round. */
  get isTurnOver(): boolean {
    return this.#isTurnOver;
  }

  /** Counts what a packet that was handled sent to so many. */
  copied(count: number, payloadBytes: number): void {
    this.#workNs += count * (COPY_NS + payloadBytes * COPY_BYTE_NS);
  }

  /** Counts a packet that was handled, and ends the turn when that was enough. */
  handled(packetBytes: number): void {
    this.#workNs += PACKET_NS + packetBytes * BYTE_NS;
    if (this.#workNs < TURN_NS || this.#isTurnOver) return;
    this.#isTurnOver = true;
    setImmediate(beginTurn, this);
  }

  /** First come, first served, and once for each call. */
  waitForTurn(taker: TurnTaker): void {
    this.#waiting.push(taker);
  }

  beginTurn(): void {
    this.#isTurnOver = false;
    this.#workNs = 0;
    while (!this.#isTurnOver && this.#waiting.length > 0) this.#waiting.shift()!.takeTurn();
  }
}

function beginTurn(pace: OwnerPace): void {
  pace.beginTurn();
}

/** Of all owners with connections. What belongs to nobody, the owner with the empty name, has nothing in common. */
export class OwnerPaces {
  readonly #byOwner = new Map<string, OwnerPace>();

  join(owner: string): OwnerPace {
    const known = this.#byOwner.get(owner);
    const pace = known ?? new OwnerPace(owner);
    if (known === undefined && owner !== '') this.#byOwner.set(owner, pace);
    pace.connections++;
    return pace;
  }

  leave(pace: OwnerPace): void {
    pace.connections--;
    if (pace.connections === 0) this.#byOwner.delete(pace.owner);
  }
}
