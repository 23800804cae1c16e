/** Readers and writers of one lock: whoever is in must see the two guarded words agree. */
import { parentPort, workerData } from 'node:worker_threads';
import * as sync from '../../dist/uffd/sync.js';

const { words, role, rounds } = workerData;
const [LOCK, MUTEX, A, B, C] = [0, 8, 16, 20, 24];

const roles = {
  write() {
    sync.lockExclusive(words, LOCK);
    words[A]++;
    for (let i = 0; i < 50; i++) words[63]++;
    words[B]++;
    sync.unlockExclusive(words, LOCK);
  },
  read() {
    sync.lockShared(words, LOCK);
    const before = words[A];
    for (let i = 0; i < 50; i++) Math.sqrt(words[62]);
    const agree = before === words[A] && words[A] === words[B];
    sync.unlockShared(words, LOCK);
    if (!agree) throw new Error('a reader was in beside a writer');
  },
  mutex() {
    sync.lock(words, MUTEX);
    const before = words[C];
    for (let i = 0; i < 20; i++) Math.sqrt(words[62]);
    words[C] = before + 1;
    sync.unlock(words, MUTEX);
  },
  wait() {
    parentPort.postMessage('waiting');
    sync.lockShared(words, LOCK);
  },
};

for (let round = 0; round < rounds; round++) roles[role]();
parentPort.postMessage('done');
