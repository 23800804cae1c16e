/** Each feature that the kernel's handshake may report: what it is for, and which modes need it. */
import { MODES } from '../../gc/modes/index.ts';
import * as features from '../../uffd/abi/features.ts';
import { featureNames, UFFD_API_FEATURES } from '../../uffd/index.ts';
import { FEATURE_PURPOSES } from './feature-purposes.ts';
import type { HostFacts } from './host-facts.ts';
import { type Check, UNKNOWN } from './report.ts';

type FeatureName = keyof typeof features;

/** In the order of their bits, which is that of their history. */
const NAMES = (featureNames(UFFD_API_FEATURES) as FeatureName[]).sort((a, b) =>
  features[a] < features[b] ? -1 : 1,
);

export function featureChecks({ probes }: HostFacts): readonly Check[] {
  const offered = probes?.features.value;
  if (offered === undefined) return NAMES.map((name) => ({ ...described(name), ...UNKNOWN }));
  return [...NAMES.map((name) => feature(name, offered)), ...newer(offered)];
}

function described(name: FeatureName): { readonly name: string; readonly why: string } {
  const modes = Object.entries(MODES)
    .filter(([, mode]) => (mode.features & features[name]) !== 0n)
    .map(([mode]) => mode);
  const users = modes.length === 0 ? '' : ` (for --mode ${modes.join(', ')})`;
  return { name, why: `${FEATURE_PURPOSES[name].purpose}${users}` };
}

function feature(name: FeatureName, offered: bigint): Check {
  const { why } = described(name);
  if ((offered & features[name]) !== 0n) return { name, ok: true, found: 'offered', why, remedy: null };
  const { since } = FEATURE_PURPOSES[name];
  return {
    name,
    ok: false,
    found: 'not offered',
    why: `${why}; this kernel is older, or built without it`,
    remedy: `boot Linux ${since} or later`,
  };
}

/** Bits that a later kernel has: named by their number. */
function newer(offered: bigint): readonly Check[] {
  return featureNames(offered & ~UFFD_API_FEATURES).map((name) => ({
    name,
    ok: true,
    found: 'offered',
    why: 'a feature newer than this package, which makes no use of it',
    remedy: null,
  }));
}
