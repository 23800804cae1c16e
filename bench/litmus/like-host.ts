/**
 * What two kernels of one release differ in by how their host has started them: the simulated one is as this host's, so that they
 * can be compared.
 */

import * as u from '../../uffd/index.ts';
import { chooseKernel } from '../../uffd/open.ts';

const P = u.PAGE_BYTES;

/** Of the host's kernel, if it has a userfaultfd; else nothing, and the simulated kernel is as the mainline is. */
export function likeHost(): u.ProfileOptions {
  if (chooseKernel('auto', u.UFFD_FEATURE_PAGEFAULT_FLAG_WP).kernel !== 'linux') return {};
  const kernel = u.openKernel('linux');
  try {
    return { zeroPage: mapsZeroPage(kernel) };
  } finally {
    kernel.dispose();
  }
}

/**
 * Whether reading private memory maps the page of zeros. A write to that gives a page of one's own, which is not protected; one's
 * own page keeps a protection whose registration is over (uffd/sim/profile.ts).
 */
export function mapsZeroPage(kernel: u.Kernel): boolean {
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS;
  const addr = kernel.mmap(0, P, u.PROT_READ | u.PROT_WRITE, flags, -1, 0);
  const uffd = u.openUserfaultfd(kernel, { features: u.UFFD_FEATURE_PAGEFAULT_FLAG_WP });
  try {
    uffd.register(addr, P, u.UFFDIO_REGISTER_MODE_WP);
    kernel.load32(addr);
    uffd.writeprotect(addr, P, u.UFFDIO_WRITEPROTECT_MODE_WP);
    uffd.register(addr, P, u.UFFDIO_REGISTER_MODE_MISSING);
    kernel.store32(addr, 1);
    return !kernel.pagemap(addr).writeProtected;
  } finally {
    uffd.close();
    kernel.munmap(addr, P);
  }
}
