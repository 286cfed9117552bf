import type { PolicyDocument, ResourceEntry } from '../document.ts';
import { isCovered, receivedTopics, subscribedTopics } from './covered.ts';
import type { LintFinding, LintRule } from './finding.ts';
import { isUniversal, statementsFor, widestPatterns } from './patterns.ts';
import { mayMeet, type TopicLanguage, topicsOfFilters, topicsOfPattern } from './topic-language.ts';

/** A subscription that is accepted and can never bring anything, because no Receive lets through what it asks for. */
export const subscribeWithoutReceive: LintRule = (document, automata) => {
  const subscribes = statementsFor(document, { effect: 'Allow', action: 'iot:Subscribe' });
  return subscribes
    .flatMap((statement) =>
      statement.scope.kind === 'only' ? statement.scope.entries.map((entry) => ({ statement, entry })) : [],
    )
    .filter(({ entry }) => filterTopics(entry).length > 0)
    .filter(({ statement, entry }) => automata.bringsNothing(statement, entry) === true)
    .map(({ entry }) => ({
      id: 'subscribe-without-receive',
      severity: 'warning',
      path: entry.path,
      message: `no \`iot:Receive\` of this policy lets through a message for \`${entry.source}\`: nothing can arrive`,
      fix: 'allow `iot:Receive` on the topics that this filter covers',
    }));
};

/** What may be delivered and can never be asked for: one of the two is not what was meant. */
export const receiveWiderThanSubscribe: LintRule = (document) => {
  const subscribed = statementsFor(document, { effect: 'Allow', action: 'iot:Subscribe' });
  if (subscribed.some(({ scope }) => scope.kind === 'except')) return [];
  const outers = subscribed.flatMap(({ scope }) => scope.entries).map(subscribedTopics);
  return statementsFor(document, { effect: 'Allow', action: 'iot:Receive' })
    .flatMap(({ scope }) => (scope.kind === 'only' ? scope.entries : []))
    .filter((entry) => {
      const topics = receivedTopics(entry);
      return topics !== undefined && !isCovered(topics, outers);
    })
    .map((entry) => ({
      id: 'receive-wider-than-subscribe',
      severity: 'note',
      path: entry.path,
      message: `\`${entry.source}\` may be received, and no \`iot:Subscribe\` of this policy covers all of it`,
      fix: 'allow to receive what may be subscribed to and no more, or allow the subscription too',
    }));
};

/** `+` and `#` are ordinary characters in a policy: a Deny on them does not deny the topics they would cover. */
export const mqttWildcardInDeny: LintRule = ({ statements }) =>
  statements
    .filter(({ effect, scope }) => effect === 'Deny' && scope.kind === 'only')
    .flatMap(({ scope }) => scope.entries)
    .filter(hasMqttWildcard)
    .map((entry) => ({
      id: 'mqtt-wildcard-in-deny',
      severity: 'warning',
      path: entry.path,
      message: `\`+\` and \`#\` are ordinary characters in a policy: \`${entry.source}\` denies that filter only, not what it covers`,
      fix: 'write `*` for any text, and deny `iot:Receive` on the topics that must not arrive',
    }));

function hasMqttWildcard({ tail }: ResourceEntry): boolean {
  return tail.some((token) => token.kind === 'text' && /[+#]/.test(token.text));
}

/** A Deny on filters is passed by a wider filter, unless delivery is withheld too. One with `+` or `#` in it is about just that text: see above. */
export const denyBypassedByFilter: LintRule = (document, automata) => {
  const denied = statementsFor(document, { effect: 'Deny', action: 'iot:Subscribe' })
    .filter(({ scope }) => scope.kind === 'only')
    .flatMap(({ scope }) => scope.entries)
    .filter((entry) => !hasMqttWildcard(entry));
  return denied.flatMap((entry) => {
    const wider = widerAllow(document, entry);
    if (wider === undefined || isWithheld(document, entry)) return [];
    const brought = automata.filterThatBrings(topicsMeant(entry));
    return brought === undefined ? [] : [bypass(entry, wider, brought)];
  });
};

/** The topics that the entry names, as a pattern; a variable is taken for any text. */
function topicsMeant({ tail }: ResourceEntry): string {
  const written = tail.map((token) => {
    if (token.kind === 'text') return token.text.replaceAll(/[$*?]/g, '${$&}');
    return token.kind === 'one' ? '?' : '*';
  });
  return written.join('').replace(/^topicfilter\//, '');
}

function bypass(
  denied: ResourceEntry,
  wider: ResourceEntry,
  { filter, topic }: { readonly filter: string; readonly topic: string },
): LintFinding {
  return {
    id: 'deny-bypassed-by-filter',
    severity: 'warning',
    path: denied.path,
    message: `\`${filter}\`, which \`${wider.source}\` allows, still brings what this Deny names, such as \`${topic}\``,
    fix: 'deny `iot:Receive` on those topics, or allow `iot:Receive` with `NotResource` on them',
  };
}

function widerAllow(document: PolicyDocument, denied: ResourceEntry): ResourceEntry | undefined {
  const allowed = statementsFor(document, { effect: 'Allow', action: 'iot:Subscribe' })
    .filter(({ scope }) => scope.kind === 'only')
    .flatMap(({ scope }) => scope.entries);
  const deniedTopics = filterTopics(denied);
  if (widestPatterns(denied, 'iot:Subscribe').some(isUniversal)) return undefined;
  return allowed.find(
    (entry) => entry.tail.some(({ kind }) => kind === 'star') && meetsAny(filterTopics(entry), deniedTopics),
  );
}

/** Whether Receive keeps the denied topics away: it denies some of them, excepts them, or never allows them. */
function isWithheld(document: PolicyDocument, denied: ResourceEntry): boolean {
  const topics = filterTopics(denied);
  const isDenied = statementsFor(document, { effect: 'Deny', action: 'iot:Receive' })
    .flatMap(({ scope }) => (scope.kind === 'only' ? scope.entries : []))
    .some((entry) => meetsAny(receiveTopics(entry), topics));
  return isDenied || !mayReceive(document, topics, denied);
}

/** Whether an Allow may deliver one of the topics; a `NotResource` that repeats `denied` keeps them away. */
function mayReceive(
  document: PolicyDocument,
  topics: readonly TopicLanguage[],
  denied?: ResourceEntry,
): boolean {
  return statementsFor(document, { effect: 'Allow', action: 'iot:Receive' }).some(({ scope }) =>
    scope.kind === 'only'
      ? scope.entries.some((entry) => meetsAny(receiveTopics(entry), topics))
      : denied === undefined || !scope.entries.some((entry) => isSameName(entry, denied)),
  );
}

function meetsAny(left: readonly TopicLanguage[], right: readonly TopicLanguage[]): boolean {
  return left.some((one) => right.some((other) => mayMeet(one, other)));
}

function isSameName(exception: ResourceEntry, denied: ResourceEntry): boolean {
  const excepted = widestPatterns(exception, 'iot:Receive').map((parts) => JSON.stringify(parts));
  return widestPatterns(denied, 'iot:Subscribe').every((parts) => excepted.includes(JSON.stringify(parts)));
}

function filterTopics(entry: ResourceEntry): readonly TopicLanguage[] {
  return widestPatterns(entry, 'iot:Subscribe').map(topicsOfFilters);
}

function receiveTopics(entry: ResourceEntry): readonly TopicLanguage[] {
  return widestPatterns(entry, 'iot:Receive').map(topicsOfPattern);
}
