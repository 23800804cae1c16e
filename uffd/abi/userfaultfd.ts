/**
 * The userfaultfd ioctls: ordinals, mode bits, argument structures and request numbers, under Linux's names.
 * Source: include/uapi/linux/userfaultfd.h, Linux 6.8; ioctl_userfaultfd(2). Addresses and lengths are bytes.
 *
 * The trailing field marked `out` is the kernel's answer: it never reads it.
 */
import { _IO, _IOR, _IOWR } from './ioctl.ts';
import { structure } from './layout.ts';

/** The only API version there is. */
export const UFFD_API = 0xaa;
/** Flag of userfaultfd(2): faults of the kernel itself are not handled. What an unprivileged caller must ask. */
export const UFFD_USER_MODE_ONLY = 1;

/** The type byte of the request numbers. */
export const UFFDIO = 0xaa;

/** The type byte of the request of /dev/userfaultfd. */
export const USERFAULTFD_IOC = 0xaa;
/**
 * On /dev/userfaultfd, flags by value: a new userfaultfd, for whoever was allowed to open the device (6.1). On a
 * userfaultfd it is no request.
 */
export const USERFAULTFD_IOC_NEW = _IO(USERFAULTFD_IOC, 0x00);

// Ordinals: the low byte of a request number, and the bit that stands for it in an `ioctls` mask.
export const _UFFDIO_REGISTER = 0x00;
export const _UFFDIO_UNREGISTER = 0x01;
export const _UFFDIO_WAKE = 0x02;
export const _UFFDIO_COPY = 0x03;
export const _UFFDIO_ZEROPAGE = 0x04;
export const _UFFDIO_MOVE = 0x05;
export const _UFFDIO_WRITEPROTECT = 0x06;
export const _UFFDIO_CONTINUE = 0x07;
export const _UFFDIO_POISON = 0x08;
export const _UFFDIO_API = 0x3f;

/** Faults on pages that are not there. */
export const UFFDIO_REGISTER_MODE_MISSING = 1;
/** Faults on writes to pages that are write-protected. */
export const UFFDIO_REGISTER_MODE_WP = 2;
/** Faults on pages that the page cache has and the page table has not. */
export const UFFDIO_REGISTER_MODE_MINOR = 4;

/** Do not wake who sleeps on the range. */
export const UFFDIO_COPY_MODE_DONTWAKE = 1;
/** Map the copy write-protected. */
export const UFFDIO_COPY_MODE_WP = 2;
/** Do not wake who sleeps on the range. */
export const UFFDIO_ZEROPAGE_MODE_DONTWAKE = 1;
/** Protect; without it, unprotect. Mind that the two bits are the other way round than COPY's. */
export const UFFDIO_WRITEPROTECT_MODE_WP = 1;
/** Do not wake who sleeps on the range. */
export const UFFDIO_WRITEPROTECT_MODE_DONTWAKE = 2;
/** Do not wake who sleeps on the range. */
export const UFFDIO_CONTINUE_MODE_DONTWAKE = 1;
/** Map the page write-protected (6.4). */
export const UFFDIO_CONTINUE_MODE_WP = 2;
/** Do not wake who sleeps on the range. */
export const UFFDIO_POISON_MODE_DONTWAKE = 1;
/** Do not wake who sleeps on the destination. */
export const UFFDIO_MOVE_MODE_DONTWAKE = 1;
/** A page that the source has not is passed over and counts as moved; without it, it ends the call. */
export const UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES = 2;

/** Argument of UFFDIO_API: the version and features asked for; the answer is all that the kernel has. */
export const uffdioApi = structure('uffdio_api', 24, {
  api: { at: 0, kind: 'u64' },
  features: { at: 8, kind: 'mask64' },
  ioctls: { at: 16, kind: 'mask64', out: true },
});

/** Argument of UFFDIO_UNREGISTER and UFFDIO_WAKE: [start, start + len) in bytes. */
export const uffdioRange = structure('uffdio_range', 16, {
  start: { at: 0, kind: 'u64' },
  len: { at: 8, kind: 'u64' },
});

/** Argument of UFFDIO_REGISTER; `ioctls` answers what the range can be served with (a bit per ordinal). */
export const uffdioRegister = structure('uffdio_register', 32, {
  start: { at: 0, kind: 'u64' },
  len: { at: 8, kind: 'u64' },
  mode: { at: 16, kind: 'u64' },
  ioctls: { at: 24, kind: 'mask64', out: true },
});

/** Argument of UFFDIO_COPY; `copy` answers the bytes copied, or −errno. */
export const uffdioCopy = structure('uffdio_copy', 40, {
  dst: { at: 0, kind: 'u64' },
  src: { at: 8, kind: 'u64' },
  len: { at: 16, kind: 'u64' },
  mode: { at: 24, kind: 'u64' },
  copy: { at: 32, kind: 's64', out: true },
});

/** Argument of UFFDIO_ZEROPAGE; `zeropage` answers the bytes zeroed, or −errno. */
export const uffdioZeropage = structure('uffdio_zeropage', 32, {
  start: { at: 0, kind: 'u64' },
  len: { at: 8, kind: 'u64' },
  mode: { at: 16, kind: 'u64' },
  zeropage: { at: 24, kind: 's64', out: true },
});

