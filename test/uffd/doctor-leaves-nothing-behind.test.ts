/** What `doctor` opens and maps to find out is gone afterwards, and no listener stays on the process. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { probeAll } from '../../dist/uffd/linux/doctor.js';
import { probeLinux } from '../../dist/uffd/linux/probe.js';

const { missing } = probeLinux();
if (missing) console.warn(`SKIPPED: probing the real kernel: ${missing.why}`);

function held() {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    doctorsMappings: readFileSync('/proc/self/maps', 'utf8').match(/memfd:doctor/g),
    exitListeners: process.listenerCount('exit'),
  };
}

it.skipIf(missing)(`nothing is left behind${missing ? ` (${missing.why})` : ''}`, () => {
  probeAll(); // what Node and the FFI make once
  const before = held();
  for (let i = 0; i < 20; i++) expect(probeAll().probes?.registrations).toHaveLength(9);
  expect(held()).toEqual(before);
  expect(before.doctorsMappings).toBe(null);
});
