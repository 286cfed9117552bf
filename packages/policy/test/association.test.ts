import { describe, expect, it } from 'vitest';
import { associateThing } from '../src/index.ts';

const shared = (...names: string[]) => names.map((thingName) => ({ thingName, exclusive: false }));

describe('a connection is associated with', () => {
  it('the attached thing that is named as its client id', () => {
    expect(associateThing(shared('a', 'b'), 'b')).toEqual({ kind: 'associated', thingName: 'b' });
  });

  it('no thing when its client id is another name', () => {
    expect(associateThing(shared('a', 'b'), 'c')).toEqual({ kind: 'unassociated' });
    expect(associateThing(shared('a'), 'A')).toEqual({ kind: 'unassociated' });
    expect(associateThing([], 'a')).toEqual({ kind: 'unassociated' });
  });

  it('an exclusively attached thing, whatever the client id', () => {
    const attachments = [{ thingName: 'a', exclusive: true }];
    expect(associateThing(attachments, 'anything')).toEqual({ kind: 'associated', thingName: 'a' });
  });

  it('nothing by exclusivity when attachments contradict each other', () => {
    const attachments = [{ thingName: 'a', exclusive: true }, ...shared('b')];
    expect(associateThing(attachments, 'c')).toEqual({ kind: 'unassociated' });
    expect(associateThing(attachments, 'b')).toEqual({ kind: 'associated', thingName: 'b' });
  });
});
