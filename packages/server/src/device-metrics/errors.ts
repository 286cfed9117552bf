import { AppError } from '@fleetward/core';

export type DeviceMetricsErrorCode = 'device_metrics.not_found' | 'device_metrics.range_too_long';

/** What an operator asked of a thing's metrics is not answered. */
export class DeviceMetricsError extends AppError<DeviceMetricsErrorCode> {}
