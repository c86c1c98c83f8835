/** Numbers and tokens as people read them. Pure. */

export interface TokenText {
  /** For labels: a word piece starts with a hyphen, brackets of special tokens are gone. */
  label: string;
  /** For running text: a word piece joins its word without a space. */
  text: string;
  /** Whether a space goes before it in running text. */
  spaceBefore: boolean;
  special: boolean;
  /** Exactly as given, for tooltips. */
  raw: string;
}

/** How one raw token is shown. */
export function displayToken(raw: string, special: boolean): TokenText {
  if (special) {
    const label = raw.replace(/^[[<|]+|[\]>|]+$/g, "") || raw;
    return { label, text: label, spaceBefore: true, special, raw };
  }
  if (raw.startsWith("##") && raw.length > 2) {
    const piece = raw.slice(2);
    return { label: `-${piece}`, text: piece, spaceBefore: false, special, raw };
  }
  const word = raw.replace(/^[Ġ▁]/, "");
  return { label: word || "␣", text: word, spaceBefore: true, special, raw };
}
