/** What `minheap --json` writes. */
import type { Static } from 'typebox';
import { ConfigSchema, HostSchema } from '../results.ts';
import { Type } from '../typebox.ts';

const Bytes = Type.Integer({ minimum: 0 });

export const MinHeapSchema = Type.Object({
  schema: Type.Literal('minorfault/minheap/1'),
  host: HostSchema,
  config: ConfigSchema,
  modes: Type.Array(
    Type.Object({
      mode: Type.String(),
      /** The smallest heap that the work fitted into each time, and the largest that it did not. */
      bytes: Bytes,
      failedBytes: Bytes,
      trials: Type.Array(
        Type.Object({
          bytes: Bytes,
          outcome: Type.Union(
            ['fits', 'out of memory', 'too slow', 'refused'].map((outcome) => Type.Literal(outcome)),
          ),
          seconds: Type.Number({ minimum: 0 }),
        }),
      ),
    }),
  ),
});

export type MinHeaps = Static<typeof MinHeapSchema>;
