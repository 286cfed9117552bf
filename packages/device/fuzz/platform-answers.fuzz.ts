import { DeviceError } from '../src/errors.ts';
import { parseAnswer } from '../src/sdk/ask.ts';
import { parseNext } from '../src/sdk/jobs.ts';
import { acceptedFrom, rejectedFrom } from '../src/sdk/report-metrics.ts';
import { parseNote } from '../src/sdk/run-jobs.ts';
import { parseDelta, parseShadow } from '../src/sdk/shadow.ts';

export const seeds: readonly Uint8Array[] = [
  '{"state":{"desired":{"on":true},"reported":{"on":false},"delta":{"on":true}},"metadata":{},"version":3,"timestamp":1,"clientToken":"a"}',
  '{"state":{"on":true},"version":2}',
  '{"execution":{"jobId":"reboot","executionNumber":1,"versionNumber":2,"status":"QUEUED","jobDocument":{"a":[1]}},"timestamp":1}',
  '{"jobId":"reboot","executionNumber":1,"outcome":{"status":"SUCCEEDED"}}',
  '{"thingName":"lamp","status":"REJECTED","statusDetails":{"ErrorCode":"InvalidPayload","ErrorMessage":"x"}}',
].map((text) => Buffer.from(text));

/** Whatever the platform, or whoever publishes in its place, says: a value of its form, or `DeviceError`. */
export function fuzz(bytes: Uint8Array): void {
  const parsers = [
    () => parseShadow(parseAnswer(bytes)),
    () => parseDelta(parseAnswer(bytes)),
    () => parseNext(parseAnswer(bytes)),
    () => acceptedFrom(parseAnswer(bytes)),
    () => rejectedFrom(parseAnswer(bytes)),
    () => parseNote(bytes),
  ];
  for (const parse of parsers) {
    try {
      parse();
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
    }
  }
}
