/**
 * A mutator whose two roots are always changed together between two safepoints, and a collector that asks for
 * handshakes: a snapshot in which the two differ was taken while the mutator ran.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { CONTROL, openTables } from '../../dist/heap/layout.js';
import { attachMutator } from '../../dist/heap/mutator.js';
import {
  awaitHandshake,
  isHandshakeWanted,
  requestHandshake,
  resumeTheWorld,
  stopTheWorld,
} from '../../dist/heap/safepoint.js';

const { metadata, geometry, words, role, index, rounds } = workerData;
const tables = openTables(metadata, geometry);
const [END, PROGRESS] = [0, 16];

const view = { load: () => 0, store() {}, enter() {}, quiesce() {}, leave() {}, onStall: null };

const roles = {
  /** Runs past the moment at which the collector falls asleep, and is gone without a safepoint. */
  leaver() {
    const { detach } = attachMutator(view, tables, { index, roots: 1 });
    parentPort.postMessage('ready');
    while (!isHandshakeWanted(tables, index)) Math.sqrt(index);
    for (const until = performance.now() + 20; performance.now() < until; ) Math.sqrt(index);
    detach();
  },
  mutator() {
    const { mutator: m, detach } = attachMutator(view, tables, { index, roots: 1 });
    m.push(0);
    parentPort.postMessage('ready');
    for (let n = 1; Atomics.load(words, END) === 0; n++) {
      m.setRoot(0, n);
      for (let i = 0; i < n % 40; i++) Math.sqrt(i);
      m.poke(1, n);
      Atomics.store(words, PROGRESS * (1 + index), n);
      if (n % 7 === 0) m.blocked(() => Math.sqrt(n));
      else if (n % 1000 === 0) m.blocked(() => Atomics.wait(words, 15, 0, 1));
      else m.safepoint();
    }
    detach();
  },
  /** Lets the world, which is stopped, run again 40 ms after somebody has begun to wait for it. */
  resumer() {
    parentPort.postMessage('ready');
    Atomics.wait(words, END, 0);
    const nobodyWaits = Atomics.load(words, PROGRESS);
    const until = performance.now() + 5000;
    while (Atomics.load(tables.control, CONTROL.mutatorLock) === nobodyWaits && performance.now() < until);
    Atomics.wait(words, END + 1, 0, 40);
    resumeTheWorld(tables.control);
  },
  collector() {
    for (let round = 0; round < rounds; round++) {
      const progress = tables.roots.map((_, i) => Atomics.load(words, PROGRESS * (1 + i)));
      const stopped = round % 5 === 4;
      if (stopped) stopTheWorld(tables.control);
      awaitHandshake(tables, requestHandshake(tables));
      for (const [i, [count, one, other]] of tables.rootSnapshots.entries()) {
        const roots = tables.roots[i];
        if (Atomics.load(words, PROGRESS * (1 + i)) === 0) continue; // no such mutator
        if (count !== 2 || one !== other)
          throw new Error(`mutator ${i}: ${count} roots, ${one} and ${other}`);
        if (one < progress[i]) throw new Error(`mutator ${i}: ${one} is older than ${progress[i]}`);
        if (stopped && roots[1] !== one) throw new Error(`mutator ${i} ran while the world was stopped`);
      }
      if (stopped) resumeTheWorld(tables.control);
    }
    Atomics.store(words, END, 1);
  },
};

roles[role]();
parentPort.postMessage('done');
