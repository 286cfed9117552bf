import { type AttachedPolicy, type PolicyBinding, parsePolicy } from '@fleetward/policy';

/** What every claim certificate may do, and all it may do: ask for a certificate, and provision it by its template. */
export function claimPolicy(templateName: string, binding: PolicyBinding): AttachedPolicy {
  const { document } = parsePolicy(JSON.stringify(claimDocument(templateName)), binding);
  return { name: `claim-${templateName}`, versionId: 1, document, via: 'certificate' };
}

const arn = (rest: string): string => `arn:aws:iot:REGION:ACCOUNT_ID:${rest}`;

function claimDocument(templateName: string) {
  const asks = [
    '$aws/certificates/create',
    '$aws/certificates/create-from-csr',
    `$aws/provisioning-templates/${templateName}/provision`,
  ];
  const topics = asks.flatMap((ask) => [`${ask}/json`, `${ask}/cbor`]);
  const answers = topics.flatMap((topic) => [`${topic}/accepted`, `${topic}/rejected`]);
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Connect', Effect: 'Allow', Action: 'iot:Connect', Resource: arn('client/*') },
      {
        Sid: 'Ask',
        Effect: 'Allow',
        Action: 'iot:Publish',
        Resource: topics.map((each) => arn(`topic/${each}`)),
      },
      {
        Sid: 'Hear',
        Effect: 'Allow',
        Action: 'iot:Receive',
        Resource: answers.map((each) => arn(`topic/${each}`)),
      },
      {
        Sid: 'Listen',
        Effect: 'Allow',
        Action: 'iot:Subscribe',
        // Wildcards too: only an asker hears its answers, whatever others are subscribed to.
        Resource: asks.map((each) => arn(`topicfilter/${each}/*`)),
      },
    ],
  };
}
