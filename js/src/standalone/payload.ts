/** What Python wrote into the page, read back: the twin of `htmldata.py`. */
import type { Heads, WidgetState } from "../model";
import type { WireArray } from "../wire";
import { type Mask, StoredAttention } from "./attention";
import { type FlowOfFile, StoredFlow } from "./flow";

/** [offset, bytes, bytes an item] of each array in the data. */
type Place = [offset: number, length: number, item: number];

interface Payload {
  state: Partial<WidgetState> & Pick<WidgetState, "tokens" | "special" | "n_layers" | "n_heads">;
  attention: { codes: number; scale: number; only: Heads | null; masks: Mask[] };
  flow: FlowOfFile;
  arrays: Place[];
}

export interface FileContent {
  state: WidgetState;
  attention: StoredAttention;
  flow: StoredFlow;
}

/** Traits that only a kernel sets, as they are before it has. */
const EMPTY = {
  shown_matrix: {},
  shown_trace: {},
  shown_comparison: {},
  head_maps: {},
  head_shares: {},
  note: "",
  progress: {},
  error: "",
} as const satisfies Partial<WidgetState>;

export async function readPayload(json: string, base64: string): Promise<FileContent> {
  const data = await inflate(base64);
  const payload = JSON.parse(json) as Payload;
  const bytes = payload.arrays.map((place) => unshuffled(data, place));
  const { state, attention, flow } = revived<Payload>(payload, bytes);
  const { n_layers, n_heads, tokens, special } = state;
  const codes = new Uint16Array(bytes[attention.codes]!.buffer);
  const shape = { layers: n_layers, heads: n_heads, n: tokens.length };
  return {
    state: { ...EMPTY, ...state } as WidgetState,
    attention: new StoredAttention(codes, attention.scale, shape, {
      tokens,
      special,
      masks: attention.masks,
      only: attention.only,
    }),
    flow: new StoredFlow(flow),
  };
}

async function inflate(base64: string): Promise<Uint8Array> {
  const text = atob(base64.trim());
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** First bytes of all items, then their second bytes, and so on: alike bytes compress well. */
function unshuffled(data: Uint8Array, [offset, length, item]: Place): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(length);
  const count = length / item;
  for (let place = 0; place < item; place++) {
    const from = offset + place * count;
    for (let i = 0; i < count; i++) out[i * item + place] = data[from + i]!;
  }
  return out;
}

/** Arrays name their bytes by number: `{ view: 3, dtype, shape }`. */
function revived<T>(value: unknown, bytes: readonly Uint8Array[]): T {
  if (Array.isArray(value)) return value.map((entry) => revived(entry, bytes)) as T;
  if (typeof value !== "object" || value === null) return value as T;
  const { view } = value as Partial<WireArray>;
  if (typeof view === "number") return { ...value, view: bytes[view] } as T;
  const entries = Object.entries(value).map(([name, entry]) => [name, revived(entry, bytes)]);
  return Object.fromEntries(entries) as T;
}
