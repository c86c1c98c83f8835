/** Numbers and tokens as people read them. Pure. */
import type { Heads, Method } from "./model";

/** Keeps a figure and its unit on one line. */
const NBSP = "\u00a0";

export interface TokenText {
  /** For labels: a word piece starts with a hyphen, brackets of special tokens are gone. */
  label: string;
  /** For running text: a word piece joins its word without a space. */
  text: string;
  /** Whether a space goes before it in running text. */
  spaceBefore: boolean;
  /** Goes on with the word of the token before it. */
  piece: boolean;
  special: boolean;
  /** Stands for a patch of an image. */
  patch?: boolean;
  /** Exactly as given, for tooltips. */
  raw: string;
}

/** More tokens than a reader counts: how many there are, and how far apart, is worth saying. */
export const LONG_TEXT = 64;
const LABEL_LENGTH = 14;
const TEXT_LENGTH = 48;
/** What other tokenizers put in front of a token that starts a word. */
const WORD_START = /^[Ġ▁]/;

/** What a reader sees as one character: an emoji or a letter with its accents is not taken apart. */
export function graphemes(text: string): string[] {
  if (typeof Intl.Segmenter !== "function") return Array.from(text);
  return Array.from(new Intl.Segmenter().segment(text), (part) => part.segment);
}

