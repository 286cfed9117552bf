import { issueDevice, openPlatform } from './test-platform.ts';

// Issues and revokes until it is killed; a line on standard output is the acknowledgement of the step it names.
const platform = await openPlatform({ folder: process.argv[2]! });
for (let n = 0; n < 10_000; n++) {
  const { certificateId } = (await issueDevice(platform, `dev-${n}`)).record;
  process.stdout.write(`issued ${certificateId}\n`);
  const outcome = await platform.certificates.revoke(
    { certificateId, reason: 'keyCompromise' },
    { kind: 'operator', operatorId: 'ada' },
  );
  process.stdout.write(`${outcome.kind} ${certificateId}\n`);
}
