import { AppError } from '@fleetward/core';

export type ProvisioningErrorCode =
  | 'provisioning.template_invalid'
  | 'provisioning.template_exists'
  | 'provisioning.template_not_found'
  | 'provisioning.template_in_use'
  | 'provisioning.version_not_found'
  | 'provisioning.version_limit'
  | 'provisioning.default_version'
  | 'provisioning.hook_refused'
  | 'provisioning.csr_refused'
  | 'provisioning.claim_not_found'
  | 'provisioning.clock_unset'
  | 'provisioning.limit';

/** What an operator asked of templates or claims cannot be done; nothing was changed. */
export class ProvisioningError extends AppError<ProvisioningErrorCode> {}
