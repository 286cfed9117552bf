import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { buildCsr } from '@fleetward/device';
import { encodePem, parseCertsOnly, parsePem } from '@fleetward/pki';
import { completeSetup, createApiClient, createJoinToken, listCas } from '@fleetward/protocol';
import { must, type Story } from './story.ts';
import { devicesUrl, findOpenssl, openssl, operatorsUrl, type World } from './world.ts';

/** Step 1: a platform that was just initialised, and its first operator. */
export async function initialisationSteps(story: Story, world: World): Promise<void> {
  story.step('A platform is initialised');
  const { ports } = world.platform;
  story.tell('fleetward init, then serve, on embedded SQLite', {
    happened: `ready: MQTT ${ports.mqtt}, devices ${ports.devices}, CRL ${ports.public}, operators ${ports.operators}`,
    durationMs: world.startedInMs,
  });
  await story.try('call the API without a token', async () => {
    await mustRefuse(world.api.call(listCas), 401);
    return '401: no password exists, a token is needed';
  });
  await story.try('spend the one-time setup token', async () => {
    const body = { setupToken: world.setupToken, operatorName: 'demo' };
    const { operator, token } = await world.api.call(completeSetup, { body });
    world.api.close();
    world.operatorToken = token.secret;
    world.api = createApiClient({
      baseUrl: operatorsUrl(world.platform),
      ca: world.rootPem,
      token: token.secret,
    });
    const { cas } = await world.api.call(listCas);
    return `operator \`${operator.name}\`; CAs: ${cas.map(({ subject }) => subject).join(', ')} (ECDSA P-256)`;
  });
  await story.try('spend it again', async () => {
    const again = world.api.call(completeSetup, {
      body: { setupToken: world.setupToken, operatorName: 'thief' },
    });
    return `refused: ${await mustRefuse(again, 401)}`;
  });
}

/** Step 2: keys and requests made by hand, enrolled over EST; and what EST must refuse. */
export async function enrolmentSteps(story: Story, world: World): Promise<void> {
  story.step('Devices enrol over EST');
  const program = await findOpenssl();
  const by = program === undefined ? 'the device SDK (no openssl program here)' : 'openssl';
  const make = program === undefined ? makeBySdk : makeByOpenssl;
  const spent = await newToken(world, 'my_iot_device');
  await story.try(`RSA 2048 key and CSR by ${by}, one-time join token`, async () => {
    const made = await make(world, { name: 'my_iot_device', kind: 'rsa', bits: 2048 });
    return keepDevice(world, {
      name: 'my_iot_device',
      made,
      answer: await simpleEnroll(world, { csrPem: made.csrPem, token: spent }),
    });
  });
  await story.try(`P-256 key and CSR by ${by}`, async () => {
    const made = await make(world, { name: 'valve', kind: 'ec', bits: 256 });
    const answer = await simpleEnroll(world, { csrPem: made.csrPem, token: await newToken(world, 'valve') });
    return keepDevice(world, { name: 'valve', made, answer });
  });
  await story.try('a weak key, RSA 1024', async () => {
    const made = await make(world, { name: 'weak', kind: 'rsa', bits: 1024 });
    return refusal(
      await simpleEnroll(world, { csrPem: made.csrPem, token: await newToken(world, 'weak') }),
      400,
    );
  });
  const other = await make(world, { name: 'my_iot_device', kind: 'ec', bits: 256 });
  await story.try('a join token that was never given out', async () =>
    refusal(await simpleEnroll(world, { csrPem: other.csrPem, token: `fwj_${'A'.repeat(43)}` }), 401),
  );
  await story.try('a join token that was used', async () =>
    refusal(await simpleEnroll(world, { csrPem: other.csrPem, token: spent }), 401),
  );
  await story.try('a CSR whose signature is broken', async () => {
    const token = await newToken(world, 'my_iot_device');
    return refusal(await simpleEnroll(world, { csrPem: breakSignature(other.csrPem), token }), 400);
  });
}

interface MadeKey {
  readonly keyPem: string;
  readonly csrPem: string;
}

interface WantedKey {
  readonly name: string;
  readonly kind: 'rsa' | 'ec';
  readonly bits: number;
}

