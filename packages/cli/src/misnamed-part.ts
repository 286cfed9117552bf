import type { FieldError } from '@fleetward/protocol';

interface NameForm {
  readonly what: string;
  readonly expected: string;
  readonly hint: string;
}

const policyName: NameForm = {
  what: 'policy name',
  expected: '1 to 128 letters, digits and `+=,.@_-`',
  hint: 'see `fleetward policy list`',
};

/** What a name of each kind looks like, and what shows the names there are. */
const forms: Readonly<Record<string, NameForm>> = {
  certificateId: {
    what: 'certificate id',
    expected: '64 hex digits',
    hint: 'see `fleetward cert list` and `fleetward ca list`',
  },
  issuerId: { what: 'id of a CA', expected: 'all 64 hex digits', hint: 'see `fleetward ca list`' },
  campaignId: {
    what: 'campaign id',
    expected: '16 hex digits',
    hint: 'see `fleetward campaign list`; for a renewal see `fleetward renewal list`',
  },
  jobId: {
    what: 'job id',
    expected: '1 to 64 letters, digits and `_-`',
    hint: 'see `fleetward job list`',
  },
  attemptId: { what: 'attempt id', expected: '8 to 64 hex digits', hint: 'see `fleetward enrollment list`' },
  endorsementId: {
    what: 'id of an endorsement',
    expected: 'all 64 hex digits',
    hint: 'see `fleetward endorsement list`',
  },
  tokenId: { what: 'token id', expected: '16 to 64 hex digits', hint: 'see `fleetward join-token list`' },
  policyName,
  policyNames: policyName,
  policies: policyName,
  thingName: {
    what: 'thing name',
    expected: '1 to 128 letters, digits and `:_-`',
    hint: 'see `fleetward thing list`',
  },
  namePattern: {
    what: 'name pattern',
    expected: '1 to 128 letters, digits, `:_-`, and `*` for any characters',
    hint: 'such as `lamp-*`',
  },
};

/** A request of which only the form of a name is wrong, told in the words of who typed it and not as a pattern. */
export function misnamedPart(errors: readonly FieldError[]): FieldError | undefined {
  const [error] = errors;
  if (error === undefined || errors.length > 1 || !error.expected.startsWith('text that matches'))
    return undefined;
  const name = error.path.split(/[./]/).findLast((segment) => !/^\d*$/.test(segment));
  const form = forms[name ?? ''];
  if (form === undefined) return undefined;
  const { what, expected, hint } = form;
  // In the body of a request it is a name that is given, and nobody has it yet.
  const isNew = name === 'thingName' && error.path.startsWith('body');
  return { path: error.path, message: `${what}: ${expected}${isNew ? '' : `; ${hint}`}`, expected };
}