/** Argument of UFFDIO_WRITEPROTECT. It has no field for an answer: all or an errno. */
export const uffdioWriteprotect = structure('uffdio_writeprotect', 24, {
  start: { at: 0, kind: 'u64' },
  len: { at: 8, kind: 'u64' },
  mode: { at: 16, kind: 'u64' },
});

/** Argument of UFFDIO_CONTINUE; `mapped` answers the bytes mapped, or −errno. */
export const uffdioContinue = structure('uffdio_continue', 32, {
  start: { at: 0, kind: 'u64' },
  len: { at: 8, kind: 'u64' },
  mode: { at: 16, kind: 'u64' },
  mapped: { at: 24, kind: 's64', out: true },
});

/** Argument of UFFDIO_POISON; `updated` answers the bytes poisoned, or −errno. */
export const uffdioPoison = structure('uffdio_poison', 32, {
  start: { at: 0, kind: 'u64' },
  len: { at: 8, kind: 'u64' },
  mode: { at: 16, kind: 'u64' },
  updated: { at: 24, kind: 's64', out: true },
});

/** Argument of UFFDIO_MOVE; `move` answers the bytes moved, or −errno. */
export const uffdioMove = structure('uffdio_move', 40, {
  dst: { at: 0, kind: 'u64' },
  src: { at: 8, kind: 'u64' },
  len: { at: 16, kind: 'u64' },
  mode: { at: 24, kind: 'u64' },
  move: { at: 32, kind: 's64', out: true },
});

export const UFFDIO_API = _IOWR(UFFDIO, _UFFDIO_API, uffdioApi.size);
export const UFFDIO_REGISTER = _IOWR(UFFDIO, _UFFDIO_REGISTER, uffdioRegister.size);
/** Declared as if the kernel wrote it (`_IOR`), although it reads it; kept so by Linux for compatibility. */
export const UFFDIO_UNREGISTER = _IOR(UFFDIO, _UFFDIO_UNREGISTER, uffdioRange.size);
/** `_IOR` by the same mistake as {@link UFFDIO_UNREGISTER}. */
export const UFFDIO_WAKE = _IOR(UFFDIO, _UFFDIO_WAKE, uffdioRange.size);
export const UFFDIO_COPY = _IOWR(UFFDIO, _UFFDIO_COPY, uffdioCopy.size);
export const UFFDIO_ZEROPAGE = _IOWR(UFFDIO, _UFFDIO_ZEROPAGE, uffdioZeropage.size);
export const UFFDIO_MOVE = _IOWR(UFFDIO, _UFFDIO_MOVE, uffdioMove.size);
export const UFFDIO_WRITEPROTECT = _IOWR(UFFDIO, _UFFDIO_WRITEPROTECT, uffdioWriteprotect.size);
/** 0xc020aa07: the number of every released mainline kernel that has it (5.13 on). */
export const UFFDIO_CONTINUE = _IOWR(UFFDIO, _UFFDIO_CONTINUE, uffdioContinue.size);
/**
 * 0x8020aa07: the same request as 5.13's release candidates encoded it, and the first Android header that carried
 * it back with them: that of 5.4 keeps it, and knows no other. Mainline corrected the direction before 5.13 came out
 * (808e9df47775), and answers this number −EINVAL.
 */
export const UFFDIO_CONTINUE_IOR = _IOR(UFFDIO, _UFFDIO_CONTINUE, uffdioContinue.size);
export const UFFDIO_POISON = _IOWR(UFFDIO, _UFFDIO_POISON, uffdioPoison.size);

/** The set of ioctls with these ordinals, as `ioctls` fields hold it. */
export function ioctlMask(...ordinals: readonly number[]): bigint {
  return ordinals.reduce((mask, nr) => mask | (1n << BigInt(nr)), 0n);
}

/** Every register mode (named in the Linux 6.1 header). */
export const UFFD_API_REGISTER_MODES =
  UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR;

/** What the handshake answers in `ioctls`: requests on the descriptor itself. */
export const UFFD_API_IOCTLS = ioctlMask(_UFFDIO_REGISTER, _UFFDIO_UNREGISTER, _UFFDIO_API);

/** Requests on a registered range of ordinary pages. The kernel answers fewer, by the modes registered. */
export const UFFD_API_RANGE_IOCTLS = ioctlMask(
  _UFFDIO_WAKE,
  _UFFDIO_COPY,
  _UFFDIO_ZEROPAGE,
  _UFFDIO_MOVE,
  _UFFDIO_WRITEPROTECT,
  _UFFDIO_CONTINUE,
  _UFFDIO_POISON,
);

/** Requests on a registered range of huge pages. WRITEPROTECT joined them in 5.19, POISON in 6.6. */
export const UFFD_API_RANGE_IOCTLS_BASIC = ioctlMask(
  _UFFDIO_WAKE,
  _UFFDIO_COPY,
  _UFFDIO_WRITEPROTECT,
  _UFFDIO_CONTINUE,
  _UFFDIO_POISON,
);
