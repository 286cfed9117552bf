/** What a policy says, before it is put into anybody's language. */
export interface Rule {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly PolicyBenchAction[];
  readonly resources: readonly Resource[];
}

export type PolicyBenchAction = 'iot:Connect' | 'iot:Publish' | 'iot:Subscribe' | 'iot:Receive';

/** A name: `before`, then the thing's name where `own` says so, then `after`; `*` in either is any run of characters. */
export interface Resource {
  readonly type: 'client' | 'topic' | 'topicfilter';
  readonly before: string;
  readonly own: boolean;
  readonly after: string;
}

export interface PolicyRequest {
  readonly thing: string;
  readonly action: PolicyBenchAction;
  readonly type: Resource['type'];
  readonly name: string;
}

/** The policy of a device that reports telemetry and events, takes commands, and may not report raw data. */
export const deviceRules: readonly Rule[] = [
  allow('iot:Connect', own('client', '')),
  allow('iot:Publish', own('topic', 'telemetry/'), own('topic', '$aws/things/', '/shadow/*')),
  allow('iot:Subscribe', own('topicfilter', 'commands/', '/*')),
  allow('iot:Receive', own('topic', 'commands/', '/*')),
  allow('iot:Publish', own('topic', 'events/*/')),
  { effect: 'Deny', actions: ['iot:Publish'], resources: [fixed('topic', 'telemetry/*/raw')] },
];

/** What one device asks, half of it allowed. */
export const deviceRequests: readonly PolicyRequest[] = (
  [
    ['iot:Connect', 'client', 'dev-7'],
    ['iot:Connect', 'client', 'dev-8'],
    ['iot:Publish', 'topic', 'telemetry/dev-7'],
    ['iot:Publish', 'topic', 'telemetry/dev-8'],
    ['iot:Publish', 'topic', 'telemetry/dev-7/raw'],
    ['iot:Publish', 'topic', '$aws/things/dev-7/shadow/update'],
    ['iot:Publish', 'topic', 'events/door/opened/dev-7'],
    ['iot:Publish', 'topic', 'events/door/opened/dev-8'],
    ['iot:Subscribe', 'topicfilter', 'commands/dev-7/#'],
    ['iot:Subscribe', 'topicfilter', 'commands/#'],
    ['iot:Receive', 'topic', 'commands/dev-7/reboot'],
    ['iot:Receive', 'topic', 'commands/dev-8/reboot'],
  ] as const
).map(([action, type, name]) => ({ thing: 'dev-7', action, type, name }));

/** Fifty statements about fifty areas; every tenth takes away what it names. */
export const areaRules: readonly Rule[] = Array.from({ length: 50 }, (_, area) => ({
  effect: area % 10 === 9 ? 'Deny' : 'Allow',
  actions: ['iot:Publish', 'iot:Receive'],
  resources: [own('topic', `area-${area}/`, '/*'), fixed('topic', `notices/${area}`)],
}));

/** A thousand devices, each with a request of its own: on its own topic, on another's, and on a notice. */
export const areaRequests: readonly PolicyRequest[] = Array.from({ length: 1000 }, (_, device) => {
  const area = device % 50;
  const name = [`area-${area}/dev-${device}/heat`, `area-${area}/dev-${device + 1}/heat`, `notices/${area}`];
  return { thing: `dev-${device}`, action: 'iot:Publish', type: 'topic', name: name[device % 3]! };
});

function allow(action: PolicyBenchAction, ...resources: readonly Resource[]): Rule {
  return { effect: 'Allow', actions: [action], resources };
}

function own(type: Resource['type'], before: string, after = ''): Resource {
  return { type, before, own: true, after };
}

function fixed(type: Resource['type'], before: string): Resource {
  return { type, before, own: false, after: '' };
}
