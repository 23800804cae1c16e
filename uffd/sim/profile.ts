/**
 * Which Linux the simulated kernel is: what follows for a program from its release, its architecture and its word size
 * (changes.ts, architectures.ts). Kernels that took changes over from later releases have rows of their own here.
 */
import { UFFDIO_CONTINUE, UFFDIO_CONTINUE_IOR } from '../abi/userfaultfd.ts';
import { ARCHITECTURES, type Architecture, type ArchitectureName } from './architectures.ts';
import { CHANGES, type Change, type ChangeName, type Release } from './changes.ts';

/** What is asked for: the newest release on x86_64, with 64 bits, where nothing is said. */
export interface ProfileOptions {
  /** A release, as `5.13`, or `5.4-android` and `5.10-android`. */
  readonly linux?: string | undefined;
  /** Word size of the kernel. */
  readonly bits?: 32 | 64 | undefined;
  readonly arch?: string | undefined;
  /**
   * Whether reading private memory where nothing is maps the page of zeros: so the mainline does, and so it is where nothing is
   * said. If false it gets a page of its own, as with hosts of virtual machines that start their kernels with
   * pvm_no_zero_page=1. Programs can tell by a protection that outlives its registration: it stays when that page is written to.
   */
  readonly zeroPage?: boolean | undefined;
}

/** A kernel, as far as programs can tell it from others. */
export interface Profile {
  readonly linux: string;
  readonly bits: 32 | 64;
  readonly arch: ArchitectureName;
  /** Which changes it has. */
  readonly has: Readonly<Record<ChangeName, boolean>>;
  /** UFFD_FEATURE_* that the handshake offers. */
  readonly features: bigint;
  /** Those that it does not refuse: beside them, in older releases, what the architecture does not do for. */
  readonly accepted: bigint;
  readonly modes: number;
  /** Whether protecting a page against writes has an effect; where not, older releases accepted it all the same. */
  readonly protects: boolean;
  /** Whether reading private memory maps the page of zeros. */
  readonly zeroPage: boolean;
  /** Numbers of the requests that it knows. */
  readonly requests: ReadonlySet<number>;
}

/** A kernel that took changes over from later releases. */
interface Backport {
  readonly base: Release;
  readonly changes: readonly ChangeName[];
  /** Its number of UFFDIO_CONTINUE, if it is another. */
  readonly continueRequest?: number;
  readonly source: string;
}

const NEWEST: Release = '6.18';

/** Android's common kernels: minor faults for ART, and what its collector needs beside them. */
const BACKPORTS: Readonly<Record<string, Backport>> = {
  '5.4-android': {
    base: '5.4',
    changes: ['userModeOnly', 'dontUnmap', 'dontUnmapShared', 'minorHugetlbfs', 'minorShmem'],
    continueRequest: UFFDIO_CONTINUE_IOR,
    source:
      'its header keeps the number of the release candidates of 5.13: aosp-mirror/kernel_common; ' +
      'Amaljickoo/android_kernel_motorola_sm6375, which has not userModeOnly, and whose mm/mremap.c has the rest',
  },
  '5.10-android': {
    base: '5.10',
    changes: ['userModeOnly', 'dontUnmapShared', 'minorHugetlbfs', 'minorShmem'],
    source:
      'its header has the final number: maltesermailo/android_kernel_pantah, also mm/mremap.c; ' +
      'bernards-android-development/android_kernel_xiaomi_sm8450, also fs/userfaultfd.c',
  },
};

/** Minors from the first release with a userfaultfd to the newest known. */
const MINORS = [
  [4, 3, 20],
  [5, 0, 19],
  [6, 0, 18],
] as const;

