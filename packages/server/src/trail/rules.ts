import {
  type CertificateId,
  canonicalJson,
  type JsonObject,
  type Random,
  type Sha256,
  toHex,
} from '@fleetward/core';
import { type TrailEntry, trailGenesis, trailPayloadBytesMax, trailPayloadHash } from '@fleetward/protocol';
import { TrailError } from './errors.ts';
import type { TrailPayload } from './store.ts';

/** Everything that enters the trail. Kinds are API: never reused, never renamed. */
type TrailKind =
  | 'platform.initialised'
  | 'setup.completed'
  | 'setup.token_created'
  | 'master_key.rotated'
  | 'operator.created'
  | 'operator.token_created'
  | 'operator.token_revoked'
  | 'operator.invited'
  | 'operator.invitation_withdrawn'
  | 'ca.requested'
  | 'ca.created'
  | 'ca.state_changed'
  | 'certificate.issued'
  | 'certificate.batch_issued'
  | 'certificate.registered'
  | 'certificate.renewed'
  | 'renewal.started'
  | 'renewal.state_changed'
  | 'certificate.state_changed'
  | 'certificate.unheld'
  | 'certificate.deleted'
  | 'detection.clone_suspected'
  | 'detection.unlogged_certificate'
  | 'certificate.revoked'
  | 'join_token.created'
  | 'join_token.revoked'
  | 'target_token.created'
  | 'target_token.removed'
  | 'endorsement.added'
  | 'endorsement.deleted'
  | 'claim.created'
  | 'provisioning_template.created'
  | 'provisioning_template.updated'
  | 'provisioning_template.version_created'
  | 'provisioning_template.version_removed'
  | 'provisioning_template.removed'
  | 'certificate.provisioned'
  | 'vendor_ca.code_created'
  | 'vendor_ca.registered'
  | 'vendor_ca.renewed'
  | 'vendor_ca.state_changed'
  | 'vendor_ca.deleted'
  | 'shadow.updated'
  | 'shadow.deleted'
  | 'device_metrics.deleted'
  | 'thing.created'
  | 'thing.updated'
  | 'thing.state_changed'
  | 'thing.removed'
  | 'thing.certificate_attached'
  | 'thing.certificate_detached'
  | 'thing.certificate_transferred'
  | 'thing_type.created'
  | 'thing_type.updated'
  | 'thing_type.removed'
  | 'group.created'
  | 'group.moved'
  | 'group.updated'
  | 'group.removed'
  | 'group.thing_added'
  | 'group.thing_removed'
  | 'policy.created'
  | 'policy.version_created'
  | 'policy.version_removed'
  | 'policy.default_changed'
  | 'policy.trial_started'
  | 'policy.trial_stopped'
  | 'policy.promoted'
  | 'policy.attached'
  | 'policy.detached'
  | 'policy.removed'
  | 'guardrail.created'
  | 'guardrail.removed'
  | 'guardrail.broken'
  | 'release.metadata_published'
  | 'director.key_created'
  | 'release.artifact_stored'
  | 'release.artifact_removed'
  | 'campaign.created'
  | 'campaign.state_changed'
  | 'job.created'
  | 'job.state_changed'
  | 'job.execution_cancelled'
  | 'connection.closed'
  | 'denials.aggregated'
  | 'limits.aggregated'
  | 'trail.payload_erased';

/** Who did it. `setup` is the holder of the setup token or of the folder and its master key, `system` the platform itself. */
export type Actor =
  | { readonly kind: 'operator'; readonly operatorId: string }
  | { readonly kind: 'device'; readonly certificateId: CertificateId }
  | { readonly kind: 'setup' }
  | { readonly kind: 'system' };

/** What happened, as a domain tells it. The payload holds no secret: it is exported. */
export interface TrailEvent {
  readonly kind: TrailKind;
  readonly actor: Actor;
  readonly payload: JsonObject;
}

const saltBytes = 16;

/**
 * The payload as it is hashed and kept: `{"actor":…,"payload":…}` with a salt of its own, so that an erased payload cannot be
 * guessed from its hash. Throws `trail.payload_too_large`.
 */
export function sealPayload({ actor, payload }: Omit<TrailEvent, 'kind'>, random: Random): TrailPayload {
  const text = canonicalJson({ actor, payload });
  if (Buffer.byteLength(text) <= trailPayloadBytesMax) {
    return { salt: toHex(random.bytes(saltBytes)), payload: text };
  }
  throw new TrailError(
    'trail.payload_too_large',
    `a trail entry holds at most \`${trailPayloadBytesMax}\` bytes`,
  );
}

/** The entry that follows `head` in the chain of `node`. */
export function nextEntry(
  head: { readonly seq: number; readonly hash: Sha256 } | undefined,
  link: {
    readonly node: string;
    readonly at: number;
    readonly kind: TrailKind;
    readonly sealed: TrailPayload;
  },
): TrailEntry {
  const { node, at, kind, sealed } = link;
  return {
    node,
    seq: (head?.seq ?? 0) + 1,
    prev: head?.hash ?? trailGenesis(node),
    at,
    kind,
    payloadHash: trailPayloadHash(sealed.salt, sealed.payload),
  };
}
