/** A heap snapshot is read as a stream, wherever it is cut, and what is wrong with a bad one is said with its place. */
import { describe, expect, it } from 'vitest';
import {
  FIELDS,
  largeSnapshot,
  META,
  TINY_NODES,
  type TinySnapshot,
  tinySnapshot,
} from '../../dist/bench/dumps/tiny-snapshot.js';
import { createDumpMemory } from '../../dist/bench/workloads/dump-memory.js';
import { readHeapSnapshot } from '../../dist/bench/workloads/heapsnapshot.js';
import { nodeSnapshot } from './workload-runs.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const read = (text: string) => readHeapSnapshot([bytesOf(text)], 'the file');
const whatIsWrong = (text: string) => expect(read(text)).rejects;

const WHOLE = { nodes: 5, edgesListed: 8, selfSize: [0, 20, 40, 12, 16], firstEdge: [0, 2, 4, 6, 6, 6] };
const TARGETS = [1, 2, 3, 1, 3, 0];

async function expectTiny(chunks: Uint8Array[]): Promise<void> {
  const graph = await readHeapSnapshot(chunks, 'the file');
  expect({
    ...graph,
    selfSize: [...graph.selfSize],
    firstEdge: [...graph.firstEdge],
    targets: [...graph.targets],
  }).toEqual({ ...WHOLE, targets: TARGETS });
}

describe('a good snapshot', () => {
  it('gives sizes and strong edges', () => expectTiny([bytesOf(tinySnapshot())]));

  it('reads the same with whitespace everywhere, and without any', async () => {
    const value = JSON.parse(tinySnapshot());
    await expectTiny([bytesOf(JSON.stringify(value, null, 2))]);
    await expectTiny([bytesOf(JSON.stringify(value))]);
  });

  it('reads the same cut in two at any byte', async () => {
    const bytes = bytesOf(tinySnapshot());
    for (let cut = 1; cut < bytes.length; cut++)
      await expectTiny([bytes.subarray(0, cut), bytes.subarray(cut)]);
  });

  it('reads the same byte by byte', async () => {
    const bytes = bytesOf(tinySnapshot());
    await expectTiny(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)));
  });

  it('of a process has as many nodes and edges as it says, and its strong edges are those of JSON.parse', async () => {
    const bytes = await nodeSnapshot();
    const graph = await readHeapSnapshot([bytes], 'a process');
    const { snapshot, nodes, edges } = JSON.parse(bytes.toString('utf8'));
    const fields = snapshot.meta.node_fields.length;
    const weak = snapshot.meta.edge_types[0].indexOf('weak');
    const expected = (edges as number[])
      .filter((_, i) => i % 3 === 2 && edges[i - 2] !== weak)
      .map((to) => to / fields);
    expect(graph.nodes).toBe(snapshot.node_count);
    expect(graph.edgesListed).toBe(snapshot.edge_count);
    expect(Buffer.from(graph.targets).equals(Buffer.from(Uint32Array.from(expected)))).toBe(true);
    expect([...graph.selfSize]).toEqual((nodes as number[]).filter((_, i) => i % fields === 3));
    expect(graph.firstEdge.at(-1)).toBe(expected.length);
  });
});

