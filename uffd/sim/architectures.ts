/**
 * Architectures, in what of userfaultfd depends on them. Minor faults take a flag of a mapping above bit 31, and write
 * protection a bit of the page-table entry: Linux has either where the architecture's Kconfig selects
 * HAVE_ARCH_USERFAULTFD_MINOR or HAVE_ARCH_USERFAULTFD_WP. No 32-bit one has.
 */
import type { Release } from './changes.ts';

/** One architecture, by the name that uname(1) has for its 64 bits. */
export interface Architecture {
  /** The first release for it, if that is later than userfaultfd. */
  readonly since?: Release;
  /** The first release with minor faults. */
  readonly minor: Release;
  /** The first release with write protection; null: none up to the newest here. */
  readonly wp: Release | null;
  /** Its 32-bit kernel; null: there is none. */
  readonly narrow: string | null;
  readonly source: string;
}

export const ARCHITECTURES = {
  x86_64: {
    minor: '5.13',
    wp: '5.7',
    narrow: 'i386',
    source: '7677f7fd8be7; 5a281062af1d, and "Disable userfaultfd-wp on x86_32", April 2020',
  },
  arm64: { minor: '5.13', wp: '6.10', narrow: 'arm', source: '7677f7fd8be7; 5b32510af77b' },
  riscv64: {
    since: '4.15',
    minor: '6.5',
    wp: null,
    narrow: 'riscv32',
    source: 'a2492ca86c98; write protection with the extension Svrsw60t59b, after 6.18: f59c0924d61a',
  },
  loongarch64: { since: '5.19', minor: '6.9', wp: null, narrow: null, source: 'f48ad26e5e57' },
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof ARCHITECTURES;
