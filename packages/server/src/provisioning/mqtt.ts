import type { JsonObject } from '@fleetward/core';
import { encodePem } from '@fleetward/pki';
import { type ProvisioningRejected, provisioningFilters } from '@fleetward/protocol';
import type { Refusal, RefusalReason } from '../enrollment/index.ts';
import type { ReservedAnswer, ReservedRequest, ReservedTopic } from '../reserved-topic.ts';
import type { NewCertificate } from './new-certificates.ts';
import {
  encodePayload,
  type PayloadForm,
  readCsrRequest,
  readEmptyRequest,
  readProvisionRequest,
  Unreadable,
} from './payload.ts';
import type { Provisioning } from './service.ts';
import type { Provisioned } from './thing-maker.ts';

type Outcome = NewCertificate | Provisioned | Refusal;

/** Fleet provisioning as AWS IoT speaks it, on `$aws/certificates/…` and `$aws/provisioning-templates/…`. */
export function provisioningTopics(provisioning: Provisioning): readonly ReservedTopic[] {
  return [
    topic(provisioning, provisioningFilters.create, 'create', (request, form) => {
      readEmptyRequest(request.payload, form);
      return provisioning.createKeys(request);
    }),
    topic(provisioning, provisioningFilters.createFromCsr, 'create-from-csr', (request, form) =>
      provisioning.createFromCsr(request, readCsrRequest(request.payload, form)),
    ),
    topic(provisioning, provisioningFilters.provision, 'provision', (request, form) => {
      const templateName = request.topic.split('/')[2] ?? '';
      return provisioning.provision(request, {
        templateName,
        ...readProvisionRequest(request.payload, form),
      });
    }),
  ];
}

function topic(
  provisioning: Provisioning,
  filter: string,
  operation: string,
  work: (request: ReservedRequest, form: PayloadForm) => Promise<Outcome>,
): ReservedTopic {
  return {
    service: 'provisioning',
    filter,
    // Nobody who has not asked to hear it is told a certificate or a key.
    answersTo: 'subscribed-asker',
    answer: async (request) => {
      const form = formOf(request);
      return answerOf(await attempt(provisioning, operation, request, () => work(request, form)), form);
    },
    rejected: (request, fault) => {
      const [statusCode, errorCode] =
        fault === 'throttled' ? ([429, 'Throttling'] as const) : internalFailure;
      const errorMessage = fault === 'throttled' ? 'too many requests; try again' : 'the platform failed';
      return rejected({ statusCode, errorCode, errorMessage }, formOf(request));
    },
  };
}

async function attempt(
  provisioning: Provisioning,
  operation: string,
  request: ReservedRequest,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return provisioning.unreadable(request, operation, error.message);
  }
}

/** The claim's policy allows no other than these two. */
function formOf({ topic: name }: ReservedRequest): PayloadForm {
  return name.endsWith('/cbor') ? 'cbor' : 'json';
}

function answerOf(outcome: Outcome, form: PayloadForm): ReservedAnswer {
  switch (outcome.kind) {
    case 'created':
      return accepted(createdView(outcome), form);
    case 'provisioned': {
      const { thingName, deviceConfiguration } = outcome;
      return accepted({ thingName, deviceConfiguration }, form);
    }
    case 'refused': {
      const [statusCode, errorCode] = errorOf[outcome.reason] ?? badRequest;
      return rejected({ statusCode, errorCode, errorMessage: outcome.deviceText }, form);
    }
  }
}

function createdView({ signed, ownershipToken, keyPem }: NewCertificate): JsonObject {
  return {
    certificateId: signed.record.certificateId,
    certificatePem: encodePem('CERTIFICATE', signed.certificate.der),
    ...(keyPem === undefined ? {} : { privateKey: keyPem }),
    certificateOwnershipToken: ownershipToken,
  };
}

function accepted(value: JsonObject, form: PayloadForm): ReservedAnswer {
  return { kind: 'accepted', payload: encodePayload(value, form) };
}

function rejected({ ...value }: ProvisioningRejected, form: PayloadForm): ReservedAnswer {
  return { kind: 'rejected', payload: encodePayload(value, form) };
}

type Code = readonly [statusCode: number, errorCode: string];

const internalFailure: Code = [500, 'InternalFailure'];
const badRequest: Code = [400, 'InvalidRequest'];
const accessDenied: Code = [403, 'AccessDenied'];
const badToken: Code = [400, 'InvalidCertificateOwnershipToken'];
const badCsr: Code = [400, 'InvalidCsr'];
const conflict: Code = [409, 'ResourceConflict'];

const errorOf: Partial<Readonly<Record<RefusalReason, Code>>> = {
  claim_unknown: accessDenied,
  claim_used: accessDenied,
  thing_revoked: accessDenied,
  claim_busy: [429, 'Throttling'],
  busy: [429, 'Throttling'],
  template_unknown: [404, 'ResourceNotFound'],
  template_off: accessDenied,
  payload_invalid: [400, 'InvalidPayload'],
  ownership_unknown: badToken,
  ownership_expired: badToken,
  parameters_unfit: [400, 'InvalidParameters'],
  hook_refused: accessDenied,
  clock_unset: internalFailure,
  thing_differs: conflict,
  thing_has_certificate: conflict,
  policy_missing: internalFailure,
  csr_malformed: badCsr,
  csr_signature: badCsr,
  csr_asks_too_much: badCsr,
  key_refused: badCsr,
  key_in_use: badCsr,
};
