import { parseCertificateId, parseThingName, toBase64 } from '@fleetward/core';
import { type Csr, encodePem, type KeyRules } from '@fleetward/pki';
import {
  createClaim,
  createProvisioningTemplate,
  createProvisioningTemplateVersion,
  getClaim,
  getProvisioningHookKey,
  getProvisioningTemplate,
  listClaims,
  listProvisioningTemplates,
  removeProvisioningTemplate,
  removeProvisioningTemplateVersion,
  updateProvisioningTemplate,
} from '@fleetward/protocol';
import { Trace } from '../enrollment/index.ts';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import { ProvisioningError } from './errors.ts';
import { hookKeyId } from './hook.ts';
import { readCsr } from './read-csr.ts';
import type { Provisioning } from './service.ts';
import type { Claim } from './store.ts';
import { parseTemplate } from './template/parse-template.ts';
import type { TemplateInForce } from './templates.ts';

const trustedUserSeconds = 300;

export function provisioningHandlers(provisioning: Provisioning): readonly RouteHandler[] {
  return [...templateHandlers(provisioning), ...claimHandlers(provisioning)];
}

function templateHandlers(provisioning: Provisioning): readonly RouteHandler[] {
  const { templates, hookPublicKey } = provisioning;
  return [
    handle(createProvisioningTemplate, async ({ body, caller }) => {
      const { templateName: name, template, mayRejoin = false, hookUrl } = body;
      const hook = hookUrl === undefined ? {} : { hookUrl };
      const wanted = { name, body: template, mayRejoin, ...hook };
      const stored = await templates.create(wanted, operatorActor(caller));
      return { ...viewOf(stored), notes: [...provisioning.notesOn(stored.template)] };
    }),
    handle(listProvisioningTemplates, async () => ({ templates: templates.list().map(viewOf) })),
    handle(getProvisioningTemplate, async ({ params, query }) => {
      const template = templates.get(params.templateName);
      const versionId = query.versionId ?? template.defaultVersionId;
      const { body } = await templates.version({ name: template.name, versionId });
      const versions = await templates.versions(template.name);
      return {
        ...viewOf(template),
        versionId,
        template: body,
        notes: [...provisioning.notesOn(parseTemplate(body))],
        versions: versions.map((each) => ({ versionId: each.versionId, createdAtMs: each.createdAtMs })),
      };
    }),
    handle(updateProvisioningTemplate, async ({ params, body, caller }) =>
      viewOf(await templates.update(params.templateName, body, operatorActor(caller))),
    ),
    handle(createProvisioningTemplateVersion, async ({ params, body, caller }) => {
      const wanted = {
        name: params.templateName,
        body: body.template,
        setAsDefault: body.setAsDefault ?? false,
      };
      const { versionId, createdAtMs } = await templates.addVersion(wanted, operatorActor(caller));
      return { versionId, createdAtMs, notes: [...provisioning.notesOn(parseTemplate(body.template))] };
    }),
    handle(removeProvisioningTemplateVersion, async ({ params, caller }) => {
      const key = { name: params.templateName, versionId: Number(params.versionId) };
      await templates.removeVersion(key, operatorActor(caller));
      return undefined;
    }),
    handle(removeProvisioningTemplate, async ({ params, caller }) => {
      const isInUse = (name: string) => provisioning.isUsed(name);
      await templates.remove(params.templateName, isInUse, operatorActor(caller));
      return undefined;
    }),
    handle(getProvisioningHookKey, async () => ({
      algorithm: 'ed25519' as const,
      keyId: hookKeyId(hookPublicKey),
      publicKey: toBase64(hookPublicKey),
    })),
  ];
}

function claimHandlers({ claims, keyRules }: Provisioning): readonly RouteHandler[] {
  return [
    handle(createClaim, async ({ body, caller }) => {
      const { templateName, expiresInSeconds = trustedUserSeconds, usesMax, thingName } = body;
      const csr = body.csr === undefined ? {} : { csr: soundCsr(body.csr, keyRules) };
      const wanted = {
        templateName,
        validityMs: expiresInSeconds * 1000,
        ...csr,
        ...(usesMax === undefined ? {} : { usesMax }),
        ...(thingName === undefined ? {} : { thingName: parseThingName(thingName) }),
      };
      const { claim, signed, keyPem } = await claims.create(wanted, operatorActor(caller));
      return {
        ...viewOfClaim(claim),
        certificatePem: signed.chain.map(({ der }) => encodePem('CERTIFICATE', der)).join(''),
        ...(keyPem === undefined ? {} : { privateKeyPem: keyPem }),
      };
    }),
    handle(getClaim, async ({ params }) => viewOfClaim(claims.get(parseCertificateId(params.certificateId)))),
    handle(listClaims, async () => ({ claims: claims.list().map(viewOfClaim) })),
  ];
}

function viewOf({ template: _, name, ...record }: TemplateInForce) {
  return { templateName: name, ...record };
}

function viewOfClaim({ uses, ...claim }: Claim) {
  return { ...claim, ...(uses === undefined ? {} : { usesMax: uses.max, usesLeft: uses.left }) };
}

/** Throws `provisioning.csr_refused`. */
function soundCsr(pem: string, keyRules: KeyRules): Csr {
  const csr = readCsr(pem, { keyRules, trace: new Trace('claim') });
  if ('kind' in csr) throw new ProvisioningError('provisioning.csr_refused', csr.explanation);
  return csr;
}