describe('a bad file is refused with one line that says what and where:', () => {
  it('empty', () => whatIsWrong('').toThrow(/^the file: empty; give one that v8\.writeHeapSnapshot/));

  it('truncated, at every byte', async () => {
    const text = tinySnapshot();
    for (let end = 1; end < text.indexOf('"strings"'); end++) {
      await whatIsWrong(text.slice(0, end)).toMatchObject({
        code: 'USAGE',
        message: expect.stringMatching(/^the file: truncated: it ends at byte \d+, (before|in)[^\n]*$/),
      });
    }
  });

  it('truncated in the edges: how far it goes', () => {
    const text = tinySnapshot();
    const end = text.indexOf(',', text.indexOf('"edges"') + 30);
    return whatIsWrong(text.slice(0, end)).toThrow(`it ends at byte ${end}, in "edges", after`);
  });

  it.each([
    ['text', 'hello world', /no V8 heap snapshot: it is not JSON at byte 0/],
    ['bytes', '\u0000\u0001', /not JSON at byte 0/],
    ['an array', '[1,2]', /byte 0 has \[, not a \{/],
    ['a number', '17 ', /byte 0 has 17, not a \{/],
    ['another object', '{"name":"x"}', /byte 1 has "name", not "snapshot"/],
    ['an empty object', '{}', /byte 1 has }, not the name of a section/],
    ['a snapshot of something else', '{"snapshot":1}', /"snapshot" says no node_count/],
    [
      'nodes too early',
      `{"snapshot":${JSON.stringify({ meta: META, node_count: 1, edge_count: 0 })},"edges":[]}`,
      /"edges" comes before "nodes"/,
    ],
    [
      'no nodes',
      `{"snapshot":${JSON.stringify({ meta: META, node_count: 1, edge_count: 0 })}}`,
      /it has no "nodes"/,
    ],
    ['something behind', `${tinySnapshot()} {`, /has \{, not the end/],
  ])('%s', (_, text, message) => whatIsWrong(text).toThrow(message));

  const changed = (change: (snapshot: TinySnapshot) => void) => whatIsWrong(tinySnapshot(change));

  it.each(['node_count', 'edge_count', 'meta'])('"snapshot" without %s', (name) =>
    changed(({ snapshot }) => delete snapshot[name]).toThrow(/"snapshot" says no /),
  );
  it('no field to_node', () =>
    changed(({ snapshot }) => {
      snapshot.meta = { ...META, edge_fields: ['type', 'name_or_index', 'to'] };
    }).toThrow('field to_node in meta.edge_fields'));
  it('more nodes than announced', () =>
    changed(({ nodes }) => nodes.push(0)).toThrow(/byte \d+: "nodes" holds more than the 5 of node_count/));
  it('fewer nodes than announced', () =>
    changed(({ nodes }) => nodes.splice(0, FIELDS)).toThrow('"nodes" ends after 4 of the 5 of node_count'));
  it('half a node', () => changed(({ nodes }) => nodes.pop()).toThrow('"nodes" ends after 4 of the 5'));
  it('more edges than announced', () =>
    changed(({ edges }) => edges.push(0)).toThrow(/more than the 8 of edge_count/));
  it('fewer edges than announced', () =>
    changed(({ edges }) => edges.pop()).toThrow('"edges" ends after 7 of the 8'));
  it('edge counts that do not add up', () =>
    changed(({ snapshot }) => {
      snapshot.edge_count = 9;
    }).toThrow('its nodes have 8 edges together, but edge_count is 9'));
  it('an edge past the last node', () =>
    changed(({ edges }) => {
      edges[2] = TINY_NODES.length * FIELDS;
    }).toThrow(/byte \d+: edge 0 points to 35, where no node begins/));
  it('an edge into the middle of a node', () =>
    changed(({ edges }) => {
      edges[5] = 8;
    }).toThrow(/edge 1 points to 8, where no node begins/));
  it('a size that is too large', () =>
    changed(({ nodes }) => {
      nodes[3] = 2 ** 32;
    }).toThrow(/the self_size of node 0 is 4294967296/));
  it('a number that is not whole', () =>
    changed(({ nodes }) => {
      nodes[3] = 1.5;
    }).toThrow(/in "nodes" has "\.", not whole numbers with commas between/));
  it('more nodes and edges than come: nothing is allocated for a promise', async () => {
    const text = tinySnapshot(({ snapshot }) => {
      snapshot.node_count = 2 ** 32 - 2;
      snapshot.edge_count = 2 ** 32 - 2;
    });
    const memory = createDumpMemory('the file');
    await expect(readHeapSnapshot([bytesOf(text)], 'the file', memory)).rejects.toThrow(
      '"nodes" ends after 5 of',
    );
    expect(memory.asked).toBeLessThan(6 * text.length);
  });

  const withBefore = (section: string, text: string) =>
    tinySnapshot().replace(`"${section}"`, `${text},"${section}"`);
  it.each(['snapshot', 'nodes', 'edges'])('%s twice', (section) => {
    const [text] =
      new RegExp(`"${section}":(\\{.*?\\}(?=,\n"nodes")|\\[[^\\]]*\\])`, 's').exec(tinySnapshot()) ?? [];
    return whatIsWrong(withBefore('trace_function_infos', String(text))).toThrow(`it has "${section}" twice`);
  });

  it('a description that is long', () =>
    changed(({ snapshot }) => {
      snapshot.more = Array.from({ length: 30_000 }, () => []);
    }).toThrow(/byte \d+ in "snapshot" has more than 65536 bytes of it, not a short description/));

  it('sections whose names are long, or of several lines, are told in one short line', () =>
    whatIsWrong(withBefore('strings', `"a\\nb${'x'.repeat(1000)}":1 "`)).toMatchObject({
      message: expect.stringMatching(
        /^the file: no V8 heap snapshot: byte \d+ in "a\\nbx+… has [^\n]{1,200}$/,
      ),
    }));

  it.each(['[1,,2]', '[,1]', '[1,]', '[1 2]', '[-1]', '[1e3]', '["1"]', '[[1]]', '[null]', '{"a":1}'])(
    'nodes that are %s',
    (rows) => {
      const text = tinySnapshot().replace(/"nodes":\[[^\]]*\]/, `"nodes":${rows}`);
      return whatIsWrong(text).toThrow(/no V8 heap snapshot: byte \d+ in "nodes" has/);
    },
  );

  it('names the very byte', async () => {
    const text = tinySnapshot().replace(',\n"samples"', ';\n"samples"');
    await whatIsWrong(text).toThrow(`not JSON at byte ${text.indexOf(';\n"samples"')};`);
  });
});

describe.runIf(process.env.MINORFAULT_SLOW)('a snapshot of 300 MB (MINORFAULT_SLOW)', () => {
  it('is read within 150 MB beside its graph', async () => {
    const nodes = 3_200_000;
    let bytes = 0;
    let peak = 0;
    const before = process.memoryUsage().rss;
    function* watched() {
      for (const chunk of largeSnapshot(nodes, 9)) {
        bytes += chunk.length;
        peak = Math.max(peak, process.memoryUsage.rss());
        yield chunk;
      }
    }
    const graph = await readHeapSnapshot(watched(), 'the stream');
    expect(bytes).toBeGreaterThan(300e6);
    expect(graph.targets.length).toBe(nodes * 10 - 1);
    const graphBytes = 4 * (graph.targets.length + 2 * nodes);
    expect(peak - before).toBeLessThan(graphBytes + 150e6);
  });
});
