/**
 * What changed in userfaultfd, and in the calls that go with it, as a program can see it: one row a change, with the
 * release it came with and where that is known from. A hash is a commit of the mainline, whose date says the release.
 *
 * The rows are about the releases themselves: stable series and distributions carry changes back (6.2.13 refuses
 * unknown features again).
 *
 * Not here: what userfaultfd(2) says of privileges; that COPY was not stopped by the end of a file, and put pages of
 * private file mappings into the file (before 4.20); that ranges below vm.mmap_min_addr were refused (all but late
 * stable releases of 6.18); mode bits that Android alone has (MMAP_TRYLOCK).
 */
import * as f from '../abi/features.ts';
import {
  UFFDIO_API,
  UFFDIO_CONTINUE,
  UFFDIO_COPY,
  UFFDIO_MOVE,
  UFFDIO_POISON,
  UFFDIO_REGISTER,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  UFFDIO_WRITEPROTECT,
  UFFDIO_ZEROPAGE,
} from '../abi/userfaultfd.ts';

/** A release of the mainline, as `5.13`. */
export type Release = `${number}.${number}`;

/** One change. */
export interface Change {
  /** The first release with it. */
  readonly since: Release;
  /** The first release without it again. */
  readonly until?: Release;
  /** The feature (UFFD_FEATURE_*) that tells of it in the handshake. */
  readonly feature?: bigint;
  /** Its registration mode. */
  readonly mode?: number;
  /** Its requests. */
  readonly requests?: readonly number[];
  /** Feature and mode are there only where the architecture has this (architectures.ts); requests are anyway. */
  readonly needs?: 'minor' | 'wp';
  readonly source: string;
}