/** As by hand: `openssl genrsa 2048`, `openssl req -new -subj /CN=my_iot_device`. */
async function makeByOpenssl(world: World, { name, kind, bits }: WantedKey): Promise<MadeKey> {
  const file = join(world.folder, `${name}-${kind}${bits}.key`);
  if (kind === 'rsa') await openssl(['genrsa', '-out', file, String(bits)]);
  else await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file]);
  return {
    keyPem: readFileSync(file, 'utf8'),
    csrPem: await openssl(['req', '-new', '-key', file, '-subj', `/CN=${name}`]),
  };
}

async function makeBySdk(world: World, { name, kind, bits }: WantedKey): Promise<MadeKey> {
  const key: KeyObject =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: bits }).privateKey
      : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  writeFileSync(join(world.folder, `${name}-${kind}${bits}.key`), keyPem, { mode: 0o600 });
  return { keyPem, csrPem: encodePem('CERTIFICATE REQUEST', buildCsr(key, name)) };
}

function breakSignature(csrPem: string): string {
  const der = Uint8Array.from(parsePem(csrPem, { labels: ['CERTIFICATE REQUEST'] })[0]!.der);
  der[der.length - 3]! ^= 1;
  return encodePem('CERTIFICATE REQUEST', der);
}

async function newToken(world: World, namePattern: string): Promise<string> {
  return (await world.api.call(createJoinToken, { body: { namePattern } })).secret;
}

interface EstAnswer {
  readonly status: number;
  readonly body: string;
}

/** RFC 7030 §4.2: the CSR in base64, the join token as the password of HTTP Basic. */
function simpleEnroll(
  world: World,
  { csrPem, token }: { readonly csrPem: string; readonly token: string },
): Promise<EstAnswer> {
  const body = csrPem.replaceAll(/-----[A-Z ]+-----/g, '').trim();
  const headers = {
    'content-type': 'application/pkcs10',
    'content-transfer-encoding': 'base64',
    authorization: `Basic ${Buffer.from(`device:${token}`).toString('base64')}`,
  };
  const { promise, resolve, reject } = Promise.withResolvers<EstAnswer>();
  const url = `${devicesUrl(world)}/.well-known/est/simpleenroll`;
  const call = request(
    url,
    { method: 'POST', ca: world.rootPem, headers, agent: false, timeout: 10_000 },
    async (answer) => {
      const chunks: Buffer[] = await answer.toArray();
      resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('latin1') });
    },
  );
  call.on('error', reject);
  call.end(body);
  return promise;
}

function keepDevice(
  world: World,
  device: { readonly name: string; readonly made: MadeKey; readonly answer: EstAnswer },
): string {
  const { name, made, answer } = device;
  must(answer.status === 200, `EST answered ${answer.status}: ${answer.body.trim()}`);
  const chain = parseCertsOnly(Buffer.from(answer.body, 'base64'));
  const spki = createPublicKey(createPrivateKey(made.keyPem)).export({ type: 'spki', format: 'der' });
  const leaf = chain.find(({ publicKey }) => spki.equals(publicKey.spki));
  must(leaf !== undefined, 'the answer holds no certificate for the key');
  const ordered = [leaf, ...chain.filter((certificate) => certificate !== leaf)];
  const pem = ordered.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
  world.devices.set(name, { name, key: made.keyPem, root: world.rootPem, chain: pem });
  return `certificate ${leaf.id.slice(0, 12)}…, chain of ${ordered.length}, valid to ${new Date(leaf.notAfterMs).toISOString().slice(0, 10)}`;
}

function refusal(answer: EstAnswer, status: number): string {
  must(answer.status === status, `EST answered ${answer.status} instead of ${status}`);
  return `${status}: ${answer.body.trim()}`;
}

/** Waits for a problem of that status and answers its text. */
async function mustRefuse(call: Promise<unknown>, status: number): Promise<string> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  const problem = (
    outcome as { readonly problem?: { readonly status: number; readonly detail: string } } | undefined
  )?.problem;
  must(problem?.status === status, `expected ${status}, got ${problem?.status ?? 'no refusal'}`);
  return problem.detail;
}
