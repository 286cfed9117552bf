import fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvFields, csvLine } from '../src/csv.ts';

test('what is written by RFC 4180 reads back as it was', () => {
  const field = fc.string().filter((text) => !/[\r\n]/.test(text));
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 8 }), (fields) => {
      const quoted = fields.map((text) => `"${text.replaceAll('"', '""')}"`).join(',');
      expect(csvFields(quoted)).toEqual(fields);
      expect(csvFields(csvLine(fields))).toEqual(fields);
    }),
  );
});

test.each([
  ['a,b', ['a', 'b']],
  ['a, b ,', ['a', ' b ', '']],
  ['', ['']],
  ['"a,""b""",c\r', ['a,"b"', 'c']],
])('%j is %j', (line, fields) => {
  expect(csvFields(line)).toEqual(fields);
});

test.each(['"a', 'a"b', '"a"b,c'])('%j is no line of CSV', (line) => {
  expect(csvFields(line)).toBeUndefined();
});
