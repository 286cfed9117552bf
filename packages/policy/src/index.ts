export {
  isPolicyAction,
  POLICY_ACTIONS,
  type PolicyAction,
  type ResourceType,
  resourceTypeOf,
} from './actions.ts';
export { parseRequestArn, type RequestResource } from './arn.ts';
export { type Association, associateThing, type ThingAttachment } from './association.ts';
export type { AttachedPolicy } from './attached-policy.ts';
export { type CompiledPrincipal, compilePrincipal } from './compile.ts';
export type {
  CertificateContext,
  CertificateName,
  ConnectContext,
  PrincipalContext,
  ThingContext,
} from './context.ts';
export { decideRequest, type PolicyRequest } from './decide-request.ts';
export type { Decision, NearestMiss, ResolvedVariable } from './decision.ts';
export type { PolicyBinding, PolicyDocument, PolicyStatement } from './document.ts';
export { PolicyError, type PolicyIssue } from './errors.ts';
export { explainDecision } from './explain.ts';
export { type DeniedRequest, type LeastStatement, leastStatement } from './least-statement.ts';
export { POLICY_BYTES_MAX } from './limits.ts';
export { lintPolicy } from './lint.ts';
export { LINT_RULES, type LintFinding, type LintId } from './lints/finding.ts';
export { type ParsedPolicy, parsePolicy } from './parse.ts';
export type { PolicyNote } from './parse-context.ts';
export { parsePolicyRequest } from './parse-request.ts';
export { placeInPolicy } from './places.ts';
export { proveAtMost, proveEqual } from './prove/at-most.ts';
export { type CrossDeviceOptions, proveNoCrossDevice } from './prove/cross-device.ts';
export { type DeadStatement, type DeadStatements, findDead } from './prove/dead.ts';
export { type Addition, diffPolicies, type Patterns, type PolicyDiff } from './prove/diff.ts';
export { type NeverQuestion, proveNever } from './prove/never.ts';
export type { CounterExample, DecidedRequest, Proof, ProofOptions } from './prove/proof.ts';
export { type Property, prove } from './prove/prove.ts';
export { parsePrincipalContext } from './request-context.ts';
export type { StatementRef } from './statement-ref.ts';
export type { ObservedThing } from './synthesise/choose.ts';
export { Sketch } from './synthesise/sketch.ts';
export { levelsOf, type SketchEntry } from './synthesise/sketch-entry.ts';
export { type SynthesisedPolicy, synthesisePolicy } from './synthesise/synthesise.ts';