/** All kernels that can be asked for; their places in the list are what a machine keeps. */
export const LINUX_NAMES: readonly string[] = [
  ...MINORS.flatMap(([major, first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => `${major}.${first + i}`),
  ),
  ...Object.keys(BACKPORTS),
];

export const ARCHITECTURE_NAMES = Object.keys(ARCHITECTURES) as readonly ArchitectureName[];
const CHANGE_ROWS = Object.entries(CHANGES) as readonly (readonly [ChangeName, Change])[];

/** What there is to ask for, in a clause. */
export const LINUX_KNOWN = `from 4.3 to ${NEWEST}, and ${Object.keys(BACKPORTS).join(', ')}`;

/**
 * The profile asked for.
 * @throws RangeError, which begins with the option's name, for what there is not
 */
export function profileOf(options: ProfileOptions): Profile {
  const { linux = NEWEST, bits = 64, arch = 'x86_64', zeroPage = true } = options;
  if (!LINUX_NAMES.includes(linux))
    throw new RangeError(`linux: ${linux} is unknown; the versions are ${LINUX_KNOWN}`);
  if (!isArchitecture(arch))
    throw new RangeError(`arch: ${arch} is unknown; it takes ${ARCHITECTURE_NAMES.join(' or ')}`);
  if (bits !== 32 && bits !== 64) throw new RangeError(`bits: ${bits} is no word size; it takes 32 or 64`);
  const architecture: Architecture = ARCHITECTURES[arch];
  if (bits === 32 && architecture.narrow === null)
    throw new RangeError(`bits: ${arch} has no 32-bit kernel; use 64 bits, or another arch`);
  if (isBefore(releaseOf(linux), architecture.since ?? '4.3'))
    throw new RangeError(`arch: Linux ${linux} has no ${arch}; use ${architecture.since} or later`);
  return { ...derive(linux, bits, arch), zeroPage };
}

function isArchitecture(name: string): name is ArchitectureName {
  return (ARCHITECTURE_NAMES as readonly string[]).includes(name);
}

function derive(linux: string, bits: 32 | 64, arch: ArchitectureName): Profile {
  const has = Object.fromEntries(
    CHANGE_ROWS.map(([name, change]) => [name, hasChange(linux, name, change)]),
  ) as Record<ChangeName, boolean>;
  const can = (need: NonNullable<Change['needs']>): boolean => supports(need, linux, bits, arch);
  const rows = CHANGE_ROWS.filter(([name]) => has[name]).map(([, change]) => change);
  const wpIsThere = can('wp') || !has.wpNeedsArchitecture;
  const isThere = ({ needs }: Change): boolean =>
    needs === undefined || (needs === 'wp' ? wpIsThere : can(needs));
  const offered = rows.filter(isThere);
  const features = unite(offered.map(({ feature }) => feature));
  return {
    ...{ linux, bits, arch, has, features },
    accepted: has.offeredFeaturesOnly ? features : unite(rows.map(({ feature }) => feature)),
    modes: offered.reduce((all, { mode = 0 }) => all | mode, 0),
    protects: can('wp'),
    zeroPage: true,
    requests: new Set(rows.flatMap(({ requests = [] }) => requests.map((of) => numberOf(of, linux)))),
  };
}

function numberOf(request: number, linux: string): number {
  return request === UFFDIO_CONTINUE ? (BACKPORTS[linux]?.continueRequest ?? request) : request;
}

function unite(features: readonly (bigint | undefined)[]): bigint {
  return features.reduce((all: bigint, feature) => all | (feature ?? 0n), 0n);
}

function hasChange(linux: string, name: ChangeName, { since, until }: Change): boolean {
  const release = releaseOf(linux);
  if (BACKPORTS[linux]?.changes.includes(name)) return true;
  return !isBefore(release, since) && (until === undefined || isBefore(release, until));
}

/** Whether the architecture has the one or the other. A backport of minor faults brought the architecture's part along. */
function supports(need: 'minor' | 'wp', linux: string, bits: 32 | 64, arch: ArchitectureName): boolean {
  const since = bits === 32 ? null : ARCHITECTURES[arch][need];
  if (since === null) return false;
  return need === 'minor' && linux in BACKPORTS
    ? since === CHANGES.minorHugetlbfs.since
    : !isBefore(releaseOf(linux), since);
}

/** The release that a kernel is, or was made from. */
function releaseOf(linux: string): Release {
  return BACKPORTS[linux]?.base ?? (linux as Release);
}

function isBefore(one: Release, other: Release): boolean {
  return ordinal(one) < ordinal(other);
}

function ordinal(release: Release): number {
  const [major, minor] = release.split('.').map(Number) as [number, number];
  return major * 1000 + minor;
}

/** A kernel in words, as `Linux 5.13`; the architecture where it is not the usual one. */
export function describeProfile({ linux, bits, arch }: Profile): string {
  const name = bits === 32 ? ARCHITECTURES[arch].narrow : arch;
  return `Linux ${linux}${name === 'x86_64' ? '' : ` on ${name}`}`;
}

/**
 * The first release that offers all of these features and has all of these changes, of a profile's architecture and word
 * size; null if none does.
 */
export function firstWith(
  features: bigint,
  changes: readonly ChangeName[],
  { bits, arch }: Profile,
): string | null {
  const isEnough = (linux: string): boolean => {
    const profile = derive(linux, bits, arch);
    return (features & ~profile.features) === 0n && changes.every((name) => profile.has[name]);
  };
  return LINUX_NAMES.find((linux) => !(linux in BACKPORTS) && isEnough(linux)) ?? null;
}

/** Bits of that word below the architecture and the release. */
const PACKED = { narrow: 1, noZeroPage: 2 } as const;

/** What a machine keeps of its profile: one word. */
export function packProfile({ linux, bits, arch, zeroPage }: Profile): number {
  const flags = (bits === 32 ? PACKED.narrow : 0) | (zeroPage ? 0 : PACKED.noZeroPage);
  return (LINUX_NAMES.indexOf(linux) << 8) | (ARCHITECTURE_NAMES.indexOf(arch) << 2) | flags;
}

export function unpackProfile(word: number): Profile {
  const linux = LINUX_NAMES[word >>> 8] as string;
  const arch = ARCHITECTURE_NAMES[(word >>> 2) & 0x3f] as ArchitectureName;
  const bits = (word & PACKED.narrow) === 0 ? 64 : 32;
  return { ...derive(linux, bits, arch), zeroPage: (word & PACKED.noZeroPage) === 0 };
}
