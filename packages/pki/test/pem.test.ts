import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePem, PkiError, parseBase64Body, parsePem } from '../src/index.ts';

const rules = { labels: ['CERTIFICATE'] } as const;
const block = encodePem('CERTIFICATE', Uint8Array.of(1, 2, 3, 4));

describe('PEM', () => {
  it('reads back every block it writes, with text around and either line end', () => {
    const ders = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(ders, fc.boolean(), (list, crlf) => {
        const text = list.map((der) => `subject: x\n${encodePem('CERTIFICATE', der)}\n`).join('');
        const blocks = parsePem(crlf ? text.replaceAll('\n', '\r\n') : text, rules);
        expect(blocks.map(({ der }) => Buffer.from(der))).toEqual(list.map((der) => Buffer.from(der)));
      }),
    );
  });

  it.each([
    ['another label', block.replaceAll('CERTIFICATE', 'PRIVATE KEY')],
    ['an end line of another label', block.replace('END CERTIFICATE', 'END X509 CRL')],
    ['no end line', block.replace(/-----END.*\n/, '')],
    ['a block within a block', block.replace('\nAQ', '\n-----BEGIN CERTIFICATE-----\nAQ')],
    ['stray bits', block.replace('BA==', 'BB==')],
    ['missing padding', block.replace('==', '')],
    ['base64url', block.replace('AQID', 'A-_D')],
    ['headers', block.replace('\nAQ', '\nProc-Type: 4,ENCRYPTED\n\nAQ')],
    ['no content', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
    ['no block', 'hello'],
  ])('refuses %s', (_, text) => {
    expect(() => parsePem(text, rules)).toThrow(expect.objectContaining({ code: 'pki.pem' }));
  });

  it('is bounded in size and in blocks', () => {
    expect(() => parsePem(block, { ...rules, bytesMax: 10 })).toThrow(
      expect.objectContaining({ code: 'pki.too_large' }),
    );
    expect(() => parsePem(block + block, { ...rules, blocksMax: 1 })).toThrow(/too many blocks/);
  });

  it('decodes EST bodies with line breaks anywhere, and no other base64', () => {
    expect(parseBase64Body('AQ\r\nID\nBA==\n', 100)).toEqual(Uint8Array.of(1, 2, 3, 4));
    expect(() => parseBase64Body('AQIDBA', 100)).toThrow(PkiError);
    expect(() => parseBase64Body('', 100)).toThrow(PkiError);
    expect(() => parseBase64Body('AQIDBA==', 4)).toThrow(expect.objectContaining({ code: 'pki.too_large' }));
  });
});
