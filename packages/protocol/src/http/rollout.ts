import { Type } from 'typebox';

const closed = { additionalProperties: false };

/** AWS IoT's exponential rate; `what` goes at it. */
export function rateSchema({ perMinuteMax, what }: { readonly perMinuteMax: number; readonly what: string }) {
  const perMinute = Type.Integer({ minimum: 1, maximum: perMinuteMax });
  return Type.Object(
    {
      baseRatePerMinute: perMinute,
      incrementFactor: Type.Number({ minimum: 1, maximum: 5 }),
      increaseAfter: Type.Optional(
        Type.Object(
          {
            of: Type.Enum(['notified', 'succeeded']),
            count: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
          },
          closed,
        ),
      ),
      maximumPerMinute: perMinute,
    },
    { ...closed, description: `${what}; AWS IoT’s exponential rate.` },
  );
}

/** AWS IoT's abort criteria; the description says what they end. */
export function abortRuleSchema(description: string) {
  return Type.Object(
    {
      failure: Type.Enum(['FAILED', 'REJECTED', 'TIMED_OUT', 'ALL']),
      executedMin: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
      percent: Type.Number({ exclusiveMinimum: 0, maximum: 100 }),
    },
    { ...closed, description },
  );
}