/** All changes, in the order of their releases. */
export const CHANGES = {
  /** There is a userfaultfd. */
  userfaultfd: {
    since: '4.3',
    mode: UFFDIO_REGISTER_MODE_MISSING,
    requests: [UFFDIO_API, UFFDIO_REGISTER, UFFDIO_UNREGISTER, UFFDIO_WAKE, UFFDIO_COPY, UFFDIO_ZEROPAGE],
    source: 'userfaultfd(2)',
  },
  /** Messages have the address as it was accessed, unasked: until the fault path lost the low bits. */
  exactAddressAlways: { since: '4.3', until: '4.10', source: '1a29d85eb0f1; 824ddc601adc tells the story' },
  /** MADV_FREE. */
  madvFree: { since: '4.5', source: 'madvise(2)' },
  eventFork: { since: '4.11', feature: f.UFFD_FEATURE_EVENT_FORK, source: 'UFFDIO_API(2const)' },
  eventRemap: { since: '4.11', feature: f.UFFD_FEATURE_EVENT_REMAP, source: 'UFFDIO_API(2const)' },
  eventRemove: { since: '4.11', feature: f.UFFD_FEATURE_EVENT_REMOVE, source: 'UFFDIO_API(2const)' },
  eventUnmap: { since: '4.11', feature: f.UFFD_FEATURE_EVENT_UNMAP, source: 'UFFDIO_API(2const)' },
  missingHugetlbfs: {
    since: '4.11',
    feature: f.UFFD_FEATURE_MISSING_HUGETLBFS,
    source: 'UFFDIO_API(2const)',
  },
  missingShmem: { since: '4.11', feature: f.UFFD_FEATURE_MISSING_SHMEM, source: '47dd924508f5' },
  /** What has no registered mapping is ENOENT to COPY and ZEROPAGE: it was EINVAL. */
  absentIsEnoent: { since: '4.11', source: 'ioctl_userfaultfd(2), ENOENT; 27d02568f529' },
  /** MFD_HUGETLB. */
  memfdHugetlb: { since: '4.14', source: 'memfd_create(2)' },
  sigbus: { since: '4.14', feature: f.UFFD_FEATURE_SIGBUS, source: 'UFFDIO_API(2const), 2d6d6f5a09a9' },
  threadId: { since: '4.14', feature: f.UFFD_FEATURE_THREAD_ID, source: 'UFFDIO_API(2const)' },
  /** ZEROPAGE on shmem, which is told of it: both were refused. */
  zeropageShmem: { since: '4.14', source: '"report UFFDIO_ZEROPAGE as available for shmem VMAs", June 2017' },
  /** MAP_FIXED_NOREPLACE: the flag was passed over, and the address a hint. */
  fixedNoReplace: { since: '4.17', source: 'mmap(2)' },
  /** mremap leaves the new place unregistered, unless EVENT_REMAP is on: the registration came along. */
  movedIsUnregistered: { since: '5.0', source: '3cfd22be0ad6' },
  /** MADV_COLD and MADV_PAGEOUT. */
  madvCold: { since: '5.4', source: 'madvise(2)' },
  writeProtect: {
    since: '5.7',
    feature: f.UFFD_FEATURE_PAGEFAULT_FLAG_WP,
    mode: UFFDIO_REGISTER_MODE_WP,
    requests: [UFFDIO_WRITEPROTECT],
    needs: 'wp',
    source:
      'e06f1e1dd499, 63b2d4174c4a (UFFDIO_API(2const) has 5.10 for the feature: the header has it in 5.7)',
  },
  /** An access may sleep in more than one userfault: the second was a SIGBUS. */
  faultsAgain: { since: '5.7', source: '4064b9827063' },
  /** MREMAP_DONTUNMAP, of private anonymous memory. */
  dontUnmap: { since: '5.7', source: 'mremap(2)' },
  /** UFFD_USER_MODE_ONLY. */
  userModeOnly: { since: '5.11', source: '37cd0575b851' },
  minorHugetlbfs: {
    since: '5.13',
    feature: f.UFFD_FEATURE_MINOR_HUGETLBFS,
    mode: UFFDIO_REGISTER_MODE_MINOR,
    requests: [UFFDIO_CONTINUE],
    needs: 'minor',
    source: '7677f7fd8be7, f619147104c8; the number of CONTINUE: 808e9df47775',
  },
  /** MREMAP_DONTUNMAP, of everything. */
  dontUnmapShared: { since: '5.13', source: 'mremap(2); art-cmc.md, 5.2' },
  minorShmem: {
    since: '5.14',
    feature: f.UFFD_FEATURE_MINOR_SHMEM,
    needs: 'minor',
    source: '964ab0040ff9',
  },
  /** Where the architecture has no write protection, its feature is not offered and its mode is refused. */
  wpNeedsArchitecture: { since: '5.14', source: '00b151f21f39' },
  /** MADV_POPULATE_READ and MADV_POPULATE_WRITE. */
  madvPopulate: { since: '5.14', source: 'madvise(2)' },
  /** mremap moves huge pages. */
  mremapHugetlb: { since: '5.16', source: '550a7d60bd5e' },
  /** MADV_DONTNEED of huge pages. */
  dontneedHugetlb: { since: '5.18', source: 'madvise(2)' },
  exactAddress: { since: '5.18', feature: f.UFFD_FEATURE_EXACT_ADDRESS, source: '824ddc601adc' },
  wpShared: {
    since: '5.19',
    feature: f.UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
    needs: 'wp',
    source: 'b1f9e876862d',
  },
  /** The handshake passes over features it does not know, and the version of the API. */
  anyHandshake: { since: '6.0', until: '6.3', source: '914eedcb9ba0, taken back by 2ff559f31a5d' },
  wpUnpopulated: {
    since: '6.4',
    feature: f.UFFD_FEATURE_WP_UNPOPULATED,
    needs: 'wp',
    source: 'UFFDIO_API(2const)',
  },
  /** UFFDIO_CONTINUE_MODE_WP. */
  continueProtected: { since: '6.4', source: '0289184476c8' },
  /** WRITEPROTECT goes on over the ends of mappings and over holes. */
  wpAcrossMappings: { since: '6.4', source: '"support WP on multiple VMAs", February 2023' },
  poison: {
    since: '6.6',
    feature: f.UFFD_FEATURE_POISON,
    requests: [UFFDIO_POISON],
    source: 'UFFDIO_API(2const)',
  },
  wpAsync: { since: '6.7', feature: f.UFFD_FEATURE_WP_ASYNC, needs: 'wp', source: 'UFFDIO_API(2const)' },
  move: { since: '6.8', feature: f.UFFD_FEATURE_MOVE, requests: [UFFDIO_MOVE], source: 'UFFDIO_API(2const)' },
  /** A range is looked up before it is asked whether the layout changes: it was the other way. */
  rangeBeforeChanging: {
    since: '6.9',
    source: '"use per-vma locks in userfaultfd operations", February 2024',
  },
  /** The handshake refuses features which the architecture does not do for: they were not offered, and accepted. */
  offeredFeaturesOnly: { since: '6.10', source: '1723f04caacb' },
  /** UNREGISTER refuses what another userfaultfd has registered: it ended that, and woke its sleepers. */
  ownMappingsOnly: {
    since: '6.17',
    source: '"prevent unregistering VMAs through a different userfaultfd", June 2025',
  },
  /** A move by mremap that changes no size takes several mappings along: only one could be moved. */
  mremapSeveral: { since: '6.17', source: '"permit mremap() move of multiple VMAs", July 2025' },
} as const satisfies Record<string, Change>;

export type ChangeName = keyof typeof CHANGES;
