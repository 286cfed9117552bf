/** Where in the trace things happened to the message with one packet identifier, as numbers of lines; undefined: never. */
export interface AcknowledgedMessage {
  readonly packetId: number;
  /** Its payload was first written to the write-ahead log. */
  readonly written: number | undefined;
  /** The first sync that began after that had ended. */
  readonly synced: number | undefined;
  /** The write of its PUBACK or PUBREC to the socket began. */
  readonly acknowledged: number;
}

interface Sync {
  readonly began: number;
  readonly ended: number;
}

/** Reads the output of `strace -f -y -xx`, in which each message's payload is known by `payloadOf`. */
export function acknowledgedMessages(
  trace: string,
  payloadOf: (packetId: number) => string,
): readonly AcknowledgedMessage[] {
  const lines = trace.split('\n').map(withPlainPaths);
  const syncs = syncsIn(lines);
  const logWrites = lines.map((line) => (isLogWrite(line) ? textIn(line) : ''));
  return acknowledgementsIn(lines).map(({ packetId, at }) => {
    const written = indexOf(logWrites, (text) => text.includes(payloadOf(packetId)));
    const synced = written === undefined ? undefined : syncs.find(({ began }) => began > written)?.ended;
    return { packetId, written, synced, acknowledged: at };
  });
}

/** With `-xx` the names of file descriptors are hexadecimal too: `26<\x2f\x74…>`. */
function withPlainPaths(line: string): string {
  return line.replaceAll(/<((?:\\x[0-9a-f]{2})+)>/g, (_, hex: string) => `<${textOf(hex)}>`);
}

function syncsIn(lines: readonly string[]): readonly Sync[] {
  const began = new Map<string, number>();
  const syncs: Sync[] = [];
  for (const [index, line] of lines.entries()) {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (/^f(data)?sync\(.*messages\.db-wal>/.test(call)) {
      if (/<unfinished/.test(call)) began.set(thread, index);
      else if (/ = 0$/.test(call)) syncs.push({ began: index, ended: index });
    } else if (/^<\.\.\. f(data)?sync resumed>.* = 0$/.test(call)) {
      const start = began.get(thread);
      began.delete(thread);
      if (start !== undefined) syncs.push({ began: start, ended: index });
    }
  }
  return syncs;
}

function isLogWrite(line: string): boolean {
  return /^\d+ +pwrite64\(\d+<[^>]*messages\.db-wal>/.test(line);
}

/** PUBACK (0x40) and PUBREC (0x50) among the packets of each write to a socket. */
function acknowledgementsIn(lines: readonly string[]): readonly { packetId: number; at: number }[] {
  return lines.flatMap((line, at) => {
    if (!/^\d+ +(write|writev|sendto)\(\d+<(TCP|socket)/.test(line)) return [];
    const bytes = Buffer.from(textIn(line), 'latin1');
    const found = [];
    for (let start = 0; start + 1 < bytes.length; start += 2 + bytes[start + 1]!)
      if (bytes[start] === 0x40 || bytes[start] === 0x50)
        found.push({ packetId: bytes.readUInt16BE(start + 2), at });
    return found;
  });
}

/** What the call's strings hold, one after the other. */
function textIn(line: string): string {
  return textOf((line.match(/"(\\x[0-9a-f]{2})*"/g) ?? []).join(''));
}

/** `"\x40\x02"` as a character a byte. */
function textOf(hex: string): string {
  return Buffer.from(hex.replaceAll(/[\\x"]/g, ''), 'hex').toString('latin1');
}

function indexOf(texts: readonly string[], isIt: (text: string) => boolean): number | undefined {
  const index = texts.findIndex(isIt);
  return index < 0 ? undefined : index;
}
