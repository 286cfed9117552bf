/** Something to look at no earlier than `deadlineMs`. The wheel owns both fields while it is in. */
export interface WheelEntry {
  deadlineMs: number;
  wheelSlot: number;
}

const SLOTS = 1024;
const NOT_IN = -1;

/** Deadlines for many connections with one clock: an entry costs nothing until its slot comes round. */
export class TimerWheel<Entry extends WheelEntry> {
  readonly #slotMs: number;
  readonly #slots: Set<Entry>[] = Array.from({ length: SLOTS }, () => new Set<Entry>());
  #turn: number;

  constructor(options: { readonly slotMs: number; readonly nowMs: number }) {
    this.#slotMs = options.slotMs;
    this.#turn = Math.floor(options.nowMs / options.slotMs);
  }

  /** Puts the entry in, or moves it. */
  set(entry: Entry, deadlineMs: number): void {
    this.delete(entry);
    entry.deadlineMs = deadlineMs;
    // At least the next turn, so that an entry set by a due entry is not seen in the same pass.
    const turn = Math.max(this.#turn + 1, Math.ceil(deadlineMs / this.#slotMs));
    entry.wheelSlot = turn % SLOTS;
    this.#slots[entry.wheelSlot]!.add(entry);
  }

  delete(entry: Entry): void {
    if (entry.wheelSlot !== NOT_IN) this.#slots[entry.wheelSlot]!.delete(entry);
    entry.wheelSlot = NOT_IN;
  }

  /** Calls `due` once for each entry whose deadline has come; it is out of the wheel then. */
  advance(nowMs: number, due: (entry: Entry) => void): void {
    const last = Math.floor(nowMs / this.#slotMs);
    // After a long sleep every slot is looked at once; a clock set back waits until it catches up.
    const first = Math.max(this.#turn + 1, last - SLOTS + 1);
    for (let turn = first; turn <= last; turn++) {
      this.#turn = turn;
      for (const entry of this.#slots[turn % SLOTS]!) {
        if (entry.deadlineMs > nowMs) continue;
        this.delete(entry);
        due(entry);
      }
    }
  }
}
