import { randomBytes } from 'node:crypto';
import { startSigningProcess } from '../../src/index.ts';

/** A server that only starts its signing process, prints that one's id, and stays until it is killed. */
const [entry = '', keyFolder = '', masterKeyPath = ''] = process.argv.slice(2);
const signing = await startSigningProcess({
  entry,
  keyFolder,
  masterKey: { kind: 'file', path: masterKeyPath },
  environment: process.env,
  random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
  log: () => undefined,
});
process.stdout.write(`signing process ${signing.pid}\n`);
