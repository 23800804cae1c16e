/** The options that say which simulated kernel (option-table.ts): what their texts ask for. */
import { ARCHITECTURE_NAMES, LINUX_KNOWN, LINUX_NAMES, simOffer } from '../uffd/open.ts';
import { UsageError } from './errors.ts';
import type { RawProfile } from './option-table.ts';
import { suggestion } from './suggest.ts';

/** What was said of it, and nothing else. */
export interface GivenProfile {
  readonly linux?: string;
  readonly bits?: 32 | 64;
  readonly arch?: string;
}

/**
 * Null if none of them is given.
 * @throws UsageError for a kernel that there is not
 */
export function parseProfile(raw: RawProfile): GivenProfile | null {
  const { linux, bits, arch } = raw;
  if (linux === undefined && bits === undefined && arch === undefined) return null;
  if (linux !== undefined && !LINUX_NAMES.includes(linux))
    throw new UsageError(`--linux ${linux}: no such version; the versions are ${LINUX_KNOWN}`);
  if (bits !== undefined && bits !== '32' && bits !== '64')
    throw new UsageError(`--bits ${bits}: must be 32 or 64`);
  if (arch !== undefined && !(ARCHITECTURE_NAMES as readonly string[]).includes(arch)) {
    const near = suggestion(arch, ARCHITECTURE_NAMES);
    throw new UsageError(`--arch ${arch}: no such one${near}; they are ${ARCHITECTURE_NAMES.join(', ')}`);
  }
  const profile: GivenProfile = {
    ...(linux === undefined ? {} : { linux }),
    ...(bits === undefined ? {} : { bits: bits === '32' ? 32 : 64 }),
    ...(arch === undefined ? {} : { arch }),
  };
  return ofOne(profile, givenOption(raw));
}

/** The profile, if there is a kernel that is all of it. */
function ofOne(profile: GivenProfile, option: string): GivenProfile {
  try {
    simOffer(profile);
    return profile;
  } catch (error) {
    throw error instanceof RangeError
      ? new UsageError(`${option}: ${error.message.replace(/^\w+: /, '')}`)
      : error;
  }
}

/** One of the options that are given, as it is. */
export function givenOption({ linux, bits, arch }: RawProfile): string {
  if (arch !== undefined) return `--arch ${arch}`;
  return bits !== undefined ? `--bits ${bits}` : `--linux ${linux}`;
}
