import { type AttachedPolicy, parsePolicy } from '@fleetward/policy';

const arn = 'arn:aws:iot:REGION:ACCOUNT_ID';
const thing = '${iot:Connection.Thing.ThingName}';

/** A device that works in sixteen areas: fifty statements with variables, a few with conditions, and one Deny. */
export function fiftyStatements(more: readonly object[]): readonly AttachedPolicy[] {
  const areas = Array.from({ length: 16 }, (_, area) => `site/${area}/${thing}`);
  const Statement = [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/${thing}` },
    ...areas.flatMap(statementsOf),
    { Effect: 'Deny', Action: ['iot:Publish', 'iot:Receive'], Resource: `${arn}:topic/*/secret/*` },
    ...more,
  ];
  const { document } = parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement }), 'unbound');
  return [{ name: 'fifty', versionId: 1, via: 'certificate', document }];
}

function statementsOf(area: string, index: number): readonly object[] {
  const Condition = { StringEquals: { 'iot:Connection.Thing.ThingTypeName': `type-${index}` } };
  return [
    {
      Effect: 'Allow',
      Action: 'iot:Publish',
      Resource: [`${arn}:topic/${area}/telemetry`, `${arn}:topic/${area}/status/*`],
    },
    {
      Effect: 'Allow',
      Action: 'iot:Subscribe',
      Resource: `${arn}:topicfilter/${area}/cmd/*`,
      ...(index % 4 === 0 ? { Condition } : {}),
    },
    { Effect: 'Allow', Action: 'iot:Receive', Resource: `${arn}:topic/${area}/cmd/*` },
  ];
}
