/**
 * Linear memory: 4 GiB of addresses that compiled code (WebAssembly) reaches, shared by all threads of the process. Where
 * a machine's ranges are mapped over part of it, a collector's inner loops can run compiled on what is mapped there.
 *
 * Neither TypeScript's libraries without a browser's nor Node's types know WebAssembly: what is used of it is declared
 * here.
 */

/** A WebAssembly.Memory, shared. It can be posted to any thread. */
export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
}

interface WasmApi {
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => WasmMemory;
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

const wasm = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

const WASM_PAGE_BYTES = 1 << 16;
/**
 * What a 32-bit offset reaches, but for the last page of it: a view over a whole 4 GiB cannot be posted to a thread (V8
 * writes its size as 32 bits; on Node 20 the worker then ends at once, without an error).
 */
export const LINEAR_BYTES = 2 ** 32 - WASM_PAGE_BYTES;

/** Addresses only: it takes no memory until it is touched. null where the process may not have so many. */
export function createLinear(): WasmMemory | null {
  const pages = LINEAR_BYTES / WASM_PAGE_BYTES;
  try {
    return new wasm.Memory({ initial: pages, maximum: pages, shared: true });
  } catch {
    return null; // RangeError: a limit on addresses (ulimit -v), or many such memories
  }
}

/** The exports of compiled code that works on that memory. */
export function instantiate<Exports extends object>(code: Uint8Array, memory: WasmMemory): Exports {
  return new wasm.Instance(new wasm.Module(code), { env: { memory } }).exports as Exports;
}
