import { AppError } from '@fleetward/core';

/** A request about live connections that cannot be answered. */
export class GatewayError extends AppError<'connections.not_found'> {}
