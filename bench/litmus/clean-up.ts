/** What becomes of all that a program leaves: it goes, so that the next one finds nothing. */
import * as u from '../../uffd/index.ts';
import type { Actor } from './actor.ts';
import { CHILD, HUGE_ROOM } from './program.ts';
import { type Running, settled, sleepersOf } from './running.ts';

/** From the area on, as far as the calls of a program may reach. */
export const REACHED_BYTES = (1 + HUGE_ROOM + 4) * u.HUGE_PAGE_BYTES;

/** Whoever sleeps is woken and finds plain memory; then nothing is left of the program. */
export function cleanUp(running: Running): void {
  const { kernel, names } = running;
  const area = REACHED_BYTES;
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED_NOREPLACE;
  if (running.hasEvents) unmapTelling(running);
  kernel.munmap(names.base, area);
  kernel.mmap(names.base, area, u.PROT_READ | u.PROT_WRITE, flags, -1, 0);
  for (const [key, fd] of Object.entries(names.uffds)) {
    kernel.ioctl(fd, u.UFFDIO_WAKE, u.uffdioRange.encode({ start: names.base, len: area }));
    settled(running); // before it is closed: a call may be using it
    kernel.close(fd);
    delete names.uffds[key];
  }
  for (const fd of Object.values(names.files)) kernel.close(fd);
  kernel.munmap(names.base, area);
  if (running.hasChild) (running.actors.get(CHILD) as Actor).moveTo(null);
}

/** A FORK that nobody has read brings a userfaultfd that nobody has a name for. */
function closeBrought(kernel: u.Kernel, into: Uint8Array, bytes: number): void {
  for (let at = 0; at < bytes; at += u.uffdMsg.size) {
    const message = u.uffdMsg.decode(into.subarray(at));
    if (message.event === u.UFFD_EVENT_FORK) kernel.close(message.ufd);
  }
}

/**
 * What is unmapped may have to be told, which who unmaps it cannot read itself. Others wait for theirs to be read, too: then they
 * are done, and map nothing any more.
 */
function unmapTelling(running: Running): void {
  const { kernel, names, janitor } = running;
  const into = new Uint8Array(16 * u.uffdMsg.size);
  const readAll = (): void => {
    for (const fd of Object.values(names.uffds))
      for (let bytes = kernel.read(fd, into); bytes > 0; bytes = kernel.read(fd, into))
        closeBrought(kernel, into, bytes);
  };
  for (const fd of Object.values(names.uffds)) kernel.fcntl(fd, u.F_SETFL, u.O_NONBLOCK);
  janitor.ask([{ call: 'munmap', at: 0, pages: REACHED_BYTES / u.PAGE_BYTES }], names);
  while (janitor.answers() === null) readAll();
  do {
    readAll();
    settled(running);
  } while (sleepersOf(running).includes('event'));
}
