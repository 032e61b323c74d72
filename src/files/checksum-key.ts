/** The key of a file's own checksum (`checksum.ts`) in its JSON or header. */
export const CHECKSUM_KEY = 'paperweight_checksum';
