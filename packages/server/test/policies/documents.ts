/** A document that allows one action on one resource; `tail` may be `*`. */
export function allow(action: string, tail: string): string {
  const resource = tail === '*' ? '*' : `arn:aws:iot:REGION:ACCOUNT_ID:${tail}`;
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: action, Resource: resource }],
  });
}

const arn = (tail: string) => `arn:aws:iot:REGION:ACCOUNT_ID:${tail}/\${iot:Connection.Thing.ThingName}`;

/** The first policy of AWS IoT's guide to thing policy variables, placeholders and all. */
export const awsTelemetryPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: ['iot:Connect'], Resource: [arn('client')] },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: [arn('topic/telemetry')] },
    { Effect: 'Allow', Action: ['iot:Subscribe'], Resource: [arn('topicfilter/commands')] },
  ],
});
