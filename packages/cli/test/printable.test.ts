import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonLine, printable } from '../src/printable.ts';

const dangerous = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

test('whatever a device sends, nothing of it acts on a terminal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(dangerous);
    }),
  );
});

test('JSON lines stay the same value, on one line, and act on no terminal', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const line = jsonLine(value);
      expect(line).not.toMatch(dangerous);
      expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('ordinary text stays as it is, in any script', () => {
  expect(printable('Lampe «7» – 灯 🔦')).toBe('Lampe «7» – 灯 🔦');
});

test('an escape sequence is shown, not obeyed', () => {
  expect(printable('a\u001b[2Jb\r')).toBe('a\\u{1b}[2Jb\\u{d}');
});
