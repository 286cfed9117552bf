const arn = 'arn:aws:iot:REGION:ACCOUNT_ID:';
const thing = '${iot:Connection.Thing.ThingName}';
const topics = `$aws/things/${thing}/defender/metrics/*`;

/** Each device its own reports and their answers, as AWS IoT recommends. */
export const ownMetricsPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}client/${thing}` },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: `${arn}topic/${topics}` },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `${arn}topicfilter/${topics}` },
  ],
});
