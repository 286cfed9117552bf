import {
  type ApiClient,
  completeSetup,
  createApiClient,
  createOperatorToken,
  createTrailCheckpoint,
  exportTrail,
  getPlatform,
  getReadiness,
  getSelf,
  getTrailPublicKey,
  listOperators,
  listOperatorTokens,
  listTrail,
  revokeOperatorToken,
  verifyTrailExport,
} from '@fleetward/protocol';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { operatorAuthentication, platformHandlers, trailHandlers } from '../../src/http/index.ts';
import { createSetupToken, openOperatorService, operatorHandlers } from '../../src/operators/index.ts';
import {
  type Listening,
  listen,
  makeCertificate,
  type TestCertificates,
  testLimits,
} from '../http/listening.ts';
import { openRecords, type Records } from './records.ts';

let certificates: TestCertificates;
let records: Records;
let listening: Listening;
let isReady = false;
let setupToken: string;
const clients: ApiClient[] = [];

beforeAll(async () => {
  certificates = await makeCertificate();
  records = await openRecords();
  const { storage, trail, clock, random } = records;
  const { transactor, stores } = storage;
  const setup = createSetupToken({ random, nowMs: clock.now(), validityMs: 1_000 });
  setupToken = setup.secret;
  await transactor.transact((tx) => stores.operators.addSetupToken(tx, setup.token));
  const operators = await openOperatorService({ store: stores.operators, transactor, trail, clock, random });
  const ports = { mqtt: 8883, devices: 8443, public: 8080, operators: 9443 };
  listening = await listen(certificates, {
    clock,
    authenticate: operatorAuthentication(operators),
    handlers: [
      ...operatorHandlers(operators),
      ...trailHandlers(trail, records.trailPublicKey),
      ...platformHandlers({
        facts: () => ({
          version: '0.1.0',
          node: 'node-1',
          region: 'local',
          accountId: '000000000000',
          runtime: { node: process.versions.node, openssl: process.versions.openssl },
          ports,
        }),
        isReady: () => isReady,
        metrics: new Registry(),
      }),
    ],
  });
});

afterAll(async () => {
  for (const client of clients) client.close();
  await listening.stop();
  await records.close();
});

function clientWith(token?: string): ApiClient {
  const client = createApiClient({
    baseUrl: listening.baseUrl,
    ca: certificates.ca,
    ...(token === undefined ? {} : { token }),
  });
  clients.push(client);
  return client;
}

test('from the setup token to a revoked one, over the API alone', async () => {
  const { operator, token } = await clientWith().call(completeSetup, {
    body: { setupToken, operatorName: 'ada' },
  });
  const ada = clientWith(token.secret);
  expect(await ada.call(getSelf)).toEqual(operator);
  expect((await ada.call(listOperators)).operators).toEqual([operator]);

  const second = await ada.call(createOperatorToken, { body: { validityDays: 7 } });
  const { tokens } = await ada.call(listOperatorTokens);
  expect(tokens.map(({ tokenId }) => tokenId)).toEqual([token.tokenId, second.tokenId]);
  expect(JSON.stringify(tokens)).not.toMatch(/hash|secret/);

  await ada.call(revokeOperatorToken, { params: { tokenId: second.tokenId } });
  await expect(clientWith(second.secret).call(getSelf)).rejects.toMatchObject({
    problem: { status: 401, code: 'http.unauthenticated', detail: 'the operator token was revoked' },
  });
  await expect(ada.call(revokeOperatorToken, { params: { tokenId: second.tokenId } })).rejects.toMatchObject({
    problem: { status: 404, code: 'operators.not_found' },
  });

  expect((await ada.call(listTrail, { query: { afterSeq: 3, limit: 1 } })).entries).toEqual([
    expect.objectContaining({ entry: expect.objectContaining({ seq: 4, kind: 'operator.token_created' }) }),
  ]);
  expect((await ada.call(createTrailCheckpoint)).checkpoint?.seq).toBe(5);
  const { publicKey } = await ada.call(getTrailPublicKey);
  const exported = await ada.download(exportTrail);
  const verdict = await verifyTrailExport(exported.bytes, { publicKey: Buffer.from(publicKey, 'base64') });
  expect(verdict).toMatchObject({ kind: 'intact', entries: 5 });

  expect(await ada.call(getPlatform)).toMatchObject({ region: 'local', ports: { mqtt: 8883 } });
});

test('the platform is ready when it says so', async () => {
  const anybody = clientWith();
  await expect(anybody.call(getReadiness)).rejects.toMatchObject({
    problem: { status: 503, code: 'http.not_ready' },
  });
  isReady = true;
  expect(await anybody.call(getReadiness)).toEqual({ status: 'ready' });
  expect(listening.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

test('guesses of the setup token are refused, then bounded', async () => {
  const guesser = clientWith();
  const guess = () => guesser.call(completeSetup, { body: { setupToken: 'fws_guess', operatorName: 'eve' } });
  records.clock.advance(60_000);
  for (let tries = 0; tries < testLimits.failedAuthenticationsPerMinuteMax; tries++) {
    await expect(guess()).rejects.toMatchObject({
      problem: { status: 401, code: 'operators.setup_refused' },
    });
  }
  await expect(guess()).rejects.toMatchObject({ problem: { status: 429, code: 'http.too_many_failures' } });
});

test('no secret is in the log of all this', () => {
  expect(listening.lines.length).toBeGreaterThan(10);
  expect(JSON.stringify(listening.lines)).not.toMatch(/fw[os]_/);
});
