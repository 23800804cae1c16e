// An object's layout, from its header (heap/object.ts has the picture). Addresses are bytes.

/** log2 of the bytes in a granule. */
export const LOG_GRANULE_BYTES: u32 = 3;
const RECORD_HEADER_BYTES: u32 = 4;
export const ARRAY_HEADER_BYTES: u32 = 16;

export function isArray(header: u32): bool {
  return <i32>header < 0;
}

export function granulesOf(header: u32, at: usize): u32 {
  return isArray(header) ? load<u32>(at, 4) : header & 0x1fff;
}

export function referencesOf(header: u32, at: usize): u32 {
  return isArray(header) ? load<u32>(at, 8) : (header >>> 13) & 0x3ff;
}

export function headerBytes(header: u32): u32 {
  return isArray(header) ? ARRAY_HEADER_BYTES : RECORD_HEADER_BYTES;
}
