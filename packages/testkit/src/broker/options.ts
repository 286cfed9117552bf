import { parseArgs } from 'node:util';
import { type Planted, planted } from './planted.ts';

/** What the command line of `npm run testkit:broker` asks for. */
export interface BrokerOptions {
  /** On 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Mutual TLS with certificates and keys written into this folder; undefined: plain TCP. */
  readonly tls: string | undefined;
  /** Folder of `messages.db`; undefined: sessions end with the process. */
  readonly persist: string | undefined;
  /** The one filter nobody may subscribe to. */
  readonly denySubscribe: string | undefined;
  readonly serverKeepAliveSeconds: number | undefined;
  readonly topicAliasMax: number | undefined;
  /** For the test that proves that acknowledgements wait for the disk, and must fail without. */
  readonly synchronous: 'FULL' | 'OFF';
  /** A bug on purpose, with `persist`: what proves durability must find it. */
  readonly plant: Planted | undefined;
}

const usage =
  'npm run testkit:broker -- --port N [--tls DIR] [--persist DIR] [--deny-subscribe FILTER] [--server-keep-alive S] [--topic-alias-max N] [--synchronous FULL|OFF] [--plant BUG]';

/** Throws with the usage for what it does not know. */
export function parseOptions(args: readonly string[]): BrokerOptions {
  const values = parsedArgs(args);
  return {
    port: within('port', values.port, { least: 0, most: 65_535 }) ?? missing('port'),
    tls: values.tls,
    persist: values.persist,
    denySubscribe: values['deny-subscribe'],
    serverKeepAliveSeconds: within('server-keep-alive', values['server-keep-alive'], {
      least: 1,
      most: 65_535,
    }),
    topicAliasMax: within('topic-alias-max', values['topic-alias-max'], { least: 1, most: 65_535 }),
    synchronous: synchronousOf(values.synchronous),
    plant: plantOf(values.plant),
  };
}

function parsedArgs(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        tls: { type: 'string' },
        persist: { type: 'string' },
        'deny-subscribe': { type: 'string' },
        'server-keep-alive': { type: 'string' },
        'topic-alias-max': { type: 'string' },
        synchronous: { type: 'string', default: 'FULL' },
        plant: { type: 'string' },
      },
    }).values;
  } catch {
    // What node:util says of an unknown option is longer and knows nothing of ours.
    throw new Error(`usage: ${usage}`);
  }
}

function within(
  name: string,
  text: string | undefined,
  { least, most }: { readonly least: number; readonly most: number },
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new Error(`\`--${name}\` is a number from ${least} to ${most}, not \`${text}\`; usage: ${usage}`);
}

function missing(name: string): never {
  throw new Error(`\`--${name}\` is missing; usage: ${usage}`);
}

function synchronousOf(text: string): 'FULL' | 'OFF' {
  if (text === 'FULL' || text === 'OFF') return text;
  throw new Error(`\`--synchronous\` is FULL or OFF, not \`${text}\`; usage: ${usage}`);
}

function plantOf(name: string | undefined): Planted | undefined {
  if (name === undefined) return undefined;
  const found = planted.find((bug) => bug === name);
  if (found !== undefined) return found;
  throw new Error(`\`--plant\` is one of ${planted.join(', ')}; usage: ${usage}`);
}
