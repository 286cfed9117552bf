import { type ApiClient, ApiError, createApiClient } from '@fleetward/protocol';
import type { Target } from './context.ts';
import { CliError } from './errors.ts';

/** Calls a platform and hangs up afterwards. Throws `cli.untrusted` when something answers that is not the platform. */
export async function callPlatform<Result>(
  { url, ca, caFrom, token }: Target & { readonly token?: string },
  work: (api: ApiClient) => Promise<Result>,
): Promise<Result> {
  const api = createApiClient({
    baseUrl: url,
    ...(ca === undefined ? {} : { ca }),
    ...(token === undefined ? {} : { token }),
  });
  try {
    return await work(api);
  } catch (error) {
    throw untrusted(error, { url, caFrom }) ?? error;
  } finally {
    api.close();
  }
}

/** Not what the system says of a connection that did not come about, but of a certificate that was seen. */
function untrusted(error: unknown, { url, caFrom }: Omit<Target, 'ca'>): CliError | undefined {
  if (!(error instanceof ApiError) || error.code !== 'api.unreachable') return undefined;
  const { code = '', message } = error.cause as NodeJS.ErrnoException;
  const fault = faults.find(({ codes }) => codes.test(code));
  if (fault === undefined) return undefined;
  const options = { cause: error, hint: fault.hint };
  return new CliError('cli.untrusted', `\`${url}\` answered, but ${fault.why(caFrom, message)}`, options);
}

interface Fault {
  readonly codes: RegExp;
  readonly why: (caFrom: string, message: string) => string;
  readonly hint: string;
}

const faults: readonly Fault[] = [
  {
    codes: /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_UNTRUSTED|CERT_SIGNATURE|CERT_CHAIN|INVALID_CA)/,
    why: (caFrom) => `its certificate does not chain to ${caFrom}`,
    hint: 'is `--url` the right platform? then give the certificate of its root with `--ca`; if its root was replaced, `fleetward operator trust NEW-ROOT.pem` keeps the new one',
  },
  {
    codes: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    why: () => 'its certificate is for other names',
    hint: 'use a name of its setting `serverNames` in `--url`, or add the name there and restart it',
  },
  {
    codes: /^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)$/,
    why: (_, message) => `its certificate is not valid now: ${message}`,
    hint: 'are the clocks of both machines right?',
  },
  {
    codes: /^(?:ERR_SSL_|EPROTO)/,
    why: () => 'not in TLS as the operators listener speaks it',
    hint: 'give the address of the operators listener with `--url`',
  },
];
