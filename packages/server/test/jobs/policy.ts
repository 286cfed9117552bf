const thing = '${iot:Connection.Thing.ThingName}';
const arn = (tail: string) => `arn:aws:iot:REGION:ACCOUNT_ID:${tail}`;

/** What AWS recommends for a device that does jobs: its own topics alone. */
export const jobPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: arn(`client/${thing}`) },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: arn(`topic/$aws/things/${thing}/jobs/*`),
    },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: arn(`topicfilter/$aws/things/${thing}/jobs/*`) },
  ],
});

/** Whoever watches jobs; that it may publish everything lets it say nothing in the platform's name. */
export const jobEventsPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: ['iot:Connect', 'iot:Publish'], Resource: '*' },
    { Effect: 'Allow', Action: 'iot:Receive', Resource: arn('topic/$aws/events/job*') },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: arn('topicfilter/$aws/events/job*') },
  ],
});

/** Over HTTPS there is no connection, and no thing of one: what the certificate says names it. */
export const jobHttpsPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: [
        'iot:GetPendingJobExecutions',
        'iot:StartNextPendingJobExecution',
        'iot:DescribeJobExecution',
        'iot:UpdateJobExecution',
      ],
      Resource: arn('thing/${iot:Certificate.Subject.CommonName}'),
    },
  ],
});
