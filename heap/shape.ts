/**
 * Shapes: named layouts, from which fields become word offsets known when a mutator's code is compiled.
 */
import {
  fitsRecord,
  granulesFor,
  MAX_RECORD_GRANULES,
  MAX_RECORD_REFERENCES,
  MAX_SHAPES,
  RECORD_HEADER_WORDS,
  recordHeader,
} from './object.ts';

/** Where a field is: words from the object's start. */
export type Field = number;

/** A record with named reference and data fields. */
export interface Shape<R extends string = string, D extends string = string> {
  readonly name: string;
  readonly references: number;
  readonly dataWords: number;
  /** Size of an instance, header included. */
  readonly granules: number;
  /** The header word of an instance. */
  readonly header: number;
  /** The fields by name: references for `ref`/`setRef`, data (32-bit words) for `load`/`store`. */
  readonly at: Readonly<Record<R | D, Field>>;
}

/** Shape numbers are given in the order in which a thread makes its shapes; the last is for untyped objects. */
export const UNTYPED_SHAPE = MAX_SHAPES;
let shapesMade = 0;

/**
 * A shape of reference fields `refs` and 32-bit data fields `data`, each by name.
 *
 *     const Node = shape('node', { refs: ['left', 'right'], data: ['i', 'j'] });
 *     m.setRef(node, Node.at.left, child);
 *
 * @throws RangeError if it needs more than 1023 references or 64 KiB, or is the 255th of its thread; TypeError if
 * a name is used twice
 */
export function shape<const R extends string = never, const D extends string = never>(
  name: string,
  fields: { readonly refs?: readonly R[]; readonly data?: readonly D[] },
): Shape<R, D> {
  const refs: readonly string[] = fields.refs ?? [];
  const data: readonly string[] = fields.data ?? [];
  const names = [...refs, ...data];
  if (new Set(names).size !== names.length) throw new TypeError(`shape ${name}: a field name is used twice`);
  if (!fitsRecord(refs.length, data.length)) {
    const most = `${MAX_RECORD_REFERENCES} references and ${MAX_RECORD_GRANULES * 8} bytes`;
    throw new RangeError(`shape ${name}: a record has at most ${most}; use allocObject for more`);
  }
  const id = ++shapesMade;
  if (id >= UNTYPED_SHAPE)
    throw new RangeError(`shape ${name}: a thread has at most ${UNTYPED_SHAPE - 1} shapes`);
  const granules = granulesFor(RECORD_HEADER_WORDS + names.length);
  const at = Object.fromEntries(names.map((field, i) => [field, RECORD_HEADER_WORDS + i]));
  return {
    name,
    references: refs.length,
    dataWords: data.length,
    granules,
    header: recordHeader(id, refs.length, granules),
    at: at as Record<R | D, Field>,
  };
}
