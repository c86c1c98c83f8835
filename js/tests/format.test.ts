import { describe, expect, test } from "vitest";
import {
  displayTokens,
  exactFlow,
  exactPercent,
  flowValue,
  headsText,
  inBlocks,
  isWord,
  levelRange,
  listed,
  percent,
  quoted,
  shorten,
} from "../src/format";

const none: ReadonlySet<number> = new Set();
const labels = (tokens: string[], special = none) =>
  displayTokens(tokens, special).map(({ label }) => label);
/** The tokens as running text. */
const text = (tokens: string[], special = none) =>
  displayTokens(tokens, special)
    .map((token) => `${token.spaceBefore ? " " : ""}${token.text}`)
    .join("");

describe("figures", () => {
  test("per cents are whole from 2 %, with one decimal below, and keep their unit", () => {
    expect(percent(0.0878)).toBe("9\u00a0%");
    expect(percent(0.02)).toBe("2\u00a0%");
    expect(percent(0.0197)).toBe("2\u00a0%");
    expect(percent(0.0141)).toBe("1.4\u00a0%");
    expect(percent(1)).toBe("100\u00a0%");
  });

  test("a small share is not called nothing, and nothing is not called small", () => {
    expect(percent(0.0001)).toBe("<\u00a00.1\u00a0%");
    expect(percent(0)).toBe("0\u00a0%");
    expect(exactPercent(1e-9)).toBe("<\u00a00.001\u00a0%");
    expect(exactPercent(0)).toBe("0\u00a0%");
    expect(flowValue(0.001)).toBe("<\u00a00.01");
    expect(flowValue(0)).toBe("0.00");
  });

  test("exact numbers have three significant digits", () => {
    expect(exactPercent(0.087812)).toBe("8.78\u00a0%");
    expect(exactPercent(0.8123)).toBe("81.2\u00a0%");
    expect(exactPercent(1)).toBe("100\u00a0%");
    expect(exactFlow(0.60749)).toBe("0.607");
    expect(exactFlow(Number.NaN)).toBe("still computing");
  });

  test("ranges and heads", () => {
    expect(levelRange(0, 4)).toBe("input–4");
    expect(levelRange(2, 6)).toBe("2–6");
    expect(headsText("mean")).toBe("All");
    expect(headsText("max")).toBe("All, max");
    expect(headsText(0)).toBe("0");
    expect(headsText([1, 4])).toBe("1, 4");
    expect(listed(["a", "b", "c"])).toBe("a, b and c");
  });
});

describe("tokens", () => {
  test("WordPiece: a piece has a hyphen in labels and joins its word in the text", () => {
    expect(labels(["cu", "##rie", "smiled", "."])).toEqual(["cu", "-rie", "smiled", "."]);
    expect(text(["cu", "##rie", "smiled", "."])).toBe("curie smiled.");
  });

  test("byte-level BPE: what lacks the word mark is a piece, except at the beginning", () => {
    expect(labels(["Un", "believ", "Ġable", ",", "Ġyes"])).toEqual([
      "Un",
      "-believ",
      "able",
      ",",
      "yes",
    ]);
    expect(text(["Un", "believ", "Ġable", ",", "Ġyes"])).toBe("Unbeliev able, yes");
  });

  test("SentencePiece marks are dropped", () => {
    expect(text(["▁The", "▁tro", "phy"])).toBe(" The trophy".trim());
  });

  test("special tokens lose their brackets, but for a letter that would read as a word", () => {
    const raws = ["[CLS]", "<s>", "<|endoftext|>", "</s>", "<pad>"];
    const wanted = ["CLS", "<s>", "endoftext", "</s>", "pad"];
    expect(labels(raws, new Set(raws.keys()))).toEqual(wanted);
  });

  test("layers are called as their blocks are, where these have names", () => {
    const blocks = ["encoder 1", "decoder 1 self", "decoder 1 cross"];
    expect(inBlocks("stays at layer 3", blocks)).toBe("stays at decoder 1 cross");
    expect(inBlocks("Layer 1, head 12", blocks)).toBe("encoder 1, head 12");
    expect(inBlocks("stays at layer 3", [])).toBe("stays at layer 3");
  });

  test("a plain list of words keeps its spaces, and brackets hug what they hold", () => {
    expect(text(["one", "(", "two", ")", ",", "three"])).toBe("one (two), three");
  });

  test("nothing is invisible: empty tokens, white space and direction marks get a sign", () => {
    expect(labels(["", " ", "\n", "a\tb", "\u202eevil"])).toEqual([
      "∅",
      "␣",
      "↵",
      "a⇥b",
      "\ufffdevil",
    ]);
    expect(labels(["Ġ", "Ġa"])).toEqual(["␣", "a"]);
    expect(labels(["\u200b", "\ufeff\u200d", "\u00a0", "a\u200bb"])).toEqual([
      "U+200B",
      "U+FEFF U+200D",
      "␣",
      "a\u200bb",
    ]);
  });

  test("in a sentence a word from right to left turns nothing round but itself", () => {
    const [hebrew, latin] = displayTokens(["שלום", "peace"], none);
    expect(quoted(hebrew!)).toBe("‘\u2068שלום\u2069’");
    expect(quoted(latin!)).toBe("‘peace’");
  });

  test("long labels lose their middle and no character is cut in two", () => {
    expect(shorten("internationalisation")).toBe("interna…sation");
    expect(shorten("fourteen chars")).toBe("fourteen chars");
    const family = "👨‍👩‍👧‍👦";
    const short = shorten(family.repeat(20));
    expect(short).toBe(`${family.repeat(7)}…${family.repeat(6)}`);
    expect([...new Intl.Segmenter().segment(shorten("é".normalize("NFD").repeat(30)))].length).toBe(
      14,
    );
    expect(shorten("x".repeat(5000))).toBe("xxxxxxx…xxxxxx");
  });

  test("markup is text", () => {
    expect(displayTokens(["<script>"], none)[0]?.text).toBe("<script>");
    expect(displayTokens(["</textarea>"], none)[0]?.raw).toBe("</textarea>");
  });

  test("names in a sentence: words quoted, special tokens as they are", () => {
    const [cls, word] = displayTokens(["[CLS]", "it"], new Set([0]));
    expect(quoted(cls!)).toBe("CLS");
    expect(quoted(word!)).toBe("‘it’");
  });

  test("punctuation is no word; letters of any script, figures and emoji are", () => {
    const kinds = displayTokens([".", "…", "été", "北京", "42", "🎉", "[SEP]"], new Set([6]));
    expect(kinds.map(isWord)).toEqual([false, false, true, true, true, true, false]);
  });
});
