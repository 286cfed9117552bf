/** A text of a template that a device's parameters decide (AWS IoT: `Ref` and the intrinsic functions). */
export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'ref'; readonly name: string }
  | { readonly kind: 'join'; readonly separator: string; readonly parts: List }
  | { readonly kind: 'select'; readonly index: Expression; readonly from: List }
  | { readonly kind: 'find'; readonly map: string; readonly first: Expression; readonly second: Expression }
  | { readonly kind: 'sub'; readonly pieces: readonly Expression[] };

/** What `Fn::Join` and `Fn::Select` take. */
export type List =
  | { readonly kind: 'items'; readonly items: readonly Expression[] }
  | { readonly kind: 'split'; readonly separator: string; readonly text: Expression };

/** `Mappings`: a table of tables of texts. */
export type Mappings = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, string>>>;

/** JSON whose texts may be expressions, as in `DeviceConfiguration`. */
export type Tree =
  | { readonly kind: 'expression'; readonly expression: Expression }
  | { readonly kind: 'scalar'; readonly value: null | boolean | number }
  | { readonly kind: 'list'; readonly items: readonly Tree[] }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, Tree> };
