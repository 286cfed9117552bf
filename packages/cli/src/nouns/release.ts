import type { Command } from 'commander';
import { addNoun } from '../define.ts';
import type { Shell } from '../shell.ts';
import { addReleaseAdd } from './release-add.ts';
import { addReleaseInit } from './release-init.ts';
import { addReleaseKeygen } from './release-keygen.ts';
import { addReleaseList } from './release-list.ts';
import { addReleaseOnlineKeys } from './release-online-keys.ts';
import { addReleasePublish } from './release-publish.ts';
import { addReleaseSign, addReleaseStatus } from './release-sign.ts';
import { addReleaseSignFile, addReleaseVerify } from './release-verify.ts';

/** `fleetward release …`: firmware, signed on the engineer's machine and published by the platform. */
export function addRelease(program: Command, shell: Shell): void {
  const noun = addNoun(program, 'release', 'firmware: signed offline, published by the platform');
  const verbs = [
    addReleaseKeygen,
    addReleaseOnlineKeys,
    addReleaseInit,
    addReleaseAdd,
    addReleaseSign,
    addReleaseStatus,
    addReleasePublish,
    addReleaseList,
    addReleaseSignFile,
    addReleaseVerify,
  ];
  for (const add of verbs) add(noun, shell);
}
