const arn = (resource: string): string => `arn:aws:iot:REGION:ACCOUNT_ID:${resource}`;
const thing = '${iot:Connection.Thing.ThingName}';

/** Seven statements of the kind devices have: their own names, and what the workloads share. */
export const policyDocument = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: arn(`client/${thing}`) },
    { Effect: 'Allow', Action: 'iot:Connect', Resource: arn('client/bench-*-*') },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: arn(`topic/telemetry/${thing}`),
    },
    {
      Effect: 'Allow',
      Action: 'iot:Subscribe',
      Resource: [arn(`topicfilter/commands/${thing}`), arn('topicfilter/broadcast/all')],
    },
    {
      Effect: 'Allow',
      Action: 'iot:Receive',
      Resource: [arn(`topic/commands/${thing}`), arn('topic/broadcast/all')],
    },
    {
      Effect: 'Allow',
      Action: 'iot:Publish',
      Resource: [arn('topic/commands/bench-*'), arn('topic/broadcast/all'), arn('topic/filters/*')],
    },
    {
      Effect: 'Allow',
      Action: ['iot:Subscribe', 'iot:Receive'],
      Resource: [
        arn('topicfilter/telemetry/+'),
        arn('topic/telemetry/bench-*'),
        arn('topicfilter/filters/*'),
        arn('topic/filters/*'),
      ],
    },
  ],
};
