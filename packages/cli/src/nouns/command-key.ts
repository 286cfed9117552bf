import { spawn } from 'node:child_process';
import { concatBytes } from '@fleetward/core';
import { PkiError, parsePem } from '@fleetward/pki';
import { externalSigner, type ReleaseSigner } from '@fleetward/updates';
import { CliError } from '../errors.ts';

const prefix = 'command:';
/** A person may have to touch a token. */
const answerWithinMs = 120_000;
const answerBytesMax = 16_384;

/** The program of `--key command:PROGRAM`; `undefined` for a key that is a file. */
export function commandOf(key: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

/**
 * A key that a program has. `PROGRAM public-key` prints the public half in PEM; `PROGRAM sign ALGORITHM` reads the message from its standard input and
 * writes the signature, as bytes, to its standard output. Any other end than 0, silence or too much output signs nothing.
 */
export async function openCommandKey(program: string): Promise<ReleaseSigner> {
  const pem = await ask(program, ['public-key'], new Uint8Array(0));
  const signer = externalSigner(publicKeyOf(pem, program), (message) =>
    ask(program, ['sign', signer.algorithm], message),
  );
  return signer;
}

function publicKeyOf(pem: Uint8Array, program: string): Uint8Array {
  try {
    const [block] = parsePem(pem, { labels: ['PUBLIC KEY'], blocksMax: 1 });
    return block?.der ?? new Uint8Array(0);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new CliError('cli.unreadable', `\`${program} public-key\` printed no public key in PEM`, { cause });
  }
}

/** No shell is between; what the program says on standard error goes to the person who waits. */
function ask(program: string, args: readonly string[], input: Uint8Array): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const fail = (why: string, cause?: unknown) => {
    clearTimeout(timer);
    child.kill('SIGKILL');
    reject(new CliError('cli.unreadable', `\`${[program, ...args].join(' ')}\` ${why}`, { cause }));
  };
  const timer = setTimeout(() => fail(`gave no answer within ${answerWithinMs / 1000} s`), answerWithinMs);
  const chunks: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > answerBytesMax) fail(`answered more than ${answerBytesMax} bytes`);
    else chunks.push(chunk);
  });
  child.stdin.on('error', () => undefined); // one that does not read its input says so by how it ends
  child.on('error', (cause) => fail(`does not run: ${cause.message}`, cause));
  child.on('close', (code, signal) => {
    clearTimeout(timer);
    if (code === 0) resolve(concatBytes(chunks));
    else fail(`ended with ${signal ?? code}`);
  });
  child.stdin.end(input);
  return promise;
}
