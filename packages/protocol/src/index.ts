export {
  type TrailCheckpoint,
  type TrailEntry,
  type TrailLine,
  type TrailVerdict,
  trailCheckpointMessage,
  trailEntryHash,
  trailGenesis,
  trailPayloadHash,
  verifyTrail,
} from './trail.ts';
