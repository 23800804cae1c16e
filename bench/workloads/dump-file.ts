/**
 * The heap dump in a file, of whichever kind: its first bytes say which, whatever its name is. One that is packed with gzip
 * (`jcmd <pid> GC.heap_dump -gz=1`) is unpacked as it is read.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { HeapGraph } from './heap-graph.ts';
import { readHeapSnapshot } from './heapsnapshot.ts';
import { readHprof } from './hprof.ts';
import { MAGIC } from './hprof-tags.ts';
import { UsageError } from './workload.ts';

type Chunks = AsyncIterable<Uint8Array>;

const READ_BYTES = 1024 * 1024;
const GZIP = [0x1f, 0x8b];
/**
 * What is unpacked may be so many times as long as what was read, and no longer: heap dumps come to 3 to 20 times, and a
 * file that is made to be long, to 1032 (the most that deflate can do).
 */
const MOST_UNPACKED = 200;

/** @throws UsageError for a file that cannot be read, or that is no heap dump */
export async function readDumpFile(file: string): Promise<HeapGraph> {
  const source = `--set file=${file}`;
  try {
    const { start, chunks } = await peeked(await plain(file, source), MAGIC.length);
    if (!startsWith(start, Buffer.from(MAGIC))) return await readHeapSnapshot(chunks, source);
    await requireRegular(file, source);
    let opened: Chunks | null = chunks;
    return await readHprof(() => {
      const first = opened;
      opened = null;
      return first ?? plain(file, source);
    }, source);
  } catch (error) {
    throw asUsage(source, error);
  }
}

/** Opening a named pipe once more would wait for ever. */
async function requireRegular(file: string, source: string): Promise<void> {
  if ((await stat(file)).isFile()) return;
  throw new UsageError(`${source}: a .hprof is read twice: save it to a file, and give that`);
}

/** The bytes of the file, unpacked if need be. */
async function plain(file: string, source: string): Promise<Chunks> {
  const { start, chunks } = await peeked(createReadStream(file, { highWaterMark: READ_BYTES }), GZIP.length);
  return startsWith(start, GZIP) ? unpacked(chunks, source) : chunks;
}

interface Peeked {
  /** The first bytes: as many as were wanted, or more, or all that there are. */
  readonly start: Uint8Array;
  /** All bytes, those included. */
  readonly chunks: Chunks;
}

async function peeked(from: Chunks, wanted: number): Promise<Peeked> {
  const chunks = from[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array(0);
  while (start.length < wanted) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    start = start.length === 0 ? value : Buffer.concat([start, value]);
  }
  const rest = { [Symbol.asyncIterator]: () => chunks };
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield start;
      yield* rest;
    } finally {
      await chunks.return?.(); // closes the file also for who has read the start alone
    }
  }
  return { start, chunks: all() };
}

function startsWith(bytes: Uint8Array, start: ArrayLike<number>): boolean {
  return Array.from(start).every((byte, i) => bytes[i] === byte);
}

async function* unpacked(chunks: Chunks, source: string): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  pipeline(Readable.from(chunks), gunzip, () => {}); // what fails is thrown where gunzip is read
  let bytes = 0;
  for await (const chunk of gunzip) {
    bytes += chunk.length;
    if (bytes > MOST_UNPACKED * gunzip.bytesWritten + READ_BYTES)
      throw new UsageError(
        `${source}: its gzip unpacks to more than ${MOST_UNPACKED} times its length; gunzip it yourself if you trust it`,
      );
    yield chunk;
  }
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'its permissions do not allow it',
  EISDIR: 'it is a folder',
  Z_DATA_ERROR: 'its gzip is damaged; copy it again',
  Z_BUF_ERROR: 'its gzip is truncated; copy it again',
};

function asUsage(source: string, error: unknown): unknown {
  if (error instanceof UsageError || !(error instanceof Error) || !('code' in error)) return error;
  return new UsageError(`${source}: cannot be read: ${WHY[String(error.code)] ?? error.message}`);
}
