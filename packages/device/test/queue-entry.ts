import { TelemetryQueue } from '../src/telemetry/queue.ts';

// Enqueues numbers without end and says which are acknowledged, until it is killed.
const [folder = ''] = process.argv.slice(2);
const queue = new TelemetryQueue({ folder, messagesMax: 1_000_000 });
for (let number = 0; ; number += 10) {
  const batch = Array.from({ length: 10 }, (_, at) => number + at);
  await Promise.all(
    batch.map((each) =>
      queue.enqueue('telemetry', String(each)).then(() => process.stdout.write(`kept ${each}\n`)),
    ),
  );
}
