export type { OperatorErrorCode } from './errors.ts';
export { operatorHandlers } from './http.ts';
export { createSetupToken } from './rules.ts';
export {
  type NewToken,
  type OperatorAuthentication,
  type OperatorService,
  openOperatorService,
} from './service.ts';
