/** What happened to the write-ahead log between the acknowledgement before and this one. */
export interface Acknowledgement {
  readonly logWrites: number;
  readonly syncs: number;
  /** Writes to the log that no finished sync had covered when the acknowledgement was written. */
  readonly unsyncedWrites: number;
}

/** Reads the output of `strace -f -y`: one line a call, or two where threads interleave. */
export function syncsBeforeAcknowledgements(
  trace: string,
  database: 'records.db' | 'messages.db',
): { readonly acknowledgements: readonly Acknowledgement[] } {
  const log = new RegExp(`${database.replace('.', '\\.')}-wal>`);
  const acknowledgements: Acknowledgement[] = [];
  const syncing = new Set<string>();
  let [logWrites, syncs, unsyncedWrites] = [0, 0, 0];
  const synced = () => {
    syncs++;
    unsyncedWrites = 0;
  };
  for (const line of trace.split('\n')) {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (/^pwrite64\(/.test(call) && log.test(call)) {
      logWrites++;
      unsyncedWrites++;
    } else if (/^f(data)?sync\(/.test(call) && log.test(call)) {
      if (/<unfinished/.test(call)) syncing.add(thread);
      else if (/ = 0$/.test(call)) synced();
    } else if (/^<\.\.\. f(data)?sync resumed>/.test(call) && syncing.delete(thread)) {
      if (/ = 0$/.test(call)) synced();
    } else if (/^write\(1<[^>]*>, "ack /.test(call)) {
      acknowledgements.push({ logWrites, syncs, unsyncedWrites });
      [logWrites, syncs] = [0, 0];
    }
  }
  return { acknowledgements };
}
