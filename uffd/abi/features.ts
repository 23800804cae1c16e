/**
 * The features a userfaultfd may be asked for in its API handshake, one row each: bits of a 64-bit set. Everything
 * else that needs them (the set of all, their names) is derived from what this file exports.
 * Source: include/uapi/linux/userfaultfd.h, Linux 6.8; UFFDIO_API(2const).
 */

/** Write-protect faults are told apart in `uffdMsg` (5.7). Informational. */
export const UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1n << 0n;
/** A fork of the process is an event that carries a userfaultfd for the child. Needs CAP_SYS_PTRACE. */
export const UFFD_FEATURE_EVENT_FORK = 1n << 1n;
/** mremap is an event, and the registration follows the pages. */
export const UFFD_FEATURE_EVENT_REMAP = 1n << 2n;
/** MADV_REMOVE, MADV_DONTNEED and MADV_FREE are events. */
export const UFFD_FEATURE_EVENT_REMOVE = 1n << 3n;
/** Missing faults on hugetlb memory. Informational. */
export const UFFD_FEATURE_MISSING_HUGETLBFS = 1n << 4n;
/** Missing faults on shmem. Informational. */
export const UFFD_FEATURE_MISSING_SHMEM = 1n << 5n;
/** munmap is an event. */
export const UFFD_FEATURE_EVENT_UNMAP = 1n << 6n;
/** A fault raises SIGBUS in the thread that met it; no message is queued. */
export const UFFD_FEATURE_SIGBUS = 1n << 7n;
/** Messages of faults carry the id of the thread that faulted. */
export const UFFD_FEATURE_THREAD_ID = 1n << 8n;
/** Minor faults on hugetlb memory (5.13). Informational. */
export const UFFD_FEATURE_MINOR_HUGETLBFS = 1n << 9n;
/** Minor faults on shmem (5.14). Informational. */
export const UFFD_FEATURE_MINOR_SHMEM = 1n << 10n;
/** Messages of faults carry the address as it was accessed, not that of its page (5.18). */
export const UFFD_FEATURE_EXACT_ADDRESS = 1n << 11n;
/** Write-protect faults on hugetlb memory and on shmem (5.19). Informational. */
export const UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1n << 12n;
/** WRITEPROTECT covers pages of private memory that are not there yet (6.4). */
export const UFFD_FEATURE_WP_UNPOPULATED = 1n << 13n;
/** There is UFFDIO_POISON (6.6). Informational. */
export const UFFD_FEATURE_POISON = 1n << 14n;
/** A write to a protected page lifts the protection without a message (6.7). Brings WP_UNPOPULATED with it. */
export const UFFD_FEATURE_WP_ASYNC = 1n << 15n;
/** There is UFFDIO_MOVE (6.8). Informational. */
export const UFFD_FEATURE_MOVE = 1n << 16n;
