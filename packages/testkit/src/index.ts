export {
  AttestingDevice,
  describeWithTpm,
  deviceKeyHandle,
  type TpmEvidence,
  type TpmKeyKind,
} from './attesting-device.ts';
export { FakeClock } from './fake-clock.ts';
export { type MosquittoClients, mosquittoClients } from './mosquitto-clients.ts';
export { openssl } from './openssl.ts';
export { type PgBouncer, startPgBouncer } from './pgbouncer.ts';
export { type Postgres, startPostgres } from './postgres.ts';
export { lostByPowerCut } from './power-cut.ts';
export {
  findProgram,
  type Need,
  needs,
  needsRoot,
  noteNotRun,
  requireProgram,
  suiteFate,
} from './programs.ts';
export {
  type Outcome,
  type RunningProgram,
  type RunOptions,
  runProgram,
  startProgram,
} from './run-program.ts';
export { seededRandom } from './seeded-random.ts';
export { type SoftHsm, softHsm } from './soft-hsm.ts';
export { SoftwareTpm } from './software-tpm.ts';
export { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';
