import type { Command } from 'commander';
import { addNoun } from '../define.ts';
import type { Shell } from '../shell.ts';
import { addPolicyAttach, addPolicyDetach } from './policy-attach.ts';
import { addPolicyDecide } from './policy-decide.ts';
import { addPolicyLint } from './policy-lint.ts';
import { addPolicyProve } from './policy-prove.ts';
import { addPolicyList, addPolicyShow } from './policy-read.ts';
import { addPolicySynthesise } from './policy-synthesise.ts';
import { addPolicyTest } from './policy-test.ts';
import { addPolicyPromote, addPolicyRollback, addPolicyTrial } from './policy-trial.ts';
import { addPolicyWhy } from './policy-why.ts';
import {
  addPolicyAddVersion,
  addPolicyCreate,
  addPolicyRemove,
  addPolicyRemoveVersion,
  addPolicySetDefault,
} from './policy-write.ts';

/** `fleetward policy …`: what devices may do. */
export function addPolicy(program: Command, shell: Shell): void {
  const noun = addNoun(program, 'policy', 'what devices may do');
  const verbs = [
    addPolicyCreate,
    addPolicyAddVersion,
    addPolicySetDefault,
    addPolicyList,
    addPolicyShow,
    addPolicyRemove,
    addPolicyRemoveVersion,
    addPolicyAttach,
    addPolicyDetach,
    addPolicyLint,
    addPolicyTest,
    addPolicyWhy,
    addPolicyDecide,
    addPolicyProve,
    addPolicySynthesise,
    addPolicyTrial,
    addPolicyPromote,
    addPolicyRollback,
  ];
  for (const add of verbs) add(noun, shell);
}
