export { activityHandlers } from './http.ts';
export { Activity, type ActivityLimits } from './service.ts';
