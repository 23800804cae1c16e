/** What is derived from the names in the tables: the set of all features, and words for messages and traces. */
import * as features from './features.ts';
import * as requests from './userfaultfd.ts';

/** Every feature this package names, as one set. */
export const UFFD_API_FEATURES: bigint = Object.values(features).reduce((all, bit) => all | bit, 0n);

/** A module's namespace has its names in the order of the alphabet. */
const byBit = Object.entries(features).sort(([, a], [, b]) => (a < b ? -1 : 1));

/** The features in a set, under Linux's names, lowest bit first; then bits without a name, as `bit 31`. */
export function featureNames(set: bigint): string[] {
  const names = byBit.filter(([, bit]) => (set & bit) !== 0n).map(([name]) => name);
  for (let bit = 0; bit < 64; bit++) {
    const mask = 1n << BigInt(bit);
    if ((set & mask & ~UFFD_API_FEATURES) !== 0n) names.push(`bit ${bit}`);
  }
  return names;
}

const isRequest = ([name, value]: [string, unknown]) =>
  /^UFFDIO_/.test(name) && !name.includes('_MODE_') && typeof value === 'number';

const nameOfRequest = new Map<number, string>(
  Object.entries(requests)
    .filter(isRequest)
    .map(([name, value]) => [value as number, name]),
);

/** The name of an ioctl request (`UFFDIO_COPY`), or its number in hex where it has none. */
export function requestName(request: number): string {
  return nameOfRequest.get(request) ?? `0x${request.toString(16)}`;
}