/** Cut the middle out of a long text, so that its beginning and its ending stay readable. */
export function shorten(text: string, length = LABEL_LENGTH): string {
  // A token may be a whole document: only its two ends are ever looked at.
  const reach = 32 * length;
  const ends = text.length > 2 * reach ? `${text.slice(0, reach)}${text.slice(-reach)}` : text;
  const characters = graphemes(ends);
  if (characters.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  const tail = length - 1 - head;
  return `${characters.slice(0, head).join("")}…${characters.slice(-tail).join("")}`;
}

/** A sign for what has no shape of its own: white space, control and direction marks. */
function visible(text: string): string {
  if (text === "") return "∅";
  // Nothing but joiners, byte order marks and the like: named by their code points.
  if (/^\p{Default_Ignorable_Code_Point}+$/u.test(text)) {
    const code = (sign: string) => sign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    return Array.from(text, (sign) => `U+${code(sign)}`).join(" ");
  }
  return text
    .replace(/\r\n|\r|\n/g, "↵")
    .replace(/\t/g, "⇥")
    .replace(/^\p{Zs}+$/u, (spaces) => "␣".repeat(spaces.length))
    .replace(/[\u2028\u2029]/g, "↵")
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}

/** How one raw token is shown. `wordStarts`: the tokenizer marks the beginning of a word (Ġ, ▁),
 * so that a token without the mark goes on with the word before it. */
export function displayToken(raw: string, special: boolean, wordStarts = false): TokenText {
  if (special) {
    // One letter alone would be taken for a word.
    if (/^<\/?\w>$/.test(raw))
      return { label: raw, text: raw, spaceBefore: true, piece: false, special, raw };
    const inner = raw.replace(/^(\[|<\|?)|(\]|\|?>)$/g, "");
    const label = shorten(visible(inner === "" ? raw : inner));
    return { label, text: label, spaceBefore: true, piece: false, special, raw };
  }
  const marked = WORD_START.test(raw);
  const piece = raw.startsWith("##") && raw.length > 2;
  const joined = piece || (wordStarts && !marked);
  const word = visible(piece ? raw.slice(2) : marked ? raw.slice(1) || " " : raw);
  // A comma goes on with the word before it as well, but nobody reads it as a piece of that word.
  const hyphen = joined && /^[\p{L}\p{N}\p{M}]/u.test(word);
  return {
    label: shorten(hyphen ? `-${word}` : word),
    text: shorten(word, TEXT_LENGTH),
    spaceBefore: !joined,
    piece: hyphen,
    special,
    raw,
  };
}

const NO_SPACE_BEFORE = /^[.,;:!?%)\]}’”»…]/u;
const NO_SPACE_AFTER = /^[([{‘“«]$/u;

/** How the tokens of one text are shown, each with regard to those around it. */
export function displayTokens(raws: readonly string[], special: ReadonlySet<number>): TokenText[] {
  const wordStarts = raws.some((raw, i) => !special.has(i) && WORD_START.test(raw));
  const tokens: TokenText[] = [];
  for (const [i, raw] of raws.entries()) {
    const before = tokens[i - 1];
    const first = before === undefined || before.special;
    const token = displayToken(raw, special.has(i), wordStarts && !first);
    const joined =
      !first && !token.special && (NO_SPACE_BEFORE.test(raw) || NO_SPACE_AFTER.test(before.raw));
    tokens.push({ ...token, spaceBefore: i > 0 && token.spaceBefore && !joined });
  }
  return tokens;
}

/** Whether there is a letter or a figure in it: what is left is punctuation. */
export function isWord({ special, text }: TokenText): boolean {
  return !special && /[\p{L}\p{N}\p{M}\p{Extended_Pictographic}]/u.test(text);
}

/** Letters that are written from right to left. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A token's name in a sentence: words in single quotes, special tokens as they are. */
export function quoted({ label, special, patch }: TokenText): string {
  if (patch) return `patch\u00a0${label}`;
  // Set apart from the figures beside it, which it would turn round with its quotes.
  const name = RIGHT_TO_LEFT.test(label) ? `\u2068${label}\u2069` : label;
  return special ? name : `‘${name}’`;
}

/** A share as whole per cents from 2 %, one decimal below: `9 %`, `1.4 %`. */
export function percent(share: number): string {
  if (Number.isNaN(share)) return `–${NBSP}%`;
  const hundredths = 100 * share;
  // 1.96 would read as 2.0 with one decimal, so it already counts as a whole number.
  if (hundredths >= 1.95) return `${Math.round(hundredths)}${NBSP}%`;
  if (hundredths > 0 && hundredths < 0.05) return `<${NBSP}0.1${NBSP}%`;
  return hundredths === 0 ? `0${NBSP}%` : `${hundredths.toFixed(1)}${NBSP}%`;
}

/** A flow with two decimals: `0.61`. */
export function flowValue(value: number): string {
  if (Number.isNaN(value)) return "–";
  return value > 0 && value < 0.005 ? `<${NBSP}0.01` : value.toFixed(2);
}

function significant(value: number): string {
  const digits = value.toPrecision(3);
  return digits.includes("e") ? value.toFixed(value < 1 ? 6 : 0) : digits;
}

/** The exact share of a tooltip, three significant digits: `8.82 %`. */
export function exactPercent(share: number): string {
  if (Number.isNaN(share)) return "still computing";
  if (share === 0) return `0${NBSP}%`;
  if (share < 1e-5) return `<${NBSP}0.001${NBSP}%`;
  return `${significant(100 * share)}${NBSP}%`;
}

/** The exact flow of a tooltip, three significant digits: `0.607`. */
export function exactFlow(value: number): string {
  if (Number.isNaN(value)) return "still computing";
  if (value === 0) return "0";
  return value < 1e-5 ? `<${NBSP}0.00001` : significant(value);
}

/** A level on screen is the layer whose output it is: `input`, `4`. */
export function levelName(level: number): string {
  return level === 0 ? "input" : String(level);
}

/** The same in a line of words: `input`, `layer 4`. */
export function layerName(level: number): string {
  return level === 0 ? "input" : `layer ${level}`;
}

/** "layer 3" as that block is called where it is no plain layer: "decoder 1 cross". */
export function inBlocks(words: string, blocks: readonly string[]): string {
  if (blocks.length === 0) return words;
  return words.replace(/\blayer (\d+)/gi, (plain, number) => blocks[number - 1] ?? plain);
}

/** A range of levels: `input–4`. */
export function levelRange(start: number, stop: number): string {
  return `${levelName(start)}–${levelName(stop)}`;
}

/** The head slider's figure: `All`, `3`, `1, 4`, `All, max`. */
export function headsText(heads: Heads): string {
  if (heads === "mean") return "All";
  if (typeof heads === "string") return `All, ${heads}`;
  if (typeof heads === "number") return String(heads);
  return heads.length > 3 ? `${heads.length} heads` : heads.join(", ");
}

/** `all heads`, `head 3`, `heads 1, 4`, `max of heads`: the heads of a fact or a phrase. */
export function headsName(heads: Heads): string {
  if (typeof heads === "number") return `head ${heads}`;
  if (Array.isArray(heads))
    return heads.length > 3 ? headsText(heads) : `heads ${headsText(heads)}`;
  return heads === "mean" ? "all heads" : `${heads} of heads`;
}

/** `layer 3` of attention, `layers input–4` of what reaches over several. */
export function layersName(method: Method, [start, stop]: readonly [number, number]): string {
  return method === "attention" ? `layer ${stop}` : `layers ${levelRange(start, stop)}`;
}

export function residualName(residual: number | readonly number[]): string {
  return `residual ${typeof residual === "number" ? residual.toFixed(2) : "per layer"}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
