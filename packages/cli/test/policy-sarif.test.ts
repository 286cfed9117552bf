import { writeFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { openCli } from './cli.ts';

const text = {
  type: 'object',
  required: ['text'],
  additionalProperties: false,
  properties: { text: { type: 'string' } },
};
const count = { type: 'integer', minimum: 1 };
const id = { type: 'string', minLength: 1 };

/** What SARIF 2.1.0 (OASIS Standard, §3) says of the properties that we write, and that there are no others. */
const schema = {
  type: 'object',
  required: ['version', 'runs'], // §3.13
  additionalProperties: false,
  properties: {
    $schema: { type: 'string', pattern: '^https://' },
    version: { const: '2.1.0' },
    runs: {
      type: 'array',
      items: {
        type: 'object',
        required: ['tool', 'results'], // §3.14
        additionalProperties: false,
        properties: {
          tool: {
            type: 'object',
            required: ['driver'],
            additionalProperties: false,
            properties: {
              driver: {
                type: 'object',
                required: ['name'], // §3.19
                additionalProperties: false,
                properties: {
                  name: id,
                  version: id,
                  rules: {
                    type: 'array',
                    uniqueItems: true,
                    items: {
                      type: 'object',
                      required: ['id'], // §3.49
                      additionalProperties: false,
                      properties: { id, shortDescription: text },
                    },
                  },
                },
              },
            },
          },
          columnKind: { enum: ['utf16CodeUnits', 'unicodeCodePoints'] },
          results: {
            type: 'array',
            items: {
              type: 'object',
              required: ['message'], // §3.27
              additionalProperties: false,
              properties: {
                ruleId: id,
                ruleIndex: { type: 'integer', minimum: -1 },
                level: { enum: ['none', 'note', 'warning', 'error'] },
                message: text,
                locations: {
                  type: 'array',
                  items: {
                    type: 'object',
                    additionalProperties: false,
                    properties: {
                      physicalLocation: {
                        type: 'object',
                        required: ['artifactLocation'], // §3.29
                        additionalProperties: false,
                        properties: {
                          artifactLocation: {
                            type: 'object',
                            required: ['uri'],
                            additionalProperties: false,
                            properties: {
                              uri: { type: 'string', pattern: "^[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$" },
                            },
                          },
                          region: {
                            type: 'object',
                            required: ['startLine'], // §3.30
                            additionalProperties: false,
                            properties: {
                              startLine: count,
                              startColumn: count,
                              endLine: count,
                              endColumn: count,
                            },
                          },
                        },
                      },
                      logicalLocations: {
                        type: 'array',
                        items: {
                          type: 'object',
                          additionalProperties: false,
                          properties: { fullyQualifiedName: id },
                        },
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

test('policy lint speaks SARIF 2.1.0: places, levels, and rules that are described', async () => {
  using cli = openCli();
  const file = cli.home.join('two words.json');
  const wide = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }] };
  writeFileSync(file, JSON.stringify(wide, undefined, 2));
  const broken = cli.home.join('broken.json');
  writeFileSync(broken, '{\n  "Version": }');
  const outcome = await cli.run(['policy', 'lint', '--format', 'sarif', file, broken]);
  expect(outcome.code).toBe(1);
  const log = JSON.parse(outcome.stdout);
  const validate = new Ajv({ allErrors: true, strict: true }).compile(schema);
  expect(validate(log), JSON.stringify(validate.errors)).toBe(true);
  const [{ results, tool }] = log.runs;
  for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex].id).toBe(ruleId);
  expect(results[0]).toMatchObject({
    ruleId: 'overly-permissive',
    level: 'error',
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: expect.stringMatching(/^file:.*two%20words\.json$/) },
          region: { startLine: 6, startColumn: 17, endLine: 6, endColumn: 24 },
        },
        logicalLocations: [{ fullyQualifiedName: '$.Statement[0].Action' }],
      },
    ],
  });
  expect(results.at(-1)).toMatchObject({
    ruleId: 'policy.invalid',
    locations: [{ physicalLocation: { region: { startLine: 2, startColumn: 14 } } }],
  });
});
