/** What each feature of userfaultfd is for, and since which Linux it is there (UFFDIO_API(2const)). */
import type * as features from '../../uffd/abi/features.ts';

interface Purpose {
  readonly purpose: string;
  readonly since: string;
}

export const FEATURE_PURPOSES: Readonly<Record<keyof typeof features, Purpose>> = {
  UFFD_FEATURE_PAGEFAULT_FLAG_WP: { purpose: 'write-protect faults on private memory', since: '5.7' },
  UFFD_FEATURE_EVENT_FORK: {
    purpose: 'a message when the process forks; asking for it takes CAP_SYS_PTRACE',
    since: '4.11',
  },
  UFFD_FEATURE_EVENT_REMAP: { purpose: 'a message when mremap moves a watched range', since: '4.11' },
  UFFD_FEATURE_EVENT_REMOVE: { purpose: 'a message when madvise drops watched pages', since: '4.11' },
  UFFD_FEATURE_MISSING_HUGETLBFS: { purpose: 'missing faults on huge pages', since: '4.11' },
  UFFD_FEATURE_MISSING_SHMEM: { purpose: 'missing faults on shared memory', since: '4.11' },
  UFFD_FEATURE_EVENT_UNMAP: { purpose: 'a message when a watched range is unmapped', since: '4.11' },
  UFFD_FEATURE_SIGBUS: {
    purpose: 'a signal in the thread that faults, in place of a message',
    since: '4.14',
  },
  UFFD_FEATURE_THREAD_ID: { purpose: 'messages say which thread faulted', since: '4.14' },
  UFFD_FEATURE_MINOR_HUGETLBFS: { purpose: 'minor faults on huge pages: CONTINUE there', since: '5.13' },
  UFFD_FEATURE_MINOR_SHMEM: {
    purpose: 'minor faults on shared memory: what UFFDIO_CONTINUE serves',
    since: '5.14',
  },
  UFFD_FEATURE_EXACT_ADDRESS: { purpose: 'messages give the address, not just its page', since: '5.18' },
  UFFD_FEATURE_WP_HUGETLBFS_SHMEM: {
    purpose: 'write-protect faults on shared memory and huge pages',
    since: '5.19',
  },
  UFFD_FEATURE_WP_UNPOPULATED: { purpose: 'write protection of private pages not there yet', since: '6.4' },
  UFFD_FEATURE_POISON: { purpose: 'UFFDIO_POISON: later accesses to a page raise SIGBUS', since: '6.6' },
  UFFD_FEATURE_WP_ASYNC: {
    purpose: 'writes lift the protection by themselves: dirty tracking',
    since: '6.7',
  },
  UFFD_FEATURE_MOVE: { purpose: 'UFFDIO_MOVE: a page changes its address, and is not copied', since: '6.8' },
};
