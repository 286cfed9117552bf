/** What stands before the name in a resource; `none` for an action that has no single resource. */
export type ResourceType = 'client' | 'topic' | 'topicfilter' | 'thing' | 'none';

const RESOURCE_TYPES = {
  'iot:Connect': 'client',
  'iot:Publish': 'topic',
  'iot:RetainPublish': 'topic',
  'iot:Subscribe': 'topicfilter',
  'iot:Receive': 'topic',
  'iot:GetRetainedMessage': 'topic',
  'iot:ListRetainedMessages': 'none',
  'iot:GetThingShadow': 'thing',
  'iot:UpdateThingShadow': 'thing',
  'iot:DeleteThingShadow': 'thing',
  'iot:ListNamedShadowsForThing': 'thing',
  'iot:DescribeJobExecution': 'thing',
  'iot:GetPendingJobExecutions': 'thing',
  'iot:UpdateJobExecution': 'thing',
  'iot:StartNextPendingJobExecution': 'thing',
  'iot:DeleteConnection': 'client',
} as const satisfies Record<string, ResourceType>;

/** An action a device policy can name. */
export type PolicyAction = keyof typeof RESOURCE_TYPES;

export const POLICY_ACTIONS = Object.keys(RESOURCE_TYPES) as readonly PolicyAction[];

/** The resource types that appear in an ARN. */
export const NAMED_RESOURCE_TYPES = ['client', 'topic', 'topicfilter', 'thing'] as const;

export function resourceTypeOf(action: PolicyAction): ResourceType {
  return RESOURCE_TYPES[action];
}

export function isPolicyAction(text: string): text is PolicyAction {
  return Object.hasOwn(RESOURCE_TYPES, text);
}

/** The actions that `text` stands for: all for `*` and `iot:*`, one for a known name, none for anything else. */
export function expandAction(text: string): readonly PolicyAction[] {
  if (text === '*' || text === 'iot:*') return POLICY_ACTIONS;
  return isPolicyAction(text) ? [text] : [];
}

/** The known action that differs from `text` in case or prefix only. */
export function similarAction(text: string): PolicyAction | undefined {
  const bare = text.toLowerCase().replace(/^.*:/, '');
  return POLICY_ACTIONS.find((action) => action.slice(4).toLowerCase() === bare);
}
