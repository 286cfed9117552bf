import { AppError } from '@fleetward/core';

/** What is wrong with an entry, or with how the trail is wired. */
export class TrailError extends AppError<'trail.payload_too_large' | 'trail.signer_unfit'> {}
