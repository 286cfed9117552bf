export { type ArtifactFolderOptions, openArtifactFolder } from './artifact-folder.ts';
export type { ArtifactStore } from './artifact-store.ts';
export { Downloads } from './downloads.ts';
export type { ReleaseErrorCode } from './errors.ts';
export { releaseHandlers, updateHandlers } from './http.ts';
export type { PublishedRelease } from './rules.ts';
export { openReleaseService, type ReleaseService, type ReleaseServiceParts } from './service.ts';
