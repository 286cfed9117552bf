import type { Verbs } from '../load.ts';

const sign = () => import('./release-sign.ts');
const document = () => import('./release-document.ts');
const verify = () => import('./release-verify.ts');

/** `fleetward release …`: firmware, signed on the engineer's machine and published by the platform. */
export const releaseVerbs: Verbs = {
  keygen: async () => (await import('./release-keygen.ts')).addReleaseKeygen,
  'online-keys': async () => (await import('./release-online-keys.ts')).addReleaseOnlineKeys,
  init: async () => (await import('./release-init.ts')).addReleaseInit,
  add: async () => (await import('./release-add.ts')).addReleaseAdd,
  patch: async () => (await import('./release-patch.ts')).addReleasePatch,
  sign: async () => (await sign()).addReleaseSign,
  'co-sign': async () => (await import('./release-co-sign.ts')).addReleaseCoSign,
  status: async () => (await sign()).addReleaseStatus,
  publish: async () => (await import('./release-publish.ts')).addReleasePublish,
  rotate: async () => (await import('./release-rotate.ts')).addReleaseRotate,
  delegate: async () => (await import('./release-delegate.ts')).addReleaseDelegate,
  expire: async () => (await import('./release-expire.ts')).addReleaseExpire,
  list: async () => (await import('./release-list.ts')).addReleaseList,
  show: async () => (await import('./release-show.ts')).addReleaseShow,
  sbom: async () => (await document()).addReleaseSbom,
  provenance: async () => (await document()).addReleaseProvenance,
  'sign-file': async () => (await verify()).addReleaseSignFile,
  verify: async () => (await verify()).addReleaseVerify,
};
