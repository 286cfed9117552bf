import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { InvalidInputError, type Json, parseStrictJson } from '@fleetward/core';
import { createFolderDurably } from '@fleetward/core/durable-file';
import { CliError, usage } from './errors.ts';
import { writeFileOver } from './write-file.ts';

/** What the flags say; the files they name are read here. */
export interface ContextFlags {
  readonly url?: string;
  readonly ca?: string;
  readonly tokenFile?: string;
}

/** The platform to talk to. `ca` is PEM text; without it the system's authorities count. */
export interface Target {
  readonly url: string;
  readonly ca?: string;
  /** Where `ca` came from, for people. */
  readonly caFrom: string;
}

/** What is kept for the commands to come. */
interface StoredContext extends Omit<Target, 'caFrom'> {
  readonly token: string;
}

interface Context extends Target {
  readonly token: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const fileBytesMax = 1_048_576;

/** Where `operator setup` keeps the context: `$XDG_CONFIG_HOME/fleetward/context.json`. */
function contextPath(environment: Environment): string {
  const folder = environment.XDG_CONFIG_HOME || join(environment.HOME || homedir(), '.config');
  return join(folder, 'fleetward', 'context.json');
}

/** The platform from flags, environment and file, the earlier winning. Throws `cli.not_configured`. */
export function resolveTarget(flags: ContextFlags, environment: Environment): Target {
  const stored = readStored(environment);
  const url = flags.url ?? (environment.FLEETWARD_URL || stored?.url);
  if (url === undefined) {
    throw new CliError('cli.not_configured', 'which platform? neither `--url` nor `FLEETWARD_URL` is given', {
      hint: 'give `--url https://HOST:9443 --ca root-ca.pem`, or run `fleetward operator setup` once',
    });
  }
  const caFile = flags.ca ?? (environment.FLEETWARD_CA || undefined);
  if (caFile !== undefined) return { url, ca: readAuthority(caFile), caFrom: `\`${caFile}\`` };
  const ca = storedFor(stored, url)?.ca;
  if (ca === undefined) return { url, caFrom: "one of the system's CAs" };
  return { url, ca, caFrom: `the CA kept in \`${contextPath(environment)}\`` };
}

/** The platform and the operator's token. The stored token is never sent to another platform than the one that made it. */
export function resolveContext(flags: ContextFlags, environment: Environment): Context {
  const target = resolveTarget(flags, environment);
  const stored = readStored(environment);
  const token =
    flags.tokenFile === undefined
      ? environment.FLEETWARD_TOKEN || storedFor(stored, target.url)?.token
      : readSmallFile(flags.tokenFile, '--token-file');
  if (token === undefined) throw noToken(target.url, stored);
  return { ...target, token: checkToken(token.trim()) };
}

/** Keeps the context for the commands to come, readable by its owner only. Returns the file's path. */
export function saveContext(context: StoredContext, environment: Environment): string {
  const path = contextPath(environment);
  createFolderDurably(dirname(path));
  writeFileOver(path, `${JSON.stringify(context, undefined, 2)}\n`);
  return path;
}

/** Puts another CA in the place of the one that is kept for this platform. Returns the file's path. Throws `cli.not_configured` where none is kept. */
export function keepAuthority({ url, ca }: Pick<Target, 'url' | 'ca'>, environment: Environment): string {
  const kept = storedFor(readStored(environment), url);
  if (kept !== undefined && ca !== undefined) return saveContext({ ...kept, ca }, environment);
  throw new CliError('cli.not_configured', `no address, CA and token are kept for \`${url}\``, {
    hint: '`fleetward operator setup` keeps them; what `--ca` or `FLEETWARD_CA` names is changed there',
  });
}

/** The ids of the certificates in PEM text: the SHA-256 of their DER, in hex. */
export function certificateIdsOf(pem: string): readonly string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block).fingerprint256.replaceAll(':', '').toLowerCase());
}

function storedFor(stored: StoredContext | undefined, url: string): StoredContext | undefined {
  return stored !== undefined && originOf(stored.url) === originOf(url) ? stored : undefined;
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}

function readStored(environment: Environment): StoredContext | undefined {
  const path = contextPath(environment);
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) return undefined;
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new CliError('cli.context_unsafe', `\`${path}\` holds a token and others may read it`, {
      hint: `run \`chmod 600 ${path}\`, and revoke the token if somebody may have read it`,
    });
  }
  return parseStored(path);
}

function parseStored(path: string): StoredContext {
  const value = parseContext(path);
  const { url, ca, token } = { ...(value as Record<string, unknown>) };
  const inOrder =
    typeof url === 'string' && typeof token === 'string' && (ca === undefined || typeof ca === 'string');
  if (inOrder) return { url, token, ...(ca === undefined ? {} : { ca }) };
  throw noContext(path, 'its members are not those of one');
}

function parseContext(path: string): Json {
  try {
    return parseStrictJson(readSmallFile(path, 'context'), { bytesMax: fileBytesMax, depthMax: 2 });
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    throw noContext(path, cause.message, cause);
  }
}

function noContext(path: string, why: string, cause?: unknown): CliError {
  return new CliError('cli.unreadable', `\`${path}\` is not a context: ${why}`, {
    cause,
    hint: 'remove it and run `fleetward operator setup` again, or use `--url`, `--ca` and `--token-file`',
  });
}

/** PEM text; without this check Node would go on with no authority at all, and blame the server. */
function readAuthority(file: string): string {
  const text = readSmallFile(file, '--ca');
  try {
    if (new X509Certificate(text).raw.length > 0 && text.includes('-----BEGIN CERTIFICATE-----')) return text;
  } catch {
    // Told below, as for DER.
  }
  throw new CliError('cli.unreadable', `\`${file}\` (\`--ca\`) holds no certificate in PEM`, {
    hint: 'give the certificate of the root: `init` wrote that of the first one as `root-ca.pem`',
  });
}

function readSmallFile(path: string, flag: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length <= fileBytesMax) return text;
  } catch (cause) {
    throw new CliError('cli.unreadable', `cannot read \`${path}\` (\`${flag}\`)`, { cause });
  }
  throw new CliError('cli.unreadable', `\`${path}\` (\`${flag}\`) has more than ${fileBytesMax} bytes`);
}

/** A bearer token is one word (RFC 6750 §2.1); anything else would become a malformed header. */
function checkToken(token: string): string {
  if (/^[A-Za-z0-9._~+/=-]{1,256}$/.test(token)) return token;
  throw usage('the operator token is not one word: check `--token-file` or `FLEETWARD_TOKEN`');
}

function noToken(url: string, stored: StoredContext | undefined): CliError {
  const elsewhere =
    stored === undefined ? '' : `; the stored one belongs to \`${stored.url}\` and stays there`;
  return new CliError('cli.not_configured', `no operator token for \`${url}\`${elsewhere}`, {
    hint: 'give `--token-file FILE` or `FLEETWARD_TOKEN`, or run `fleetward operator setup` with the setup token',
  });
}
