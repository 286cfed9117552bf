import { createPolicy, getMetrics, listGuardrails, listTrail } from '@fleetward/protocol';
import { startTestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';

const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
const anything = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
const property = { kind: 'never', action: 'publish', resource: 'firmware/*' } as const;

test('a guard rail that the settings require over what breaks it is told by list, trail and metric after the start', async () => {
  await using platform = await startTestPlatform();
  await platform.api.call(createPolicy, { body: { policyName: 'wide', document: anything } });
  await platform.enrol('pump-1', { policies: ['wide'] });
  await platform.restart({ guardrails: [{ guardrailName: 'no-firmware', property }] });

  const { api } = platform;
  const broken = async () => (await api.call(listGuardrails)).guardrails[0]?.broken;
  // Looked at beside the work of the platform, which is not kept from its start by it.
  await expect.poll(broken, { timeout: 30_000 }).toMatchObject({
    sets: 1,
    findings: [expect.stringMatching(/no-firmware/)],
  });
  const metrics = Buffer.from(await api.call(getMetrics, {})).toString();
  expect(metrics).toMatch(/fleetward_guardrails\{state="broken"\} 1/);
  const told = async () => {
    const { entries } = await api.call(listTrail, { query: { limit: 200 } });
    return entries.filter(({ entry }) => entry.kind === 'guardrail.broken');
  };
  await expect.poll(told, { timeout: 30_000 }).toHaveLength(1); // written once it is found, not before the list says so
  await expect(
    api.call(createPolicy, { body: { policyName: 'wider', document: anything } }),
  ).rejects.toMatchObject({ problem: { code: 'policies.guardrail_broken' } });
});
