/**
 * Flags of mmap, mprotect, mremap, madvise, memfd_create and fallocate on x86-64 Linux.
 * Source: include/uapi/asm-generic/mman*.h, include/uapi/linux/{mman,memfd,falloc}.h, Linux 5.14; their man pages.
 */

export const PROT_NONE = 0;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;

/** Stores are seen by every mapping of the same file. */
export const MAP_SHARED = 0x01;
/** Stores go to copies of this mapping's own. */
export const MAP_PRIVATE = 0x02;
/** As MAP_SHARED, and unknown flags are refused. */
export const MAP_SHARED_VALIDATE = 0x03;
/** The bits that hold one of the three above. */
export const MAP_TYPE = 0x0f;
/** Exactly at the address, over whatever is mapped there. */
export const MAP_FIXED = 0x10;
/** No file: zeroed memory. */
export const MAP_ANONYMOUS = 0x20;
/** Reserve no swap (or huge pages) for it. */
export const MAP_NORESERVE = 0x4000;
/** Fault every page in now. */
export const MAP_POPULATE = 0x8000;
/** Huge pages. */
export const MAP_HUGETLB = 0x40000;
/** Exactly at the address, or −EEXIST where something is mapped. */
export const MAP_FIXED_NOREPLACE = 0x100000;
/** log2 of the huge page size is kept from this bit on (MAP_HUGE_*, MFD_HUGE_*). */
export const MAP_HUGE_SHIFT = 26;
/** Huge pages of 2 MiB. */
export const MAP_HUGE_2MB = 21 << MAP_HUGE_SHIFT;

/** The range may move. */
export const MREMAP_MAYMOVE = 1;
/** Move to exactly the new address. Needs MREMAP_MAYMOVE. */
export const MREMAP_FIXED = 2;
/** Leave the old range mapped and empty (5.7; shmem from 5.13). Needs MREMAP_MAYMOVE. */
export const MREMAP_DONTUNMAP = 4;

export const MADV_NORMAL = 0;
export const MADV_RANDOM = 1;
export const MADV_SEQUENTIAL = 2;
export const MADV_WILLNEED = 3;
/** Drop the pages from the page table (and free them, where the mapping is private). */
export const MADV_DONTNEED = 4;
/** Free when memory is short. */
export const MADV_FREE = 8;
/** Punch a hole in the file behind a shared mapping. */
export const MADV_REMOVE = 9;
export const MADV_DONTFORK = 10;
export const MADV_DOFORK = 11;
export const MADV_HUGEPAGE = 14;
export const MADV_NOHUGEPAGE = 15;
export const MADV_COLD = 20;
export const MADV_PAGEOUT = 21;
/** Fault every page in for reading (5.14). */
export const MADV_POPULATE_READ = 22;
/** Fault every page in for writing (5.14). */
export const MADV_POPULATE_WRITE = 23;

/** The file's size stays. PUNCH_HOLE needs it. */
export const FALLOC_FL_KEEP_SIZE = 0x01;
/** Free the range: it reads as zero. */
export const FALLOC_FL_PUNCH_HOLE = 0x02;
export const FALLOC_FL_COLLAPSE_RANGE = 0x08;
export const FALLOC_FL_ZERO_RANGE = 0x10;
export const FALLOC_FL_INSERT_RANGE = 0x20;
export const FALLOC_FL_UNSHARE_RANGE = 0x40;

export const MFD_CLOEXEC = 0x1;
export const MFD_ALLOW_SEALING = 0x2;
/** The file is made of huge pages. */
export const MFD_HUGETLB = 0x4;
/** Huge pages of 2 MiB. */
export const MFD_HUGE_2MB = MAP_HUGE_2MB;
