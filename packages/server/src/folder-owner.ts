import { statSync } from 'node:fs';
import { AppError } from '@fleetward/core';

class FolderOwnerError extends AppError<'folder.other_user'> {}

/**
 * Throws for a user that does not own the platform's folder: what root writes, mode 0600, is root's, and the platform's own
 * user could not start it any more. Windows has no such ids.
 */
export function assertOwnedBy(folder: string, userId: number | undefined): void {
  const owner = statSync(folder, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || userId === undefined || owner === userId) return;
  throw new FolderOwnerError(
    'folder.other_user',
    `\`${folder}\` belongs to user ${owner} and this is user ${userId}, whose files the platform could not read: run it as that user, for instance by \`runuser -u NAME -- …\``,
  );
}
