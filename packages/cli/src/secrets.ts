import { CliError, usage } from './errors.ts';
import { readInput } from './read-input.ts';
import { isInteractive, type Terminal } from './terminal.ts';

/** Where a secret may come from, in this order: a file (`-` is standard input), the environment, a person. */
export interface SecretSource {
  /** What is asked for: `passphrase of release.key`. */
  readonly what: string;
  readonly file?: string | undefined;
  readonly fileFlag: string;
  readonly variable: string;
}

const secretBytesMax = 4_096;

/** Reads a secret without its final line break; never from the command line, which others on the machine can see. */
export async function readSecret(source: SecretSource, terminal: Terminal): Promise<string> {
  if (source.file !== undefined) return readSecretFile(source.file, terminal);
  const given = terminal.environment[source.variable];
  if (given !== undefined && given !== '') return given;
  if (isInteractive(terminal)) return ask(source.what, terminal);
  throw usage(
    `the ${source.what} is missing`,
    `give \`${source.fileFlag} FILE\` (\`-\` reads standard input) or the variable \`${source.variable}\``,
  );
}

/** Like `readSecret`; a person types it twice. */
export async function readNewSecret(source: SecretSource, terminal: Terminal): Promise<string> {
  const secret = await readSecret(source, terminal);
  if (!isTyped(source, terminal) || (await ask(`${source.what}, once more`, terminal)) === secret)
    return secret;
  throw usage(`the two entries of the ${source.what} differ`);
}

/** Whether a person is asked for it. */
export function isTyped({ file, variable }: SecretSource, { environment }: Terminal): boolean {
  return file === undefined && !environment[variable];
}

async function readSecretFile(path: string, terminal: Terminal): Promise<string> {
  const text = Buffer.from(await readInput(path, { terminal, bytesMax: secretBytesMax })).toString('utf8');
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new CliError('cli.unreadable', `\`${path}\` is empty`);
  return secret;
}

async function ask(what: string, { stdin, stderr }: Terminal): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts');
  const answer = await password({ message: what, input: stdin, output: stderr });
  if (isCancel(answer)) throw new CliError('cli.cancelled', 'cancelled');
  return answer ?? '';
}
