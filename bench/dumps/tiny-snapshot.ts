/** A heap snapshot small enough to write by hand, and a stream of a large one. */

const NODE_FIELDS = ['type', 'name', 'id', 'self_size', 'edge_count', 'trace_node_id', 'detachedness'];
const EDGE_TYPES = ['context', 'element', 'property', 'internal', 'hidden', 'shortcut', 'weak'];
export const FIELDS = NODE_FIELDS.length;

export const META = {
  node_fields: NODE_FIELDS,
  node_types: [['hidden', 'array', 'string', 'object', 'synthetic'], 'string', 'number', 'number', 'number'],
  edge_fields: ['type', 'name_or_index', 'to_node'],
  edge_types: [EDGE_TYPES, 'string_or_number', 'node'],
};

const PROPERTY = EDGE_TYPES.indexOf('property');
const WEAK = EDGE_TYPES.indexOf('weak');

/** root → a, b; a → c, a, and b weakly; b → c, root; c and d have none; d is reached by a weak edge of b only. */
export const TINY_NODES = [
  {
    size: 0,
    edges: [
      [PROPERTY, 1],
      [PROPERTY, 2],
    ],
  },
  {
    size: 20,
    edges: [
      [PROPERTY, 3],
      [WEAK, 2],
      [PROPERTY, 1],
    ],
  },
  {
    size: 40,
    edges: [
      [WEAK, 4],
      [PROPERTY, 3],
      [PROPERTY, 0],
    ],
  },
  { size: 12, edges: [] },
  { size: 16, edges: [] },
] as const;

/** What a test may change before it is written. */
export interface TinySnapshot {
  readonly snapshot: Record<string, unknown>;
  readonly nodes: number[];
  readonly edges: number[];
}

export function tinySnapshot(change: (snapshot: TinySnapshot) => void = () => {}): string {
  const snapshot: TinySnapshot & Record<string, unknown> = {
    snapshot: { meta: META, node_count: 5, edge_count: 8, trace_function_count: 0 },
    nodes: TINY_NODES.flatMap(({ size, edges }, i) => [3, i, 2 * i + 1, size, edges.length, 0, 0]),
    edges: TINY_NODES.flatMap(({ edges }) => edges.flatMap(([type, to]) => [type, 0, to * FIELDS])),
    trace_function_infos: [],
    samples: [],
    locations: [0, 1, 2, 3],
    strings: ['', 'ä [nested] "quoted" \\ ]', '€', 'x{}', '😀'],
  };
  change(snapshot);
  return JSON.stringify(snapshot).replaceAll(',"', ',\n"');
}

/** A snapshot of `nodes` nodes in a chain, `extra` edges each back to the root; about 25 + 13 × extra bytes a node. */
export function* largeSnapshot(nodes: number, extra: number): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  const rows = 4096;
  const edgesOf = (node: number) => extra + (node + 1 < nodes ? 1 : 0);
  const description = { meta: META, node_count: nodes, edge_count: nodes * (extra + 1) - 1 };
  yield encoder.encode(`{"snapshot":${JSON.stringify(description)},\n"nodes":[`);
  for (let first = 0; first < nodes; first += rows) {
    let text = '';
    for (let node = first; node < Math.min(nodes, first + rows); node++) {
      text += `${node === 0 ? '' : ','}3,${node},${2 * node + 1},48,${edgesOf(node)},0,0\n`;
    }
    yield encoder.encode(text);
  }
  yield encoder.encode('],\n"edges":[');
  for (let first = 0; first < nodes; first += rows) {
    let text = '';
    for (let node = first; node < Math.min(nodes, first + rows); node++) {
      if (node + 1 < nodes) text += `${node === 0 ? '' : ','}2,0,${(node + 1) * FIELDS}\n`;
      for (let i = 0; i < extra; i++) text += `${node === 0 && nodes === 1 && i === 0 ? '' : ','}2,${i},0\n`;
    }
    yield encoder.encode(text);
  }
  yield encoder.encode('],\n"strings":[');
  for (let i = 0; i < 10_000; i++)
    yield encoder.encode(`${i === 0 ? '' : ','}"a string of some length ${i}"\n`);
  yield encoder.encode(']}\n');
}
