import type { PolicyDocument } from './document.ts';

/** A document with where it comes from. */
export interface AttachedPolicy {
  readonly name: string;
  readonly versionId: number;
  readonly document: PolicyDocument;
  readonly via: 'certificate' | 'group';
  /** The group it is attached to, for people. */
  readonly groupName?: string;
}
