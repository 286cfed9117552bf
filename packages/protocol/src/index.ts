export { defineRoute, type Part, type Route, type RouteAccess } from './route.ts';
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
