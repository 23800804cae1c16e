/** What schemas of results are made of. */
import type { TObject, TProperties } from 'typebox';
import { Type } from './typebox.ts';

export const Count = Type.Integer({ minimum: 0 });
export const Milliseconds = Type.Number({ minimum: 0 });
/** From 0 to 1. */
export const Part = Type.Number({ minimum: 0, maximum: 1 });
export const Measured = Type.Union([Type.Number({ minimum: 0 }), Type.Null()]);

/** An object with these fields, and any others. */
export function record<Properties extends TProperties>(properties: Properties): TObject<Properties> {
  return Type.Object(properties);
}

/** Read-only through and through: results are made once and then only read. */
export type Fixed<T> = T extends [infer First, infer Second]
  ? readonly [Fixed<First>, Fixed<Second>]
  : T extends (infer Item)[]
    ? readonly Fixed<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Fixed<T[Key]> }
      : T;
