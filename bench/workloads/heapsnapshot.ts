/**
 * Reads a V8 heap snapshot as a stream, into typed arrays of a few bytes per node and edge. Neither the text nor
 * the parsed JSON is ever in memory as a whole. Names, types of nodes, traces and locations are skipped.
 *
 * The tokens come from @streamparser/json, and this file says which may follow which; all but the numbers of "nodes"
 * and "edges", which heapsnapshot-rows.ts reads. With a token object for each of those the library gave 15 to 22 MB/s
 * (14 s for 300 MB); this way it is 57 MB/s for a snapshot of 4 MB and 120 MB/s for one of 86 MB (Node 20, one core of
 * a cloud Xeon).
 */
import { type ParsedTokenInfo, Tokenizer, TokenParser, TokenType } from '@streamparser/json';
import { createDumpMemory, type DumpMemory } from './dump-memory.ts';
import type { HeapGraph } from './heap-graph.ts';
import { createGraphBuilder } from './heapsnapshot-graph.ts';
import { createRowScanner, type RowReader, type RowScanner } from './heapsnapshot-rows.ts';
import { UsageError } from './workload.ts';

const ADVICE = "give one that v8.writeHeapSnapshot() or a browser's DevTools has written, or a .hprof";
const OPEN = 0x5b; // [
const LONGEST_SHOWN = 40;
/** Bytes of "snapshot": those of V8 in Node 20 to 26 have less than 2 KB. */
const LONGEST_DESCRIPTION = 65_536;

type State = (token: ParsedTokenInfo) => void;

/**
 * The graph in a snapshot. `source` says in errors where the bytes came from.
 * @throws UsageError that says what is wrong, and where
 */
export async function readHeapSnapshot(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  source: string,
  memory = createDumpMemory(source),
): Promise<HeapGraph> {
  const reader = createReader(source, memory);
  for await (const chunk of chunks) reader.write(chunk);
  return reader.end();
}

function createReader(source: string, memory: DumpMemory) {
  const tokenizer = new Tokenizer();
  const graph = createGraphBuilder(fail, memory);
  let state: State = atStart;
  let section = '';
  let depth = 0; // of brackets in a section that is skipped
  let rowsLeft = 2; // arrays of rows still to come: "nodes" and "edges"
  let scanner: RowScanner | undefined; // while in such an array
  let bytes = 0; // read before the current chunk
  let untokenized = 0; // bytes that the tokenizer has not seen: rows
  let pieceStart = 0; // where in the file the tokenizer's current piece begins

  function fail(what: string): UsageError {
    return new UsageError(`${source}: ${what}`);
  }

  function notASnapshot(offset: number, found: string, wanted: string): UsageError {
    const where = section === '' ? '' : ` in ${quoted(section)}`;
    return fail(`no V8 heap snapshot: byte ${offset}${where} has ${found}, not ${wanted}; ${ADVICE}`);
  }

  function unexpected(token: ParsedTokenInfo, wanted: string): UsageError {
    return notASnapshot(token.offset + untokenized, shown(token), wanted);
  }

  function atStart(token: ParsedTokenInfo): void {
    if (token.token !== TokenType.LEFT_BRACE) throw unexpected(token, 'a {');
    state = atKey;
  }

  function atKey(token: ParsedTokenInfo): void {
    if (token.token !== TokenType.STRING) throw unexpected(token, 'the name of a section');
    if (section === '' && token.value !== 'snapshot') throw unexpected(token, '"snapshot"');
    section = String(token.value);
    state = atColon;
  }

  function atColon(token: ParsedTokenInfo): void {
    if (token.token !== TokenType.COLON) throw unexpected(token, 'a colon');
    state = stateOfSection();
  }

  function stateOfSection(): State {
    if (section === 'snapshot') return description();
    if (section === 'nodes') return rowsOf(graph.nodes());
    if (section === 'edges') return rowsOf(graph.edges());
    return inSkipped;
  }

  /** "snapshot": small, so it is built whole. What is not small there would take many times its bytes. */
  function description(): State {
    const parser = new TokenParser({ paths: ['$'] });
    let begins = -1;
    parser.onValue = ({ value }) => {
      graph.describe(value);
      state = afterSection;
    };
    return (token) => {
      const offset = token.offset + untokenized;
      if (begins < 0) begins = offset;
      if (offset - begins > LONGEST_DESCRIPTION)
        throw notASnapshot(offset, `more than ${LONGEST_DESCRIPTION} bytes of it`, 'a short description');
      parser.write(token);
    };
  }

  /** The scanner reads all up to the array's ], which is the next token. */
  function rowsOf(rows: RowReader): State {
    return (token) => {
      if (token.token !== TokenType.LEFT_BRACKET) throw unexpected(token, 'a [');
      rowsLeft--;
      scanner = createRowScanner(rows, (byte, offset) =>
        notASnapshot(offset, JSON.stringify(String.fromCharCode(byte)), 'whole numbers with commas between'),
      );
      state = () => {
        state = afterSection;
      };
    };
  }

  function inSkipped({ token }: ParsedTokenInfo): void {
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) depth++;
    if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) depth--;
    if (depth === 0) state = afterSection;
  }

  function afterSection(token: ParsedTokenInfo): void {
    if (token.token === TokenType.COMMA) state = atKey;
    else if (token.token === TokenType.RIGHT_BRACE) state = afterEnd;
    else throw unexpected(token, 'a comma or }');
  }

  function afterEnd(token: ParsedTokenInfo): void {
    throw unexpected(token, 'the end');
  }

  tokenizer.onToken = (token) => state(token);
  tokenizer.onError = (error) => {
    if (error instanceof UsageError) throw error;
    // The library counts from the start of what it was last given.
    const [, position] = /position "(\d+)"/.exec(error.message) ?? [];
    const where =
      position === undefined ? `after byte ${pieceStart}` : `at byte ${pieceStart + Number(position)}`;
    throw fail(`no V8 heap snapshot: it is not JSON ${where}; ${ADVICE}`);
  };

  /** Tokenizes from byte `from` up to the next [, behind which an array of rows may begin. */
  function tokenize(chunk: Uint8Array, from: number): number {
    const open = rowsLeft === 0 ? -1 : chunk.indexOf(OPEN, from);
    const end = open < 0 ? chunk.length : open + 1;
    pieceStart = bytes + from;
    tokenizer.write(chunk.subarray(from, end));
    return end;
  }

  function scanRows(chunk: Uint8Array, from: number, rows: RowScanner): number {
    const end = rows.scan(chunk, from, bytes);
    untokenized += end - from;
    if (end < chunk.length) scanner = undefined;
    return end;
  }

  return {
    write(chunk: Uint8Array): void {
      for (let at = 0; at < chunk.length; ) at = scanner ? scanRows(chunk, at, scanner) : tokenize(chunk, at);
      bytes += chunk.length;
    },
    end(): HeapGraph {
      if (bytes === 0) throw fail(`empty; ${ADVICE}`);
      if (state === afterEnd) return graph.finish();
      const where =
        section === '' ? 'before the first section' : `in ${quoted(section)}${graph.progress(section)}`;
      throw fail(`truncated: it ends at byte ${bytes}, ${where}; copy it again, or ${ADVICE}`);
    },
  };
}

/** A token for an error message. */
function shown({ token, value }: ParsedTokenInfo): string {
  return token === TokenType.STRING ? quoted(String(value)) : shortened(String(value));
}

/** Text of a file for an error message: the beginning of it, on one line. */
function quoted(text: string): string {
  return shortened(JSON.stringify(text.slice(0, LONGEST_SHOWN + 1)));
}

function shortened(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
